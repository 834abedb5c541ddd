"""Colours of weights keep their order of lightness however many a terminal has, and text on them contrasts."""

from __future__ import annotations

import pytest

from attncli.render import colours

LEVELS = (0, 95, 135, 175, 215, 255)
THEME_16 = {
    "black": (0, 0, 0), "bright_black": (102, 102, 102), "white": (204, 204, 204), "bright_white": (255,) * 3,
    "blue": (0, 0, 238), "bright_cyan": (0, 255, 255), "yellow": (205, 205, 0), "bright_yellow": (255, 255, 0),
}  # fmt: skip


def rgb_of(name: str) -> tuple[int, int, int]:
    if name in THEME_16:
        return THEME_16[name]
    if name.startswith("rgb("):
        red, green, blue = map(int, name[4:-1].split(","))
        return red, green, blue
    number = int(name[6:-1]) - 16
    return LEVELS[number // 36], LEVELS[number // 6 % 6], LEVELS[number % 6]


@pytest.mark.parametrize("system", ["truecolor", "256", "standard"])
def test_a_larger_weight_is_never_darker_and_its_text_contrasts(monkeypatch: pytest.MonkeyPatch, system: str) -> None:
    monkeypatch.setattr(colours, "colour_system", lambda: system)
    lights = []
    for percent in range(101):
        ink, _, ground = colours.style(percent / 100).partition(" on ")
        front, back = colours.luminance(rgb_of(ink)), colours.luminance(rgb_of(ground))
        lights.append(back)
        high, low = max(front, back) + 0.05, min(front, back) + 0.05
        assert high / low >= 4
    assert lights == sorted(lights)
    assert lights[-1] > 0.7
    assert lights[0] < 0.05


@pytest.mark.parametrize("system", ["truecolor", "256", "standard"])
@pytest.mark.parametrize("side", [-1, 1])
def test_a_number_farther_from_0_is_never_darker_and_its_text_contrasts(
    monkeypatch: pytest.MonkeyPatch, system: str, side: int
) -> None:
    monkeypatch.setattr(colours, "colour_system", lambda: system)
    lights = []
    assert colours.signed_style(side * 0.04) == ""
    for percent in range(5, 101):
        ink, _, ground = colours.signed_style(side * percent / 100).partition(" on ")
        front, back = colours.luminance(rgb_of(ink)), colours.luminance(rgb_of(ground))
        lights.append(back)
        assert (max(front, back) + 0.05) / (min(front, back) + 0.05) >= 4
    assert lights == sorted(lights)
    assert lights[-1] > 0.6


def test_the_same_distance_below_and_above_0_has_another_colour_of_about_the_same_light() -> None:
    for percent in range(10, 101):
        below, above = (colours.signed_colour(sign * percent / 100) for sign in (-1, 1))
        assert below[2] > below[0]
        assert above[0] > above[2]
        assert abs(colours.luminance(below) - colours.luminance(above)) < 0.08
