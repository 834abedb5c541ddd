"""What a number in text is: read in one place, and written as the shortest digits that read back.

The grammar is YAML 1.2's and JSON's decimals, plus `1e3`, `.5`, `1.`, `+1`, `inf` and `nan` in any case (with or
without YAML's dot), fractions `a/b` and the Unicode minus. Everything else is refused: `float()` would take `1_000`.
"""

from __future__ import annotations

import re
from itertools import chain, repeat
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import numpy as np

    Array = np.ndarray[Any, Any]

_DECIMAL = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_LEADING_ZERO = re.compile(r"[+-]?0[0-9]+(?:[.eE].*)?")
_NONFINITE = re.compile(r"([+-]?)\.?(inf|infinity|nan)", re.IGNORECASE)
_PLAIN = r"(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)"
_FRACTION = re.compile(rf"([+-]?{_PLAIN})/({_PLAIN})")
_GROUPED = re.compile(r"([+-]?[0-9]{1,3}(?:([_,'’\u00a0\u202f\u2009 ])[0-9]{3})(?:\2[0-9]{3})*)(\.[0-9]*)?")
_UNDERSCORED = re.compile(r"[+-]?[0-9]+(?:_[0-9]+)+(?:\.[0-9_]*)?(?:[eE][+-]?[0-9]+)?")
_DECIMAL_COMMA = re.compile(r"[+-]?[0-9]*,[0-9]+(?:[eE][+-]?[0-9]+)?")
_BASED = re.compile(r"([+-]?)(0[xX][0-9a-fA-F]+|0[oO][0-7]+|0[bB][01]+)")
_PERCENT = re.compile(rf"([+-]?{_PLAIN}) ?%")
_BLANK_CELL = re.compile(rb"(?:\A|,)[ \t]+(?:,|\Z)")
_LONGEST = 4000  # digits: beyond 4300 Python's int() refuses
TRUTHS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
FLOAT_ALONE = b"0123456789.+-eE \t"  # of these a C reader makes exactly the numbers of our grammar


class NumeralError(ValueError):
    """Text that is not a number: `what` is wrong, what to type instead, and which of several texts it was."""

    def __init__(self, what: str, hint: str | None = None, index: int = 0) -> None:
        super().__init__(what if hint is None else f"{what}; {hint}")
        self.what = what
        self.hint = hint
        self.index = index


def quote(text: str) -> str:
    """The text in quotes for a message, its middle left out where it is long."""
    return repr(text if len(text) <= 60 else f"{text[:40]}…{text[-10:]}")


