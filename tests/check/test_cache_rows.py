"""Rows of a cache in the place of others: strides, slots and the order of a ring, in outputs, weights, log-sum-exps."""

import numpy as np
import pytest
from slip_cases import in_turns

from attncli.check import check
from attncli.inputs.request import Request, Worksheet
from attncli.matrix import Matrix

RANDOM = np.random.default_rng(76)
N, M, D = 6, 20, 8
Q, K, V = (RANDOM.normal(size=(2, rows, D)) for rows in (N, M, M))
ROWS = np.arange(M)
CAUSAL = {"causal": True, "align": "bottom-right"}
SEEN = np.arange(N)[:, None] + M - N >= ROWS
ORDERS = {
    "row 7 of {} was overwritten: row 19 stands there too": np.where(ROWS == 7, 19, ROWS),
    "rows 0 to 4 of {} were overwritten by rows 15 to 19, as in a ring of 15": np.where(ROWS < 5, ROWS + 15, ROWS),
    "the rows of {} were taken in the order of a ring, from row 6 on, row 0 after the last one": np.roll(ROWS, -6),
    "page p of 8 rows of {} was read from row 4·p on: it is row 8·p on": ROWS // 8 * 4 + ROWS % 8,
    "page p of 4 rows of {} was read from row 8·p on, or the last row: it is row 4·p on": np.minimum(
        ROWS // 4 * 8 + ROWS % 4, M - 1
    ),
    "page p of 4 rows of {} was read from row 8·p on, behind the last row from row 0 on: it is row 4·p on": (
        ROWS // 4 * 8 + ROWS % 4
    )
    % M,
}


def attention(keys, values):
    scores = np.where(SEEN, Q @ keys.mT / D**0.5, -np.inf)
    powers = np.exp(scores)
    total = powers.sum(axis=-1, keepdims=True)
    return {"weights": powers / total, "output": powers / total @ values, "lse": np.log(total)[..., 0]}


def told(name, array, dtype=np.float32):
    given = {"queries": Matrix(Q, "q"), "keys": Matrix(K, "k"), "values": Matrix(V, "v")}
    expected = {name: Matrix(array.astype(dtype), name)}
    found = check(Worksheet(request=Request(**given, **CAUSAL), name="c", where="c", expected=expected)).diagnosis
    return (found[0].slip, found[0].sentence) if found else ("", "")


@pytest.mark.parametrize(("words", "dtype"), in_turns(ORDERS))
@pytest.mark.parametrize("side", ["K and V", "V"])
def test_rows_of_a_cache_in_the_place_of_others_are_named_by_an_output(words, dtype, side, search_for):
    search_for("pages-misread")
    order = ORDERS[words]
    output = attention(K[:, order] if side == "K and V" else K, V[:, order])["output"]
    assert told("output", output, dtype) == ("pages-misread", f"{words.format(side)}: row j of K and of V is key j")


@pytest.mark.parametrize(("words", "name"), list(zip(ORDERS, ["weights", "lse"] * 3, strict=True)))
def test_rows_of_a_cache_in_the_place_of_others_are_named_without_an_output(words, name, search_for):
    search_for("pages-misread")
    wrong = attention(K[:, ORDERS[words]], V)[name]
    assert told(name, wrong) == ("pages-misread", f"{words.format('K')}: row j of K and of V is key j")
