"""Scale expressions: numbers and `dk` with + - * / ** ( ) and sqrt, parsed here and never evaluated as Python code."""

from __future__ import annotations

import math
import re
from functools import lru_cache

from attncli.expressions import (
    Expression,
    Numeral,
    Symbol,
    add,
    divide,
    evaluate,
    multiply,
    negate,
    power,
    root,
    subtract,
)

SIZE = Symbol("d", "k")  # the number of features, in a scale

TOKEN = re.compile(
    r"\s*(?:(?P<number>\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?)|(?P<word>[A-Za-z_]+)|(?P<sign>\*\*|[-+*/^()−·√]))",
    re.ASCII,
)
FORM = "a number or an expression of dk, as 1/sqrt(dk), 1/dk, 1/30, 0.125"
MOST_BRACKETS = 50  # each costs five of the thousand calls that Python allows


@lru_cache(maxsize=64)
def parse_scale(text: str) -> Expression:
    """Return the scale as an expression of SIZE.

    Raises ValueError (the error and, on a second line, the hint) if the text is not a scale.
    """
    parser = _Parser(text)
    term = parser.sum()
    if parser.tokens:
        left = parser.tokens[0]
        if left == ")":
            raise parser.wrong("a bracket is closed that was not opened")
        raise parser.wrong(f"an operator is missing before {left!r}")
    return term


def evaluate_scale(text: str, d_k: int) -> float:
    """Return the value of `text` for this d_k.

    Raises ValueError if it is not a finite number.
    """
    term = parse_scale(text)
    try:
        value = evaluate(term, {SIZE: float(d_k)})
    except OverflowError:
        value = math.inf
    except (ZeroDivisionError, ValueError):
        raise ValueError(f"{text!r} has no value at dk = {d_k}") from None
    if not math.isfinite(value):
        raise ValueError(f"{text!r} is beyond the largest float64 at dk = {d_k}")
    return value


class _Parser:
    """A recursive descent parser: sum → product → power → atom, one token at a time."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens: list[str] = []
        position, text = 0, text.strip()
        if not text:
            raise ValueError(f"an empty scale\n{FORM}")
        if len(text) > 200:
            raise ValueError(f"a scale of {len(text)} characters\n{FORM}")
        if text.count("(") > MOST_BRACKETS:
            raise self.wrong("too many brackets")
        while position < len(text):
            match = TOKEN.match(text, position)
            if not match:
                raise self.wrong(f"{text[position]!r} is not part of a scale")
            self.tokens.append(match.group().strip().replace("−", "-").replace("·", "*").replace("^", "**"))
            position = match.end()

    def wrong(self, what: str) -> ValueError:
        return ValueError(f"{self.text!r} is not a scale: {what}\n{FORM}")

    def take(self, *choices: str) -> str | None:
        if self.tokens and self.tokens[0] in choices:
            return self.tokens.pop(0)
        return None

    def sum(self) -> Expression:
        left = self.product()
        while sign := self.take("+", "-"):
            left = (add if sign == "+" else subtract)(left, self.product())
        return left

    def product(self) -> Expression:
        left = self.signed()
        while sign := self.take("*", "/"):
            left = (multiply if sign == "*" else divide)(left, self.signed())
        return left

    def signed(self) -> Expression:
        if self.take("-"):
            return negate(self.signed())
        if self.take("+"):
            return self.signed()
        return self.power()

    def power(self) -> Expression:
        base = self.atom()
        if self.take("**"):
            return power(base, self.signed())
        return base

    def atom(self) -> Expression:
        if not self.tokens:
            raise self.wrong("it ends too early")
        token = self.tokens.pop(0)
        if token == "(":
            inner = self.sum()
            if not self.take(")"):
                raise self.wrong("a bracket is not closed")
            return inner
        if token in ("sqrt", "√"):
            return root(self.atom())
        if token in ("dk", "d_k", "d"):
            return SIZE
        if token[0].isdigit() or token[0] == ".":
            return Numeral(float(token), token)
        if token[0].isalpha() or token[0] == "_":
            raise self.wrong(f"{token!r} is not known")
        raise self.wrong(f"{token!r} is out of place")
