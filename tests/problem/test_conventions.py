"""Which conventions are in force, and which options change nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from refusals import KEYS, QUERIES, VALUES, zeros

from attncli import attend


def described(**given: Any) -> dict[str, str]:
    problem = {"queries": QUERIES, "keys": KEYS, "values": VALUES, **given}
    return attend(problem.pop("queries"), problem.pop("keys"), **problem).problem.words.conventions


CONVENTIONS = [
    ("nothing in force", {}, {}),
    ("a mask", {"mask": True}, {"mask": "1 = may attend, 0 = masked"}),
    ("a mask that drops", {"mask": True, "mask_means": "drop"}, {"mask": "1 = masked, 0 = may attend"}),
    ("a bias", {"bias": 0.5}, {"bias": "added to the scores"}),
    ("causal", {"causal": True}, {"causal": "query i sees keys j ≤ i", "align": "top-left"}),
    (
        "causal at the other corner",
        {"causal": True, "align": "bottom-right"},
        {"causal": "query i sees keys j ≤ i + 2", "align": "bottom-right"},
    ),
    (
        "causal before the keys",
        {"causal": True, "query_offset": -1},
        {"causal": "query i sees keys j ≤ i − 1", "align": "query offset -1"},
    ),
    ("a window", {"window": (2, 1)}, {"window": "query i sees keys i − 2 ≤ j ≤ i + 1", "align": "top-left"}),
    ("the position itself", {"window": (0, 0)}, {"window": "query i sees keys i ≤ j ≤ i", "align": "top-left"}),
    ("a window to the left", {"window": (2, -1)}, {"window": "query i sees keys i − 2 ≤ j", "align": "top-left"}),
    ("a window to the right", {"window": (-1, 1)}, {"window": "query i sees keys j ≤ i + 1", "align": "top-left"}),
    (
        "one key, position and score of each",
        {"window": (2, 1), "keep_first": 1, "prefix": 1, "chunk": 1, "top_k": 1},
        {
            "window": "query i sees keys i − 2 ≤ j ≤ i + 1",
            "align": "top-left",
            "keep first": "the window never hides the first key",
            "prefix": "every query sees the first key",
            "chunk": "a query sees keys of its own position only",
            "top-k": "the largest score of each row takes part",
        },
    ),
    ("a window of everything", {"window": (-1, -1)}, {}),
    (
        "a window that an offset moves",
        {"window": (2, 2), "align": "bottom-right"},
        {"window": "query i sees keys i ≤ j ≤ i + 4", "align": "bottom-right"},
    ),
    (
        "lengths that move a window",
        {"queries": zeros(2, 2, 3), "window": (2, 1), "align": "bottom-right", "key_lengths": [3, 4]},
        {
            "window": "query i sees keys i + length − n − 2 ≤ j ≤ i + length − n + 1",
            "align": "bottom-right",
            "key lengths": "3, 4",
        },
    ),
    ("a softcap", {"softcap": 30}, {"softcap": "30·tanh(scores/30), after the scale, before bias and mask"}),
    (
        "grouped heads",
        {"queries": zeros(6, 2, 3), "keys": zeros(2, 4, 3), "values": None},
        {"grouped heads": "6 on 2 key/value heads, interleaved: heads 0 to 2 share key head 0"},
    ),
    (
        "one key head for all",
        {"queries": zeros(2, 8), "keys": zeros(4, 2), "values": None, "heads": "4/1"},
        {"grouped heads": "4 on 1 key/value head"},
    ),
    ("a key head for each head", {"queries": zeros(2, 4), "keys": zeros(4, 4), "values": None, "heads": "2/2"}, {}),
    (
        "half precision",
        {"queries": np.float16(QUERIES), "keys": np.float16(KEYS), "values": None},
        {"dtype": "computed in float32, returned in float16"},
    ),
]


@pytest.mark.parametrize(("given", "said"), [case[1:] for case in CONVENTIONS], ids=[case[0] for case in CONVENTIONS])
def test_conventions_in_force_are_reported(given: dict[str, Any], said: dict[str, str]) -> None:
    assert described(**given) == said


IN_VAIN = [
    ("a corner", {"align": "bottom-right"}, "--align bottom-right changes nothing without --causal or --window"),
    ("an offset", {"query_offset": 2}, "--query-offset changes nothing without --causal or --window"),
    ("a meaning", {"mask_means": "drop"}, "--mask-means drop changes nothing without --mask"),
    ("as many scores as there are", {"top_k": 4}, "--top-k 4 changes nothing with 4 keys"),
    ("a scale", {"variant": "uniform", "scale": 2}, "--scale changes nothing with uniform, whose scores are all 0"),
]


@pytest.mark.parametrize(("given", "note"), [case[1:] for case in IN_VAIN], ids=[case[0] for case in IN_VAIN])
def test_what_changes_nothing_is_noted(given: dict[str, Any], note: str) -> None:
    assert attend(QUERIES, KEYS, **given).problem.words.notes == (note,)


def test_what_is_in_force_is_not_noted() -> None:
    given = {"mask": True, "mask_means": "drop", "causal": True, "align": "top-left", "scale": 2}
    assert attend(QUERIES, KEYS, **given).problem.words.notes == ()


PACKING = "--causal, --window, --chunk, --alibi and --rope go by the position in the whole packing, not in each segment"


@pytest.mark.parametrize(
    ("given", "place"),
    [
        pytest.param({"causal": True}, "query 2 stands at key 2, of another segment", id="causal"),
        pytest.param({"alibi": 1}, "query 2 stands at key 2, of another segment", id="ALiBi"),
        pytest.param(
            {"causal": True, "query_offset": 2}, "query 1 stands at key 3, of another segment", id="an offset"
        ),
        pytest.param(
            {"window": (1, 1), "query_offset": -1},
            "query 0 stands at position -1, where no key is",
            id="before all keys",
        ),
        pytest.param({}, None, id="no positions"),
        pytest.param(
            {"causal": True, "segments": [0, 1, 1], "align": "bottom-right"}, None, id="queries behind a cache"
        ),
        pytest.param({"causal": True, "key_segments": None}, None, id="as many queries as keys"),
    ],
)
def test_sequences_of_other_lengths_are_placed_in_the_whole_packing(given, place):
    given = {"segments": [0, 0, 1, 1], "key_segments": [0, 0, 0, 1, 1], **given}
    n, m = len(given["segments"]), len(given["key_segments"] or given["segments"])
    notes = attend(zeros(n, 1), zeros(m, 1), **given).problem.words.notes
    assert notes == (() if place is None else (f"{place}: {PACKING}",))
