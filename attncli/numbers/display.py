"""How a number is shown: so many decimals, and never a zero that isn't one."""

from __future__ import annotations

import math

LARGE = 1e10  # from here on an exponent reads better than the digits


def format_number(value: float, digits: int) -> str:
    """`value` to `digits` decimals; with an exponent where those would all be zero, or where it is very large."""
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


def format_shape(shape: tuple[int, ...]) -> str:
    """A shape as people write it: 4 × 3."""
    return " × ".join(map(str, shape))
