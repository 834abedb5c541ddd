"""How precisely numbers were printed, read from their texts: the contract of `check`, cell by cell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from attncli.numerals import shortest

if TYPE_CHECKING:
    from attncli.matrices import Matrix

Array = np.ndarray

FULL = 15  # significant digits from which on a number is a float64 in full


@dataclass(frozen=True, slots=True)
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


@dataclass(slots=True)
class _Shown:
    """What one text shows: `decimals` behind the point (less the exponent), `digits` that are significant."""

    decimals: int
    digits: int
    has_exponent: bool = False
    is_fraction: bool = False
    is_number: bool = True


def read_claims(matrix: Matrix, digits: int | None = None) -> Claims | None:
    """What the texts claim, or `digits` decimals where those are given; None for numbers without a text."""
    shape = matrix.array.shape
    if digits is not None:
        unit = np.full(shape, 10.0**-digits)
        return Claims(unit, np.zeros(shape, np.bool_), unit, np.zeros(shape, np.int64), digits)
    if matrix.texts is None:
        return None
    shown = [_shown(text) for text in matrix.texts]
    plain = [cell for cell in shown if not (cell.has_exponent or cell.is_fraction) and cell.is_number]
    most = max((cell.decimals for cell in plain), default=0)
    significant = max((cell.digits for cell in plain), default=0)
    claimed = np.array([_claimed(cell, most, significant) for cell in shown])
    sizes = np.array([cell.digits for cell in shown])
    exact = np.array([cell.is_fraction for cell in shown])
    texts = np.array([cell.decimals for cell in shown])
    # a zero has no significant digit of its own: it claims its decimals
    is_full = exact | (np.where(sizes > 0, sizes + claimed - texts, claimed) >= FULL)
    is_full &= np.array([cell.is_number for cell in shown])
    return Claims(
        unit=np.where(exact, 0.0, _powers(-claimed)).reshape(shape),
        is_full=is_full.reshape(shape),
        shown=np.where(exact, 0.0, _powers(-texts)).reshape(shape),
        digits=sizes.reshape(shape),
        decimals=most if plain else None,
    )


def _powers(exponents: Array) -> Array:
    """10**exponent, each the double nearest to it."""
    found, places = np.unique(exponents, return_inverse=True)
    table = np.array([float(f"1e{int(exponent)}") for exponent in found])
    powers: Array = table[places]
    return powers


def _claimed(cell: _Shown, most: int, significant: int) -> int:
    """The decimals that a cell claims beside others that show at most so many decimals and significant digits."""
    if cell.has_exponent or cell.is_fraction:
        return cell.decimals
    return min(most, significant - cell.digits + cell.decimals) if cell.digits else most


def _shown(text: str) -> _Shown:
    plain = text.strip().lower().lstrip("+-\N{MINUS SIGN}")
    if "/" in plain:
        return _Shown(0, 0, is_fraction=True)
    if "n" in plain:  # inf, nan
        return _Shown(0, 0, is_number=False)
    mantissa, e, exponent = plain.partition("e")
    whole, _, behind = mantissa.partition(".")
    digits = len((whole + behind).lstrip("0"))
    if e:
        return _Shown(len(behind) - int(exponent.replace("\N{MINUS SIGN}", "-")), digits, has_exponent=True)
    return _Shown(len(behind), digits)


def rounding_of(matrix: Matrix) -> Array | None:
    """Half a unit of the last digit of each number that counts as rounded: text with three decimals or more.

    Integers are exact, and so is a matrix none of whose numbers has three decimals. Beside four decimals 0.5 is 0.5000.
    """
    if matrix.texts is None or matrix.array.dtype.kind != "f":
        return None
    claims = read_claims(matrix)
    assert claims is not None
    behind = np.array([_behind(text) for text in matrix.texts]).reshape(matrix.array.shape)
    has_exponent = np.array(["e" in text.lower() for text in matrix.texts]).reshape(matrix.array.shape)
    plain_are_rounded = bool((behind[~has_exponent] >= 3).any())
    rounded = np.where(has_exponent, behind >= 3, plain_are_rounded & (behind > 0))
    half = np.where(rounded & np.isfinite(matrix.array), claims.unit / 2, 0.0)
    return half if half.any() else None


def _behind(text: str) -> int:
    """The digits behind the point of the text, 0 for a fraction."""
    if "/" in text:
        return 0
    return len(text.lower().partition("e")[0].partition(".")[2].strip())


def are_float32(array: Array, claims: Claims) -> bool:
    """Whether every number is a float32 in its shortest or a longer text, and some text is long enough to show it."""
    finite = np.isfinite(array)
    values = array[finite]
    with np.errstate(over="ignore"):
        narrow = values.astype(np.float32)
    if not np.isfinite(narrow).all():
        return False
    wide = narrow.astype(np.float64)
    longer = np.abs(values - wide) <= claims.shown[finite] / 2 * (1 + 1e-9)
    texts = shortest(narrow)
    least = np.array([_shown(text).digits for text in texts])
    brief = (np.array(texts, np.float64) == values) & (claims.digits[finite] <= np.maximum(least, 1))
    if not (longer | brief).all():
        return False
    return bool((claims.shown[finite] < np.spacing(np.abs(narrow)).astype(np.float64)).any())
