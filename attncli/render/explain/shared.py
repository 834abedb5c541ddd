"""Texts that all formats of explain share."""

from __future__ import annotations

from attncli.explain.page import Equation, Explanation
from attncli.render.explain.notation import BREAK, WRITER, Expressions


def equation_text(equation: Equation, writer: Expressions = WRITER) -> str:
    """Return the equation on one line, without alignment."""
    text = writer.write(equation.sides[0])
    for sign, side in zip(equation.signs, equation.sides[1:], strict=True):
        text += f"{'' if sign == ',' else ' '}{sign} {writer.write(side)}"
    return text.replace(BREAK, "")


def rounding_note(page: Explanation) -> str:
    """Return what = and ≈ mean on this page."""
    decimals = "1 decimal" if page.digits == 1 else f"{page.digits} decimals"
    return (
        f"= holds exactly for the numbers as printed. ≈ means that something was rounded: to {decimals} (or 3 "
        "significant digits where it is small), or to more decimals if a line needs them; worked from its "
        "printed numbers, a line's last digit may differ by one. Behind the print the calculation carries every digit "
        "of a float64."
    )


def insert_gap(labels: tuple[str, ...], gap: int | None) -> list[str]:
    """Return the labels, with dots where columns are left out."""
    return list(labels) if gap is None else [*labels[:gap], "…", *labels[gap:]]
