"""Q, K and V beside the x that they are made of, on one page."""

import io

import numpy as np
import pytest

from attncli.errors import InputError
from attncli.inputs.problem_file import read_problem
from attncli.inputs.sources import Sources

X, W_Q, W_K, W_V = [[1, 2], [3, 4]], [[1, 0], [0.5, 1]], [[1, 1], [0, 1]], [[1, 1], [0, 1]]
Q, K, V = [[2, 2], [5, 4]], [[1, 3], [3, 7]], [[1, 3], [3, 7]]
GIVEN = {"x": X, "W_Q": W_Q, "W_K": W_K, "W_V": W_V, "Q": Q, "K": K, "V": V}


def read(arrays):
    text = "".join(f"{name} = {rows}\n" for name, rows in arrays.items())
    return read_problem("-", Sources(lambda: io.BytesIO(text.encode())))


def given(worksheet):
    names = ("x", "w_q", "w_k", "w_v", "queries", "keys", "values")
    return [name for name in names if getattr(worksheet.request, name) is not None]


def test_products_that_are_given_in_full_are_computed_again():
    found = read(GIVEN)
    assert given(found) == ["x", "w_q", "w_k", "w_v"]
    note = "standard input: Q, K and V are x times their projections, and are computed from these"
    assert note in found.notes


def test_products_that_are_rounded_are_taken_as_they_are_printed():
    random = np.random.default_rng(3)
    x, weights = random.normal(size=(3, 4)), random.normal(size=(3, 4, 2))
    products = np.round(x @ weights, 4)
    named = zip(
        ("x", "W_Q", "W_K", "W_V", "Q", "K", "V"), (np.round(x, 4), *np.round(weights, 4), *products), strict=True
    )
    found = read({name: array.tolist() for name, array in named})
    assert given(found) == ["queries", "keys", "values"]
    assert found.request.queries.array.tolist() == products[0].tolist()
    note = "standard input: Q, K and V are x times their projections, rounded, and are taken as they are printed"
    assert note in found.notes


def test_x_without_projections_is_left_out_beside_q_and_k():
    found = read({"x": X, "Q": Q, "K": K, "V": V})
    assert given(found) == ["queries", "keys", "values"]
    assert "standard input: x is left out: Q and K are given" in found.notes


KEEP = "correct it; or keep only x with its projections, or only Q, K and V"
WRONG = {
    "a cell": ({"V": [[1, 4], [3, 7]]}, "standard input: V: at [0, 1] it says 4, and x · w_v gives 3", KEEP),
    "a projection turned": (
        {"Q": [[1, 2.5], [3, 5.5]]}, "standard input: Q: at [0, 0] it says 1, and x · w_q gives 2",
        "it is x · w_qᵀ: write w_q with a row for each column of x",
    ),
    "another shape": ({"K": [[1], [3]]}, "standard input: K: its shape (2, 1) is not that of x · w_k", KEEP),
    "a last digit too far": (
        {"Q": [[2.0, 2.2], [5, 4]]}, "standard input: Q: at [0, 1] it says 2.2, and x · w_q gives 2", KEEP,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_a_product_that_is_wrong_is_named_with_its_cell(name):
    changed, error, hint = WRONG[name]
    with pytest.raises(InputError) as caught:
        read(GIVEN | changed)
    assert (str(caught.value), caught.value.hint) == (error, hint)
