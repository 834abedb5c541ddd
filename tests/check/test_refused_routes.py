"""The routes that one search of a case refused, which the next one tries no more, and whose numbers nobody keeps."""

import gc
import weakref
from functools import partial

import numpy as np
import pytest
from slip_cases import TWO, diagnosis

from attncli.check.routes import RIGHT, Route
from attncli.check.search import pairs
from attncli.check.search.refused_routes import RefusedRoutes
from attncli.records import replace

NOTHING_GIVES = {
    "d_values": "[[1.1234, 2.7183], [0.4142, 3.1416], [0.5772, 1.6180]]",
    "d_queries": "[[0.1234, 0.7183], [0.4142, 0.1416]]",
}
GRADIENTS = f"{TWO}, d_output: ones"


def scaled_by(factor):
    return Route(problems=(lambda problem: problem.with_scale(factor),), reweigh=partial(np.multiply, factor))


def given(array):
    return Route(score=lambda _: array)


ARRAY = np.ones(2)


@pytest.mark.parametrize(
    ("one", "two", "are_same"),
    [
        (RIGHT, Route(), True),
        (scaled_by(2), scaled_by(2), True),
        (scaled_by(2), scaled_by(3), False),
        (scaled_by(1), scaled_by(True), False),
        (scaled_by(float("nan")), scaled_by(float("nan")), False),
        (given(ARRAY), given(ARRAY), True),
        (given(ARRAY), given(np.ones(2)), False),
        (scaled_by(2), replace(scaled_by(2), said="twice"), True),
        (scaled_by(2), replace(scaled_by(2), softmax="all"), False),
    ],
    ids=[
        "nothing is changed",
        "functions made anew",
        "another number in them",
        "a number of another type",
        "what is not equal to itself",
        "the same array",
        "an equal array",
        "other words",
        "another softmax",
    ],
)
def test_routes_are_the_same_if_they_change_the_same(one, two, are_same):
    refused = RefusedRoutes()
    refused.add(one, "weights")
    assert refused.holds(two, ["output", "weights"]) is are_same
    assert not refused.holds(two, ["output"])


def test_pairs_that_a_matrix_refused_are_not_computed_again_for_it(monkeypatch):
    computed, searches = [], []
    try_pair, try_pairs = pairs._try_pair, pairs.try_pairs
    monkeypatch.setattr(pairs, "_try_pair", lambda *arguments: computed.append(1) or try_pair(*arguments))

    def search(*arguments):
        before = len(computed)
        found = try_pairs(*arguments)
        searches.append(len(computed) - before)
        return found

    monkeypatch.setattr("attncli.check.search.diagnosis.try_pairs", search)
    diagnosis(GRADIENTS, NOTHING_GIVES)
    first, second = searches
    assert second < first / 5


def test_the_numbers_of_pairs_that_are_refused_are_not_kept(monkeypatch):
    seen, most = [], 0
    try_pair = pairs._try_pair

    def watched(*arguments):
        nonlocal most
        attempts = try_pair(*arguments)
        seen.extend(weakref.ref(attempt.numbers) for attempt in attempts)
        most = max(most, sum(each() is not None for each in seen[-100:]))
        return attempts

    monkeypatch.setattr(pairs, "_try_pair", watched)
    gc.disable()  # what nobody refers to is gone at once
    try:
        diagnosis(GRADIENTS, NOTHING_GIVES)
    finally:
        gc.enable()
    assert len(seen) > 500
    assert most < 10
