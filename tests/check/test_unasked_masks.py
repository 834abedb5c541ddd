"""Masks that nothing in the problem asks for are read from zeros among the numbers, or found among usual windows."""

import numpy as np
import pytest
from slip_cases import diagnosis

from attncli import attend

RANDOM = np.random.default_rng(31)
Q, K, V = (RANDOM.integers(-2, 3, size).astype(float) for size in ((2, 5, 3), (2, 6, 3), (2, 6, 2)))
TEXT = f"queries: {Q.tolist()}, keys: {K.tolist()}, values: {V.tolist()}"
SEEN = RANDOM.random((2, 5, 6)) < 0.6
SEEN[0, 2] = False  # a query without a key


def printed(array, digits=4):
    return np.round(array, digits).tolist()


@pytest.mark.parametrize("names", [("weights",), ("weights", "output"), ("scores",), ("scores", "weights", "output")])
def test_a_mask_that_zeros_show_is_reported(names):
    result = attend(Q, K, V, mask=SEEN)
    expected = {name: printed(getattr(result, name)) for name in names}
    found = diagnosis(TEXT, {name: str(rows).replace("-inf", "-.inf") for name, rows in expected.items()})
    is_of_scores = "scores" in names
    hidden = int((~SEEN).sum())
    first = ", ".join(map(str, np.argwhere(~SEEN)[0]))
    assert [each.slip for each in found] == ["unasked-mask"]
    assert found[0].sentence == (
        f"more is masked than is asked for: {hidden} of your {'scores' if is_of_scores else 'weights'} are "
        f"{'−inf' if is_of_scores else '0'}, the first at [{first}], and the others are those without these keys "
        "(--mask, or --causal, --window, --key-lengths)"
    )


def test_one_more_key_that_is_masked_is_reported_beside_a_causal_mask():
    seen = np.ones((5, 6), bool)
    seen[4, 1] = False
    weights = attend(Q, K, V, mask=seen, causal=True).weights
    names = [each.slip for each in diagnosis(f"{TEXT}, causal: true", {"weights": printed(weights)})]
    assert names[0] in ("mask-one-cell", "unasked-mask")


@pytest.mark.parametrize("entry", [0, 1])
def test_other_weights_beside_the_zeros_are_not_explained(entry):
    weights = attend(Q, K, V, mask=SEEN).weights.copy()
    weights[entry, 4] = weights[entry, 4] * [1, 1, 1, 1, 1.2, 1] + [0.1, 0, 0.2, 0, 0, 0.1]
    assert "unasked-mask" not in [each.slip for each in diagnosis(TEXT, {"weights": printed(weights)})]


@pytest.mark.parametrize(("before", "after"), [(1, 1), (2, 2), (3, 0)])
def test_a_window_is_recognized_by_the_output_only(before, after):
    output = attend(Q, K, V, window=(before, after)).output
    found = diagnosis(TEXT, {"output": printed(output)})
    keys, words = "key" if before == 1 else f"{before} keys", "none" if after == 0 else after
    said = f"a window was applied, the {keys} before the query's position and {words} after: none is asked for"
    told = {each.slip: each.sentence for each in found}
    assert told["unasked-window"] == f"{said} (--window {before},{after})"


def test_a_window_beside_a_causal_mask_is_reported():
    output = attend(Q, K, V, window=(1, 0), causal=True).output
    found = diagnosis(f"{TEXT}, causal: true", {"output": printed(output)})
    assert "unasked-window" in [each.slip for each in found]
