"""ALiBi: the distance to the key, times a slope of each head, is subtracted from the score (Press et al. 2022)."""

from __future__ import annotations

USUAL = "usual"


def usual_slopes(heads: int) -> tuple[float, ...]:
    """Return 2^(−8h/H) for h = 1 … H.

    If H is not a power of two, these are the slopes of the next lower power, followed by every second slope of the next
    higher one.
    """
    power = 1 << (heads.bit_length() - 1)
    slopes = [2 ** (-8 * (h + 1) / power) for h in range(power)]
    slopes += [2 ** (-8 * (2 * h + 1) / (2 * power)) for h in range(heads - power)]
    return tuple(slopes)


def slope_words(slopes: tuple[float, ...]) -> str:
    """Return a description of the slopes, for the conventions in force."""
    shown = [f"{slope:g}" for slope in slopes[:4]]
    listed = ", ".join(shown) + (f", … {slopes[-1]:g}" if len(slopes) > len(shown) else "")
    return f"−slope·|p − j| added to the scores, {'slope' if len(slopes) == 1 else 'slopes'} {listed}"
