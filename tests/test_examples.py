"""Every example runs, and the numbers that it expects are right."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from attncli import attend
from attncli.inputs.problem_file import read_problem
from attncli.inputs.sources import Sources
from attncli.matrix import Reading
from attncli.problem.prepare import prepare
from attncli.results.result import Result

EXAMPLES = Path(__file__).parent.parent / "examples"
NAMES = sorted(path.name for path in EXAMPLES.iterdir() if path.suffix != ".ipynb")  # tests/test_notebook.py has it


def result_of(name: str) -> Result:
    worksheet = read_problem(str(EXAMPLES / name), Sources(lambda: pytest.fail("no standard input"), Reading()))
    return Result(prepare(worksheet.request))


@pytest.mark.parametrize("name", NAMES)
def test_an_example_runs_without_a_word_of_warning(name, run):
    ran = run("run", EXAMPLES / name)
    assert (ran.status, ran.err) == (0, "")
    assert "weights" in ran.out
    assert "output" in ran.out


def test_bank_attends_to_river():
    weights = result_of("river_bank.yaml").weights
    assert weights[2].argmax() == 1
    assert weights[2, 1] > 0.89


def test_the_regression_is_near_the_square_where_points_are_near():
    assert result_of("laplace_regression.yaml").output[2, 0] == pytest.approx(1.8**2, abs=0.1)


def test_causal_weights_are_lower_triangular():
    weights = result_of("causal.yaml").weights
    assert (weights == np.tril(weights)).all()


def test_two_heads_are_two_attentions_side_by_side():
    request = read_problem(str(EXAMPLES / "two_heads.yaml"), Sources(lambda: None, Reading())).request
    x, w_q, w_k, w_v, w_o = (getattr(request, name).array for name in ("x", "w_q", "w_k", "w_v", "w_o"))
    heads = [attend(x @ w_q[:, part], x @ w_k[:, part], x @ w_v[:, part]).output for part in (slice(0, 2), slice(2, 4))]
    np.testing.assert_allclose(result_of("two_heads.yaml").output, np.hstack(heads) @ w_o, rtol=1e-14)


def test_the_dumped_arrays_are_computed_in_their_own_dtype():
    assert result_of("float32").output.dtype == np.float32
