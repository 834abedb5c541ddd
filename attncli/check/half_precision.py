"""Whether expected numbers are those of float16 or bfloat16.

Short decimals are numbers of a half precision by coincidence, and so are right numbers with few bits. Cells that are
the right numbers as they would be printed therefore prove nothing: either kind of print shows the same there. The other
cells do, if there are several of them, because a single one among right ones is an error.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from attncli.check.blocks import block_indices
from attncli.check.dtype_texts import digits_beyond, finer_than
from attncli.check.precision import Claims
from attncli.check.tolerance.narrow import BITS, LARGEST, rounded
from attncli.matrix import Array
from attncli.numbers.numerals import shortest_texts
from attncli.records import record

if TYPE_CHECKING:
    from attncli.check.judge import Judge
    from attncli.check.judged_block import JudgedBlock
    from attncli.check.tolerance.measures import Measured

DIGITS_IN_FULL = 6.0  # of evidence that is enough for numbers in full
FIXED_DIGITS = 3.0  # of evidence that is enough for short texts that show as many decimals each
SHORT_DIGITS = 2.5  # of evidence that is enough for other short texts, whose lengths already differ as those of floats
LEAST_DIGITS = 0.5  # of these, if further cells that differ from the right numbers are evidence too
SHORTEST = 5  # significant digits of the longest of all shortest texts of a float16


@record
class Differing:
    """The cells of a matrix that are not the right numbers as they would be printed or stored: how many they are, and
    how many decimals they have in all."""

    count: int
    decimals: float


@record
class Fit:
    """A half precision whose numbers those of a matrix are, by coincidence or not.

    `in_full`: they are such numbers exactly. Otherwise they are their shortest texts, and the odds against a
    coincidence are 10**digits. `is_fixed`: all show as many decimals.
    """

    dtype: str
    in_full: bool
    digits: float = 0.0
    is_fixed: bool = False

    def is_proved(self, differing: Differing) -> bool:
        """Return whether the cells that differ from the right numbers show that all were rounded to the dtype.

        The odds that a decimal is a binary number are one in five per decimal. Of short texts, each further cell that
        differs is as good as a digit of evidence, unless all show as many decimals, as those of a fixed number do.
        """
        if self.in_full and differing.decimals * float(np.log10(5)) >= DIGITS_IN_FULL:
            return True
        if self.in_full or differing.count < 2:
            return False
        if self.is_fixed:
            return self.digits >= FIXED_DIGITS
        return self.digits >= LEAST_DIGITS and self.digits + differing.count - 1 >= SHORT_DIGITS


def recognize_narrow(judges: dict[str, Judge], measured: Measured) -> dict[str, Judge]:
    """Return the judges with the half precisions whose numbers they judge.

    What one matrix proves needs no further evidence in the others. If another tolerance was requested there are none.
    """
    fits = {name: _fits_of(judge) for name, judge in judges.items()}
    proved = {name: _proved_dtypes(judges[name], found, measured) for name, found in fits.items() if found}
    known = {dtype for dtypes in proved.values() for dtype in dtypes}
    return {
        name: replace(judge, narrow=tuple(dict.fromkeys(fit.dtype for fit in fits[name] if fit.dtype in known)))
        for name, judge in judges.items()
    }


def _fits_of(judge: Judge) -> list[Fit]:
    if judge.tolerance is not None and not judge.is_default:
        return []
    if _is_stated(judge):
        return [Fit(str(judge.stated), in_full=True)]
    return find_fits(judge.expected, judge.claims)


def _is_stated(judge: Judge) -> bool:
    """Return whether the print says that its numbers are of a half precision, and they may be."""
    return (
        judge.stated is not None
        and judge.claims is not None
        and _are_printed(judge.expected, judge.claims, judge.stated)
    )


def _proved_dtypes(judge: Judge, fits: list[Fit], measured: Measured) -> set[str]:
    dtypes = {fit.dtype for fit in fits}
    if _is_stated(judge) or (judge.claims is None and judge.dtype in dtypes):
        return dtypes
    differing = find_differing(judge, measured)
    return {fit.dtype for fit in fits if fit.is_proved(differing)}


def find_fits(array: Array, claims: Claims | None) -> list[Fit]:
    """Return the half precisions whose numbers these are, in full or in their shortest texts."""
    found = [Fit(dtype, in_full=True) for dtype in BITS if _are_in_full(array, dtype)]
    short = None if claims is None else _fit_of_shortest(array, claims)
    return found if short is None else [*found, short]


def find_differing(judge: Judge, measured: Measured) -> Differing:
    """Return which cells are not the right numbers as they would be printed, rounded or cut off, whichever leaves fewer
    of them, or differ by more than the tolerance. In another shape all differ."""
    if measured.numbers[judge.name].shape != judge.expected.shape:
        return Differing(judge.expected.size, math.inf)
    counts, decimals = np.zeros(2, int), np.zeros(2)
    for block in judge.blocks(measured):
        shown = _decimals_of(block)
        for place, are_right in enumerate(_right_cells(block)):
            cells = np.isfinite(block.expected) & ~are_right
            counts[place] += int(cells.sum())
            decimals[place] += float(shown[cells].sum())
    fewer = int(counts.argmin())
    return Differing(int(counts[fewer]), float(decimals[fewer]))


def _right_cells(block: JudgedBlock) -> tuple[Array, Array]:
    """Return which cells of a block are the right numbers: rounded, and cut off."""
    if block.judge.claims is not None:
        return block.is_printed, block.is_cut
    if block.judge.tolerance is None:
        within: Array = ~block.is_another(block.judge.dtype)
    else:
        within = (block.error == 0) | (block.error <= block.judge.tolerance.of(block.computed))
    return within, within


def _decimals_of(block: JudgedBlock) -> Array:
    """Return the number of decimals that each number of a block shows, or that it has if it was not printed."""
    if block.judge.claims is not None:
        with np.errstate(divide="ignore"):
            decimals: Array = np.maximum(-np.log10(block.claims.shown), 0)
        return np.where(np.isfinite(decimals), decimals, 0)  # a fraction shows none
    fraction, exponent = np.frexp(np.where(np.isfinite(block.expected), block.expected, 0))
    digits = np.abs(np.ldexp(fraction, 53)).astype(np.int64)
    zeros = np.log2(np.maximum(digits & -digits, 1))
    return np.where(digits > 0, np.maximum(53 - zeros - exponent, 0), 0)


def _are_printed(array: Array, claims: Claims, dtype: str) -> bool:
    """Return whether every number may be one of the dtype, rounded to the digits that its text shows."""
    has_values = False
    for where in block_indices(array.shape):
        finite = np.isfinite(array[where])
        values, shown = array[where][finite], claims.at(where).shown[finite]
        if np.abs(values).max(initial=0) > LARGEST[dtype]:
            return False
        if not bool((np.abs(values - rounded(values, dtype)) <= shown / 2 * (1 + 1e-9)).all()):
            return False
        has_values = has_values or values.size > 0
    return has_values


def _are_in_full(array: Array, dtype: str) -> bool:
    """Return whether every number is one of the dtype, and some need nearly all of its bits (0.5 proves nothing)."""
    need_bits = False
    for where in block_indices(array.shape):
        block = array[where]
        values = np.abs(block[np.isfinite(block) & (block != 0)])
        if values.max(initial=0) > LARGEST[dtype] or not np.array_equal(rounded(values, dtype), values):
            return False
        fraction, _ = np.frexp(values)
        need_bits = need_bits or not bool((np.ldexp(fraction, BITS[dtype] - 3) % 1 == 0).all())
    return need_bits


def _fit_of_shortest(array: Array, claims: Claims) -> Fit | None:
    """Return the fit of the texts of float16 numbers as NumPy prints them, or None: the shortest, or with an exponent
    padded to equal lengths, or the number rounded to more digits."""
    dtype = "float16"
    if not finer_than(array, claims, dtype):
        return None
    is_whole = claims.is_whole_print
    digits, low, high, ends_with_zero = 0.0, np.inf, -np.inf, False
    for where in block_indices(array.shape):
        block, own = array[where], claims.at(where)
        use = np.isfinite(block) & (block != 0) & (own.shown > 0)
        values, shown = block[use], own.shown[use]
        if np.abs(values).max(initial=0) > LARGEST[dtype]:
            return None
        near = values.astype(np.float16)
        texts = np.array([float(text) for text in shortest_texts(near)])
        wide = near.astype(np.float64)
        is_shortest = (texts == values) & (own.digits[use] <= SHORTEST)
        is_longer = np.isfinite(own.ceiling[use]) & (np.abs(values - wide) <= shown / 2 * (1 + 1e-9))
        if not bool((is_shortest | (wide == values) | is_longer).all()):
            return None
        if not is_whole:  # of few bits, which prove nothing
            digits += digits_beyond(values, own.unit[use], shown, dtype)
        powers = np.log10(shown)
        low, high = min(low, float(powers.min(initial=np.inf))), max(high, float(powers.max(initial=-np.inf)))
        ends_with_zero = ends_with_zero or (not is_whole and bool((np.round(values / shown) % 10 == 0).any()))
    is_fixed = high - low < 0.5
    if high < low or (is_fixed and ends_with_zero):  # no number, or a zero at the end, which NumPy does not print
        return None
    return Fit(dtype, in_full=False, digits=digits, is_fixed=is_fixed)
