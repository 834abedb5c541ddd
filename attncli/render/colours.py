"""Colours of cells: cividis (Nuñez, Anderton and Renslow 2018) for weights, blue and orange for negative and positive
numbers, with black or white text by luminance."""

from __future__ import annotations

from attncli.render.console import colour_system

# every eighth of cividis, in sRGB
STOPS = (
    (0, 34, 78), (22, 56, 107), (63, 76, 107), (87, 94, 109), (112, 113, 115),
    (139, 133, 120), (169, 156, 115), (202, 181, 98), (254, 232, 56),
)  # fmt: skip


def colour(share: float) -> tuple[int, int, int]:
    """Return the colour of a number from 0 to 1."""
    place = min(max(share, 0.0), 1.0) * (len(STOPS) - 1)
    low = min(int(place), len(STOPS) - 2)
    rest = place - low
    red, green, blue = (round(a + (b - a) * rest) for a, b in zip(STOPS[low], STOPS[low + 1], strict=True))
    return red, green, blue


def luminance(rgb: tuple[int, int, int]) -> float:
    """Return the relative luminance, 0 … 1 (WCAG 2)."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in (part / 255 for part in rgb)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def is_light(rgb: tuple[int, int, int]) -> bool:
    """Return whether black text has a higher contrast on this colour than white."""
    light = luminance(rgb)
    return (light + 0.05) / 0.05 >= 1.05 / (light + 0.05)


# the same scale for terminals without true colour, in steps of even luminance: blue to yellow in 256 colours, and greys
# in 16, whose order is the same in every theme
STOPS_256 = (17, 19, 24, 66, 144, 186, 227)
DARK_256 = 3  # steps with white text (the others have black)
STOPS_16 = ("black", "bright_black", "white", "bright_white")
DARK_16 = 2


def style(share: float) -> str:
    """Return a rich style: the colour as background, with black or white text, whichever has the higher contrast."""
    system = colour_system()
    if system == "truecolor":
        ink = "rgb(0,0,0)" if is_light(colour(share)) else "rgb(255,255,255)"
    elif system == "256":
        ink = "color(231)" if _step(share, len(STOPS_256)) < DARK_256 else "color(16)"
    else:
        ink = "bright_white" if _step(share, len(STOPS_16)) < DARK_16 else "black"
    return f"{ink} on {name(share)}"


def name(share: float) -> str:
    """Return rich's name for the colour of a number from 0 to 1, among the colours of the terminal."""
    system = colour_system()
    if system == "truecolor":
        red, green, blue = colour(share)
        return f"rgb({red},{green},{blue})"
    if system == "256":
        return f"color({STOPS_256[_step(share, len(STOPS_256))]})"
    return STOPS_16[_step(share, len(STOPS_16))]


def _step(share: float, steps: int) -> int:
    return round(min(max(share, 0.0), 1.0) * (steps - 1))


# numbers around 0: blue below and orange above, lighter the farther from 0, equally on both sides
BELOW = ((38, 38, 42), (30, 62, 104), (44, 104, 170), (98, 160, 222), (190, 222, 250))
ABOVE = ((38, 38, 42), (96, 50, 16), (164, 88, 20), (224, 142, 60), (255, 212, 150))
BELOW_256, ABOVE_256 = (24, 24, 25, 32, 74, 153), (94, 94, 130, 172, 215, 223)
DARK_SIGNED_256 = 3
FAINT = 0.05
BELOW_16, ABOVE_16 = ("blue", "blue", "bright_cyan"), ("yellow", "yellow", "bright_yellow")


def signed_colour(share: float) -> tuple[int, int, int]:
    """Return the colour of a number from −1 to 1."""
    stops = BELOW if share < 0 else ABOVE
    place = min(abs(share), 1.0) * (len(stops) - 1)
    low = min(int(place), len(stops) - 2)
    red, green, blue = (round(a + (b - a) * (place - low)) for a, b in zip(stops[low], stops[low + 1], strict=True))
    return red, green, blue


def signed_style(share: float) -> str:
    """Return a rich style for a number from −1 to 1: the colour as background, with black or white text, whichever has
    the higher contrast. Numbers close to 0 have no background, on dark terminals and on light ones."""
    system = colour_system()
    if abs(share) < FAINT:
        return ""
    if system == "truecolor":
        rgb = signed_colour(share)
        ink = "rgb(0,0,0)" if is_light(rgb) else "rgb(255,255,255)"
        return f"{ink} on rgb({rgb[0]},{rgb[1]},{rgb[2]})"
    if system == "256":
        stops = BELOW_256 if share < 0 else ABOVE_256
        step = _step(abs(share), len(stops))
        return f"color({231 if step < DARK_SIGNED_256 else 16}) on color({stops[step]})"
    names = BELOW_16 if share < 0 else ABOVE_16
    ground = names[_step(abs(share), len(names))]
    return f"{'bright_white' if ground == 'blue' else 'black'} on {ground}"
