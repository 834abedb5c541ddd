"""LaTeX: text that compiles whatever it contains, and expressions for amsmath."""

from __future__ import annotations

import re
import unicodedata

from attncli.explain.page import Equation
from attncli.expressions import Symbol
from attncli.render.explain.notation import BREAK, Expressions, Notation

ESCAPES = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "#": r"\#", "$": r"\$", "%": r"\%", "&": r"\&", "_": r"\_",
    "^": r"\textasciicircum{}", "~": r"\textasciitilde{}", "<": r"\textless{}", ">": r"\textgreater{}",
    "|": r"\textbar{}", '"': "''", "`": r"\textasciigrave{}", "-": "{-}", "[": "{[}", "]": "{]}",
    "“": "``", "”": "''", "’": "'", "…": r"\dots{}", "–": "--",
    "−": "$-$", "·": r"$\cdot$", "×": r"$\times$", "√": r"$\surd$", "ℓ": r"$\ell$", "≤": r"$\le$", "≈": r"$\approx$",
    "∞": r"$\infty$", "²": "$^2$", "₁": "$_1$", "₂": "$_2$", "‖": r"$\Vert$", "Σ": r"$\Sigma$",
}  # fmt: skip
FORMULAS = re.compile(r"(√?\bd_k\b|√\d+(?:\.\d+)?)")  # the mathematics in our own texts
ACCENTS = frozenset("\u0300\u0301\u0302\u0303\u0304\u0308\u030a\u030c\u0327")


def escape_latex(text: str) -> str:
    """Return text for a paragraph. Letters without a glyph in pdfLaTeX stay as they are: see `undeclared`."""
    pieces = FORMULAS.split(text)
    plain = ["".join(ESCAPES.get(letter, letter) for letter in piece) for piece in pieces[::2]]
    math = [rf"$\sqrt{{{piece[1:]}}}$" if piece.startswith("√") else f"${piece}$" for piece in pieces[1::2]]
    return "".join(part for pair in zip(plain, [*math, ""], strict=True) for part in pair)


def undeclared(text: str) -> list[str]:
    """Return the characters for which pdfLaTeX needs a declaration, in order."""
    return sorted(
        {letter for letter in text if ord(letter) > 126 and letter not in ESCAPES and not _is_accented(letter)}
    )


def _is_accented(letter: str) -> bool:
    """Return whether the letter is an ASCII letter with an accent, such as é, which every font can set."""
    parts = unicodedata.normalize("NFD", letter)
    return len(parts) == 2 and parts[0].isascii() and parts[1] in ACCENTS and ord(letter) < 0x180


class LatexNotation(Notation):
    """Inline math mode, in which TeX breaks long sums itself."""

    negative = "-"
    plus, minus = " + ", " - "
    times, tight_times, over = r" \cdot ", r" \cdot ", " / "
    root_covers = bar_covers = True

    def number(self, text: str) -> str:
        mantissa, _, exponent = text.partition("e")
        if exponent:
            return rf"{mantissa} \times 10^{{{int(exponent)}}}"
        return {"inf": r"\infty", "nan": r"\text{nan}"}.get(text, text)

    def symbol(self, symbol: Symbol) -> str:
        if symbol.index:
            return f"{symbol.name}_{symbol.index}"
        plain = {"ℓ": r"\ell", "ℓ²": r"\ell^2", "q": "q", "k": "k", "v": "v", "e": "e", "V": "V", "QKᵀ": r"QK^{\top}"}
        return plain.get(symbol.name) or rf"\text{{{escape_latex(symbol.name)}}}"

    def count(self, count: int) -> str:
        return rf"\text{{ ({count:,} more)}}"

    def row(self, texts: list[str]) -> str:
        inside = r",\allowbreak\ ".join(texts)
        return f"[{inside}]"

    def dots(self) -> str:
        return r"\dots"

    def squared(self, inner: str) -> str:
        return f"{{{inner}}}^2"

    def root(self, inner: str) -> str:
        return rf"\sqrt{{{inner}}}"

    def absolute(self, inner: str) -> str:
        return rf"\lvert {inner} \rvert"

    def norm(self, inner: str) -> str:
        return rf"\lVert {inner} \rVert"

    def distance(self, inner: str, index: str) -> str:
        return rf"\lVert {inner} \rVert_{index}"

    def fraction(self, above: str, below: str) -> str:
        return rf"\frac{{{above}}}{{{below}}}"

    def total(self, inner: str) -> str:
        return rf"\sum {inner}"

    def function(self, name: str, inner: str) -> str:
        named = {"exp": r"\exp", "tanh": r"\tanh", "max": r"\max"}.get(name, rf"\operatorname{{{name}}}")
        if r"\frac" in inner:
            return rf"{named}\left({inner}\right)"
        return f"{named}({inner})"


LATEX = Expressions(LatexNotation())


def latex_equation(equation: Equation) -> str:
    """Return the chain of sides, for math mode."""
    text = LATEX.write(equation.sides[0])
    for sign, side in zip(equation.signs, equation.sides[1:], strict=True):
        relation = {"≈": r"\approx", ",": r",\quad"}.get(sign, sign)
        text += f" {relation} {LATEX.write(side)}"
    return text.replace(BREAK, "")
