"""What the summary says in words, held against the weights, on random problems and on those made for each sentence."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest
from amount import examples
from hypothesis import given, settings
from hypothesis import strategies as st

from attncli.api import as_matrix
from attncli.explain.numbers import Numbers, compute_numbers
from attncli.explain.rounding import Figures
from attncli.explain.summary import summarize
from attncli.inputs.request import Labels, Request
from attncli.problem.names import Names
from attncli.problem.prepare import prepare

WHOLE = st.integers(-3, 3)  # few numbers, so that ties are common


def solved(queries: object, keys: object, values: object = None, **settings: object) -> Numbers:
    mask = settings.pop("mask", None)
    request = Request(
        queries=as_matrix(queries, "queries"),  # type: ignore[arg-type]
        keys=as_matrix(keys, "keys"),  # type: ignore[arg-type]
        values=as_matrix(values, "values"),  # type: ignore[arg-type]
        mask=as_matrix(mask, "mask"),  # type: ignore[arg-type]
        **settings,  # type: ignore[arg-type]
    )
    problem = prepare(request, compute="float64")
    return compute_numbers(problem, Names(problem), 0, 0)


def said(numbers: Numbers, digits: int = 4) -> str:
    return " ".join(summarize(numbers, Figures(digits)))


def keys_in(text: str) -> set[int]:
    """The keys that a piece of the summary names."""
    return {int(number) for number in re.findall(r"[kK]ey (\d+)", text)}


Drawn = tuple[list[int], list[list[int]], list[list[int]], list[bool], str]

problems = st.tuples(st.integers(1, 7), st.integers(1, 3)).flatmap(
    lambda size: st.tuples(
        st.lists(WHOLE, min_size=size[1], max_size=size[1]),
        st.lists(st.lists(WHOLE, min_size=size[1], max_size=size[1]), min_size=size[0], max_size=size[0]),
        st.lists(st.lists(WHOLE, min_size=2, max_size=2), min_size=size[0], max_size=size[0]),
        st.lists(st.booleans(), min_size=size[0], max_size=size[0]),
        st.sampled_from(["scaled", "dot", "laplace", "gaussian", "uniform"]),
    )
)


@settings(derandomize=True, deadline=None, max_examples=examples(250))
@given(problems)
def test_each_claim_is_true_of_the_weights(
    problem: tuple[list[int], list[list[int]], list[list[int]], list[bool], str],
) -> None:
    query, keys, values, mask, variant = problem
    numbers = solved([query], keys, values, mask=[mask], variant=variant)
    text = said(numbers)
    seen = [j for j, allowed in enumerate(mask) if allowed]
    if not seen:
        assert text == "The query may attend to no key, so no value reaches its output."
        return
    weights = numbers.weights[seen]
    top = {j for j in seen if numbers.weights[j] >= weights.max() * (1 - 1e-12)}
    check_top(text, top, seen, numbers)
    check_spread(text, weights, seen)
    check_output(text, numbers, seen)


def check_top(text: str, top: set[int], seen: list[int], numbers: Numbers) -> None:
    weights = numbers.weights
    if len(seen) == 1:
        assert f"may attend only to key {seen[0]}" in text
    elif len(top) == len(seen):
        assert "no key stands out" in text
        assert float(re.search(r"each gets ([\d.]+),", text)[1]) == pytest.approx(1 / len(seen), abs=5e-5)  # type: ignore[index]
    else:
        first, _, rest = text.partition(", ") if len(top) == 1 else text.partition(" tie ")
        named = keys_in(first)
        assert named <= top
        assert len(top) > 4 or named == top
        second = max(weights[j] for j in seen if j not in top)
        ratio = re.search(r"([\d.,e+]+) times as much as the next", rest)
        if ratio:
            assert float(ratio[1].replace(",", "")) == pytest.approx(weights.max() / second, rel=0.05)
        else:
            assert second == 0 or weights.max() / second < 1.05
        runners = keys_in(rest.partition(". ")[0].partition("next, ")[2])
        assert all(weights[j] == pytest.approx(second, rel=1e-9) for j in runners)


def check_spread(text: str, weights: np.ndarray, seen: list[int]) -> None:
    effective = math.exp(-sum(w * math.log(w) for w in weights if w > 0))
    told = re.search(r"attended equally to ([\d.]+) keys out of (?:the )?(\d+) ", text)
    assert (told is not None) == (len(seen) > 1)
    if told:
        assert float(told[1]) == pytest.approx(effective, abs=0.0051)
        assert int(told[2]) == len(seen)
    assert ("saturated" in text) == (len(seen) > 1 and weights.max() >= 0.999)


def check_output(text: str, numbers: Numbers, seen: list[int]) -> None:
    assert numbers.values is not None
    assert numbers.output is not None
    values = numbers.values[seen]
    distances = {j: float(np.linalg.norm(numbers.values[j] - numbers.output)) for j in seen}
    nearest = min(distances.values())
    average = float(np.linalg.norm(values.mean(axis=0) - numbers.output))
    claim = text[text.index("utput") :]
    if "closest to the value" in claim:
        assert all(distances[j] <= nearest + 1e-9 for j in keys_in(claim))
        assert keys_in(claim)
        assert average >= nearest - 1e-9
        away = re.search(r"\(([\d.e-]+) away\)", claim)
        assert away
        assert float(away[1]) == pytest.approx(nearest, abs=5e-5, rel=1e-2)
    elif "closer to the plain average" in claim:
        assert average < nearest
        assert all(distances[j] <= nearest + 1e-9 for j in keys_in(claim))
    elif "is the plain average" in claim:
        assert average == pytest.approx(0, abs=1e-9)
    elif "same value" in claim or "that key's value" in claim:
        assert np.ptp(values, axis=0).max() == 0
    else:
        assert nearest == pytest.approx(0, abs=1e-9)
        assert keys_in(claim) <= {j for j in seen if distances[j] < 1e-9}


def test_a_tie_is_called_a_tie() -> None:
    text = said(solved([[1, 0]], [[2, 0], [2, 0], [0, 0]], variant="dot"))
    assert text.startswith("Key 0 and key 1 tie for the largest weight, 0.4683 each, 7.4 times as much as the next")


def test_equal_weights_single_out_no_key() -> None:
    text = said(solved([[0, 0]], [[1, 0], [0, 1]]))
    assert text == (
        "The query attends to all keys alike: each gets 0.5, so no key stands out. "
        "It spreads its attention as widely as if it attended equally to 2.00 keys out of 2 (the exponential of the "
        "entropy of its weights)."
    )


def test_a_single_key_gets_everything_whatever_its_score() -> None:
    text = said(solved([[5.0]], [[1.0], [9.0]], [[3.0], [4.0]], mask=[[1, 0]]))
    assert text == (
        "The query may attend only to key 0, which therefore gets all of the attention, whatever the score. "
        "Its output is therefore that key's value, 3."
    )


def test_a_saturated_softmax_is_called_so() -> None:
    assert "saturated" in said(solved([[100.0]], [[1.0], [0.0]]))
    assert "saturated" not in said(solved([[1.0]], [[1.0], [0.0]]))


def test_nothing_is_reported_of_weights_that_are_not_numbers() -> None:
    text = said(solved([[1.0]], [[math.nan], [0.0]], allow_nonfinite=True))
    assert text == "The weights are not numbers, so there is nothing to say about them."


def test_labels_are_quoted() -> None:
    labels = Labels(queries=("bank",), keys=("river", "money"))
    text = said(solved([[4.0]], [[1.0], [0.0]], labels=labels, variant="dot"))
    assert text.startswith(
        "“bank” attends most to “river”: weight 0.9820, 54.6 times as much as the next, “money” (0.0180)."
    )
