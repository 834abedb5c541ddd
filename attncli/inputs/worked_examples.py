"""A problem on a page of words: what a worked example calls Q, K and V, the rows q1, q2, …, and the results beside
them. It is read so where nothing else reads it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from attncli.errors import InputError
from attncli.formats.contents import Contents, with_note
from attncli.formats.encoding import decode
from attncli.formats.prints.prose import LONGEST, Claim, NamedText, read_page
from attncli.formats.prints.reader import read_parts
from attncli.formats.prints.statements import may_change_argument
from attncli.inputs.array_names import letters_of, matrix_name, result_of_text
from attncli.inputs.setting_words import key_meant
from attncli.inputs.settings import BY_KEY
from attncli.records import replace

if TYPE_CHECKING:
    from attncli.matrix import Matrix, Reading

_NUMBERED = re.compile(r"(.*?)[ _]?\{?([0-9]{1,3})\}?")
_LABELLED = re.compile(  # K_cat, k_{cat}, Key("cat")
    r"(q|k|v|x|query|key|value)(?:_\{?([A-Za-z]\w*)\}?|\([\"']?([A-Za-z][\w ]*)[\"']?\))", re.IGNORECASE
)
_SUBSCRIPTS = str.maketrans("₀₁₂₃₄₅₆₇₈₉", "0123456789")
_OF_ONE = re.compile(r"[`*(]*([A-Za-z_]\w*)[`*)]*[ \t.;,]*(?:[#(\[].*)?")  # an alias, with a remark or a shape
_MASKED = re.compile(r"\b(?:causal|tril|triu|masked_fill|masked|mask)\b|-\s?(?:inf|∞)\b", re.IGNORECASE)
_WHOLE = re.compile(r"[ \t`*]*([0-9]+)\b")
_LITERAL = re.compile(r"[ \t`*]*(?:[-+.]?[0-9]|[Tt]rue|[\"'\[])")
_WIDTHS = ("dk", "d", "headdim", "dhead", "dim")
_WORD = re.compile(r"[A-Za-z_]\w*")
_CALLED = re.compile(r"(?:[A-Za-z_]\w*)?(?:\.\w+)+\(")
_PROJECTIONS = {"queries": "w_q", "keys": "w_k", "values": "w_v"}
_ROWS_OF = ("queries", "keys", "values", "x")


def read_example_in(data: bytes, where: str, reading: Reading) -> Contents | None:
    """Return the problem and the results on a page of bytes, or None."""
    if len(data) > LONGEST or b"\0" in data:
        return None
    try:
        return read_example(decode(data, where), where, reading)
    except InputError:
        return None


def read_example(text: str, where: str, reading: Reading) -> Contents | None:
    """Return the problem and the results on a page, or None if it has none without a doubt.

    A name of an input that is given anything else than an array, or two arrays, or a setting, is a doubt.
    """
    if len(text) > LONGEST:
        return None
    found, claims = read_page(text)
    arrays = _named_arrays(found, where, reading)
    if arrays is None or _may_change(text, found, claims) or not _resolve_claims(claims, arrays):
        return None
    inputs = {matrix_name(name) for name in arrays}
    if not {"queries", "keys"} <= inputs and not {"x", "w_q", "w_k"} <= inputs:
        return None
    rows = max(own.array.shape[-2] for name, own in arrays.items() if matrix_name(name) in ("queries", "x"))
    arrays = {name: own for name, own in arrays.items() if rows == 1 or own.array.ndim > 1 or matrix_name(name)}
    width = next(matrix.array.shape[-1] for name, matrix in arrays.items() if matrix_name(name) in ("keys", "w_k"))
    if any(_contradicts(claim, width) for claim in claims):
        return None
    told = ", ".join(arrays)
    contents = Contents(where, {name: (lambda own=matrix: own) for name, matrix in arrays.items()})  # type: ignore[misc]
    words = ", and no mask, of which it speaks" if _MASKED.search(text) and "mask" not in inputs else ""
    return with_note(contents, f"{where}: of this page only {told} are read{words}")


def _named_arrays(found: list[NamedText], where: str, reading: Reading) -> dict[str, Matrix] | None:
    """Return the inputs and results by name, rows with numbered names as one matrix, or None if two disagree."""
    arrays: dict[str, Matrix] = {}
    rows: dict[str, dict[str, Matrix]] = {}
    results: dict[str, list[Matrix]] = {}
    labels = _labels_of_keys(found)
    for each in found:
        for name in (each.name, *each.also):
            role, row = _row_name(name, labels)
            is_known = role is None and (matrix_name(name) is not None or result_of_text(name) is not None)
            if not is_known and role is None:
                continue
            matrix = _matrix(each.text, f"{where}: {name}", reading)
            if matrix is None and matrix_name(name) is None and role is None:
                continue  # a result with formulas in its cells
            if matrix is None:
                return None
            if role is not None:
                if matrix.array.ndim != 1:
                    continue  # of a head
                group, name = rows.setdefault(role, {}), row
            elif matrix_name(name) is None:
                results.setdefault(name, []).append(matrix)
                continue
            else:
                group = arrays
            if name in group and not _are_same(group[name], matrix):
                return None
            group.setdefault(name, matrix)
    arrays |= {name: own for name, several in results.items() if (own := _whole_of(several)) is not None}
    return _with_rows(arrays, rows)


def _whole_of(results: list[Matrix]) -> Matrix | None:
    """Return the one array under the name of a result, or the only one with the most axes beside its rows, or None."""
    most = max(matrix.array.ndim for matrix in results)
    whole = [matrix for matrix in results if matrix.array.ndim == most]
    return whole[0] if all(_are_same(whole[0], each) for each in whole) else None


def _labels_of_keys(found: list[NamedText]) -> set[str]:
    """Return the labels that the names of several vectors have, as A of Q_A, K_A and V_A."""
    told = [label for each in found for name in (each.name, *each.also) if (label := _LABELLED.fullmatch(name))]
    count = [label[2] or label[3] for label in told]
    return {label for label in count if count.count(label) > 1}


def _row_name(name: str, labels: set[str]) -> tuple[str | None, str]:
    """Return the role of a vector, and its number or label: `k1`, `key 2`, `V_cat`."""
    name = name.translate(_SUBSCRIPTS)
    if (numbered := _NUMBERED.fullmatch(name)) and numbered[1] and (role := matrix_name(numbered[1])) in _ROWS_OF:
        return role, numbered[2]
    labelled = _LABELLED.fullmatch(name)
    label = (labelled[2] or labelled[3]) if labelled else ""
    if labelled and (label in labels or matrix_name(name) is None):
        return matrix_name(labelled[1]), label
    return None, name


def _with_rows(arrays: dict[str, Matrix], rows: dict[str, dict[str, Matrix]]) -> dict[str, Matrix] | None:
    """Return the arrays with the matrices that rows make, or None if these are not all there, or not of one length."""
    roles = {matrix_name(name) for name in arrays}
    names = rows.get("keys") or rows.get("x")
    for role, group in rows.items():
        if role in roles:
            continue  # the matrix itself is given
        numbers = sorted(map(int, group)) if all(row.isdigit() for row in group) else None
        if numbers is not None and numbers != list(range(numbers[0], numbers[0] + len(numbers))):
            return None
        order = list(map(str, numbers)) if numbers is not None else list(group)
        if names is not None and role == "values" and list(group) != list(names) and numbers is None:
            return None
        vectors = [group[row] for row in order]
        if len({vector.array.shape for vector in vectors}) != 1:
            return None
        texts = None if any(vector.texts is None for vector in vectors) else [t for v in vectors for t in v.texts or ()]
        labels = None if numbers is not None else tuple(order)
        stacked = np.stack([vector.array for vector in vectors])
        arrays[role] = replace(vectors[0], array=stacked, texts=texts, row_labels=labels)
    keys = next((own for name, own in arrays.items() if matrix_name(name) == "keys"), None)
    if keys is not None and keys.array.ndim == 2:  # a single query is a vector too
        arrays = {name: _as_row(name, own, keys) for name, own in arrays.items()}
    return arrays


def _as_row(name: str, matrix: Matrix, keys: Matrix) -> Matrix:
    """Return the matrix of one row that a query of the length of the keys is."""
    is_query = matrix_name(name) == "queries" and matrix.array.shape == keys.array.shape[-1:]
    return replace(matrix, array=matrix.array[None]) if is_query else matrix


def _may_change(text: str, found: list[NamedText], claims: list[Claim]) -> bool:
    """Return whether a line below an input may give it other numbers: `Q = 2 * Q`, `K[0] = 1`, `Q.mul_(2)`."""
    places: dict[str, int] = {}
    for each in found:
        for name in (each.name, *each.also):
            if matrix_name(name) is not None:
                places.setdefault(name, each.place)
    if any(claim.name in places and claim.place > places[claim.name] and _is_code(claim) for claim in claims):
        return True
    names = "|".join(map(re.escape, places))
    changed = re.compile(
        rf"^[ \t>]*(?:{names})(?:\[[^\]\n]*\])+[ \t]*[-+*/@%]?=(?!=)|\b(?:{names})[ \t]*[-+*/@%]=", re.MULTILINE
    )
    lines = (line for line in text.split("\n") if re.search(rf"\b(?:{names})\b", line))
    return bool(names and changed.search(text)) or any(may_change_argument(line) for line in lines)


def _is_code(claim: Claim) -> bool:
    return _OF_ONE.fullmatch(claim.value) is not None or any(sign in claim.value for sign in "@*/+(.")


def _resolve_claims(claims: list[Claim], arrays: dict[str, Matrix]) -> bool:
    """Return whether no input is given anything else than an array, and give aliases, `Q = X`, their arrays."""
    roles = {matrix_name(name) for name in arrays}
    for claim in claims:
        role, alias = matrix_name(claim.name), _OF_ONE.fullmatch(claim.value)
        source = next((name for name in arrays if alias and letters_of(name) == letters_of(alias[1])), None)
        if role is not None and role not in roles and source is not None:
            arrays[claim.name] = arrays[source]
            roles.add(role)
    has_all = {"queries", "keys"} <= roles
    for claim in claims:
        role = matrix_name(claim.name)
        if role is None or role in roles or (has_all and role.startswith(("w_", "b_"))):
            continue
        if role in _PROJECTIONS and {"x", _PROJECTIONS[role]} <= roles and _is_product(claim.value, role):
            continue
        if not _is_prose(claim.value) or role in ("mask", "bias"):
            return False
    return True


def _is_prose(value: str) -> bool:
    """Return whether what stands behind the name of an input is a sentence about it, and no number or formula."""
    return " " in value.strip() and not any(char.isdigit() or char in "@*×·^[]=" for char in value)


def _is_product(value: str, role: str) -> bool:
    """Return whether a formula is x times the projection of a role, `X @ W_Q` or `np.dot(x, w_q)`."""
    plain = value.partition("#")[0]
    names = "".join(
        _WORD.findall(
            _CALLED.sub(lambda found: f"{found[0].partition('.')[0]} " if found[0][0] in "xX" else " ", plain)
        )
    )
    expected = f"x{letters_of(_PROJECTIONS[role])}"
    return letters_of(names) == expected and not any(sign in plain for sign in "+/'") and ".T" not in plain


def _contradicts(claim: Claim, width: int) -> bool:
    """Return whether a line gives a setting, other than the number of columns that K has."""
    if matrix_name(claim.name) is not None or result_of_text(claim.name) is not None:
        return False
    meant = claim.name if claim.name in BY_KEY else (key_meant(claim.name) or ("",))[0]
    if meant not in BY_KEY or not _LITERAL.match(claim.value):
        return False
    whole = _WHOLE.match(claim.value)
    return letters_of(claim.name) not in _WIDTHS or whole is None or int(whole[1]) != width


def _matrix(text: str, where: str, reading: Reading) -> Matrix | None:
    try:
        contents = read_parts(text, where, reading)
        return contents.matrices[""]() if set(contents.matrices) == {""} else None
    except InputError:
        return None


def _are_same(one: Matrix, other: Matrix) -> bool:
    return one.array.shape == other.array.shape and one.array.tolist() == other.array.tolist()
