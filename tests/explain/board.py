"""Reads a worked solution as a student does: from the printed text, with a calculator that knows about rounding."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from attncli.explain import Explanation, Line, Step, explain
from attncli.inputs.problem_file import read_problem
from attncli.inputs.request import Request, Worksheet
from attncli.inputs.sources import Sources
from attncli.matrix import Reading
from attncli.render.explain.text import explanation_text
from attncli.render.result.tables import Style

ROOT = Path(__file__).parents[2]
PROBLEMS = sorted([*(ROOT / "examples").glob("*.yaml"), *(ROOT / "tests" / "cases").glob("*.yaml")])
NUMBER = re.compile(r"(?<![\w.])(\d+(?:\.\d+)?(?:e[+-]?\d+)?)")


def worksheet(path: Path) -> Worksheet:
    """A problem file."""
    return read_problem(str(path), Sources(lambda: None, Reading(), None))  # type: ignore[arg-type, return-value]


def page_of(request: Request, **options: object) -> Explanation:
    """The explanation of all queries, unless `queries` says otherwise."""
    return explain(request, **options)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Interval:
    """Every number that prints like this one."""

    low: float
    high: float

    @classmethod
    def printed(cls, text: str, digits: int) -> Interval:
        """A number with fewer decimals than the page shows is exact; any other may be half a last digit away."""
        mantissa, _, exponent = text.partition("e")
        decimals = len(mantissa.partition(".")[2])
        half = 0.5 * 10.0 ** (int(exponent or 0) - decimals) if decimals >= digits or exponent else 0.0
        value = float(text)
        slack = half * (1 + 1e-9) + 1e-12 * abs(value)
        return cls(value - slack, value + slack)

    @staticmethod
    def of(other: object) -> Interval:
        return other if isinstance(other, Interval) else Interval(float(other), float(other))  # type: ignore[arg-type]

    def _from(self, *ends: float) -> Interval:
        return Interval(min(ends), max(ends))

    def __add__(self, other: object) -> Interval:
        other = Interval.of(other)
        return Interval(self.low + other.low, self.high + other.high)

    def __sub__(self, other: object) -> Interval:
        other = Interval.of(other)
        return Interval(self.low - other.high, self.high - other.low)

    def __neg__(self) -> Interval:
        return Interval(-self.high, -self.low)

    def __mul__(self, other: object) -> Interval:
        other = Interval.of(other)
        return self._from(*(a * b for a in (self.low, self.high) for b in (other.low, other.high)))

    def __truediv__(self, other: object) -> Interval:
        other = Interval.of(other)
        assert other.low > 0 or other.high < 0, "divided by what may be 0"
        return self._from(*(a / b for a in (self.low, self.high) for b in (other.low, other.high)))

    def __pow__(self, power: int) -> Interval:
        assert power == 2
        ends = [self.low**2, self.high**2]
        return Interval(0.0 if self.low <= 0 <= self.high else min(ends), max(ends))

    def __abs__(self) -> Interval:
        ends = [abs(self.low), abs(self.high)]
        return Interval(0.0 if self.low <= 0 <= self.high else min(ends), max(ends))

    def meets(self, other: Interval) -> bool:
        """Whether some number prints like both."""
        slack = 1e-9 * max(abs(self.low), abs(self.high), abs(other.low), abs(other.high))
        return self.low <= other.high + slack and other.low <= self.high + slack


def monotone(function: object) -> object:
    """A growing function, on intervals."""
    return lambda x: Interval(function(x.low), function(x.high))  # type: ignore[operator]


FUNCTIONS = {
    "exp": monotone(math.exp),
    "tanh": monotone(math.tanh),
    "sqrt": monotone(lambda x: math.sqrt(max(x, 0.0))),
    "abs": abs,
}


def calculated(text: str, digits: int) -> Interval | list[Interval]:
    """What an expression, or a row of numbers, comes to."""
    product = re.fullmatch(r"(.+?) · \[(.*)\]", text)
    if product:
        factor = calculated(product[1], digits)
        return [factor * cell for cell in row(product[2], digits)]  # type: ignore[operator]
    if text.startswith("["):
        return row(text.strip("[]"), digits)
    return evaluated(text, digits)


def row(text: str, digits: int) -> list[Interval]:
    return [evaluated(cell.strip(), digits) for cell in text.split(",") if cell.strip() != "…"]


def exactly(text: str) -> Fraction | list[Fraction]:
    """What the printed decimals come to, without any rounding."""
    product = re.fullmatch(r"(.+?) · \[(.*)\]", text)
    if product:
        factor = exactly(product[1])
        return [factor * cell for cell in exactly(f"[{product[2]}]")]  # type: ignore[operator, union-attr]
    if text.startswith("["):
        return [
            Fraction(eval(code_of(cell), {"N": Fraction})) for cell in text.strip("[]").split(",") if "…" not in cell
        ]
    return Fraction(eval(code_of(text), {"N": Fraction, "abs": abs}))


def evaluated(text: str, digits: int) -> Interval:
    named = {"N": lambda number: Interval.printed(number, digits), **FUNCTIONS}
    return Interval.of(eval(code_of(text), named))


def code_of(text: str) -> str:
    """The printed arithmetic as Python, each number N('…')."""
    text = re.sub(r"\([\d,]+ more\)", "", text).replace("exp(−∞)", "0").replace("−", "-").replace("·", "*")
    text = re.sub(r"\|([^|]*)\|", r"abs(\1)", text).replace("²", "**2")
    text = re.sub(r"√(\d+(?:\.\d+)?)", r"√(\1)", text).replace("√", "sqrt")
    return NUMBER.sub(lambda m: m[1] if text[m.start() - 2 : m.start()] == "**" else f"N({m[1]!r})", text).strip()


def printed_lines(page: Explanation, width: int = 4000) -> list[tuple[str, Step, Line, str]]:
    """(query and part, step, line, the text printed for it), every line that has an equation."""
    rows = iter(explanation_text(page, Style(page.digits), width).split("\n"))
    found = []
    for owner, step in all_steps(page):
        heading = next(text for text in rows if text.rstrip().endswith(step.title))
        assert heading
        for line in step.lines:
            start = f"   {line.label}"
            if line.equation is not None:
                text = next(text for text in rows if text.startswith(start))
                found.append((owner, step, line, text[len(start) :].strip()))
    return found


def all_steps(page: Explanation) -> list[tuple[str, Step]]:
    return [
        *(("", step) for step in page.preparation),
        *((f"{solution.query} {solution.part}", step) for solution in page.solutions for step in solution.steps),
    ]


def sides_and_signs(text: str) -> tuple[list[str], list[str]]:
    """The chain a = b ≈ c, without the note behind it and the bar."""
    text = re.split(r"  +(?=masked|█|the |of |its )", text)[0].rstrip("█ ")
    text = re.sub(r"  the mask forbids it$", "", text)
    parts = re.split(r"\s+([=≈])\s+", text)
    return [part.strip() for part in parts[::2]], parts[1::2]