def parse_number(text: str, *, leading_zero: bool = True) -> float:
    """The float64 nearest to the number; NumeralError says what is wrong and, where it can, how to write it.

    `leading_zero=False` refuses `010`, which YAML 1.1 reads as 8 and JSON not at all.
    """
    plain = text.strip().replace("\N{MINUS SIGN}", "-")
    if _DECIMAL.fullmatch(plain):
        if not leading_zero and _LEADING_ZERO.fullmatch(plain):
            raise NumeralError(
                f"{quote(text)} has a leading zero, which readers disagree about", f"type {_unpadded(plain)}"
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
    """The fraction rounded once, from the exact quotient."""
    if len(above) + len(below) > _LONGEST:
        raise NumeralError(f"{quote(text)} has {len(above) + len(below)} digits, more than {_LONGEST}")
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
    """Why `plain` is not a number, and how to type the number that it looks like."""
    if not plain:
        return NumeralError("a number is missing")
    what = f"{quote(text)} is not a number"
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
    from attncli.numbers.foreign_numerals import HIDDEN, NUMBER, doubt

    found = doubt(text.strip())
    if found is None or (found.kind == NUMBER and not found.cure):
        return NumeralError(what)
    return NumeralError(f"{what}: it holds {found.kind}" if found.kind == HIDDEN else what, found.hint)


def parse_truth(text: str) -> bool | None:
    """True or False for YAML's words (true, True, TRUE, …); None for everything else."""
    return TRUTHS.get(text.strip())


def may_be_cell(text: str) -> bool:
    """Whether the text is a number or true/false, or a number written in a way that is refused (`1_000`)."""
    if not text.strip():
        return False
    if text.strip() in TRUTHS:
        return True
    try:
        parse_number(text)
    except NumeralError as error:
        shows_number = error.hint is not None and error.hint.startswith("type ")
        return shows_number and any(map(str.isdigit, text))
    return True


def is_number(text: str) -> bool:
    """Whether the text is a number or true/false as it stands."""
    if text.strip() in TRUTHS:
        return True
    try:
        parse_number(text)
    except NumeralError:
        return False
    return True


def parse_cells(texts: Sequence[str], *, leading_zero: bool = True) -> Array:
    """One axis of float64, or of bool where every text is true/false; NumeralError.index says which text is wrong."""
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
                error.what = f"{quote(text)} stands among numbers"
                error.hint = "type 1 for true and 0 for false"
            raise NumeralError(error.what, error.hint, index) from None
    return values


def _plain_numbers(text: bytes, count: int) -> Array | None:
    """The numbers between the commas, where no letter but e occurs; None leaves the matter to the loop."""
    if text.endswith(b",") or text.translate(None, FLOAT_ALONE) != b"," * (count - 1):
        return None
    return parse_plain_numbers(text, count)


def parse_plain_numbers(text: bytes, count: int, delimiter: str = ",") -> Array | None:
    """The `count` numbers of a text of FLOAT_ALONE and delimiters, at the speed of C; None where one is wrong.

    `count` delimiters are in the text, of which one ends it, or one less: after an empty last cell fromstring would
    read on, in whatever is in memory.
    """
    import warnings

    import numpy as np

    if delimiter == "," and (b" " in text or b"\t" in text) and _BLANK_CELL.search(text):
        return None  # fromstring makes -1 of it
    end = len(text) - text.endswith(delimiter.encode())
    last = text[max(text.rfind(delimiter.encode(), 0, end) + 1, 0) : end]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # NumPy before 2.3 warns of a bad number, later it raises
            numbers: Array = np.fromstring(text, sep=delimiter, count=count)
        if not numbers.size or numbers[-1] != float(last):  # what follows the count is not looked at
            return None
    except (ValueError, DeprecationWarning):
        return None
    # without letters, only an overflow makes an infinity
    return numbers if numbers.size == count and np.isfinite(numbers).all() else None


def shortest_texts(array: Array, truths: tuple[str, str] = ("false", "true")) -> list[str]:
    """The cells in C order, each with the fewest digits that read back to the same value in the array's dtype."""
    kind, size = array.dtype.kind, array.dtype.itemsize
    flat = array.ravel()
    if kind == "b":
        return [truths[cell] for cell in flat.tolist()]
    if kind in "iu":
        return list(map(str, flat.tolist()))
    from attncli.numbers.shortest_digits import texts

    return texts(flat if kind == "f" and size == 8 else _shortest_doubles(flat))


def lines(table: Array, delimiter: str) -> bytes:
    """The rows of a table as `shortest` writes them, each ended by a newline."""
    if table.dtype.kind in "biu":
        return ("\n".join(join_rows(shortest_texts(table), table.shape[1], delimiter)) + "\n").encode()
    from attncli.numbers.shortest_digits import joined

    doubles = table if table.dtype.kind == "f" and table.dtype.itemsize == 8 else _shortest_doubles(table.ravel())
    return joined(doubles.reshape(table.shape), delimiter.encode())


def _shortest_doubles(flat: Array) -> Array:
    """For each narrow float the double whose repr has the fewest digits among those that round to it.

    A decimal of at most nine digits is an integer below 1e9 over or times a power of ten; up to 1e22 both are
    exact doubles, so that one division gives the nearest double and its repr the decimal itself.
    """
    import numpy as np

    with np.errstate(over="ignore", invalid="ignore"):
        return _narrow_doubles(flat)


def _narrow_doubles(flat: Array) -> Array:
    import numpy as np

    wide = flat.astype(np.float64)
    result = wide.copy()
    first, last = (6, 9) if flat.dtype.itemsize == 4 else (1, 5)
    magnitude = np.abs(wide)
    todo = np.flatnonzero((magnitude >= 1e-12) & (magnitude < 1e22))
    exponent = np.floor(np.log10(magnitude[todo])).astype(np.int64)
    powers = 10.0 ** np.arange(23)
    for digits in range(first, last + 1):
        shift = digits - 1 - exponent
        power = powers[np.abs(shift)]
        integers = np.rint(np.where(shift >= 0, wide[todo] * power, wide[todo] / power))
        candidates = np.where(shift >= 0, integers / power, integers * power)
        done = candidates.astype(flat.dtype) == flat[todo]
        result[todo[done]] = candidates[done]
        todo, exponent = todo[~done], exponent[~done]
        if not todo.size:
            break
    rest = np.flatnonzero((magnitude > 0) & (magnitude < np.inf) & ((magnitude < 1e-12) | (magnitude >= 1e22)))
    for index in chain(todo.tolist(), rest.tolist()):
        result[index] = _shortest_double(float(wide[index]), flat.dtype)
    return result


def _shortest_double(value: float, dtype: np.dtype[Any]) -> float:
    for digits in range(17):
        candidate = float(f"{value:.{digits}e}")
        if dtype.type(candidate) == dtype.type(value):
            return candidate
    return value  # pragma: no cover - 17 digits always read back


def join_rows(cells: Iterable[str], columns: int, delimiter: str) -> list[str]:
    """Lines of `columns` cells each."""
    rows: Iterable[Sequence[str]] = zip(*repeat(iter(cells), columns), strict=True)
    return list(map(delimiter.join, rows))
