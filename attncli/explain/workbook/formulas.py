"""Expressions as spreadsheet formulas, with brackets where the precedence in spreadsheets requires them."""

from __future__ import annotations

from collections.abc import Mapping

from attncli.expressions import Expression, Numeral, Operation, evaluate
from attncli.records import record

SUM, PRODUCT, POWER, ATOM = 1, 2, 3, 4
SIGNS = {"sum": ("+", SUM), "difference": ("-", SUM), "product": ("*", PRODUCT), "quotient": ("/", PRODUCT)}
FUNCTIONS = {
    "absolute": "ABS", "root": "SQRT", "exp": "EXP", "log": "LN", "tanh": "TANH", "cos": "COS", "sin": "SIN",
    "max": "MAX",
}  # fmt: skip


@record
class Cell:
    """The contents of a cell: a number or a text, and the `formula` (without its equals sign) that gives it."""

    value: float | str | None
    formula: str | None = None


Named = tuple[str, float]  # the text of a symbol in a formula, such as $B$5 or a function, and its number


def write_cell(expression: Expression, given: Mapping[Expression, Named]) -> Cell:
    """Return the cell of an expression."""
    value = evaluate(expression, {symbol: number for symbol, (_, number) in given.items()})
    return Cell(value, to_formula(expression, {symbol: text for symbol, (text, _) in given.items()}))


def to_formula(expression: Expression, given: Mapping[Expression, str]) -> str:
    """Return the expression as a formula. The texts `given` for symbols need no brackets."""
    return _write(expression, given)[0]


def _write(expression: Expression, given: Mapping[Expression, str]) -> tuple[str, int]:
    """Return the formula, and the precedence of its outermost operator."""
    if expression in given:
        return given[expression], ATOM
    if isinstance(expression, Numeral):
        number = int(expression.value) if expression.value.is_integer() else expression.value
        return repr(number), ATOM if number >= 0 else SUM
    if not isinstance(expression, Operation):
        raise ValueError(f"{expression!r} has no formula")
    kind, operands = expression.kind, expression.operands
    if kind in SIGNS:
        sign, binding = SIGNS[kind]
        first, *others = operands
        texts = [_bracket(first, binding, given), *(_bracket(operand, binding + 1, given) for operand in others)]
        return sign.join(texts), binding
    if kind == "negative":  # unary minus binds tighter than ^ in a spreadsheet
        return f"-{_bracket(operands[0], ATOM, given)}", SUM
    if kind == "square":
        return f"{_bracket(operands[0], ATOM, given)}^2", POWER
    if kind == "power":
        return "^".join(_bracket(operand, ATOM, given) for operand in operands), POWER
    return f"{FUNCTIONS[kind]}({','.join(to_formula(operand, given) for operand in operands)})", ATOM


def _bracket(expression: Expression, binding: int, given: Mapping[Expression, str]) -> str:
    text, own = _write(expression, given)
    return text if own >= binding else f"({text})"
