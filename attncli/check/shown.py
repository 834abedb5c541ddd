"""What printed numbers show, read from their texts cell by cell: decimals, significant digits, point, exponent."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from operator import itemgetter

import numpy as np

from attncli.matrix import Array
from attncli.records import record

CELLS = 1 << 16  # texts processed together
WIDE = 64  # characters: longer texts are processed one by one
FULL = 15  # significant digits of a float64 in full
LEAST, MOST = -323, 308  # powers of ten that a float64 holds
POINT, EXPONENT, FRACTION, NUMBER = 1, 2, 4, 8  # bits of `flags`


@record
class Shown:
    """What texts show, one entry each: `decimals` after the point (minus the exponent), significant `digits`, and
    `behind`, the number of digits after the point.

    The arrays have the narrowest integers that hold them. `flags` are bits. The properties have integers to calculate
    with, or booleans.
    """

    narrow_decimals: Array
    narrow_digits: Array
    narrow_behind: Array
    flags: Array

    def arranged(self, arrange: Callable[[Array], Array]) -> Shown:
        """Return the same with each array in another layout, or only some cells of each."""
        arrays = (self.narrow_decimals, self.narrow_digits, self.narrow_behind, self.flags)
        return Shown(*(arrange(array) for array in arrays))

    def blocks(self) -> Iterator[Shown]:
        """Yield some cells at a time, of a list of cells."""
        for start in range(0, max(1, len(self.flags)), CELLS):
            yield self.arranged(itemgetter(slice(start, start + CELLS)))

    @property
    def decimals(self) -> Array:
        return self.narrow_decimals.astype(np.int32)

    @property
    def digits(self) -> Array:
        return self.narrow_digits.astype(np.int32)

    @property
    def behind(self) -> Array:
        return self.narrow_behind.astype(np.int32)

    @property
    def has_point(self) -> Array:
        return self._has(POINT)

    @property
    def has_exponent(self) -> Array:
        return self._has(EXPONENT)

    @property
    def is_fraction(self) -> Array:
        return self._has(FRACTION)

    @property
    def is_number(self) -> Array:
        return self._has(NUMBER)

    @property
    def is_plain(self) -> Array:
        """Return whether each text is a decimal or a whole number."""
        plain: Array = (self.flags & (EXPONENT | FRACTION | NUMBER)) == NUMBER
        return plain

    @property
    def is_zero(self) -> Array:
        """Return whether each text is a zero, which has no significant digit."""
        zero: Array = (self.narrow_digits == 0) & ((self.flags & (FRACTION | NUMBER)) == NUMBER)
        return zero

    def _has(self, bit: int) -> Array:
        has: Array = (self.flags & bit) != 0
        return has


def read_texts(texts: Sequence[str]) -> Shown:
    """Return what texts show, in blocks: a loop over the cells of a large matrix would take seconds, and one table of
    their characters gigabytes."""
    starts = range(0, len(texts), CELLS)
    blocks = [_read_part(texts[start : start + CELLS]) for start in starts] or [_read_part(texts)]
    columns = zip(
        *((one.narrow_decimals, one.narrow_digits, one.narrow_behind, one.flags) for one in blocks), strict=True
    )
    return Shown(*(np.concatenate(column) for column in columns))


def _read_part(texts: Sequence[str]) -> Shown:
    """Return what the texts of one block show, with its few long texts processed one by one."""
    long = [place for place, text in enumerate(texts) if len(text) > WIDE]
    if not long or len(texts) == 1:
        return _pack(_read_table(texts))
    short = list(texts)
    for place in long:
        short[place] = "0"
    found = _read_table(short)
    for place in long:
        found[place] = _read_table([texts[place]])[0]
    return _pack(found)


def _pack(table: Array) -> Shown:
    decimals, digits, behind, flags = table.T
    return Shown(_narrow(decimals), _narrow(digits), _narrow(behind), flags.astype(np.uint8))


def _narrow(column: Array) -> Array:
    """Return the integers in the narrowest dtype that holds them."""
    most = int(np.abs(column).max(initial=0))
    return column.astype(np.int8 if most < 1 << 7 else np.int16 if most < 1 << 15 else np.int32)


def _read_table(texts: Sequence[str]) -> Array:
    """Return what texts of similar lengths show, from a table of their characters: decimals, digits, behind, flags
    (texts, 4)."""
    joined = "\n".join(texts).replace("\N{MINUS SIGN}", "-").lower()
    if " " in joined or "\t" in joined:
        joined = "\n".join(text.strip() for text in joined.split("\n"))
    cells = np.array(joined.encode("ascii", "replace").split(b"\n"))
    letters = cells.view(np.uint8).reshape(len(cells), -1)
    places = np.arange(letters.shape[1])
    is_exponent = letters == ord("e")
    has_exponent = is_exponent.any(axis=1)
    end = np.where(has_exponent, is_exponent.argmax(axis=1), (letters != 0).sum(axis=1))
    in_mantissa = places < end[:, None]
    is_point = (letters == ord(".")) & in_mantissa
    is_digit = (letters >= ord("0")) & (letters <= ord("9")) & in_mantissa
    counts = (np.logical_or.accumulate(is_digit & (letters != ord("0")), axis=1) & is_digit).sum(axis=1, dtype=np.int32)
    is_fraction = (letters == ord("/")).any(axis=1)
    is_number = ~(letters == ord("n")).any(axis=1)  # inf, nan
    has_point = is_point.any(axis=1) & ~is_fraction
    behind = np.where(has_point, end - 1 - is_point.argmax(axis=1), 0).astype(np.int32)
    decimals = behind.copy()
    for place in np.flatnonzero(has_exponent):  # any size, because 1e-99999999999999999999 is a number too
        exponent = float(cells[place][end[place] + 1 :])
        decimals[place] -= int(min(max(exponent, 2 * LEAST), 2 * MOST))
    flags = POINT * has_point + EXPONENT * has_exponent + FRACTION * is_fraction + NUMBER * is_number
    found: Array = np.column_stack([decimals, counts, behind, flags.astype(np.int32)])
    return found


def divide_text(text: str) -> str:
    """Return a quotient of decimals, `2/1.732`, with as many significant digits as the shorter of them has, and any
    other text as it is: a fraction of whole numbers is exact."""
    parts = text.split("/")
    decimals = [part for part in parts if "." in part]
    if len(parts) != 2 or not decimals:
        return text
    try:
        value = float(parts[0]) / float(parts[1])
    except (ValueError, ZeroDivisionError):
        return text
    digits = min(max(1, sum(sign.isdigit() for sign in part.partition("e")[0].lstrip("+-0."))) for part in decimals)
    size = int(np.floor(np.log10(abs(value)))) if value else 0
    return f"{value:.{max(0, digits - 1 - size)}f}"
