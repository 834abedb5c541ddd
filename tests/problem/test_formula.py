"""The formula and the words for the scale are true of the scale in force, in every command."""

from __future__ import annotations

import numpy as np
import pytest

from attncli.inputs.request import Request
from attncli.matrix import Matrix
from attncli.problem.formula import attention_formula, describe_scale, named_value
from attncli.problem.prepare import prepare
from attncli.problem.problem import Problem
from attncli.render.explain.notation import WRITER
from attncli.variants import VARIANTS, explain_score

FORMULAS = [
    ("scaled", {}, "softmax(QKᵀ/√d_k)V", "√d_k ≈ 1.41421", "the dot product, divided by √d_k ≈ 1.41421"),
    ("scaled", {"scale": "0.5"}, "softmax(QKᵀ · 0.5)V", "", "the dot product, times 0.5"),
    ("scaled", {"scale": "1"}, "softmax(QKᵀ)V", "", "the dot product, unscaled"),
    ("dot", {}, "softmax(QKᵀ)V", "", "the dot product, unscaled"),
    ("dot", {"scale": "1/dk"}, "softmax(QKᵀ/d_k)V", "d_k = 2", "the dot product, divided by d_k = 2"),
    ("dot", {"scale": "2/sqrt(dk)"}, "softmax(QKᵀ · 2/√d_k)V", "2/√d_k ≈ 1.41421",
     "the dot product, times 2/√d_k ≈ 1.41421"),
    ("laplace", {}, "softmax(−‖q − k‖₁/ℓ)V", "ℓ = 1", "the Manhattan distance, negated and divided by ℓ = 1"),
    ("laplace", {"length_scale": 3.0}, "softmax(−‖q − k‖₁/ℓ)V", "ℓ = 3",
     "the Manhattan distance, negated and divided by ℓ = 3"),
    ("laplace", {"scale": "0.5"}, "softmax(−‖q − k‖₁ · 0.5)V", "", "the Manhattan distance, negated and times 0.5"),
    ("gaussian", {"length_scale": 2.0}, "softmax(−‖q − k‖₂²/(2ℓ²))V", "ℓ = 2",
     "half the squared Euclidean distance, negated and divided by ℓ², ℓ = 2"),
    ("cosine", {}, "softmax(q·k/(‖q‖‖k‖))V", "", "the cosine of the angle between query and key, unscaled"),
    ("cosine", {"scale": "1/sqrt(dk)"}, "softmax(q·k/(‖q‖‖k‖√d_k))V", "√d_k ≈ 1.41421",
     "the cosine of the angle between query and key, divided by √d_k ≈ 1.41421"),
    ("uniform", {}, "softmax(0)V", "", "nothing: every key gets the same weight"),
]  # fmt: skip


def prepared(variant: str, options: dict[str, object]) -> Problem:
    queries, keys, values = (Matrix(np.array([[1.0, 2.0]]), name) for name in "qkv")
    return prepare(Request(queries=queries, keys=keys, values=values, variant=variant, **options))  # type: ignore[arg-type]


@pytest.mark.parametrize(("variant", "options", "formula", "value", "words"), FORMULAS)
def test_formula_and_words_say_the_scale_in_force(
    variant: str, options: dict[str, object], formula: str, value: str, words: str
) -> None:
    problem = prepared(variant, options)
    assert WRITER.write(attention_formula(problem)) == formula
    named = named_value(problem)
    assert ("" if named is None else f"{WRITER.write(named[0])} {named[1]} {named[2].text}") == value
    assert explain_score(problem.variant, describe_scale(problem)) == words


@pytest.mark.parametrize("variant", VARIANTS, ids=[variant.name for variant in VARIANTS])
def test_the_table_of_variants_says_the_default_scale(variant: object) -> None:
    assert "0." not in variant.explained  # type: ignore[attr-defined]
    assert ("ℓ" in variant.explained) == variant.has_length  # type: ignore[attr-defined]
