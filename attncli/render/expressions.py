"""Expressions as plain text: 4·1 + 2·(−1), with places where a line may be broken."""

from __future__ import annotations

from attncli.arithmetic import Expression, Numeral, Operation, Rest, Row, Symbol

BREAK = "\0"  # a line may end here
SUM, PRODUCT, POWER = 1, 2, 3
BINDING = {"sum": SUM, "difference": SUM, "negative": SUM, "product": PRODUCT, "quotient": PRODUCT, "square": POWER}


def numeral_text(text: str) -> str:
    """The printed number with a real minus and ∞."""
    text = text.replace("inf", "∞")
    return f"−{text[1:]}" if text.startswith("-") else text


def is_negative(expression: Expression) -> bool:
    """Whether it is a number that starts with a minus."""
    return isinstance(expression, Numeral) and expression.text.startswith("-")


def written(expression: Expression, cells: tuple[int, ...] = (), *, tight: bool = False) -> str:
    """The expression as text. `cells` are widths that the numbers of a row are padded to; `tight` products have no
    blanks around the dot."""
    if isinstance(expression, Numeral):
        return numeral_text(expression.text)
    if isinstance(expression, Symbol):
        return f"{expression.name}_{expression.index}" if expression.index else expression.name
    if isinstance(expression, Rest):
        return f"{numeral_text(expression.total.text)} ({expression.count:,} more)"
    if isinstance(expression, Row):
        return _row(expression, cells)
    return _operation(expression, cells, tight)


def _row(row: Row, widths: tuple[int, ...]) -> str:
    texts = [numeral_text(cell.text) for cell in row.cells]
    if len(widths) == len(texts):
        texts = [text.rjust(width) for text, width in zip(texts, widths, strict=True)]
    if row.left_out:
        texts.insert(row.gap, "…")
    return f"[{f',{BREAK} '.join(texts)}]"


def _operation(operation: Operation, cells: tuple[int, ...], tight: bool) -> str:
    kind, operands = operation.kind, operation.operands
    if kind == "sum":
        return _sum(operands)
    if kind in ("difference", "product", "quotient"):
        left = _bracketed(operands[0], BINDING[kind], cells, is_first=True)
        right = _bracketed(operands[1], BINDING[kind] + 1, cells)
        sign = {"difference": " − ", "product": "·" if tight else " · ", "quotient": " / "}[kind]
        return f"{left}{sign}{right}"
    inner = written(operands[0], cells, tight=True)
    if kind == "negative":
        return f"−{_bracketed(operands[0], PRODUCT, cells)}"
    if kind == "absolute":
        return f"|{inner}|"
    if kind == "square":
        return f"{_bracketed(operands[0], POWER, cells)}²"
    if kind == "root":
        return f"√{_bracketed(operands[0], POWER + 1, cells)}"
    if kind == "norm":
        return f"‖{inner}‖"
    if kind == "total":
        return f"Σ {_bracketed(operands[0], PRODUCT, cells)}"
    return f"{kind}({written(operands[0], cells)})"


def _sum(terms: tuple[Expression, ...]) -> str:
    """Terms with their signs in front; a line may be broken before each."""
    text = written(terms[0], tight=True)
    for term in terms[1:]:
        value = term.total if isinstance(term, Rest) else term
        if isinstance(value, Numeral) and value.text.startswith("-"):
            text += f"{BREAK} − {written(term)[1:]}"
        else:
            text += f"{BREAK} + {_bracketed(term, SUM, (), is_first=not _starts_negative(term))}"
    return text


def _starts_negative(expression: Expression) -> bool:
    return is_negative(expression) or (
        isinstance(expression, Operation) and expression.kind == "product" and is_negative(expression.operands[0])
    )


def _bracketed(expression: Expression, binding: int, cells: tuple[int, ...], *, is_first: bool = False) -> str:
    """In brackets where its own operator binds less than its surroundings, or its minus would meet another sign."""
    text = written(expression, cells, tight=True)
    if is_negative(expression):
        return text if is_first else f"({text})"
    if isinstance(expression, Operation):
        if expression.kind == "product" and not is_first and is_negative(expression.operands[0]):
            return f"({text})" if binding > SUM else f"({written(expression.operands[0])})·" + text.split("·", 1)[1]
        is_leading_minus = expression.kind == "negative" and is_first and binding == PRODUCT
        if BINDING.get(expression.kind, POWER + 1) < binding and not is_leading_minus:
            return f"({text})"
    return text
