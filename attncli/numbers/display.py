"""How a number is displayed: with a given number of decimals, and as zero only if it is zero."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

LARGE = 1e10  # from here on an exponent is easier to read than the digits


def format_number(value: float, digits: int) -> str:
    """Return `value` with `digits` decimals, or with an exponent if these would all be zero or if it is very large."""
    value = float(value)
    if not math.isfinite(value):
        return "nan" if math.isnan(value) else "inf" if value > 0 else "-inf"
    if value == 0:
        return f"{0:.{digits}f}"
    text = f"{value:.{digits}f}"
    if float(text) == 0:
        return f"{value:.1e}"
    if abs(value) >= LARGE:
        return f"{value:.{max(digits, 1)}e}"
    return text


def format_numbers(values: np.ndarray, digits: int) -> list[str]:
    """Return `format_number` of many numbers (n,)."""
    import numpy as np

    numbers = values.astype(np.float64)
    texts = ((f"%.{digits}f " * len(numbers)) % tuple(numbers.tolist())).split()
    size = np.abs(numbers)
    may_be_short = (size >= 0.6 * 10.0**-digits) | ((size == 0) & ~np.signbit(numbers))
    for place in np.flatnonzero(~(may_be_short & (size < LARGE))).tolist():
        texts[place] = format_number(numbers[place], digits)
    return texts


def format_shape(shape: tuple[int, ...]) -> str:
    """Return a shape as people write it: 4 × 3."""
    return " × ".join(map(str, shape))
