"""Expressions as JavaScript: functions with which the page computes, and trees that it displays with numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from attncli.expressions import KEY_LENGTH, QUERY_LENGTH, Expression, Numeral, Operation, Symbol, substitute
from attncli.stages.normalizers import NORMALIZERS, SOFTMAX, Normalizer
from attncli.variants import VARIANTS, Variant

LENGTHS: Mapping[Expression, Expression] = {QUERY_LENGTH: Symbol("queryLength"), KEY_LENGTH: Symbol("keyLength")}
NAMES = {"Σ": "total", "Σ²": "squares"}  # symbols that have another name in the script
OPERATIONS: dict[str, Callable[[list[str]], str]] = {
    "sum": lambda operands: "(" + " + ".join(operands) + ")",
    "difference": lambda operands: "(" + " - ".join(operands) + ")",
    "product": lambda operands: "(" + " * ".join(operands) + ")",
    "quotient": lambda operands: "(" + " / ".join(operands) + ")",
    "negative": lambda operands: f"(-{operands[0]})",
    "absolute": lambda operands: f"Math.abs({operands[0]})",
    "square": lambda operands: f"({operands[0]} ** 2)",
    "root": lambda operands: f"Math.sqrt({operands[0]})",
    "exp": lambda operands: f"Math.exp({operands[0]})",
    "log": lambda operands: f"Math.log({operands[0]})",
    "tanh": lambda operands: f"Math.tanh({operands[0]})",
    "max": lambda operands: f"Math.max({', '.join(operands)})",
}


def to_javascript(expression: Expression) -> str:
    """Return the expression as JavaScript over variables named like its symbols."""
    if isinstance(expression, Numeral):
        return repr(expression.value)
    if isinstance(expression, Symbol):
        return NAMES.get(expression.name, expression.name)
    if isinstance(expression, Operation) and expression.kind in OPERATIONS:
        return OPERATIONS[expression.kind]([to_javascript(operand) for operand in expression.operands])
    raise ValueError(f"{expression!r} has no JavaScript")


def to_tree(expression: Expression) -> Any:
    """Return the expression as JSON: a number, the name of a symbol, or [kind, operand, …]."""
    if isinstance(expression, Numeral):
        return expression.value
    if isinstance(expression, Symbol):
        indexed = f"{expression.name}_{expression.index}" if expression.index else expression.name
        return NAMES.get(expression.name, indexed)
    if isinstance(expression, Operation):
        return [expression.kind, *(to_tree(operand) for operand in expression.operands)]
    raise ValueError(f"{expression!r} has no tree")


def list_symbols(expression: Expression) -> list[str]:
    """Return the names of the symbols of the expression, in order of appearance."""
    if isinstance(expression, Symbol):
        return [NAMES.get(expression.name, expression.name)]
    if isinstance(expression, Operation):
        return list(dict.fromkeys(name for operand in expression.operands for name in list_symbols(operand)))
    return []


def write_parameters(expression: Expression) -> str:
    """Return the parameters of a function of the expression: an object of its symbols."""
    names = list_symbols(expression)
    return f"({{{', '.join(names)}}})" if names else "()"


def write_function(expression: Expression) -> str:
    """Return {compute, tree} of an expression, where compute takes an object of its symbols."""
    import json

    compute = f"{write_parameters(expression)} => {to_javascript(expression)}"
    return f"{{compute: {compute}, tree: {json.dumps(to_tree(expression))}}}"


def write_variant(variant: Variant) -> str:
    """Return a variant for the page's script. `power` is that of 1/ℓ in its scale, or 0 if it has no ℓ."""
    import json

    raw = substitute(variant.raw_score, LENGTHS)
    term = "null" if variant.term is None else f"(q, k) => {to_javascript(variant.term)}"
    facts = {
        "name": variant.name,
        "formula": variant.formula,
        "compared": variant.compared,
        "similarity": to_tree(variant.similarity),
        "lengthSymbol": variant.length_symbol if variant.has_length else "",
        "reading": variant.reading,
        "source": variant.source,
        "scale": variant.default_scale,
        "power": variant.length_power,
        "isConstant": variant.is_constant,
        "isProduct": variant.is_product,
        "hasLengths": raw != variant.raw_score,
        "termTree": None if variant.term is None else to_tree(variant.term),
        "rawTree": to_tree(raw),
    }
    return (
        f"{{...{json.dumps(facts, ensure_ascii=False)}, term: {term}, "
        f"raw: {write_parameters(raw)} => {to_javascript(raw)}}}"
    )


def write_normalizer(normalizer: Normalizer) -> str:
    """Return a normalizer other than softmax as the page's script has it."""
    import json

    assert normalizer.weight is not None
    facts = {
        "name": normalizer.name,
        "explained": normalizer.explained,
        "sumsToOne": normalizer.sums_to_one,
        "tree": to_tree(normalizer.weight),
    }
    functions = {"weight": normalizer.weight, "heights": normalizer.heights, "threshold": normalizer.threshold}
    texts = [
        f"{name}: {'null' if made is None else f'{write_parameters(made)} => {to_javascript(made)}'}"
        for name, made in functions.items()
    ]
    return f"{{...{json.dumps(facts, ensure_ascii=False)}, {', '.join(texts)}}}"


def write_formulas(stages: Mapping[str, Expression]) -> str:
    """Return the script's constants VARIANTS, STAGES and NORMALIZERS."""
    variants = ",\n".join(f"  {variant.name}: {write_variant(variant)}" for variant in VARIANTS)
    steps = ",\n".join(f"  {name}: {write_function(expression)}" for name, expression in stages.items())
    others = ",\n".join(f"  {one.name}: {write_normalizer(one)}" for one in NORMALIZERS if one is not SOFTMAX)
    return (
        f"const VARIANTS = {{\n{variants}\n}};\nconst STAGES = {{\n{steps}\n}};\n"
        f"const NORMALIZERS = {{\n{others}\n}};\n"
    )
