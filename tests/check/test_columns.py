"""Problems of textbooks whose tokens are columns: the numbers are named for what they are."""

import numpy as np
import pytest
from slip_cases import diagnosis

RANDOM = np.random.default_rng(12)


def by_column(q, k, v, is_scaled=True):
    """Weights and output of softmax(KᵀQ/√d_k), or softmax(KᵀQ), along each column."""
    scores = k.T @ q / (np.sqrt(len(q)) if is_scaled else 1)
    weights = np.exp(scores) / np.exp(scores).sum(axis=0)
    return weights, v @ weights


def written(**matrices):
    return ", ".join(f"{name}: {matrix.tolist()}" for name, matrix in matrices.items())


@pytest.mark.parametrize("tokens", [2, 3, 5])
def test_matrices_as_they_are_printed_by_column_are_named(tokens):
    q, k, v = (RANDOM.integers(-2, 3, (3, tokens)) for _ in range(3))
    weights, output = by_column(q, k, v)
    expected = {"weights": weights.round(4).tolist(), "output": output.round(4).tolist()}
    assert [each.slip for each in diagnosis(written(queries=q, keys=k, values=v), expected)] == ["all-by-column"]


def test_the_scale_that_is_missing_beside_columns_is_reported_without_a_width():
    q, k, v = (RANDOM.integers(-2, 3, (3, 4)) for _ in range(3))
    weights, output = by_column(q, k, v, is_scaled=False)
    expected = {"weights": weights.round(4).tolist(), "output": output.round(4).tolist()}
    (found,) = diagnosis(written(queries=q, keys=k, values=v), expected)
    assert found.slip == "all-by-column"
    assert found.sentence.endswith("so that each token has a row; and the scores were not scaled")
    of_rows = diagnosis(written(queries=q.T, keys=k.T, values=v.T), expected)
    assert of_rows[0].slip == "unscaled+results-by-column"


def test_projections_as_they_are_printed_by_column_are_named():
    x, w_q, w_k, w_v = (RANDOM.integers(-1, 3, (3, 3)) for _ in range(4))
    weights, output = by_column(w_q @ x, w_k @ x, w_v @ x)
    expected = {"weights": weights.round(4).tolist(), "output": output.round(4).tolist()}
    assert [each.slip for each in diagnosis(written(x=x, w_q=w_q, w_k=w_k, w_v=w_v), expected)] == ["all-by-column"]


@pytest.mark.parametrize("names", [("weights",), ("weights", "output"), ("output",)])
def test_results_by_column_of_matrices_by_row_are_named(names):
    q, k, v = (RANDOM.integers(-2, 3, (3, 4)) for _ in range(3))
    weights, output = by_column(q, k, v)
    expected = {"weights": weights.round(4).tolist(), "output": output.round(4).tolist()}
    found = diagnosis(written(queries=q.T, keys=k.T, values=v.T), {name: expected[name] for name in names})
    assert [each.slip for each in found] == ["output-transposed" if names == ("output",) else "results-by-column"]


def test_an_axis_that_a_list_lacks_leaves_nothing_to_turn():
    q, k = (RANDOM.integers(-2, 3, (3, 3)) for _ in range(2))
    found = diagnosis(written(queries=q, keys=k) + ", mask: [1, 1, 0]", {"weights": np.full((3, 3), 0.4).tolist()})
    assert "all-by-column" not in [each.slip for each in found]
