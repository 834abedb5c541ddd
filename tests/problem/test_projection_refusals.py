"""Projections: what they compute, and what is refused of them, whole messages."""

from __future__ import annotations

import numpy as np
import pytest
from refusals import Bad, W, X, asked, by_sentence

from attncli import AttncliError, attend
from attncli.inputs.request import Request
from attncli.matrix import Matrix
from attncli.problem.prepare import prepare

PROJECTIONS = [
    Bad(
        "x without w_q",
        {"x": X, "w_k": W},
        "x: x is given without w_q",
        "queries = x w_q: add w_q",
    ),
    Bad(
        "x without w_k",
        {"x": X, "w_q": W},
        "x: x is given without w_k",
        "keys = x w_k: add w_k",
    ),
    Bad(
        "w_q without x",
        {"queries": X, "keys": X, "w_q": W},
        "w_q: w_q is given without x",
        "queries, keys and values need no projection; or give x",
    ),
    Bad(
        "a context without x",
        {"queries": X, "keys": X, "context": X},
        "context: context is given without x",
        "queries, keys and values need no projection; or give x",
    ),
    Bad(
        "a context of the values without x",
        {"queries": X, "keys": X, "values_context": X},
        "values_context: values_context is given without x",
        "queries, keys and values need no projection; or give x",
    ),
    Bad(
        "a context of the values without w_v",
        {"x": X, "w_q": W, "w_k": W, "values_context": X},
        "values_context: values_context is given without w_v",
        "add w_v",
    ),
    Bad(
        "b_k without x",
        {"queries": X, "keys": X, "b_k": [1, 2]},
        "b_k: b_k is given without x",
        "queries, keys and values need no projection; or give x",
    ),
    Bad(
        "queries beside x",
        {"x": X, "w_q": W, "w_k": W, "queries": X},
        "queries: queries are given beside x",
        "give either x with w_q, w_k, w_v or Q, K, V",
    ),
    Bad(
        "values beside x",
        {"x": X, "w_q": W, "w_k": W, "values": X},
        "values: values are given beside x",
        "give either x with w_q, w_k, w_v or Q, K, V",
    ),
    Bad(
        "b_v without w_v",
        {"x": X, "w_q": W, "w_k": W, "b_v": [1, 2]},
        "b_v: b_v is given without w_v",
        None,
    ),
    Bad(
        "w_v given as columns",
        {"x": X, "w_q": W, "w_k": W, "w_v": np.ones((2, 3))},
        "w_v: w_v has shape (2, 3), but x has 3 columns",
        "w_v must be (3, …); it looks transposed",
    ),
    Bad(
        "w_q given as columns",
        {"x": X, "w_q": W.T, "w_k": W},
        "w_q: w_q has shape (2, 3), but x has 3 columns",
        "w_q must be (3, …); it looks transposed",
    ),
    Bad(
        "w_k of another height",
        {"x": X, "w_q": W, "w_k": np.ones((4, 5))},
        "w_k: w_k has shape (4, 5), but x has 3 columns",
        "w_k must be (3, …)",
    ),
    Bad(
        "tokens as columns",
        {"x": X, "w_q": np.ones((4, 2)), "w_k": np.ones((4, 2))},
        "w_q: w_q has shape (4, 2), but x has 3 columns",
        "w_q must be (3, …); w_q x fits, with tokens as columns: transpose both",
    ),
    Bad(
        "w_q of one axis",
        {"x": X, "w_q": [1, 1, 1], "w_k": W},
        "w_q: w_q has shape (3,), but x has 3 columns",
        "w_q must be (3, …)",
    ),
    Bad(
        "w_q of three axes",
        {"x": X, "w_q": np.ones((2, 3, 2)), "w_k": W},
        "w_q: w_q has shape (2, 3, 2), but x has 3 columns",
        "w_q must be (3, …)",
    ),
    Bad(
        "x of one axis",
        {"x": [1, 2, 3], "w_q": W, "w_k": W},
        "x: has 1 axis; expected one row per token",
        "write [[…]] for one row",
    ),
    Bad(
        "x as a number",
        {"x": 1.0, "w_q": W, "w_k": W},
        "x: is a single number; expected one row per token",
        "write [[…]] for one row",
    ),
    Bad(
        "a context of other columns than w_k has rows",
        {"x": X, "context": np.ones((4, 2)), "w_q": W, "w_k": W},
        "w_k: w_k has shape (3, 2), but context has 2 columns",
        "w_k must be (2, …); it looks transposed",
    ),
    Bad(
        "w_q and w_k of different widths",
        {"x": X, "w_q": W, "w_k": np.ones((3, 4))},
        "w_k: w_q has 2 columns, w_k has 4",
        "queries and keys must be equally wide",
    ),
    Bad(
        "b_q too long",
        {"x": X, "w_q": W, "w_k": W, "b_q": [1, 2, 3]},
        "b_q: b_q has shape (3,); expected one number per column: (2,)",
        None,
    ),
    Bad(
        "b_q as a table",
        {"x": X, "w_q": np.ones((3, 4)), "w_k": np.ones((3, 4)), "b_q": np.ones((2, 2))},
        "b_q: b_q has shape (2, 2); expected one number per column: (4,)",
        None,
    ),
    Bad(
        "x of true and false",
        {"x": X > 1, "w_q": W, "w_k": W},
        "x: holds booleans; expected numbers",
        None,
    ),
    Bad(
        "w_q of words",
        {"x": X, "w_q": [["a"] * 2] * 3, "w_k": W},
        "w_q: holds text ('a'); expected numbers",
        None,
    ),
    Bad(
        "a NaN in x",
        {"x": np.where(X == 4, np.nan, X), "w_q": W, "w_k": W},
        "x · w_q: nan at [1, 0] in the queries",
        "--allow-nonfinite computes as IEEE says",
    ),
    Bad(
        "a product beyond float32",
        {"x": np.float32(X * 6e37), "w_q": np.float32(W), "w_k": np.float32(W)},
        "w_q: x w_q overflows float32",
        "--dtype float64",
    ),
    Bad(
        "a product beyond float64",
        {"x": X * 3e307, "w_q": W, "w_k": W},
        "w_q: x w_q overflows float64",
        "rescale x",
    ),
    Bad(
        "x beyond float16",
        {"x": X * 1e5, "w_q": W, "w_k": W, "dtype": "float16"},
        "x: 100000.0 at [0, 1] is beyond float16",
        "--dtype float32",
    ),
    Bad(
        "w_k beyond float32",
        {"x": X, "w_q": W, "w_k": W * 1e39, "dtype": "float32"},
        "w_k: 1e+39 at [0, 0] is beyond float32",
        "--dtype float64",
    ),
    Bad(
        "w_o of another height",
        {"queries": X, "keys": X, "values": X, "w_o": W.T},
        "w_o: w_o has shape (2, 3), but the joined heads have 3 columns",
        "w_o must be (3, …)",
    ),
    Bad(
        "w_o that does not fit the joined heads",
        {
            "queries": np.ones((2, 4)),
            "keys": np.ones((2, 4)),
            "values": np.ones((2, 4)),
            "heads": (2, 2),
            "w_o": np.ones((2, 4)),
        },
        "w_o: w_o has shape (2, 4), but the joined heads have 4 columns",
        "w_o must be (4, …)",
    ),
    Bad(
        "w_o of one axis",
        {"queries": X, "keys": X, "values": X, "w_o": [1, 2, 3]},
        "w_o: w_o has shape (3,), but the joined heads have 3 columns",
        "w_o must be (3, …)",
    ),
    Bad(
        "w_o without values",
        {"queries": X, "keys": X, "w_o": W},
        "w_o: w_o projects the output, and without values there is none",
        None,
    ),
    Bad(
        "b_o without w_o",
        {"queries": X, "keys": X, "values": X, "b_o": [1, 2, 3]},
        "b_o: b_o is given without w_o",
        None,
    ),
    Bad(
        "b_o too short",
        {"queries": X, "keys": X, "values": X, "w_o": W, "b_o": [1, 2, 3]},
        "b_o: b_o has shape (3,); expected one number per column: (2,)",
        None,
    ),
    Bad(
        "a NaN in w_o",
        {"queries": X, "keys": X, "values": X, "w_o": np.where(W == 1, np.nan, W)},
        "w_o: w_o has nan at [0, 0]",
        "--allow-nonfinite computes as IEEE says",
    ),
    Bad(
        "an infinite b_o",
        {"queries": X, "keys": X, "values": X, "w_o": W, "b_o": [1, np.inf]},
        "b_o: b_o has inf at [1]",
        "--allow-nonfinite computes as IEEE says",
    ),
    Bad(
        "an output projection beyond float32",
        {"queries": np.float32(X), "keys": np.float32(X), "values": np.float32(X * 6e37), "w_o": np.float32(W)},
        "output: output · w_o overflows float32",
        "--dtype float64",
    ),
    Bad(
        "w_o beyond float32",
        {"queries": np.float32(X), "keys": np.float32(X), "values": np.float32(X), "w_o": W * 1e39},
        "w_o: 1e+39 at [0, 0] is beyond float32",
        "--dtype float64",
    ),
    Bad(
        "an output projection beyond float64",
        {"queries": X, "keys": X, "values": X * 1e307, "w_o": W * 1e3},
        "output: output · w_o overflows float64",
        "rescale w_o",
    ),
    Bad(
        "nothing at all",
        {"variant": "dot"},
        "problem: no queries",
        "give queries and keys, or x with w_q and w_k",
    ),
]


