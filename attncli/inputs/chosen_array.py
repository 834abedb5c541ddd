"""Which array of a source that holds several is meant."""

from __future__ import annotations

from attncli.errors import InputError, nearest
from attncli.files import exists, path_text
from attncli.formats.contents import STANDARD_INPUT, Contents
from attncli.inputs.array_names import expected_name, matrix_name, result_name
from attncli.inputs.request import EXPECTED_NAMES

_DESCRIPTIONS = frozenset(("shape", "shapes", "dim", "dims", "dimensions", "size", "strides", "axes", "ndim"))
_OF_FRAME = frozenset(("columns", "index", "data"))  # what pandas writes with orient="split"
_OF_SPARSE = frozenset(("data", "shape", "format"))
_AS_ROWS = "in pandas, x.to_json(orient='values') writes its rows"
_ONE_LIST = "if these are the rows of one matrix, put them into one list: [[1, 0], [0, 1]]"
_LISTED = 20  # names in a message


def pick(contents: Contents, name: str | None, role: str) -> str:
    """Return the name of the array that is meant: the requested one, the only one, or the one named like its role."""
    for found in contents.passed_over:
        if name is None and matrix_name(found) == role:
            raise assigned_by_code(contents.where, found)
    names = [str(found) for found in contents.matrices]
    if name is not None:
        return _require_array(contents, names, name)
    if len(names) < 2:
        return _only_array(contents, names)
    named = [found for found in names if role in (matrix_name(found), expected_name(found), result_name(found))]
    named.sort(key=lambda found: found != role)
    if len(named) == 1:
        return named[0]
    raise _refuse_several(contents, names, named, role)


def _list_names(names: list[str]) -> str:
    return ", ".join(map(path_text, names[:_LISTED])) + (", …" if len(names) > _LISTED else "")


def _require_array(contents: Contents, names: list[str], name: str) -> str:
    """Return the name that was asked for, or raise InputError if there is no such array."""
    if name in names:
        return name
    if names == [""]:
        what = f"holds one array without a name, not {path_text(name)!r}"
        raise InputError(contents.where, what, "leave the name out")
    near = nearest(name, names)
    held = f"it holds {_list_names(names)}" if names else "it holds none"
    hint = f"did you mean {_one_of(contents, near)}?" if near else None
    raise InputError(contents.where, f"has no array {path_text(name)!r}: {held}", hint)


def _only_array(contents: Contents, names: list[str]) -> str:
    """Return the name of the only array, or raise InputError if there is none, or it is called like a property of
    one."""
    if names and names[0].lower() in _DESCRIPTIONS:
        what = f"holds no matrix: its only list is called {names[0]!r}, like a property of one"
        raise InputError(contents.where, what, f"if it is the matrix, use {_one_of(contents, names[0])}")
    if names:
        return names[0]
    if _holds_mappings(contents):
        what = "holds nested mappings, whose keys may name rows or columns, but no array"
        raise InputError(contents.where, what, _AS_ROWS)
    raise InputError(contents.where, "holds no array", "write a list after a name, as in q: [[1, 0], [0, 1]]")


def _refuse_several(contents: Contents, names: list[str], named: list[str], role: str) -> InputError:
    """Return the error for several arrays, of which none, or more than one, is called after the role."""
    rivals = f"{' and '.join(named)} could both be" if named else "none is called"
    what = f"holds {len(names)} arrays: {_list_names(names)}; {rivals} {role}"
    return InputError(contents.where, what, _hint_at_one(contents, names, named, role))


def _hint_at_one(contents: Contents, names: list[str], named: list[str], role: str) -> str:
    is_file = contents.where == STANDARD_INPUT or exists(contents.where)
    if not named and _are_vectors(contents):
        return _ONE_LIST
    if not named and _OF_SPARSE.issubset(names):
        return "this is a SciPy sparse matrix: save all of its cells, numpy.save('q.npy', matrix.toarray())"
    if not named and _OF_FRAME.issubset(names):
        return f"its numbers are data: {_one_of(contents, 'data')}" if is_file else "keep only the list after data"
    others = [found for found in names if role not in EXPECTED_NAMES or matrix_name(found) is None]
    first = next(iter((*named, *others)), None)  # no input is proposed for what is expected
    if first is None:
        return f"name it {role}"
    return f"name one, as in {_one_of(contents, first)}" if is_file else "keep only the one that is meant"


def assigned_by_code(where: str, name: str) -> InputError:
    """Return the error for a matrix or a setting that code beside the arrays assigns."""
    what = f"{path_text(name)} is assigned by code, which attncli does not run"
    return InputError(where, what, "print it and put the printed array in its place, or delete that line")


def _holds_mappings(contents: Contents) -> bool:
    """Return whether all values of a document are mappings, as those of a data frame that was written as JSON."""
    root = None if contents.tree is None else contents.tree.root
    return isinstance(root, dict) and bool(root) and all(isinstance(value, dict) for value in root.values())


def _are_vectors(contents: Contents) -> bool:
    """Return whether all arrays have one axis, as rows after their labels, or columns after theirs."""
    try:
        return all(make().array.ndim == 1 for make in contents.matrices.values())
    except InputError:
        return False


def _one_of(contents: Contents, name: str) -> str:
    """Return how one array of a source is named: `dump.npz:q`, or FILE:q where the source is no file yet."""
    import shlex

    return shlex.quote(f"{contents.where if exists(contents.where) else 'FILE'}:{path_text(name)}")
