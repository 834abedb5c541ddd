"""The one grammar of numbers in text, and their shortest digits that read back to the same value.

The grammar has the decimals of YAML 1.2 and JSON, `1e3`, `.5`, `1.`, `+1`, `inf` and `nan` in any case (with or without
YAML's dot), fractions `a/b` and the Unicode minus. Everything else is refused, which `float()` is too lenient for: it
accepts `1_000`.
"""

from __future__ import annotations

import re
from contextlib import suppress
from functools import cache
from itertools import repeat
from typing import TYPE_CHECKING, Any

from attncli.errors import ValueFault
from attncli.patterns import pattern

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import numpy as np

    Array = np.ndarray[Any, Any]

_DECIMAL = pattern(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_LEADING_ZERO = pattern(r"[+-]?0[0-9]+(?:[.eE].*)?")
_NONFINITE = pattern(r"([+-]?)\.?(inf|infinity|nan)", re.IGNORECASE)
_PLAIN = r"(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)"
_FRACTION = pattern(rf"([+-]?{_PLAIN})/({_PLAIN})")
_GROUPED = pattern(r"([+-]?[0-9]{1,3}(?:([_,'’\u00a0\u202f\u2009 ])[0-9]{3})(?:\2[0-9]{3})*)(\.[0-9]*)?")
_UNDERSCORED = pattern(r"[+-]?[0-9]+(?:_[0-9]+)+(?:\.[0-9_]*)?(?:[eE][+-]?[0-9]+)?")
_DECIMAL_COMMA = pattern(r"[+-]?[0-9]*,[0-9]+(?:[eE][+-]?[0-9]+)?")
_BASED = pattern(r"([+-]?)(0[xX][0-9a-fA-F]+|0[oO][0-7]+|0[bB][01]+)")
_COMPLEX = pattern(r"\(?[-+0-9.e]*[0-9]\.?[ij]\)?")
_PERCENT = pattern(rf"([+-]?{_PLAIN}) ?%")
_LONGEST = 4000  # digits: Python's int() refuses more than 4300
_MANY = 1 << 13  # numbers: with more of them, orjson saves more time than its import takes
_WIDTH = 28  # of a cell in a block of text: 24 characters, one more in an exponent, spaces, the delimiter
_PIECE = 1 << 19  # characters: the numbers of a piece, as Python objects, fit into the cache
REAL_PART = "print the real part: print(x.real) in Python, real(x) in MATLAB"
NUMBER_HINT = "type a number, as in -1234.5, or nan if it is missing"
TRUTHS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_TRUTH_WORDS = frozenset(  # of R, of YAML 1.1, of masks
    ("t", "f", "yes", "no", "y", "n", "on", "off", "allowed", "masked", "visible", "hidden", *"✓✔✗✘")
)
FLOAT_CHARACTERS = b"0123456789.+-eE \t"  # with these characters, a C parser reads exactly the numbers of our grammar


class NumeralError(ValueFault):
    """The text is not a number: `what` is wrong, a `hint` what to type instead, and the `index` of the text among
    several."""

    def __init__(self, what: str, hint: str | None = None, index: int = 0) -> None:
        super().__init__(what, hint)
        self.index = index


def quote(text: str) -> str:
    """Return the text in quotes for a message, with its middle left out if it is long."""
    return repr(text if len(text) <= 60 else f"{text[:40]}…{text[-10:]}")


def parse_number(text: str, *, leading_zero: bool = True) -> float:
    """Return the float64 nearest to the number.

    `leading_zero=False` refuses `010`, which YAML 1.1 reads as 8 and JSON not at all. Raises NumeralError with what is
    wrong and, if possible, how to write the number.
    """
    plain = text.strip().replace("\N{MINUS SIGN}", "-")
    if _DECIMAL.fullmatch(plain):
        if not leading_zero and _LEADING_ZERO.fullmatch(plain):
            raise NumeralError(
                f"{quote(text)} has a leading zero, which programs read in different ways", f"type {_unpadded(plain)}"
            )
        value = float(plain)
        if value in (float("inf"), float("-inf")):
            sign = "-" if value < 0 else ""
            raise NumeralError(
                f"{quote(text)} is beyond the largest float64, {sign}1.8e308",
                f"type {sign}inf if infinity is meant",
            )
        return value
    if nonfinite := _NONFINITE.fullmatch(plain):
        return float(nonfinite[1] + nonfinite[2])
    if fraction := _FRACTION.fullmatch(plain):
        return _divide(text, fraction[1], fraction[2])
    raise _refusal(text, plain)


def _divide(text: str, above: str, below: str) -> float:
    """Return the fraction, rounded once from the exact quotient."""
    if len(above) + len(below) > _LONGEST:
        raise NumeralError(
            f"{quote(text)} has {len(above) + len(below)} digits, more than {_LONGEST}", "type it as a decimal"
        )
    from fractions import Fraction

    divisor = Fraction(below)
    if not divisor:
        raise NumeralError(f"{quote(text)} divides by zero", "type inf, -inf or nan if that is meant")
    try:
        value = float(Fraction(above) / divisor)
    except OverflowError:
        raise NumeralError(
            f"{quote(text)} is beyond the largest float64, 1.8e308", "type inf if infinity is meant"
        ) from None
    return -0.0 if value == 0 and above.startswith("-") else value


def _unpadded(plain: str) -> str:
    sign = plain[0] if plain[0] in "+-" else ""
    digits = plain[len(sign) :].lstrip("0")
    return sign + (digits if digits[:1].isdigit() else f"0{digits}")


def _refusal(text: str, plain: str) -> NumeralError:
    """Return the error for `plain`, with the way to type the number that it looks like."""
    if not plain:
        return NumeralError("a number is missing")
    what = f"{quote(text)} is not a number"
    if plain.lower() in _TRUTH_WORDS:
        return NumeralError(what, "type 1 or 0, or true or false")
    if grouped := _GROUPED.fullmatch(plain):
        whole = grouped[1].replace(grouped[2], "") + (grouped[3] or "")
        if _DECIMAL_COMMA.fullmatch(plain):
            return NumeralError(
                f"{quote(text)} could be {whole} or {plain.replace(',', '.')}",
                f"type {whole} or {plain.replace(',', '.')}",
            )
        return NumeralError(f"{what}: its digits are in groups", f"type {whole}")
    if _UNDERSCORED.fullmatch(plain):
        return NumeralError(f"{what}: its digits are in groups", f"type {plain.replace('_', '')}")
    if _DECIMAL_COMMA.fullmatch(plain):
        return NumeralError(f"{what}: it has a decimal comma", f"type {plain.replace(',', '.')}")
    if based := _BASED.fullmatch(plain):
        digits = based[2][2:]
        value = int(based[2], 0) if len(digits) <= 16 else None
        return NumeralError(f"{what}: it is not decimal", None if value is None else f"type {based[1]}{value}")
    if percent := _PERCENT.fullmatch(plain):
        return NumeralError(f"{what}: it is a percentage", f"type {percent[1]}e-2")
    if _COMPLEX.fullmatch(plain):
        return NumeralError(f"{quote(text)} is complex", REAL_PART)
    from attncli.numbers.foreign_numerals import HIDDEN, NUMBER, doubt

    found = doubt(text.strip())
    if found is None or (found.kind == NUMBER and not found.cure):
        return NumeralError(what)
    return NumeralError(f"{what}: it holds {found.kind}" if found.kind == HIDDEN else what, found.hint)


def may_be_cell(text: str) -> bool:
    """Return whether the text is a number, true or false, or a number in a form that is refused (`1_000`)."""
    if not text.strip():
        return False
    if text.strip() in TRUTHS:
        return True
    try:
        parse_number(text)
    except NumeralError as error:
        shows_number = error.hint is not None and error.hint.startswith("type ")
        return shows_number and any(map(str.isnumeric, text))
    return True


def is_number(text: str) -> bool:
    """Return whether the text is a number, true or false as it stands."""
    if text.strip() in TRUTHS:
        return True
    try:
        parse_number(text)
    except NumeralError:
        return False
    return True


def parse_cells(texts: Sequence[str], *, leading_zero: bool = True) -> Array:
    """Return the numbers as a 1-D float64 array, or as bool if every text is true or false.

    Raises NumeralError with the index of the wrong text.
    """
    import numpy as np

    if leading_zero and (numbers := _plain_numbers(",".join(texts).encode("utf-8", "replace"), len(texts))) is not None:
        return numbers
    if texts and texts[0].strip() in TRUTHS and all(text.strip() in TRUTHS for text in texts):
        return np.array([TRUTHS[text.strip()] for text in texts], dtype=np.bool_)
    values = np.empty(len(texts), np.float64)
    for index, text in enumerate(texts):
        try:
            values[index] = parse_number(text, leading_zero=leading_zero)
        except NumeralError as error:
            if text.strip() in TRUTHS:
                error.what = f"{quote(text)} is among numbers"
                error.hint = "type 1 for true and 0 for false"
            raise NumeralError(error.what, error.hint, index) from None
    return values


def _plain_numbers(text: bytes, count: int) -> Array | None:
    """Return the numbers between the commas if the only letter is e, or None to leave the text to the loop."""
    if text.translate(None, FLOAT_CHARACTERS) != b"," * (count - 1):
        return None
    return parse_plain_numbers(text, count)


def parse_plain_numbers(text: bytes, count: int) -> Array | None:
    """Return the `count` numbers of a text of FLOAT_CHARACTERS characters and commas, or None if one is not valid.

    The text may end with a comma.
    """
    import numpy as np

    numbers = np.empty(count)
    filled = start = 0
    length = len(text) - text.endswith(b",")
    try:
        while start < length:
            end = text.find(b",", start + _PIECE, length)
            end = length if end < 0 else end
            piece = _parse_piece(text[start:end], count >= _MANY)
            numbers[filled : filled + piece.size] = piece
            filled += piece.size
            start = end + 1
    except ValueError:
        return None
    # without letters, only an overflow makes an infinity
    return numbers if filled == count and np.isfinite(numbers).all() else None


def _parse_piece(text: bytes, many: bool) -> Array:
    """Return the numbers between the commas.

    With these characters, float() reads what our grammar has. orjson reads a part of that: no sign `+`, no leading
    zero, and a digit on either side of the point.
    """
    import numpy as np

    if many:
        import orjson

        with suppress(orjson.JSONDecodeError):
            numbers = np.array(orjson.loads(b"[%b]" % text), np.float64)
            if numbers.all() or b"-0" not in text:  # the integer -0 has lost its sign
                return numbers
    return np.array([*map(float, text.split(b","))])


def shortest_texts(array: Array, truths: tuple[str, str] = ("false", "true")) -> list[str]:
    """Return the cells in C order, each with the fewest digits that read back to the same value in the dtype of the
    array."""
    if array.dtype.kind == "b":
        return [truths[cell] for cell in array.ravel().tolist()]
    if array.size >= _MANY:
        return _many_rows(array.reshape(1, -1))[0].decode().split(",")
    flat = array.ravel()
    return list(map(repr, (flat if array.dtype.kind in "iu" else _shortest_doubles(flat)).tolist()))


def lines(table: Array, delimiter: str) -> bytes:
    """Return the rows of a table in the digits of `shortest_texts`, each ending with a newline."""
    if table.size < _MANY or table.dtype.kind == "b":
        return ("\n".join(join_rows(shortest_texts(table), table.shape[1], delimiter)) + "\n").encode()
    text = b"\n".join(_many_rows(table)) + b"\n"
    return text if delimiter == "," else text.replace(b",", delimiter.encode())


def _many_rows(table: Array) -> list[bytes]:
    """Return the rows of a large table with commas between the cells. They are written by orjson, whose digits are
    those of repr."""
    import numpy as np

    size = table.dtype.itemsize
    if table.dtype.kind in "iu":
        return _dump(table)[2:-2].split(b"],[")
    if table.dtype.kind != "f" or size < 4:
        return _many_rows(_shortest_doubles(table.ravel()).reshape(table.shape))
    with np.errstate(invalid="ignore"):  # of a signaling NaN
        magnitude = np.abs(table)
        # beyond these, orjson writes exponents in another form than repr, and null for numbers that are not finite
        inside = (magnitude >= 1e-4) & (magnitude < (1e13 if size == 4 else 1e16)) | (magnitude == 0)
    others = np.flatnonzero(~inside.all(axis=1))
    if size == 4 and others.size:
        return _many_rows(_shortest_doubles(table.ravel()).reshape(table.shape))
    rows = _dump(table)[2:-2].split(b"],[")
    for first in range(0, others.size, step := max(1, _MANY // table.shape[1])):
        chosen = others[first : first + step]
        texts = _as_reprs(b",".join([rows[row] for row in chosen]), table[chosen])
        for row, text in zip(chosen.tolist(), texts, strict=True):
            rows[row] = text
    return rows


def _as_reprs(text: bytes, table: Array) -> list[bytes]:
    """Return the rows of a float64 table with the exponents of repr: 1e-05 and not 0.00001, 1e-06 and not 1e-6,
    1e+16."""
    import numpy as np

    if re.search(rb"e[0-9]", text):  # before orjson 3.12
        text = text.replace(b"e", b"e+").replace(b"e+-", b"e-")
    cells = np.array(text.split(b","), f"S{_WIDTH}")
    characters = cells.view(np.uint8).reshape(-1, _WIDTH)
    for sign in (b"", b"-"):
        begins = cells.astype(f"S{len(sign) + 6}") == sign + b"0.0000"
        small = np.flatnonzero(begins & (characters[:, len(sign) + 6] > ord("0")))
        digits = characters[small, len(sign) + 6 :]
        characters[small] = 0
        characters[small, : len(sign)] = ord("-")
        characters[small, len(sign)] = digits[:, 0]
        characters[small, len(sign) + 1] = np.where(digits[:, 1], ord("."), 0)
        characters[small, 2 + len(sign) : 1 + digits.shape[1] + len(sign)] = digits[:, 1:]
        characters[small, -5:-1] = np.frombuffer(b"e-05", np.uint8)  # the NULs before it are removed later
    last = np.char.str_len(cells) - 1
    short = np.flatnonzero((last > 2) & (characters[np.arange(cells.size), last - 2] == ord("e")))
    short = short[characters[short, last[short] - 1] == ord("-")]
    characters[short, last[short] + 1] = characters[short, last[short]]
    characters[short, last[short]] = ord("0")
    for place in np.flatnonzero(~np.isfinite(table)).tolist():
        cells[place] = repr(float(table.ravel()[place]))
    characters[:, -1] = ord(",")
    characters[table.shape[1] - 1 :: table.shape[1], -1] = ord("\n")
    return characters.tobytes().translate(None, b"\0").splitlines()


def _dump(array: Array) -> bytes:
    import numpy as np
    import orjson

    native = np.ascontiguousarray(array, array.dtype.newbyteorder("="))
    return orjson.dumps(native, option=orjson.OPT_SERIALIZE_NUMPY)


def _shortest_doubles(flat: Array) -> Array:
    """Return, for each float of a 1-D array of any width, the double whose repr has the fewest digits that identify
    it."""
    import numpy as np

    size = flat.dtype.itemsize
    if flat.dtype.kind == "f" and size == 8:
        return flat
    if size <= 2 and flat.size >= _MANY:
        doubles: Array = _all_shortest_doubles(flat.dtype)[flat.view(f"u{size}")]
        return doubles
    if size == 4 and flat.size >= _MANY:
        import orjson

        finite = np.isfinite(flat)
        with np.errstate(invalid="ignore"):  # of a signaling NaN
            doubles = flat.astype(np.float64)
        doubles[finite] = orjson.loads(_dump(flat[finite]))
        return doubles
    if flat.dtype.kind == "f":
        return np.array([float(str(cell)) for cell in flat], np.float64)  # NumPy's own shortest digits
    return np.array([_shortest_double(cell) for cell in flat], np.float64)


@cache
def _all_shortest_doubles(dtype: np.dtype[Any]) -> Array:
    """Return these doubles for every 1- or 2-byte float, indexed by its bits."""
    import numpy as np

    size = dtype.itemsize
    patterns = np.arange(1 << 8 * size, dtype=f"u{size}").view(dtype)
    pieces = np.split(patterns, max(1, patterns.size // 256))  # few enough to convert one by one
    return np.concatenate([_shortest_doubles(piece) for piece in pieces])


def _shortest_double(cell: Any) -> float:
    """Return this double for a bfloat16 or an 8-bit float, whose own text has six digits."""
    value = float(cell)
    candidates = (float(f"{value:.{digits}e}") for digits in range(9))
    return next((candidate for candidate in candidates if type(cell)(candidate) == cell), value)


def join_rows(cells: Iterable[str], columns: int, delimiter: str) -> list[str]:
    """Return lines of `columns` cells each."""
    rows: Iterable[Sequence[str]] = zip(*repeat(iter(cells), columns), strict=True)
    return list(map(delimiter.join, rows))
