"""The precision with which numbers were printed, read from their texts cell by cell."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from attncli.numbers.numerals import shortest_texts
from attncli.records import record

if TYPE_CHECKING:
    from attncli.matrix import Matrix

Array = np.ndarray

FULL = 15  # significant digits of a float64 in full
CELLS = 1 << 16  # texts processed together
WIDE = 64  # characters: longer texts are processed one by one
LEAST, MOST = -323, 308  # powers of ten that a float64 holds


@record
class Claims:
    """The precision of each cell, as arrays in the shape of the matrix.

    `unit` is one unit of the last claimed digit. `is_full` is true for a cell that claims a float64 in full. `shown` is
    one unit of the last digit in the text, and `digits` the number of its significant digits. No tolerance reaches
    `ceiling`: half of a number that is whole or has an exponent. `is_whole` is true for a cell that claims to be exact,
    such as whole numbers printed without a point. `decimals` are the most that a plain cell claims, or None if every
    cell has an exponent.
    """

    unit: Array
    is_full: Array
    shown: Array
    digits: Array
    ceiling: Array
    is_whole: Array
    decimals: int | None

    @property
    def limit(self) -> Array:
        """Return the largest possible tolerance of a print: slightly less than the ceiling."""
        return self.ceiling * (1 - 1e-12)

    def arranged(self, arrange: Callable[[Array], Array]) -> Claims:
        """Return the same claims with each array in another layout."""
        return replace(
            self,
            unit=arrange(self.unit),
            is_full=arrange(self.is_full),
            shown=arrange(self.shown),
            digits=arrange(self.digits),
            ceiling=arrange(self.ceiling),
            is_whole=arrange(self.is_whole),
        )


@record
class _Shown:
    """What texts show, one entry each: `decimals` after the point (minus the exponent), significant `digits`, and
    `behind`, the number of digits after the point."""

    decimals: Array
    digits: Array
    behind: Array
    has_point: Array
    has_exponent: Array
    is_fraction: Array
    is_number: Array

    @property
    def is_plain(self) -> Array:
        """Return whether each text is a decimal or a whole number."""
        plain: Array = ~self.has_exponent & ~self.is_fraction & self.is_number
        return plain

    @property
    def is_zero(self) -> Array:
        """Return whether each text is a zero, which has no significant digit."""
        zero: Array = (self.digits == 0) & ~self.is_fraction & self.is_number
        return zero


def read_claims(matrix: Matrix, digits: int | None = None) -> Claims | None:
    """Return what the texts claim, or `digits` decimals if given, or None for numbers without texts."""
    shape = matrix.array.shape
    if digits is not None:
        unit = np.full(shape, 10.0**-digits)
        no, unlimited = np.zeros(shape, np.bool_), np.full(shape, np.inf)
        return Claims(unit, no, unit, np.zeros(shape, np.int32), unlimited, no, digits)
    if matrix.texts is None:
        return None
    shown = _read_texts(matrix.texts)
    claimed, most = _find_claims(shown, matrix.point_digits)
    # a zero has no significant digit, and claims its decimals
    size = np.where(shown.digits > 0, shown.digits + claimed - shown.decimals, claimed)
    is_full = (shown.is_fraction | (size >= FULL)) & shown.is_number
    last = np.where(_are_printed_whole(shown), claimed, shown.decimals)
    sizes = np.abs(matrix.array.reshape(-1).astype(np.float64))
    has_ceiling = (shown.has_exponent | (shown.is_plain & (shown.behind == 0))) & (sizes > 0)
    claims = Claims(
        unit=_units(shown, claimed),
        is_full=is_full,
        shown=np.where(shown.is_fraction, 0.0, _powers(-last)),
        digits=shown.digits,
        ceiling=np.where(has_ceiling, sizes / 2, np.inf),
        is_whole=shown.is_plain & ~(shown.has_point & shown.is_plain).any(),
        decimals=most,
    )
    return claims.arranged(lambda array: array.reshape(shape))


def _units(shown: _Shown, claimed: Array) -> Array:
    """Return one unit of the last claimed digit, which is 0 for a fraction. The unit of a zero is the smallest of
    all."""
    units = np.where(shown.is_fraction, 0.0, _powers(-claimed))
    is_zero = shown.is_zero
    if is_zero.any():  # an exponent makes no zero larger: 0e3 claims what 0 does
        units[is_zero] = np.minimum(units[is_zero], _powers(-shown.behind[is_zero]))
        units[is_zero] = units[(units > 0) & shown.is_number].min(initial=1.0)
    return units


def _find_claims(shown: _Shown, point_digits: int = 8) -> tuple[Array, int | None]:
    """Return the decimals that each cell claims, and the most of any plain cell.

    A cell claims D decimals or the decimals of S significant digits, whichever is fewer, where D and S are the most of
    any plain cell. If all plain cells are whole and some end with a point, they claim `point_digits`.
    """
    plain = shown.is_plain
    if not plain.any():
        return shown.decimals, None
    printed_whole = _are_printed_whole(shown)
    if printed_whole.any():
        return np.where(printed_whole, point_digits, shown.decimals), point_digits
    most, significant = int(shown.decimals[plain].max()), int(shown.digits[plain].max())
    fewer = np.minimum(most, significant - shown.digits + shown.decimals)
    beside = np.where(shown.digits > 0, fewer, most)
    return np.where(plain | ~shown.is_number, beside, shown.decimals), most


def _are_printed_whole(shown: _Shown) -> Array:
    """Return which cells are whole numbers in a print of only whole numbers by NumPy or torch: `1.`, `103.`"""
    plain = shown.is_plain
    is_print = bool(shown.has_point[plain].any()) and not shown.behind[plain].any()
    return plain & is_print


def _powers(exponents: Array) -> Array:
    """Return 10**exponent, rounded to the nearest double."""
    if not exponents.size:
        return np.zeros(exponents.shape)
    near = np.clip(exponents, LEAST, MOST)
    least, most = int(near.min()), int(near.max())
    table = np.array([float(f"1e{exponent}") for exponent in range(least, most + 1)])
    powers: Array = table[near - least]
    return powers


def _read_texts(texts: Sequence[str]) -> _Shown:
    """Return what texts show, in blocks: a loop over the cells of a large matrix would take seconds, and one table of
    their characters gigabytes."""
    names = ("decimals", "digits", "behind", "has_point", "has_exponent", "is_fraction", "is_number")
    blocks = [_read_part(texts[start : start + CELLS]) for start in range(0, len(texts), CELLS)] or [_read_part(texts)]
    return _Shown(*(np.concatenate([getattr(block, name) for block in blocks]) for name in names))


def _read_part(texts: Sequence[str]) -> _Shown:
    """Return what the texts of one block show, with its few long texts processed one by one."""
    long = [place for place, text in enumerate(texts) if len(text) > WIDE]
    if not long or len(texts) == 1:
        return _read_table(texts)
    short = list(texts)
    for place in long:
        short[place] = "0"
    found = _read_table(short)
    for place in long:
        alone = _read_table([texts[place]])
        for name in ("decimals", "digits", "behind", "has_point", "has_exponent", "is_fraction", "is_number"):
            getattr(found, name)[place] = getattr(alone, name)[0]
    return found


def _read_table(texts: Sequence[str]) -> _Shown:
    """Return what texts of similar lengths show, from a table of their characters."""
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
    return _Shown(decimals, counts, behind, has_point, has_exponent, is_fraction, is_number)


def rounding_of(matrix: Matrix) -> Array | None:
    """Return half a unit of the last digit of each number that counts as rounded: text with three decimals or more.

    Integers are exact, and so is a matrix without a number with three decimals. Beside four decimals 0.5 means 0.5000.
    """
    if matrix.texts is None or matrix.array.dtype.kind != "f":
        return None
    shown = _read_texts(matrix.texts)
    claimed, _ = _find_claims(shown)
    plain_are_rounded = bool((shown.behind[~shown.has_exponent] >= 3).any())
    rounded = np.where(shown.has_exponent, shown.behind >= 3, plain_are_rounded & (shown.behind > 0))
    half = np.where(rounded & shown.is_number, _powers(-claimed) / 2, 0.0).reshape(matrix.array.shape)
    return half if half.any() else None


def are_float32(array: Array, claims: Claims) -> bool:
    """Return whether every number is a float32 in its shortest or a longer text.

    If no text is long enough to tell, their lengths must differ, as those of shortest texts do and those of a fixed
    number of decimals do not.
    """
    finite = np.isfinite(array)
    values = array[finite]
    with np.errstate(over="ignore"):
        narrow = values.astype(np.float32)
    if not values.size or not np.isfinite(narrow).all():
        return False
    if not finer_than(array, claims, "float32") and np.ptp(np.log10(claims.shown[finite])) < 0.5:
        return False
    wide = narrow.astype(np.float64)
    # for a float32 halfway between two texts, the difference itself is rounded
    longer = np.abs(values - wide) <= claims.shown[finite] / 2 + np.spacing(np.abs(wide))
    texts = shortest_texts(narrow)
    least = _read_texts(texts).digits
    brief = (np.array(texts, np.float64) == values) & (claims.digits[finite] <= least)
    return bool((longer | brief).all())


def finer_than(array: Array, claims: Claims, dtype: str) -> bool:
    """Return whether some text has a unit below the spacing of the dtype, so that few decimals are numbers of this
    dtype."""
    return bool((np.isfinite(array) & (claims.shown < spacing(array, dtype))).any())


def spacing(computed: Array, dtype: str) -> Array:
    """Return one unit in the last place of each number in this dtype."""
    size = np.abs(np.where(np.isfinite(computed), computed, 0))
    if dtype == "bfloat16":
        found: Array = np.spacing(size.astype(np.float32)).astype(np.float64) * 2**16
        return found
    kind = np.dtype(dtype).type
    largest = np.nextafter(np.finfo(kind).max, kind(0))  # the last one whose spacing is finite
    with np.errstate(over="ignore"):
        narrow = np.minimum(size, float(largest)).astype(kind)
    wide: Array = np.spacing(narrow).astype(np.float64)
    return wide