@pytest.mark.parametrize("case", **by_sentence(PROJECTIONS))
def test_projections_are_refused(case: Bad) -> None:
    with pytest.raises(AttncliError) as refusal:
        asked(**case.given).compute()
    assert (str(refusal.value), refusal.value.hint) == (case.message, case.hint)


def test_projections_are_x_w_plus_b() -> None:
    x, context = np.array([[1.0, 2], [0, 1]]), np.array([[1.0, 0], [2, 1], [0, 3]])
    w_q, w_k, w_v, w_o = np.array([[1.0, 0], [1, 2]]), np.array([[0.0, 1], [1, 0]]), np.array([[2.0], [1]]), [[10, 20]]
    result = asked(
        x=x, context=context, w_q=w_q, w_k=w_k, w_v=w_v, w_o=w_o, b_q=[1, 0], b_k=[[0], [1]], b_v=[5], b_o=[0, 1]
    )
    by_hand = attend([[4, 4], [2, 2]], [[0, 2], [1, 3], [3, 1]], [[7], [10], [8]])
    np.testing.assert_array_equal(result.weights, by_hand.weights)
    np.testing.assert_allclose(result.output, by_hand.output @ [[10, 20]] + [0, 1], rtol=1e-15)


def test_values_may_have_a_context_of_their_own() -> None:
    x, context, other = np.eye(2), np.array([[1.0, 0], [2, 1], [0, 3]]), np.array([[1.0], [2], [4]])
    found = asked(x=x, context=context, values_context=other, w_q=np.eye(2), w_k=np.eye(2), w_v=[[10]])
    np.testing.assert_array_equal(found.output, attend(x, context, 10 * other).output)
    alone = asked(x=context, values_context=other, w_q=np.eye(2), w_k=np.eye(2), w_v=[[10]])
    np.testing.assert_array_equal(alone.output, attend(context, context, 10 * other).output)


def test_x_is_its_own_context() -> None:
    assert asked(x=X, w_q=W, w_k=W, w_v=W).output.tolist() == asked(x=X, context=X, w_q=W, w_k=W, w_v=W).output.tolist()


def test_a_dtype_is_what_x_and_its_weights_are_cast_to_before_they_are_multiplied() -> None:
    x, w = np.float32(X * 6e37), np.float32(W)
    with pytest.raises(AttncliError):
        asked(x=x, w_q=w, w_k=w, scale="1e-76")
    assert asked(x=x, w_q=w, w_k=w, scale="1e-76", dtype="float64").raw_scores.dtype == np.float64
    third = asked(x=[[1 / 3]], w_q=[[1.0]], w_k=[[1.0]], dtype="float32", variant="dot").raw_scores
    assert third.tolist() == [[float(np.float32(1 / 3) * np.float32(1 / 3))]]


def test_checking_computes_projections_in_float64() -> None:
    x, w = Matrix(np.float32([[1 / 3]]), "x"), Matrix(np.float32([[1 / 3]]), "w")
    problem = prepare(Request(x=x, w_q=w, w_k=w), compute="float64")
    assert problem.queries.tolist() == [[float(np.float32(1 / 3)) ** 2]]
