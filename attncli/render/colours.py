"""Cividis (Nuñez, Anderton and Renslow 2018): a colour for a weight, and black or white on it by luminance."""

from __future__ import annotations

# every eighth of cividis, sRGB
STOPS = (
    (0, 34, 78), (22, 56, 107), (63, 76, 107), (87, 94, 109), (112, 113, 115),
    (139, 133, 120), (169, 156, 115), (202, 181, 98), (254, 232, 56),
)  # fmt: skip


def colour(share: float) -> tuple[int, int, int]:
    """The colour of 0 … 1."""
    place = min(max(share, 0.0), 1.0) * (len(STOPS) - 1)
    low = min(int(place), len(STOPS) - 2)
    rest = place - low
    red, green, blue = (round(a + (b - a) * rest) for a, b in zip(STOPS[low], STOPS[low + 1], strict=True))
    return red, green, blue


def luminance(rgb: tuple[int, int, int]) -> float:
    """Relative luminance, 0 … 1 (WCAG 2)."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in (part / 255 for part in rgb)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def is_light(rgb: tuple[int, int, int]) -> bool:
    """Whether black contrasts more on it than white."""
    light = luminance(rgb)
    return (light + 0.05) / 0.05 >= 1.05 / (light + 0.05)


def style(share: float) -> str:
    """A rich style: the colour as background, black or white text, whichever contrasts more."""
    rgb = colour(share)
    text = "rgb(0,0,0)" if is_light(rgb) else "rgb(255,255,255)"
    return f"{text} on rgb({rgb[0]},{rgb[1]},{rgb[2]})"
