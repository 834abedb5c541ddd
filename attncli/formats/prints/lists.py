"""Nested lists in brackets, braces or parentheses, as Python, C, Go, Julia, Mathematica and libraries write them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from attncli.errors import InputError
from attncli.formats.prints import cells
from attncli.formats.prints.brackets import TYPES, BracketWalk
from attncli.formats.prints.lines import COPY_ALL, times
from attncli.formats.prints.list_calls import (
    ANGLE,
    CALL,
    SQUARE,
    close_calls,
    drop_inner_calls,
    ends_list,
    open_calls,
    refuse_rest,
)
from attncli.formats.prints.list_notations import (
    BUILT,
    LENGTHS,
    ROW_ARGUMENTS,
    SIZED_LIST,
    SIZED_ROWS,
    refuse_doubtful_commas,
    refuse_lines,
    write_lists_plainly,
    write_numbers_plainly,
)
from attncli.matrix import Matrix
from attncli.numbers.numerals import NUMBER_HINT, NumeralError
from attncli.records import replace

if TYPE_CHECKING:
    from attncli.matrix import Reading

_NUMPY_DIGITS, _TORCH_DIGITS = 8, 4  # that they print at most
_DTYPE = re.compile(r"(?<!\w)(b?float16|float32|float64|double)(?!\w)")  # as dtype=torch.float16 says
_FIRST = (  # what a list begins with (a label such as [CLS] begins with something else)
    r"[\[{(]|\||[\"']?\s*[-+\N{MINUS SIGN}]?\.?(?:[0-9]|[iI]nf|[nN]a[nN])"
    r"|[Tt]rue|[Ff]alse|TRUE|FALSE|-?(?:np|numpy|math|torch|float|array|tensor|Parameter|Fraction|Rational|Decimal|Integer)\b"
)
BEGINNING = re.compile(  # a single tuple, (1,234), could be a number in parentheses
    rf"(?:{TYPES})|=?(?!\{{\|)[\[{{]\s*(?:{_FIRST}|{TYPES})|\(\s*[\[({{]\s*(?:{_FIRST})|{CALL.pattern}|{ANGLE.pattern}"
    rf"|{SQUARE.pattern}|{SIZED_LIST.pattern}|{SIZED_ROWS.pattern}|{LENGTHS.pattern}|\$\s*mat\s*\("
    rf"|{BUILT.pattern}|{ROW_ARGUMENTS.pattern}"
)


def read_list(text: str, where: str, reading: Reading, dimensions: tuple[int, ...] = ()) -> Matrix:
    """Return the array in `text`, with one axis for each level of nesting.

    `dimensions` are those of a declaration, as in `float q[2][3]`. Raises InputError with the indices of the error.
    """
    text = write_numbers_plainly(text, where)
    if sized := SIZED_LIST.match(text):
        return _reshape(read_list(text[sized.end() :], where, reading), (int(sized[1]), int(sized[2])))
    plain = write_lists_plainly(text, where)
    calls = open_calls(plain.text)
    text = plain.text[: calls.position] + drop_inner_calls(plain.text[calls.position :])
    refuse_lines(text[calls.position :], where)
    refuse_doubtful_commas(text[calls.position :], where)
    walk = BracketWalk(where)
    end, shapes = close_calls(text, walk.read(text, calls.position), calls, where)
    rest = text[end:].strip()
    if not ends_list(rest):
        refuse_rest(where, rest, "the end", walk.shape())
    shapes += [shape for shape in (dimensions, plain.shape) if shape]
    _refuse_other_shapes(shapes, walk.shape(), where)
    try:
        array, texts = cells.parse(walk.cells, leading_zero=False)
    except NumeralError as error:
        raise InputError(f"{where}: {walk.place(error.index)}", error.what, error.hint or NUMBER_HINT) from None
    is_torch = "tensor" in text[:end] and "tf." not in text[:end]
    stated = _DTYPE.search(text[: text.find("[")] + text[text.rfind("]") + 1 :])
    unsaid = "float32" if is_torch and any("." in cell for cell in texts) else None  # torch names any other dtype
    return Matrix(
        array.reshape(walk.shape()),
        where,
        texts=tuple(texts) if reading.keep_text else None,
        notes=plain.notes,
        point_digits=_TORCH_DIGITS if is_torch else _NUMPY_DIGITS,
        stated_dtype=stated[1] if stated else unsaid,
    )


def _refuse_other_shapes(stated: list[tuple[int, ...]], own: tuple[int, ...], where: str) -> None:
    """Raise InputError if a stated shape is not that of the array."""
    for shape in stated:
        if shape != own:
            what = f"the array has the shape {own}, and {shape} is written beside it"
            is_row = len(shape) == len(own) == 1
            cure = "if it numbers a row, write all rows in one list" if is_row else "write a list for each row"
            raise InputError(where, what, f"{cure}, or leave the shape out: [[1, 0], [0, 1]]")


def _reshape(matrix: Matrix, shape: tuple[int, int]) -> Matrix:
    """Return the rows of a flat list.

    Raises InputError if it has more numbers, or fewer.
    """
    if matrix.array.size != shape[0] * shape[1]:
        what = f"it says {times(shape)}, but {matrix.array.size} numbers follow"
        raise InputError(matrix.where, what, COPY_ALL)
    return replace(matrix, array=matrix.array.reshape(shape))
