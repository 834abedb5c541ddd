"""Dumps of rotary positions in float32: the angles of far positions have the rounding of large numbers."""

import numpy as np
import pytest

from attncli import attend
from attncli.check import check
from attncli.inputs.problem_file import read_problem
from attncli.inputs.request import Request, Worksheet
from attncli.inputs.sources import Sources
from attncli.matrix import Matrix, Reading

N, D = 256, 32
RANDOM = np.random.default_rng(6)
Q, K, V = (RANDOM.normal(size=(N, D)).astype(np.float32) for _ in range(3))


def rotate(rows, interleaved=False):
    """Rotary positions in float32, with tables of float32 angles."""
    speeds = 1 / np.float32(10000) ** (np.arange(0, D, 2, dtype=np.float32) / np.float32(D))
    angles = np.arange(N, dtype=np.float32)[:, None] * speeds
    cosine, sine = np.cos(angles), np.sin(angles)
    turned = np.empty_like(rows)
    first, second = (slice(0, None, 2), slice(1, None, 2)) if interleaved else (slice(0, D // 2), slice(D // 2, None))
    turned[:, first] = rows[:, first] * cosine - rows[:, second] * sine
    turned[:, second] = rows[:, first] * sine + rows[:, second] * cosine
    return turned


def dump(queries, keys, scale=D**-0.5):
    scores = queries @ keys.T * np.float32(scale)
    powers = np.exp(scores - scores.max(axis=-1, keepdims=True))
    weights = powers / powers.sum(axis=-1, keepdims=True)
    assert weights.dtype == np.float32
    return {"scores": scores, "weights": weights, "output": weights @ V}


def report(numbers):
    request = Request(queries=Matrix(Q, "q"), keys=Matrix(K, "k"), values=Matrix(V, "v"), rope="half")
    expected = {name: Matrix(array, name) for name, array in numbers.items()}
    return check(Worksheet(request=request, name="case", where="case", expected=expected))


def test_a_right_dump_passes_beyond_the_tolerance():
    numbers = dump(rotate(Q), rotate(K))
    found = report(numbers)
    assert {one.what: one.verdict for one in found.checks} == {
        "scores": "float32",
        "weights": "within-tolerance",
        "output": "within-tolerance",
    }


@pytest.mark.parametrize(
    ("numbers", "slip"),
    [
        (dump(rotate(Q, True), rotate(K, True)), "rope-other-pairs"),
        (dump(Q, K), "no-rope"),
        (dump(rotate(Q), rotate(K), 1), "unscaled"),
        (dump(rotate(Q), K), "rope-one-side"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
@pytest.mark.parametrize("what", ["scores", "output"])
@pytest.mark.sampled(3)
def test_slips_are_found_in_such_dumps(numbers, slip, what):
    found = report({what: numbers[what]})
    assert found.verdict == "wrong"
    assert found.diagnosis[0].slip == slip


def test_a_score_of_0_that_is_a_sum_of_rotated_terms_has_the_error_of_its_terms():
    """−1.2·sin·0.5·cos + 1.2·cos·0.5·sin is 0, or 1e-17 as the terms are rounded."""
    problem = "queries: [[0, 0, 0, 0], [0, -1.2, 0, 0]], keys: [[1, 2, 3, 4], [-1.4, 0, 1, -0.5]], rope: half"
    first = attend([[0, -1.2, 0, 0]], [[1, 2, 3, 4]], rope="half", query_offset=1).raw_scores[0, 0]
    text = f"{{{problem}, expected: {{raw_scores: [[0.0, 0.0], [{first:.8e}, 9.11448034e-18]]}}}}"
    found = check(read_problem(text, Sources(lambda: None, Reading(keep_text=True))))
    assert found.verdict == "exact"
