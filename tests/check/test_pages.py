"""Pages that were read from another place, and factors of heads and rows, are named: wrong outputs in plain NumPy."""

import numpy as np
import pytest

from attncli.check import check
from attncli.inputs.request import Request, Worksheet
from attncli.matrix import Matrix

RANDOM = np.random.default_rng(75)
Q, K, V = (RANDOM.normal(size=(2, 3, rows, 8)) for rows in (6, 32, 32))
ROWS = np.arange(32)
FACTORS = np.array([0.5, 1.5, 2.25])[:, None, None]
SEEN = np.arange(32) <= np.arange(6)[:, None] + 26
DUE = "row j of K and of V is key j"


def powers(keys=K, factor=1.0, seen=True):
    return np.where(seen, np.exp(factor * Q @ keys.swapaxes(-1, -2) / np.sqrt(8)), 0)


def over(keys=K, values=V, factor=1.0, seen=True):
    own = powers(keys, factor, seen)
    return own / own.sum(axis=-1, keepdims=True) @ values


def read(array, order):
    return array[..., order, :]


def unwritten(array, places):
    found = np.array(array)
    found[..., places, :] = 0
    return found


AGAIN = np.r_[0:16, 0:8, 24:32]
EXCHANGED = np.r_[0:8, 16:24, 8:16, 24:32]
LAST = np.r_[0:16, 24:32, 16:24]
RIGHT = over()
WRONG = {
    "a page read twice": (
        {},
        over(read(K, AGAIN), read(V, AGAIN)),
        "pages-misread",
        f"rows 16 to 23 of K and V were read from the place of rows 0 to 7: {DUE}",
    ),
    "pages of V exchanged": (
        {},
        over(values=read(V, EXCHANGED)),
        "pages-misread",
        f"rows 8 to 15 and rows 16 to 23 of V (or, the other way round, of K) changed places: {DUE}",
    ),
    "pages exchanged behind a causal mask": (
        {"causal": True, "align": "bottom-right"},
        over(read(K, LAST), read(V, LAST), seen=SEEN),
        "pages-misread",
        f"rows 16 to 23 and rows 24 to 31 of K and V changed places: {DUE}",
    ),
    "tiles of V one behind": (
        {"causal": True, "align": "bottom-right"},
        over(values=np.roll(V, 8, axis=-2), seen=SEEN),
        "pages-misread",
        f"the rows of V were taken one page of 8 keys too late, the last one first: {DUE}",
    ),
    "pages in reverse order": (
        {"causal": True, "align": "bottom-right"},
        over(values=read(V, np.r_[24:32, 16:24, 8:16, 0:8]), seen=SEEN),
        "pages-misread",
        f"the pages of 8 rows of V were taken in reverse order: {DUE}",
    ),
    "the first tile of V for all": (
        {},
        over(values=read(V, ROWS % 8)),
        "pages-misread",
        f"every tile of 8 rows of V was the first one, as if their place did not move on: {DUE}",
    ),
    "the tile of K before": (
        {},
        over(keys=read(K, np.r_[0:8, 0:24])),
        "pages-misread",
        f"each tile of 8 rows of K but the first was the one before it, as in a buffer read too early: {DUE}",
    ),
    "a key that was not written": (
        {},
        over(unwritten(K, 31), unwritten(V, 31)),
        "pages-misread",
        f"row 31 of K and V was taken as 0, as if it had not been written: {DUE}",
    ),
    "a page of one entry": (
        {},
        np.stack([RIGHT[0], over(read(K, AGAIN), read(V, AGAIN))[1]]),
        "pages-misread",
        f"in entry 1, rows 16 to 23 of K and V were read from the place of rows 0 to 7: {DUE}",
    ),
    "a factor of each head on the output": (
        {},
        FACTORS * RIGHT,
        "values-factor",
        "the heads of your output are the right ones times 0.5, 1.5, 2.25: no factor is expected",
    ),
    "a factor of each column": (
        {},
        np.linspace(0.5, 2.25, 8) * RIGHT,
        "values-factor",
        "the columns of your output are the right ones times 0.5, 0.75, 1, 1.25, 1.5, 1.75, 2, 2.25: no factor is "
        "expected",
    ),
    "a factor of each head on the scores": (
        {},
        over(factor=FACTORS),
        "scale-other",
        "the raw scores QKᵀ of the heads were multiplied by 0.17678, 0.53033, 0.7955: divide by √d_k = 2.8284",
    ),
}


def diagnosis(output, asked):
    given = {name: Matrix(array, name) for name, array in (("queries", Q), ("keys", K), ("values", V))}
    expected = {"output": Matrix(output, "output")}
    return check(Worksheet(request=Request(**given, **asked), name="c", where="c", expected=expected)).diagnosis


@pytest.mark.parametrize(("asked", "output", "slip", "sentence"), WRONG.values(), ids=WRONG)
def test_a_page_from_another_place_and_factors_are_named(asked, output, slip, sentence, search_for):
    search_for(slip)
    first = diagnosis(output.astype(np.float32), asked)[0]
    assert (first.slip, first.sentence) == (slip, sentence)


def test_other_sums_are_reported_by_the_factors_of_rows():
    factors = RANDOM.uniform(0.6, 1.7, size=(2, 3, 6, 1))
    factors[0, 0, 0], factors[1, 2, 5] = 0.5, 2
    first = diagnosis(factors * RIGHT, {})[0]
    assert (first.slip, first.sentence) == (
        "values-factor",
        "each row of your output is the right one times a number of its own, 0.5 to 2: the exponentials were divided "
        "by other sums",
    )


def test_rows_of_one_direction_are_not_factors_of_rows():
    values = np.array([[1.0, -1], [2, -2], [-3, 3]])
    given = {"queries": np.array([[1.0, 2], [3, -1]]), "keys": np.array([[1.0, 0], [0, 1], [1, 1]]), "values": values}
    request = Request(**{name: Matrix(array, name) for name, array in given.items()})
    expected = {"output": Matrix(np.array([[0.5, -0.5], [1.25, -1.25]]), "output")}
    found = check(Worksheet(request=request, name="c", where="c", expected=expected)).diagnosis
    assert "values-factor" not in {each.slip for each in found}


def test_random_numbers_are_not_pages_and_no_factors(sample):
    for seed in sample(range(20), 10):
        noise = np.random.default_rng(seed).normal(size=RIGHT.shape)
        assert diagnosis((RIGHT + 0.1 * noise).astype(np.float32), {}) == ()
