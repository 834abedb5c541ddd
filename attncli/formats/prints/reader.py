"""The forms in which programs print and write arrays, in the order in which they are tried."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from attncli.errors import InputError
from attncli.formats import text_table
from attncli.formats.contents import Contents, with_note
from attncli.formats.prints import julia, lists, mappings, matlab, r, tibble, torch_rows
from attncli.formats.prints.lines import COPY_ALL
from attncli.formats.prints.named import NamedPart, split_named, text_start, value_start
from attncli.formats.prints.rows import is_rows, read_rows
from attncli.formats.prints.statements import pass_over
from attncli.numbers.numerals import quote
from attncli.records import record, replace

if TYPE_CHECKING:
    from collections.abc import Callable

    from attncli.matrix import Matrix, Reading

_ABBREVIATED = re.compile(r"(?<!\[)\.\.\.|\.\.\.(?!\]\s*[\[a-z])|[…⋮⋯⋱]")  # Go leaves a length out: [...][2]float64
_CODE = re.compile(r"\s*(?!-?(?:nan|inf)\b)[A-Za-z_][\w.]*[ \t]*(?:[@*+/(\[^-]|\.[*+/^-])", re.IGNORECASE)
_CONTINUED = re.compile(r";[ \t]*\.\.\.[ \t]*(\n)")  # a statement of MATLAB on several lines
_REPEATED = re.compile(r"<repeats [0-9]+ times>")
_ROWS_FOLLOW = re.compile(  # as MATLAB prints them, in its Live Editor below their size
    r"[ \t]*(?:\n|$|[-+]?[0-9.]+[ \t]*;?[ \t]*(?:\n|$)|"
    r"[0-9]+(?:[×x][0-9]+)+[ \t]*(?:[a-zA-Z0-9 ]*(?:array|matrix))?[ \t]*\n)"
)
_MAPPING = re.compile(r"\s*\[?\s*\{\s*(?:\"[^\"\n]*\"|'[^'\n]*'|\w+)\s*:(?!:)")
_PLACED = re.compile(r"(?:[ \t]*\w+(?:\[[0-9]+\])+[ \t]*=[ \t]*[-+]?[0-9.][\w.+-]*[ \t]*;?[ \t]*\n?){2}")
_BLOCK_LIST = re.compile(
    r"\s*(?:#[^\n]*\n\s*)*(?:---[ \t]*\n\s*(?:\[|-[ \t\n]+(?:\[|-[ \t]+[-+.0-9]))"
    r"|-[ \t]+(?:\[|-[ \t]+[-+.0-9])|-[ \t]*\n[ \t]+-[ \t]+[-+.0-9])"
)
_PHP = re.compile(r"\s*[Aa]rray\b[^=]{0,40}?\[?[0-9]+\]?\s*=>")
_COMMENT_WITHIN = re.compile(r"[0-9.][ \t]*\n\s*#(?: [^\n]*)?\n[^#]*[0-9]")
_QUOTED = re.compile(r"\s*([\"'])(\s*[\[{(]?[-+.0-9\[{(][^\"'\n]*)\1\s*;?\s*")  # as in files of settings
_NUMBERS = re.compile(r"\s*[-+]?[0-9.][-+0-9.eE \t,;]*(?:\n|\Z)")
_LONGEST_CODE = 1 << 16  # characters
_MOST_SHOWN = 3  # statements in a note
SHORTENED = "the array is printed with '...' in place of numbers"
PRINT_IN_FULL = (
    "print it in full: numpy.set_printoptions(threshold=sys.maxsize) or torch.set_printoptions(profile='full')"
)
OF_A_MAPPING = "print one of its arrays"
PLACES = re.compile(r"[{(]\s*\[0\] = ")
OF_LLDB = "this is an array as lldb prints it, each cell with its index"
ROWS_OF_LINES = "print one row per line, with spaces or commas between its cells"


@record
class Form:
    """A way to print or write an array: a test of how it `begins`, and its reader."""

    begins: re.Pattern[str]
    read: Callable[[str, str, Reading], Matrix]


FORMS = (  # R first, because it begins with a bracket too
    Form(r.CODE, r.read_code),
    Form(r.PRINT, r.read_r_print),
    Form(tibble.BEGINNING, tibble.read_tibble),
    Form(julia.BEGINNING, julia.read_julia),
    Form(torch_rows.BEGINNING, torch_rows.read_torch_rows),
    Form(matlab.BEGINNING, matlab.read_matlab),
    Form(re.compile(rf"\s*(?:{lists.BEGINNING.pattern})"), lists.read_list),
)


def begins_as_print(text: str) -> bool:
    """Return whether the text begins like one of the forms, or assigns an array to a name."""
    if _begins(text) or ((after := text_start(text)) and _begins(text[after:])):
        return True
    start = value_start(text)
    if start is None:
        return False
    line = text[start:].partition("\n")[0].removesuffix(";")
    return (
        _begins(text[start:])
        or _ROWS_FOLLOW.match(text, start) is not None
        or _QUOTED.fullmatch(line) is not None
        or is_rows(line)
    )


def _begins(text: str) -> bool:
    return any(form.begins.match(text) for form in FORMS) or any(
        form.match(text) is not None for form in (_MAPPING, _BLOCK_LIST, mappings.BEGINNING)
    )


def read_parts(text: str, where: str, reading: Reading) -> Contents:
    """Return the array of a text under the name "", or the arrays that it names. Code beside named arrays is passed
    over, with a note, if it cannot change them."""
    try:
        return _read_parts(text, where, reading)
    except InputError as refusal:
        if len(text) > _LONGEST_CODE or (passed := _pass_over_code(text)) is None:
            raise
        text, lines, names = passed
        try:
            contents = _read_parts(text, where, reading)
        except InputError:
            raise refusal from None
        shown = ", ".join(quote(line) for line in lines[:_MOST_SHOWN]) + (", …" if len(lines) > _MOST_SHOWN else "")
        return replace(with_note(contents, f"{where}: code is ignored: {shown}"), passed_over=tuple(names))


def _pass_over_code(text: str) -> tuple[str, list[str], list[str]] | None:
    """Return the text without statements that change none of its arrays, or None."""
    try:
        arrays = {part.name for part in split_named(text, "") if part.name and _holds_numbers(part.text)}
    except InputError:
        return None
    return pass_over(text, arrays) if arrays else None


def _holds_numbers(text: str) -> bool:
    """Return whether a value is an array, or rows of numbers, and no code."""
    return _begins(text) or text.lstrip()[:1] in "[({|" or _NUMBERS.match(text) is not None


def _read_parts(text: str, where: str, reading: Reading) -> Contents:
    if _BLOCK_LIST.match(text):
        from attncli.formats import yaml

        return yaml.read(text.encode("utf-8", "surrogateescape"), where, reading)
    text = _CONTINUED.sub(r";\1", text)
    if _ABBREVIATED.search(text):
        if "device='meta'" in text:
            raise InputError(where, "a tensor on the meta device has no numbers", "create it on another device")
        raise InputError(where, SHORTENED, PRINT_IN_FULL)
    if _REPEATED.search(text):
        hint = "print it in full: set print repeats unlimited, and set print elements unlimited"
        raise InputError(where, "gdb printed repeated numbers once, with a count", hint)
    if _MAPPING.match(text) or mappings.BEGINNING.match(text):
        return _read_records(text, where, reading)
    if _PHP.match(text):
        raise InputError(where, "this is an array as PHP prints it", "print it as JSON: echo json_encode($x);")
    if PLACES.search(text):
        raise InputError(where, OF_LLDB, ROWS_OF_LINES)
    if _PLACED.match(text):
        raise InputError(where, "each line holds one cell and its index", ROWS_OF_LINES)
    if not _begins(text) and (after := text_start(text)) and _begins(text[after:]):
        text = text[after:]
    parts = split_named(text, where)
    if len(parts) == 1 and mappings.BEGINNING.match(parts[0].text):  # data = {'q': …}
        return read_mapping_text(parts[0].text, where, reading)
    return _read_named(parts, where, reading)


def read_mapping_text(text: str, where: str, reading: Reading) -> Contents:
    """Return what a mapping holds: a document of JSON or YAML, or arrays as Python and JavaScript print them."""
    if text.lstrip().startswith("{"):
        try:
            return mappings.read_document(text, where, reading)
        except InputError:
            if not mappings.holds_prints(text):
                raise
    return _read_named(mappings.split_mapping(text, where), where, reading)


def _read_named(parts: list[NamedPart], where: str, reading: Reading) -> Contents:
    matrices: dict[str, Matrix] = {}
    for part in parts:
        matrix = _matrix(part, f"{where}: {part.name}" if part.name else where, reading)
        if part.name in matrices and not _are_same(matrices[part.name], matrix):
            raise InputError(where, f"two arrays are called {quote(part.name)}", "give each its own name")
        matrices[part.name] = matrix
    return Contents(where, {name: lambda matrix=matrix: matrix for name, matrix in matrices.items()})  # type: ignore[misc]


def _are_same(one: Matrix, other: Matrix) -> bool:
    """Return whether two arrays have the same numbers, as what was typed and what a program then showed."""
    return one.array.shape == other.array.shape and one.array.tolist() == other.array.tolist()


def _read_records(text: str, where: str, reading: Reading) -> Contents:
    """Return the rows of a JSON list of mappings, or of mappings on lines of their own, or what one mapping holds."""
    from attncli.formats import yaml

    lines = [line for each in text.split("\n") if (line := each.strip().strip(",").strip())]
    if len(lines) > 1 and all(line[0] == "{" and line[-1] == "}" for line in lines):
        text = f"[{','.join(lines)}]"
    if text.lstrip().startswith("["):
        plain = text.replace("\t", " ")  # YAML refuses tabs, which JSON has between its tokens only
        return yaml.read(plain.encode("utf-8", "surrogateescape"), where, reading)
    return read_mapping_text(text, where, reading)


def _matrix(part: NamedPart, where: str, reading: Reading) -> Matrix:
    if part.lengths and part.text.lstrip()[:1] in ("[", "{", "(", "n", "s"):  # of a list, or of new float[][]
        return lists.read_list(part.text, where, reading, part.lengths)
    if part.lengths:
        return _of_size(_matrix(replace(part, lengths=()), where, reading), part.lengths)
    if _MAPPING.match(part.text):
        rows = _read_records(part.text, where, reading).matrices
        if "" not in rows:
            raise InputError(where, "this is a mapping, not a matrix", OF_A_MAPPING)
        return rows[""]()
    for form in FORMS:
        if form.begins.match(part.text):
            return form.read(part.text, where, reading)
    if part.text.lstrip().startswith(("[", "{")):
        return lists.read_list(part.text, where, reading)
    if not part.text.strip():
        raise InputError(where, "nothing follows the name", "write the array after it: Q = [[1, 0], [0, 1]]")
    if part.name and _CODE.match(part.text):
        what = f"{quote(part.text.strip())} is code, which attncli does not run"
        raise InputError(where, what, "leave it out, or print the array, and paste what it shows")
    if part.name and (quoted := _QUOTED.fullmatch(part.text)):
        return _matrix(NamedPart("", quoted[2]), where, reading)
    if is_rows(part.text):
        return read_rows(part.text.strip(), where, reading)
    try:
        return matlab.read_matlab(part.text, where, reading)
    except InputError as refusal:
        return _read_table(part, where, reading, refusal)


def _of_size(matrix: Matrix, lengths: tuple[int, ...]) -> Matrix:
    """Return the matrix.

    Raises InputError if it has not the lengths that are written beside its name.
    """
    if matrix.array.shape != lengths:
        what = f"the array has the shape {matrix.array.shape}, and {lengths} is written beside it"
        raise InputError(matrix.where, what, COPY_ALL)
    return matrix


def _read_table(part: NamedPart, where: str, reading: Reading, refusal: InputError) -> Matrix:
    """Return the table below a name, with its labels.

    Raises `refusal` if it is none, or what the table lacks if it has commas or the like between its cells.
    """
    if not part.name or "\n" not in part.text.rstrip():
        raise refusal
    if _COMMENT_WITHIN.search(part.text.strip()):
        hint = "delete the comment, or let it contain only a name: # K"
        raise InputError(where, "a comment divides its rows", hint)
    data = ("\n" * part.line + part.text).encode("utf-8", "surrogateescape")
    try:
        return text_table.read(data, where, reading).matrices[""]()
    except InputError as fault:
        is_of_cell = refusal.where != where and any(sign in part.text for sign in ",;\t")
        raise fault if is_of_cell else refusal from None
