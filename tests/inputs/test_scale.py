"""The expressions of --scale: what they mean, and what is refused."""

from __future__ import annotations

import math
import time
from typing import Any

import numpy as np
import pytest
from amount import examples
from hypothesis import given, settings
from hypothesis import strategies as st
from refusals import KEYS, QUERIES, zeros

from attncli import AttncliError, attend
from attncli.inputs.scale import FORM, SIZE, SIZES, evaluate_scale

SCALES = [
    ("0.125", 0.125),
    ("1/30", 1 / 30),
    ("1/dk", 1 / 12),
    ("1/sqrt(dk)", 1 / math.sqrt(12)),
    ("1/√dk", 1 / math.sqrt(12)),
    ("1/√(dk)", 1 / math.sqrt(12)),
    ("1/√d_k", 1 / math.sqrt(12)),
    (" 1 / sqrt ( dk ) ", 1 / math.sqrt(12)),
    ("dk**-0.5", 12**-0.5),
    ("dk^-.5", 12**-0.5),
    ("2*dk-3/4+1", 2 * 12 - 3 / 4 + 1),
    ("2−1", 1),
    ("3·4", 12),
    ("-2^2", -4),
    ("(-2)^2", 4),
    ("2^3^2", 512),
    ("2^-1", 0.5),
    ("6/2/3", 1),
    ("7-2-1", 4),
    ("1--1", 2),
    ("+-+1", -1),
    ("1e-3", 1e-3),
    (".5", 0.5),
    ("5.", 5),
    ("1E+2", 100),
    ("sqrt(sqrt 16)", 2),
    ("log(2)*sqrt 9", 3 * math.log(2)),
    ("1/(sqrt(dk)*2)", 1 / (math.sqrt(12) * 2)),
    ("d", 12),
    ("0", 0),
    ("-1", -1),
    ("1/" + "(" * 40 + "2" + ")" * 40, 0.5),
    ("-" * 199 + "1", -1),
    ("sqrt(" * 33 + "1" + ")" * 33, 1),
    ("1^" * 99 + "1", 1),
]


@pytest.mark.parametrize(("text", "value"), SCALES, ids=[text[:20] for text, _ in SCALES])
def test_a_scale_means(text: str, value: float) -> None:
    assert evaluate_scale(text, {SIZE: 12.0}) == value
    assert attend(zeros(1, 12), zeros(1, 12), scale=text).problem.scale == value


@pytest.mark.parametrize("end", ["tiny", "max"])
def test_a_scale_may_be_at_the_end_of_what_float32_holds(end: str) -> None:
    scale = float(getattr(np.finfo(np.float32), end))
    assert attend(np.float32(QUERIES), np.float32(KEYS), scale=scale).problem.scale == scale


LENGTHS = [
    ({"variant": "laplace"}, 1),
    ({"variant": "gaussian", "length_scale": 2}, 2),
    ({"variant": "laplace", "scale": 3}, None),
    ({"variant": "dot"}, None),
]


@pytest.mark.parametrize(("given", "length"), LENGTHS, ids=["default", "given", "a scale instead", "a product"])
def test_a_distance_has_a_length_scale_unless_its_scale_is_given(given: dict[str, Any], length: float | None) -> None:
    assert attend(QUERIES, KEYS, **given).problem.length_scale == length


