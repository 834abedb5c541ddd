"""Expressions as text, LaTeX or MathML: one writer that places brackets, and a notation for each."""

from __future__ import annotations

from attncli.expressions import Expression, Numeral, Operation, Rest, Row, Symbol

BREAK = "\0"  # a line may end here
SUM, PRODUCT, POWER, ATOM = 1, 2, 3, 4
BINDING = {
    "sum": SUM, "difference": SUM, "negative": SUM, "product": PRODUCT, "quotient": PRODUCT, "square": POWER,
    "fraction": PRODUCT, "join": PRODUCT,
}  # fmt: skip


class Notation:
    """Plain text. Other notations override the parts that they write differently."""

    plus, minus, negative = " + ", " − ", "−"
    times, tight_times, over = " · ", "·", " / "
    open, close, comma = "(", ")", ", "
    bar_covers = False  # whether the bar of a fraction makes brackets unnecessary
    root_covers = False  # whether the bar of a root makes brackets unnecessary

    def number(self, text: str) -> str:
        """Return an unsigned number."""
        return text.replace("inf", "∞")

    def numeral(self, text: str) -> str:
        """Return a number with its sign."""
        return f"{self.negative}{self.number(text[1:])}" if text.startswith("-") else self.number(text)

    def symbol(self, symbol: Symbol) -> str:
        return f"{symbol.name}_{symbol.index}" if symbol.index else symbol.name

    def count(self, count: int) -> str:
        """Return how many terms a number stands for."""
        return f" ({count:,} more)"

    def row(self, texts: list[str]) -> str:
        return f"[{f',{BREAK} '.join(texts)}]"

    def dots(self) -> str:
        return "…"

    def squared(self, inner: str) -> str:
        return f"{inner}²"

    def root(self, inner: str) -> str:
        return f"√{inner}"

    def absolute(self, inner: str) -> str:
        return f"|{inner}|"

    def norm(self, inner: str) -> str:
        return f"‖{inner}‖"

    def distance(self, inner: str, index: str) -> str:
        """Return a distance: the sum of the absolute differences (1), or the Euclidean length of the difference (2)."""
        return f"‖{inner}‖{'₁₂'[index == '2']}"

    def fraction(self, above: str, below: str) -> str:
        return f"{above}/{below}"

    def total(self, inner: str) -> str:
        return f"Σ {inner}"

    def function(self, name: str, inner: str) -> str:
        return f"{name}({inner})"


class AsciiNotation(Notation):
    """Text for a terminal without Unicode."""

    minus, negative = " - ", "-"
    times, tight_times = " * ", "*"

    def number(self, text: str) -> str:
        return text

    def dots(self) -> str:
        return "..."

    def squared(self, inner: str) -> str:
        return f"{inner}^2"

    def root(self, inner: str) -> str:
        return f"sqrt{inner}" if inner.startswith("(") else f"sqrt({inner})"

    def norm(self, inner: str) -> str:
        return f"||{inner}||"

    def distance(self, inner: str, index: str) -> str:
        return f"||{inner}||{index}"

    def total(self, inner: str) -> str:
        return f"sum {inner}"


PLAIN = Notation()


