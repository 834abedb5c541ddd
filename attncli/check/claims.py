"""How precisely numbers were printed, read from their texts: the contract of `check`, cell by cell."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from attncli.numerals import shortest
from attncli.records import record

if TYPE_CHECKING:
    from attncli.matrices import Matrix

Array = np.ndarray

FARTHEST = 400  # a power of ten that no float64 reaches
FULL = 15  # significant digits from which on a number is a float64 in full


@record
class Claims:
    """One array entry per cell, in the shape of the matrix.

    `unit` is one unit of the last claimed digit, `is_full` says that the cell claims a float64 in full, `shown` is one
    unit of the last digit that the text itself shows, and `digits` how many significant ones it shows. `decimals` are
    the most that a plain cell claims; None where every cell has an exponent.
    """

    unit: Array
    is_full: Array
    shown: Array
    digits: Array
    decimals: int | None


@record
class _Shown:
    """What texts show, an entry each: `decimals` behind the point (less the exponent), `digits` that are significant,
    `behind` the digits behind the point as they stand."""

    decimals: Array
    digits: Array
    behind: Array
    has_exponent: Array
    is_fraction: Array
    is_number: Array


def read_claims(matrix: Matrix, digits: int | None = None) -> Claims | None:
    """What the texts claim, or `digits` decimals where those are given; None for numbers without a text."""
    shape = matrix.array.shape
    if digits is not None:
        unit = np.full(shape, 10.0**-digits)
        return Claims(unit, np.zeros(shape, np.bool_), unit, np.zeros(shape, np.int64), digits)
    if matrix.texts is None:
        return None
    shown = _shown(matrix.texts)
    claimed, most = _claimed(shown)
    # a zero has no significant digit of its own: it claims its decimals
    size = np.where(shown.digits > 0, shown.digits + claimed - shown.decimals, claimed)
    is_full = (shown.is_fraction | (size >= FULL)) & shown.is_number
    return Claims(
        unit=np.where(shown.is_fraction, 0.0, _powers(-claimed)).reshape(shape),
        is_full=is_full.reshape(shape),
        shown=np.where(shown.is_fraction, 0.0, _powers(-shown.decimals)).reshape(shape),
        digits=shown.digits.reshape(shape),
        decimals=most,
    )


def _claimed(shown: _Shown) -> tuple[Array, int | None]:
    """The decimals that each cell claims, and the most of any plain one: D decimals, or as many as make S significant
    digits, whichever is fewer, where D and S are the most that a plain cell shows."""
    plain = ~shown.has_exponent & ~shown.is_fraction & shown.is_number
    if not plain.any():
        return shown.decimals, None
    most, significant = int(shown.decimals[plain].max()), int(shown.digits[plain].max())
    fewer = np.minimum(most, significant - shown.digits + shown.decimals)
    beside = np.where(shown.digits > 0, fewer, most)
    return np.where(shown.has_exponent | shown.is_fraction, shown.decimals, beside), most


def _powers(exponents: Array) -> Array:
    """10**exponent, each the double nearest to it."""
    found, places = np.unique(exponents, return_inverse=True)
    table = np.array([float(f"1e{min(int(exponent), 308)}") for exponent in found])
    powers: Array = table[places]
    return powers


def _shown(texts: Sequence[str]) -> _Shown:
    """All texts at once, as a table of characters: a loop over the cells of a large matrix would take seconds."""
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
    counts = (np.logical_or.accumulate(is_digit & (letters != ord("0")), axis=1) & is_digit).sum(axis=1)
    is_fraction = (letters == ord("/")).any(axis=1)
    is_number = ~(letters == ord("n")).any(axis=1)  # inf, nan
    behind = np.where(is_point.any(axis=1) & ~is_fraction, end - 1 - is_point.argmax(axis=1), 0)
    decimals = behind.copy()
    for place in np.flatnonzero(has_exponent):
        decimals[place] -= _exponent(cells[place][end[place] + 1 :])
    return _Shown(decimals, counts, behind, has_exponent, is_fraction, is_number)


def _exponent(text: bytes) -> int:
    """The exponent as far as any float64 reaches: beyond that a number is 0, whatever else its text claims."""
    sign = -1 if text[:1] == b"-" else 1
    digits = text.lstrip(b"+-0")
    return sign * (min(int(digits or b"0"), FARTHEST) if len(digits) <= 4 else FARTHEST)


def rounding_of(matrix: Matrix) -> Array | None:
    """Half a unit of the last digit of each number that counts as rounded: text with three decimals or more.

    Integers are exact, and so is a matrix none of whose numbers has three decimals. Beside four decimals 0.5 is 0.5000.
    """
    if matrix.texts is None or matrix.array.dtype.kind != "f":
        return None
    shown = _shown(matrix.texts)
    claimed, _ = _claimed(shown)
    plain_are_rounded = bool((shown.behind[~shown.has_exponent] >= 3).any())
    rounded = np.where(shown.has_exponent, shown.behind >= 3, plain_are_rounded & (shown.behind > 0))
    half = np.where(rounded & shown.is_number, _powers(-claimed) / 2, 0.0).reshape(matrix.array.shape)
    return half if half.any() else None


def are_float32(array: Array, claims: Claims) -> bool:
    """Whether every number is a float32 in its shortest or a longer text. Where no text is long enough to tell, their
    lengths have to differ, as shortest texts do and a fixed number of decimals doesn't."""
    finite = np.isfinite(array)
    values = array[finite]
    with np.errstate(over="ignore"):
        narrow = values.astype(np.float32)
    if not values.size or not np.isfinite(narrow).all():
        return False
    if not finer_than_float32(array, claims) and np.ptp(np.log10(claims.shown[finite])) < 0.5:
        return False
    wide = narrow.astype(np.float64)
    # where a float32 lies halfway between two texts, the difference itself is rounded
    longer = np.abs(values - wide) <= claims.shown[finite] / 2 + np.spacing(np.abs(wide))
    texts = shortest(narrow)
    least = _shown(texts).digits
    brief = (np.array(texts, np.float64) == values) & (claims.digits[finite] <= least)
    return bool((longer | brief).all())


def finer_than_float32(array: Array, claims: Claims) -> bool:
    """Whether some text shows a unit below the spacing of float32 there, so that few decimals are one."""
    return bool((np.isfinite(array) & (claims.shown < spacing(array, "float32"))).any())


def spacing(computed: Array, dtype: str) -> Array:
    """One unit in the last place of each number in this dtype."""
    size = np.abs(np.where(np.isfinite(computed), computed, 0))
    if dtype == "bfloat16":
        found: Array = np.spacing(size.astype(np.float32)).astype(np.float64) * 2**16
        return found
    with np.errstate(over="ignore"):
        narrow = np.minimum(size, float(np.finfo(dtype).max)).astype(dtype)
    wide: Array = np.spacing(narrow).astype(np.float64)
    return wide
