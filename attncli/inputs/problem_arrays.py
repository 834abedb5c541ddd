"""Problems whose source is a file of named arrays: each is a matrix, an expected one, a setting, or left out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from attncli.errors import InputError
from attncli.files import exists, path_text
from attncli.inputs.array_names import doubt_about, expected_name, matrix_name, packed_name, result_name
from attncli.inputs.chosen_array import assigned_by_code
from attncli.inputs.problem_keys import is_key
from attncli.inputs.request import Request, Worksheet
from attncli.inputs.setting_words import key_meant
from attncli.inputs.settings import BY_KEY
from attncli.matrix import Matrix
from attncli.patterns import pattern

if TYPE_CHECKING:
    from attncli.formats.contents import Contents

ENDS = pattern(r"[./]")  # between the names of a path in a file of groups
BY_OPTION = ("mask", "bias", "key_lengths")  # matrices that an option gives as they are
ONE_MATRIX = "holds one matrix, but a problem has queries and keys"
APART = (
    "give the matrices separately: attncli run Q K V, or attncli check Q K V --expect-output FILE; "
    "an answer to a problem: attncli check PROBLEM --expect-output FILE"
)


def worksheet_from_arrays(contents: Contents, name: str) -> Worksheet:
    """Return the problem that the arrays of a file make."""
    if set(contents.matrices) == {""}:
        contents.matrices[""]()  # may have an error of its own, such as a mapping saved as one array of objects
        raise InputError(contents.where, ONE_MATRIX, APART)
    for key in contents.passed_over:
        if is_key(key) or packed_name(key) or doubt_about(key):
            raise assigned_by_code(contents.where, key)
    owners: dict[str, str] = {}
    request: dict[str, Any] = {}
    expected: dict[str, Matrix] = {}
    others, notes = [], []
    for key, decode in {**contents.matrices, **_values(contents)}.items():
        result = expected_name(key)
        meant = result or matrix_name(key)
        if meant is None and key in BY_KEY:
            request[BY_KEY[key].name] = _setting_of_array(key, decode())
        elif meant is None:
            if doubt := doubt_about(key):
                raise InputError(f"{contents.where}: {path_text(key)}", doubt[0], doubt[1])
            if cure := _called_otherwise(key, decode, contents.where):
                notes.append(f"{contents.where}: {path_text(key)} is left out: {cure}")
            elif key in contents.matrices:
                others.append(key)
        else:
            kind = "expected." if result else ""
            if kind + meant in owners:
                what = f"{owners[kind + meant]} and {key} are two names for the same thing"
                raise InputError(contents.where, what, "keep one of them")
            owners[kind + meant] = key
            (expected if kind else request)[meant] = decode()
    if "x" in request and "queries" in request:
        from attncli.inputs.projected_inputs import settle_beside_x

        notes += settle_beside_x(request, contents.where)
    left_out = tuple(map(path_text, others))
    if "queries" not in request and "x" not in request:
        what = f"holds {', '.join(left_out or owners.values()) or 'no array'}, and no queries"
        inputs = _inputs_by_end(others)
        apart = _name_apart(contents.where, inputs or others)
        hint = f"name its arrays queries, keys and values, or give them separately as {apart}"
        if not request and not inputs and (expected or any(map(result_name, others))):
            hint = "if these are answers to a problem: attncli check PROBLEM --expect-output FILE"
        raise InputError(contents.where, what, hint)
    return Worksheet(
        request=Request(**request),
        name=name,
        where=contents.where,
        expected=expected,
        left_out=left_out,
        own_notes=tuple(notes),
    )


def _values(contents: Contents) -> dict[str, Callable[[], Matrix]]:
    """Return the values beside the arrays as arrays."""
    import numpy as np

    return {
        name: partial(Matrix, np.asarray(value), f"{contents.where}: {path_text(name)}")
        for name, value in contents.values.items()
    }


def _called_otherwise(key: str, decode: Callable[[], Matrix], where: str) -> str | None:
    """Return how to give a setting, or a matrix that has an option, that a file of arrays holds under another system's
    name for it, or None."""
    meant = key_meant(key)
    if meant is not None and meant[0] in BY_OPTION:
        drops = " (and --mask-means drop, if 1 hides a key)" if meant[0] == "mask" else ""
        return f"here it is {meant[0]}, or --{meant[0].replace('_', '-')} {_name_apart(where, [key])}{drops}"
    if meant is None or meant[0] not in BY_KEY:
        return None
    setting, array = BY_KEY[meant[0]], decode().array
    if array.size != 1 and not (setting.takes_list and array.size == max(array.shape)):
        return None  # a matrix, such as scores that are called `score`
    return f"here it is {setting.key}, or {setting.option}" if array.size == 1 else f"here it is {setting.key}"


def _inputs_by_end(names: Sequence[str]) -> list[str]:
    """Return the names that end in those of Q, K and V, such as `inputs.q`, in this order, if there are several."""
    by_end = {matrix_name(ENDS.split(name)[-1]): name for name in names}
    found = [by_end[role] for role in ("queries", "keys", "values") if role in by_end]
    return found if len(found) > 1 else []


def _name_apart(where: str, names: Sequence[str]) -> str:
    """Return how to name arrays of a file one by one."""
    if not exists(where) or not names:
        return "FILE:NAME"
    return " ".join(f"{path_text(where)}:{path_text(name)}" for name in names[:3])


def _setting_of_array(key: str, matrix: Matrix) -> Any:
    """Return a setting that a file of arrays holds as a number, a text or a list, as the sinks of all heads."""
    array, setting = matrix.array, BY_KEY[key]
    if array.size == 0 or array.size != max(array.shape, default=1) or (array.size > 1 and not setting.takes_list):
        expected = "a number or a list of them" if setting.takes_list else "one value"
        raise InputError(matrix.where, f"has the shape {array.shape}; expected {expected}")
    cells = [str(cell).lower() if isinstance(cell, bool) else str(cell) for cell in array.reshape(-1).tolist()]
    cells = [cell.removesuffix(".0") for cell in cells]  # a whole number, as those of a window
    return setting.value(setting.join_list(cells) if len(cells) > 1 else cells[0], matrix.where)
