"""Scale expressions: numbers, dk, n and m with + - * / ** ( ), sqrt and log, parsed with `ast` and never evaluated as
code; and lists of them, one per query head."""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Callable, Mapping
from functools import lru_cache

from attncli.errors import ValueFault
from attncli.expressions import (
    Expression,
    Numeral,
    Symbol,
    add,
    contains,
    divide,
    evaluate,
    function,
    multiply,
    negate,
    power,
    root,
    subtract,
)
from attncli.patterns import pattern

SIZE = Symbol("d", "k")  # the number of features, in a scale
QUERIES, KEYS = Symbol("n"), Symbol("m")  # their numbers
SIZES: dict[Expression, str] = {SIZE: "dk", QUERIES: "n", KEYS: "m"}

TOKEN = pattern(
    r"\s*(?P<token>\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?|[A-Za-z_]+|\*\*|[-+*/^()−·√])", re.ASCII
)
SPELLED = {"−": "-", "·": "*", "^": "**", "√": "sqrt"}
FORM = "a number or an expression of dk, n and m, such as 1/sqrt(dk), 1/dk, log(m)/sqrt(dk), 0.125"
MOST_BRACKETS = 50
NO_SCALE = ("none", "no", "off", "false", "unscaled", "default", "auto")

# what an expression may be made of
NAMES = {"dk": SIZE, "d_k": SIZE, "d": SIZE, "n": QUERIES, "m": KEYS}
FUNCTIONS: dict[str, Callable[[Expression], Expression]] = {"sqrt": root, "log": lambda inner: function("log", inner)}
SIGNS: dict[type, Callable[[Expression, Expression], Expression]] = {
    ast.Add: add,
    ast.Sub: subtract,
    ast.Mult: multiply,
    ast.Div: divide,
    ast.Pow: power,
}


@lru_cache(maxsize=64)
def parse_scale(text: str) -> Expression:
    """Return the scale as an expression of the sizes.

    Raises ValueFault if the text is not a scale.
    """
    if text == "1/sqrt(dk)":  # the usual default, which half of all runs need
        return divide(Numeral(1.0, "1"), root(SIZE))
    if text.strip().lower() in NO_SCALE:
        cure = "for no scaling, give 1; for the default of the variant, leave scale out"
        raise ValueFault(f"invalid scale {text!r}: it is not a number", cure)
    tokens = _tokens_of(text)
    _check_order(text, tokens)
    source = " ".join(re.sub(r"^0+(?=\d)", "", token) for token in tokens)
    try:
        return _expression(ast.parse(source, mode="eval").body, source)
    except (SyntaxError, RecursionError, MemoryError):
        raise _wrong(text, "it is not arithmetic") from None


def split_scales(text: str) -> tuple[str, ...] | None:
    """Return the scales of a list such as [1/8, 0.25], one per head, or None if there is one for all."""
    inner = text.strip()
    if not (inner.startswith("[") and inner.endswith("]")):
        return None
    return tuple(part.strip() for part in inner[1:-1].split(","))


def evaluate_scale(text: str, sizes: Mapping[Expression, float]) -> float:
    """Return the value of `text` for these sizes, by symbol.

    Raises ValueFault if it is not a finite number.
    """
    term = parse_scale(text)
    try:
        value = evaluate(term, sizes)
    except OverflowError:
        value = math.inf
    except (ZeroDivisionError, ValueError):
        raise ValueFault(f"{text!r} has no value{_at(term, sizes)}") from None
    if not math.isfinite(value):
        raise ValueFault(f"{text!r} is beyond the largest float64{_at(term, sizes)}")
    return value


def _at(term: Expression, sizes: Mapping[Expression, float]) -> str:
    said = [f"{SIZES[symbol]} = {size:g}" for symbol, size in sizes.items() if contains(term, symbol)]
    return f" at {', '.join(said)}" if said else ""


def _wrong(text: str, what: str) -> ValueFault:
    return ValueFault(f"invalid scale {text!r}: {what}", FORM)


def _tokens_of(text: str) -> list[str]:
    """Return the tokens of a scale, as Python spells them."""
    if not text.strip():
        raise ValueFault("an empty scale", FORM)
    if len(text) > 200:
        raise ValueFault(f"a scale of {len(text)} characters", FORM)
    if text.count("(") > MOST_BRACKETS:
        raise _wrong(text, "too many brackets")
    tokens, position, rest = [], 0, text.strip()
    while position < len(rest):
        match = TOKEN.match(rest, position)
        if match is None:
            raise _wrong(text, f"{rest[position:].lstrip()[0]!r} is not part of a scale")
        tokens.append(SPELLED.get(match["token"], match["token"]))
        position = match.end()
    return [each for place, token in enumerate(tokens) for each in _with_brackets(tokens, place, token)]


def _with_brackets(tokens: list[str], place: int, token: str) -> list[str]:
    """Add the brackets to a root or logarithm of one number or name, as in √dk."""
    if token in FUNCTIONS and place + 1 < len(tokens) and _is_operand(tokens[place + 1]):
        return [token, "("]
    if place and tokens[place - 1] in FUNCTIONS and _is_operand(token):
        return [token, ")"]
    return [token]


def _is_operand(token: str) -> bool:
    return (token[0].isalnum() or token[0] in "._") and token not in FUNCTIONS


def _check_order(text: str, tokens: list[str]) -> None:
    """Raise ValueFault if an operand, an operator or a bracket is missing or out of place."""
    depth, before = 0, ""
    for token in tokens:
        opens = _is_operand(token) or token in FUNCTIONS or token == "("
        ended = before == ")" or _is_operand(before or "+")
        if (token[0].isalpha() or token[0] == "_") and token not in NAMES and token not in FUNCTIONS:
            missing = ended and before != ")" and before[0].isdigit()
            raise _wrong(text, f"an operator is missing before {token!r}" if missing else f"{token!r} is not known")
        if before in FUNCTIONS and token != "(":
            raise _wrong(text, f"{before} needs brackets")
        if opens and ended:
            raise _wrong(text, f"an operator is missing before {token!r}")
        if not opens and not ended and (token == ")" or token not in "+-"):
            raise _wrong(text, f"{token!r} is out of place")
        depth += (token == "(") - (token == ")")
        if depth < 0:
            raise _wrong(text, "a closing bracket has no opening one")
        before = token
    if not (before == ")" or _is_operand(before)):
        raise _wrong(text, "unexpected end")
    if depth:
        raise _wrong(text, "a bracket is not closed")


def _expression(node: ast.expr, source: str) -> Expression:
    """Return the expression of a tree of checked tokens."""
    if isinstance(node, ast.BinOp):
        return SIGNS[type(node.op)](_expression(node.left, source), _expression(node.right, source))
    if isinstance(node, ast.UnaryOp):
        inner = _expression(node.operand, source)
        return negate(inner) if isinstance(node.op, ast.USub) else inner
    if isinstance(node, ast.Call):
        assert isinstance(node.func, ast.Name)
        return FUNCTIONS[node.func.id](_expression(node.args[0], source))
    if isinstance(node, ast.Name):
        return NAMES[node.id]
    text = source[node.col_offset : node.end_col_offset]
    return Numeral(float(text), text)