class Expressions:
    """Writes expressions in one notation."""

    def __init__(self, notation: Notation) -> None:
        self.notation = notation

    def write(self, expression: Expression, widths: tuple[int, ...] = (), *, tight: bool = False) -> str:
        """Return the text of the expression.

        `widths` are what the numbers of a row are padded to. `tight` products have no spaces.
        """
        if isinstance(expression, Numeral):
            return self.notation.numeral(expression.text)
        if isinstance(expression, Symbol):
            return self.notation.symbol(expression)
        if isinstance(expression, Rest):
            return self.notation.numeral(expression.total.text) + self.notation.count(expression.count)
        if isinstance(expression, Row):
            return self._row(expression, widths)
        return self._operation(expression, widths, tight)

    def _row(self, row: Row, widths: tuple[int, ...]) -> str:
        texts = [self.notation.numeral(cell.text) for cell in row.cells]
        if len(widths) == len(texts):
            texts = [text.rjust(width) for text, width in zip(texts, widths, strict=True)]
        if row.left_out:
            texts.insert(row.gap, self.notation.dots())
        return self.notation.row(texts)

    def _operation(self, operation: Operation, widths: tuple[int, ...], tight: bool) -> str:
        kind, operands, notation = operation.kind, operation.operands, self.notation
        if kind == "sum":
            return self._sum(operands)
        if kind in ("difference", "product", "quotient"):
            left = self._bracket(operands[0], BINDING[kind], widths, is_first=True)
            right = self._bracket(operands[1], BINDING[kind] + 1, widths)
            if kind == "difference" and isinstance(operands[1], Operation) and operands[1].kind == "product":
                right = self._term(operands[1])
            dot = notation.tight_times if tight else notation.times
            sign = {"difference": notation.minus, "product": dot, "quotient": notation.over}[kind]
            return f"{left}{sign}{right}"
        if kind == "join":
            return "".join(self._bracket(operand, PRODUCT, widths, is_first=True) for operand in operands)
        if kind == "fraction":
            above, below = operands
            covers = notation.bar_covers
            return notation.fraction(
                self.write(above, tight=True) if covers else self._bracket(above, PRODUCT, (), is_first=True),
                self.write(below, tight=True) if covers else self._bracket(below, PRODUCT + 1, ()),
            )
        if kind in ("manhattan", "euclid"):
            return notation.distance(self.write(operands[0]), "1" if kind == "manhattan" else "2")
        if kind == "negative":
            return f"{notation.negative}{self._bracket(operands[0], PRODUCT, widths)}"
        if kind == "square":
            return notation.squared(self._bracket(operands[0], ATOM, widths))
        if kind == "root" and not notation.root_covers:
            return notation.root(self._bracket(operands[0], ATOM, widths))
        if kind == "total":
            return notation.total(self._bracket(operands[0], PRODUCT, widths))
        inner = self.write(operands[0], widths, tight=True)
        enclosing = {"root": notation.root, "absolute": notation.absolute, "norm": notation.norm}.get(kind)
        if enclosing:
            return enclosing(inner)
        return notation.function(kind, notation.comma.join(self.write(operand, widths) for operand in operands))

    def _sum(self, terms: tuple[Expression, ...]) -> str:
        """Return terms with their signs in front. A line may be broken before each."""
        text = self.write(terms[0], tight=True)
        for term in terms[1:]:
            value = term.total if isinstance(term, Rest) else term
            if isinstance(value, Numeral) and value.text.startswith("-"):
                amount = self.notation.number(value.text[1:])
                rest = self.notation.count(term.count) if isinstance(term, Rest) else ""
                text += f"{BREAK}{self.notation.minus}{amount}{rest}"
            else:
                text += f"{BREAK}{self.notation.plus}{self._term(term)}"
        return text

    def _term(self, term: Expression) -> str:
        """Return a term after a plus or minus. If a product starts with a minus, its first factor is in brackets."""
        if isinstance(term, Operation) and term.kind == "product":
            left, right = (self._bracket(operand, PRODUCT, ()) for operand in term.operands)
            return f"{left}{self.notation.tight_times}{right}"
        return self._bracket(term, SUM, ())

    def _bracket(self, expression: Expression, binding: int, widths: tuple[int, ...], *, is_first: bool = False) -> str:
        """Return the expression in brackets if its operator binds less than its surroundings, or if its minus would
        follow another sign."""
        text = self.write(expression, widths, tight=True)
        needs = False
        if isinstance(expression, Numeral):
            needs = expression.text.startswith("-") and not is_first
        elif isinstance(expression, Operation):
            leads = expression.kind == "negative" and is_first and binding == PRODUCT
            needs = BINDING.get(expression.kind, ATOM) < binding and not leads
        return f"{self.notation.open}{text}{self.notation.close}" if needs else text


WRITER, ASCII_WRITER = Expressions(PLAIN), Expressions(AsciiNotation())
