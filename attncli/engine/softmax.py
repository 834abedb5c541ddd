"""The exponentials of a softmax, tile by tile, with the rounding of the shift recovered."""

from __future__ import annotations

import numpy as np

Array = np.ndarray


def exponentials(scores: Array, shift: Array) -> Array:
    """exp(scores − shift), in place: (b, t), (b,) → (b, t).

    The rounding error of the subtraction is recovered (Knuth's TwoSum) and put back as a factor 1 + error: without it
    the tails are off by hundreds of units in the last place.
    """
    column = shift[:, None]
    difference: Array = scores - column
    rest = difference - scores
    error = (scores - (difference - rest)) - (column + rest)
    np.exp(difference, out=difference)
    lost = np.isfinite(error)
    np.multiply(difference, error, out=error, where=lost)
    np.add(difference, error, out=difference, where=lost)
    return difference
