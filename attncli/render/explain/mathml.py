"""MathML in pieces between which a browser can break the line, because it does not break within one formula."""

from __future__ import annotations

import re
from html import escape

from attncli.explain.page import Equation
from attncli.expressions import Symbol
from attncli.render.explain.notation import BREAK, Expressions, Notation

LONGEST_PIECE = 28  # characters that fit on a line of 320 pixels


def operator(sign: str, form: str = "") -> str:
    """Return an operator. `form` sets its spacing at the start of a piece, where it would look like a prefix."""
    return f'<mo form="{form}">{sign}</mo>' if form else f"<mo>{sign}</mo>"


class MathmlNotation(Notation):
    """Flat rows of numbers and operators, which can be cut at the signs of a sum, with fences that do not stretch."""

    plus, minus = operator("+", "infix"), operator("−", "infix")
    negative = operator("−", "prefix")
    times, tight_times, over = operator("·"), operator("·"), operator("/")
    open, close = '<mo stretchy="false">(</mo>', '<mo stretchy="false">)</mo>'
    comma = '<mo separator="true">,</mo>'
    root_covers = bar_covers = True

    def number(self, text: str) -> str:
        mantissa, _, exponent = text.partition("e")
        if exponent:
            power = f"<msup><mn>10</mn><mrow>{self.numeral(str(int(exponent)))}</mrow></msup>"
            return f"<mn>{mantissa}</mn><mo>×</mo>{power}"
        return {"inf": "<mi>∞</mi>", "nan": "<mtext>nan</mtext>"}.get(text, f"<mn>{text}</mn>")

    def symbol(self, symbol: Symbol) -> str:
        if symbol.index:
            return f"<msub><mi>{symbol.name}</mi><mi>{symbol.index}</mi></msub>"
        if symbol.name == "ℓ²":
            return "<msup><mi>ℓ</mi><mn>2</mn></msup>"
        if symbol.name == "QKᵀ":
            return "<mi>Q</mi><msup><mi>K</mi><mi>T</mi></msup>"
        return f"<mi>{symbol.name}</mi>" if len(symbol.name) == 1 else f"<mtext>{escape(symbol.name)}</mtext>"

    def count(self, count: int) -> str:
        return f"<mtext> ({count:,} more)</mtext>"

    def row(self, texts: list[str]) -> str:
        inside = f'<mo separator="true">,</mo>{BREAK}'.join(texts)
        return f'<mo stretchy="false">[</mo>{inside}<mo stretchy="false">]</mo>'

    def dots(self) -> str:
        return "<mo>…</mo>"

    def squared(self, inner: str) -> str:
        return f"<msup><mrow>{keep_whole(inner)}</mrow><mn>2</mn></msup>"

    def root(self, inner: str) -> str:
        return f"<msqrt>{keep_whole(inner)}</msqrt>"

    def absolute(self, inner: str) -> str:
        bar = '<mo stretchy="false">|</mo>'
        return f"{bar}{inner}{bar}"

    def norm(self, inner: str) -> str:
        bar = '<mo stretchy="false">‖</mo>'
        return f"{bar}{inner}{bar}"

    def distance(self, inner: str, index: str) -> str:
        bar = '<mo stretchy="false">‖</mo>'
        return f"{bar}{inner}<msub>{bar}<mn>{index}</mn></msub>"

    def fraction(self, above: str, below: str) -> str:
        return f"<mfrac><mrow>{keep_whole(above)}</mrow><mrow>{keep_whole(below)}</mrow></mfrac>"

    def total(self, inner: str) -> str:
        return f"<mo>∑</mo>{inner}"

    def function(self, name: str, inner: str) -> str:
        if "<mfrac>" in inner:
            return f"<mi>{name}</mi><mrow><mo>(</mo>{keep_whole(inner)}<mo>)</mo></mrow>"
        return f"<mi>{name}</mi>{self.open}{inner}{self.close}"


def keep_whole(inner: str) -> str:
    """Return an element that keeps its contents from being cut."""
    return inner.replace(BREAK, "")


MATHML = Expressions(MathmlNotation())


def math_pieces(equation: Equation) -> list[str]:
    """Return the equation as <math> elements, each with the signs that may start a line."""
    text = MATHML.write(equation.sides[0])
    for sign, side in zip(equation.signs, equation.sides[1:], strict=True):
        if sign == ",":
            text += f'<mo separator="true">,</mo>{BREAK}<mspace width="1em"></mspace>{MATHML.write(side)}'
        elif isinstance(equation.sides[0], Symbol) and len(equation.sides[0].name) == 1:
            text += f"{operator(sign, 'infix')}{MATHML.write(side)}"
        else:
            text += f"{BREAK}{operator(sign, 'infix')}{MATHML.write(side)}"
    return [f"<math>{piece}</math>" for piece in text.split(BREAK)]


def math_block(equation: Equation) -> str:
    """Return the equation as a displayed formula. If it is too long for a phone even in pieces, it scrolls, also by
    keyboard."""
    first, *rest = "<wbr>".join(math_pieces(equation)).split("<wbr><math><mspace")  # the part after a comma stays whole
    pieces = [*first.split("<wbr>"), *("<math><mspace" + part.replace("</math><wbr><math>", "") for part in rest)]
    is_long = any(len(re.sub("<[^>]*>", "", piece)) > LONGEST_PIECE for piece in pieces)
    scrolls = ' tabindex="0" role="group" aria-label="formula"' if is_long else ""
    inside = "<wbr>".join(piece.replace("<math>", '<math displaystyle="true">') for piece in pieces)
    return f'<div class="formula"{scrolls}>{inside}</div>'
