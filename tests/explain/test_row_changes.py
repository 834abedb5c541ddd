"""The steps of qk-norm and rope: which rows, in which order, and rows that have no arithmetic."""

from __future__ import annotations

import numpy as np
import pytest
from explain.board import page_of

from attncli.explain import Explanation
from attncli.explain.page import Step
from attncli.inputs.request import Request
from attncli.matrix import Matrix
from attncli.render.explain.text import explanation_text
from attncli.render.result.tables import Style

RANDOM = np.random.default_rng(3)


def page(queries: np.ndarray, keys: np.ndarray, **given: object) -> Explanation:
    request = Request(queries=Matrix(queries, "q"), keys=Matrix(keys, "k"), **given)  # type: ignore[arg-type]
    return page_of(request)


def titles(found: Explanation) -> list[str]:
    return [step.title for step in found.preparation]


def lines_of(step: Step) -> list[str]:
    return [line.label for line in step.lines]


def test_the_norm_comes_before_the_rotation_and_only_shown_queries_are_worked_out() -> None:
    found = page_of(
        Request(
            queries=Matrix(RANDOM.normal(size=(3, 2)), "q"),
            keys=Matrix(RANDOM.normal(size=(2, 2)), "k"),
            rope="half",
            qk_norm="l2",
        ),
        queries=["1"],
    )
    assert titles(found) == [
        "Norm the queries", "Turn the queries by their positions", "Norm the keys", "Turn the keys by their positions",
    ]  # fmt: skip
    assert lines_of(found.preparation[0]) == ["query 1, length", "query 1, q 0", "query 1, q 1", "query 1"]
    assert lines_of(found.preparation[3]) == ["key 0, k 0", "key 0, k 1", "key 1, k 0", "key 1, k 1", "key 0", "key 1"]


def test_key_heads_that_are_shared_are_turned_once() -> None:
    found = page(RANDOM.normal(size=(4, 1, 2)), RANDOM.normal(size=(2, 1, 2)), rope="interleaved")
    assert titles(found) == [
        "Turn the queries of entry 0 by their positions", "Turn the keys of entry 0 by their positions",
        "Turn the queries of entry 1 by their positions",
        "Turn the queries of entry 2 by their positions", "Turn the keys of entry 2 by their positions",
        "Turn the queries of entry 3 by their positions",
    ]  # fmt: skip


def test_the_words_say_the_angles_of_the_first_row() -> None:
    found = page(np.ones((1, 4)), np.ones((1, 4)), rope="half", rope_base=100.0, rope_scale=2.0, query_offset=3)
    assert found.preparation[0].words[0] == (
        "Rope: pairs (c, c + d/2) are turned as points (a, b), to a cos − b sin and a sin + b cos, by the angle "
        "position/2 · 100^(−2c/4). At position 3, that of “query 0”, it is 1.5, 0.15."
    )


def test_columns_that_are_not_rotated_stay() -> None:
    found = page(np.array([[1.0, 2, 5]]), np.ones((2, 3)), rope="half", rope_dims=2, query_offset=1)
    text = " ".join(explanation_text(found, Style(4), 100).split())
    assert "query 0, q 0 1·0.540302 + 2·(−0.841471) ≈ −1.1426 query 0, q 1 " in text
    assert "query 0, q 2 5 query 0 [−1.1426, 1.9221, 5]" in text


def test_a_row_of_zeros_stays_zero() -> None:
    found = page(np.zeros((1, 2)), np.ones((1, 2)), qk_norm="rms")
    step = found.preparation[0]
    assert [(line.label, line.note) for line in step.lines] == [
        ("query 0, length", "the row stays zero"),
        ("query 0", ""),
    ]


def test_of_many_rows_the_first_is_worked_out() -> None:
    found = page(RANDOM.normal(size=(1, 16)), RANDOM.normal(size=(40, 16)), rope="half")
    keys = found.preparation[1]
    assert keys.words[1] == "The arithmetic of key 0; the others are worked out in the same way."
    labels = lines_of(keys)
    assert {label.partition(",")[0] for label in labels[:-4]} == {"key 0"}
    assert labels[-4:] == ["key 0", "key 1", "key 38", "key 39"]  # those at both ends


@pytest.mark.parametrize("given", [{"rope": "half"}, {"qk_norm": "l2"}])
def test_a_key_that_is_not_a_number_and_masked_breaks_nothing(given: dict[str, object]) -> None:
    keys = np.array([[1.0, 2], [np.nan, np.inf]])
    found = page(np.ones((1, 2)), keys, mask=Matrix(np.array([[1, 0]]), "mask"), **given)
    assert "key 1" in explanation_text(found, Style(4), 100)
