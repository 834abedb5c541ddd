"""The results that the search sketches are those of the engine."""

from __future__ import annotations

import numpy as np
import pytest

from attncli.check import sketch
from attncli.check.sketch import Sketches
from attncli.cli.options import MATRIX_OPTIONS
from attncli.errors import NumericError
from attncli.inputs.request import RESULT_NAMES, Request
from attncli.inputs.settings import SETTINGS
from attncli.matrix import Matrix
from attncli.problem.prepare import prepare
from attncli.problem.problem import EMPTY_ROWS
from attncli.records import replace
from attncli.results.result import Result

N, M = 4, 5
RANDOM = np.random.default_rng(3)


def numbers(*shape: int) -> Matrix:
    return Matrix(RANDOM.normal(size=shape), "a test")


def problem_with(lead: tuple[int, ...] = (), *, key_lead: tuple[int, ...] | None = None, **options: object):
    key_lead = lead if key_lead is None else key_lead
    queries, keys, values = numbers(*lead, N, 4), numbers(*key_lead, M, 4), numbers(*key_lead, M, 3)
    return prepare(Request(queries=queries, keys=keys, values=values, **options), compute="float64")


def ids(*numbers: int) -> Matrix:
    return Matrix(np.array(numbers), "a test")


STAGES = {
    "nothing": {},
    "another score": {"variant": "laplace", "length_scale": 2.0},
    "unit rows": {"variant": "cosine", "scale": "3"},
    "a mask": {"mask": Matrix(RANDOM.random((N, M)) < 0.7, "a test")},
    "causal": {"causal": True, "query_offset": 1},
    "a window, a prefix and a mask": {
        "window": (1, 0),
        "prefix": 1,
        "mask": Matrix(RANDOM.random((N, M)) < 0.7, "a test"),
    },
    "a window that keeps the first key": {"window": (1, 1), "keep_first": 1},
    "chunks": {"chunk": 2, "causal": True},
    "segments": {"segments": ids(0, 0, 1, 1), "key_segments": ids(0, 0, 0, 1, 1)},
    "one length": {"key_lengths": ids(3)},
    "a bias that forbids": {"bias": Matrix(np.where(RANDOM.random((N, M)) < 0.3, -np.inf, 0.5), "a test")},
    "slopes": {"alibi": (0.5,), "query_offset": 1},
    "norm and rotation": {"qk_norm": "rms", "rope": "half", "query_offset": 2},
    "a rotation with all its numbers": {"rope": "interleaved", "rope_base": 100.0, "rope_dims": 2, "rope_scale": 2.0},
    "weighted features": {"variant": "additive", "v_a": numbers(1, 4)},
    "a softcap": {"softcap": 0.5},
    "a softcap after the bias": {"softcap": 0.5, "softcap_after_bias": True, "bias": numbers(N, M)},
    "a sink": {"sink": (1.5,)},
    "top-k and a sink": {"top_k": 2, "sink": (-1.0,)},
    "sparsemax": {"normalizer": "sparsemax", "causal": True},
    "no normalizer": {"normalizer": "none", "causal": True},
    "dropout": {"dropout": 0.25, "dropout_mask": Matrix(RANDOM.random((N, M)) < 0.7, "a test")},
    "queries without a key": {"causal": True, "query_offset": -2},
}
LEADS = {
    "alone": {},
    "heads": {"lead": (3,)},
    "entries and heads": {"lead": (2, 4)},
    "shared keys": {"lead": (2, 4), "key_lead": (2, 2)},
}


def assert_same(problem) -> None:
    names = RESULT_NAMES
    right, found = Result(problem, "numpy").compute(*names), Result(problem, "numpy", Sketches()).compute(*names)
    for name in names:
        np.testing.assert_allclose(found.array(name), right.array(name), rtol=1e-12, atol=1e-14, err_msg=name)


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("lead", LEADS)
def test_sketched_results_are_those_of_the_engine(stage, lead):
    assert_same(problem_with(**LEADS[lead], **STAGES[stage]))


OF_ENTRIES_AND_HEADS = (
    {"key_lengths": ids(2, 5)},
    {"key_lengths": ids(2, 5), "causal": True, "align": "bottom-right"},
    {"key_lengths": ids(2, 5), "rope": "half", "align": "bottom-right"},
    {"scale": "[1, 2, 3, 4]"},
    {"sink": (1.0, 2.0, 3.0, 4.0)},
    {"alibi": (0.5, 0.25, 0.0, -1.0)},
)


@pytest.mark.parametrize("options", OF_ENTRIES_AND_HEADS, ids=str)
def test_entries_and_heads_have_lengths_and_numbers_of_their_own(options):
    assert_same(problem_with((2, 4), **options))


@pytest.mark.parametrize(
    "stage", ["nothing", "a bias that forbids", "dropout", "a sink", "sparsemax", "top-k and a sink"]
)
@pytest.mark.parametrize("empty", EMPTY_ROWS)
def test_a_query_without_a_key_has_the_row_of_its_system(empty, stage):
    problem = problem_with(**{**STAGES[stage], "causal": True, "query_offset": -2})
    assert_same(replace(problem, conventions=replace(problem.conventions, empty=empty)))


@pytest.mark.parametrize("options", [{"scale": "1e308"}, {"softcap": 1.0, "scale": "1e308"}], ids=str)
def test_scores_that_overflow_are_refused(options):
    problem = problem_with(**options)
    loud = replace(problem, queries=1e10 * problem.queries)
    with pytest.raises(NumericError, match="a score overflows"):
        Result(loud, "numpy", Sketches()).compute("weights")


def test_values_whose_sums_overflow_have_the_average_of_the_engine():
    problem = problem_with()
    assert_same(replace(problem, values=np.full_like(problem.values, np.finfo(float).max)))


def test_a_large_problem_is_left_to_the_engine(monkeypatch):
    monkeypatch.setattr(sketch, "FEW_CELLS", N * M - 1)
    monkeypatch.setattr(sketch, "normalize_scores", None)
    assert_same(problem_with())


ELSEWHERE = {  # settings of how a problem is read, which change nothing after it is prepared
    "mask_means",
    "heads",
    "layout",
    "dtype",
    "system",
    "allow_nonfinite",
    "d_output",
}


def test_every_setting_is_sketched():
    # a new one needs a line in STAGES, and the sketch its numbers
    tried = {name for options in (*STAGES.values(), *OF_ENTRIES_AND_HEADS) for name in options}
    assert {setting.name for setting in SETTINGS} | set(MATRIX_OPTIONS) == tried | ELSEWHERE