NO_SCALES = [
    ("", "an empty scale", FORM),
    (" ", "an empty scale", FORM),
    ("((", "invalid scale '((': unexpected end", FORM),
    ("1/", "invalid scale '1/': unexpected end", FORM),
    ("(1", "invalid scale '(1': a bracket is not closed", FORM),
    ("1)", "invalid scale '1)': a closing bracket has no opening one", FORM),
    ("()", "invalid scale '()': ')' is out of place", FORM),
    ("1//2", "invalid scale '1//2': '/' is out of place", FORM),
    ("*2", "invalid scale '*2': '*' is out of place", FORM),
    ("2dk", "invalid scale '2dk': an operator is missing before 'dk'", FORM),
    ("1 2", "invalid scale '1 2': an operator is missing before '2'", FORM),
    ("2(3)", "invalid scale '2(3)': an operator is missing before '('", FORM),
    ("1_000", "invalid scale '1_000': an operator is missing before '_'", FORM),
    ("0x10", "invalid scale '0x10': an operator is missing before 'x'", FORM),
    ("1e", "invalid scale '1e': an operator is missing before 'e'", FORM),
    ("1,5", "invalid scale '1,5': ',' is not part of a scale", FORM),
    (".", "invalid scale '.': '.' is not part of a scale", FORM),
    ("½", "invalid scale '½': '½' is not part of a scale", FORM),
    ("٣", "invalid scale '٣': '٣' is not part of a scale", FORM),
    ("exp(1)", "invalid scale 'exp(1)': 'exp' is not known", FORM),
    ("nan", "invalid scale 'nan': 'nan' is not known", FORM),
    ("import os", "invalid scale 'import os': 'import' is not known", FORM),
    ("dk.real", "invalid scale 'dk.real': '.' is not part of a scale", FORM),
    ("__import__('os')", 'invalid scale "__import__(\'os\')": "\'" is not part of a scale', FORM),
    ("lambda: 1", "invalid scale 'lambda: 1': ':' is not part of a scale", FORM),
    ("1\n2", "invalid scale '1\\n2': an operator is missing before '2'", FORM),
    ("1" * 201, "a scale of 201 characters", FORM),
    ("(" * 200, f"invalid scale '{'(' * 200}': too many brackets", FORM),
    ("sqrt-4", "invalid scale 'sqrt-4': sqrt needs brackets", FORM),
    ("2 log(2)", "invalid scale '2 log(2)': an operator is missing before 'log'", FORM),
    ("1/0", "'1/0' has no value", None),
    ("0**-1", "'0**-1' has no value", None),
    ("sqrt(-1)", "'sqrt(-1)' has no value", None),
    ("(-1)**0.5", "'(-1)**0.5' has no value", None),
    ("sqrt((-1)**0.5)", "'sqrt((-1)**0.5)' has no value", None),
    ("1e999", "'1e999' is beyond the largest float64", None),
    ("9**9**9**9", "'9**9**9**9' is beyond the largest float64", None),
    ("1e308*10", "'1e308*10' is beyond the largest float64", None),
    ("1e999-1e999", "'1e999-1e999' is beyond the largest float64", None),
]


@pytest.mark.parametrize(("text", "what", "hint"), NO_SCALES, ids=[repr(text[:20]) for text, _, _ in NO_SCALES])
def test_a_scale_is_refused(text: str, what: str, hint: str | None) -> None:
    with pytest.raises(AttncliError) as refusal:
        attend(zeros(1, 12), zeros(1, 12), scale=text)
    assert (refusal.value.what, refusal.value.hint) == (what, hint)


PIECES = [
    "dk",
    "sqrt",
    "√",
    "(",
    ")",
    "+",
    "-",
    "*",
    "/",
    "**",
    "^",
    "9",
    "1e308",
    ".5",
    " ",
    "e",
    "_",
    "os",
    "\n",
    "['",
]


@given(text=st.one_of(st.text(max_size=200), st.lists(st.sampled_from(PIECES), max_size=60).map("".join)))
@settings(derandomize=True, deadline=None, max_examples=examples(300))
def test_a_scale_is_a_finite_number_or_refused_at_once(text: str) -> None:
    start = time.process_time()
    try:
        value = evaluate_scale(text, dict.fromkeys(SIZES, 64.0))
    except ValueError:
        value = 0.0
    assert type(value) is float
    assert math.isfinite(value)
    assert time.process_time() - start < 1


@pytest.mark.parametrize(
    "piece", ["9**", "-", "+", "(", ")", "√", "sqrt(", "sqrt ", "1+", "1*", "2^", "(1+", "dk", "1e9", "9^-"]
)
def test_a_scale_of_200_hostile_characters_is_quick(piece: str) -> None:
    start = time.process_time()
    for tail in ("", "1", ")"):
        try:
            evaluate_scale((piece * 200)[: 200 - len(tail)] + tail, {SIZE: 64.0})
        except ValueError:
            continue
    assert time.process_time() - start < 1
