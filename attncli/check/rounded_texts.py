"""What numbers were rounded to before they were printed with more digits, read from their texts."""

from __future__ import annotations

import numpy as np

from attncli.check.shown import FULL, Shown, read_texts
from attncli.matrix import Array
from attncli.numbers.numerals import shortest_texts

MOST_ROUNDED = 6  # digits that numbers are rounded to before they are printed
ZEROS = 3  # zeros at the ends of numbers that a rounding left
LEAST_ROUNDED = 4  # numbers of float32 of which none has more digits without a rounding
MOST_DIGITS = 17  # of the shortest text of a float64


def rounded_decimals(numbers: Array, shown: Shown) -> int | None:
    """Return the decimals to which all numbers of a print with exponents were rounded before, or None: `np.round(x, 3)`
    is printed as 6.000e-03 and 1.234e+00, of which the first claims three decimals, as the second does.

    Most numbers need the last of these decimals: a single one may be a wrong number among short ones. The zeros pad the
    others to the digits that one of them needs, as NumPy does; without such a one, somebody wrote them.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        decimals = next((each for each in range(1, MOST_ROUNDED + 1) if _have_decimals(numbers, each).all()), None)
        if decimals is None or 2 * np.count_nonzero(~_have_decimals(numbers, decimals - 1)) <= np.count_nonzero(
            numbers
        ):
            return None
    surplus = np.maximum(shown.decimals - decimals, 0)[~shown.is_zero]
    is_padded = surplus.min() == 0 and shown.behind.min() == shown.behind.max()
    return decimals if is_padded and surplus.sum() >= ZEROS else None


def _have_decimals(numbers: Array, decimals: int) -> Array:
    scaled = numbers * 10.0**decimals
    found: Array = np.abs(scaled - np.rint(scaled)) <= 1e-6
    return found


def shown_by_rounded(numbers: Array, shown: Shown) -> Shown | None:
    """Return what float32 numbers that were rounded before they were printed in full would show in short, or None for
    other numbers: `np.round(x, 2).tolist()` gives 0.019999999552965164, which claims two decimals."""
    most = int(shown.digits.max(initial=0))
    if not FULL <= most <= MOST_DIGITS or np.count_nonzero(numbers) < LEAST_ROUNDED or not np.isfinite(numbers).all():
        return None
    with np.errstate(over="ignore"):
        narrow = numbers.astype(np.float32)
    if not (narrow == numbers).all():
        return None
    short = read_texts(shortest_texts(narrow.ravel()))
    return short.arranged(lambda array: array.reshape(numbers.shape)) if (short.digits <= MOST_ROUNDED).all() else None
