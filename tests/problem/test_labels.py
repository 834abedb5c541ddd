"""Labels: as many as what they name, and which ones win."""

from __future__ import annotations

from typing import Any

import pytest
from refusals import KEYS, QUERIES, asked, zeros

from attncli import AttncliError
from attncli.inputs.request import Labels, Request
from attncli.matrix import Matrix
from attncli.problem.prepare import prepare

WRONG_LABELS = [
    ({"queries": ("a", "b", "c")}, "labels: queries: 3 labels for 2 queries"),
    ({"keys": ("a", "b")}, "labels: keys: 2 labels for 4 keys"),
    ({"features": ("a", "b")}, "labels: features: 2 labels for 3 columns of Q and K"),
]


@pytest.mark.parametrize(("names", "message"), WRONG_LABELS, ids=[next(iter(names)) for names, _ in WRONG_LABELS])
def test_labels_are_as_many_as_what_they_name(names: dict[str, Any], message: str) -> None:
    with pytest.raises(AttncliError) as refusal:
        asked(queries=zeros(5, 2, 3), keys=KEYS, labels=Labels(**names))
    assert str(refusal.value) == message


def test_labels_given_apart_win_over_those_read_with_the_matrices() -> None:
    queries = Matrix(QUERIES, "queries", row_labels=("a", "b"), column_labels=("x", "y", "z"))
    keys, own = Matrix(KEYS, "keys", row_labels=("k", "l", "m", "n")), Labels(queries=("c", "d"), values=("v",))
    problem = prepare(Request(queries=queries, keys=keys, labels=own))
    assert problem.words.labels == Labels(("c", "d"), ("k", "l", "m", "n"), ("x", "y", "z"), ("v",))


def test_features_of_packed_heads_are_named_as_one_likes() -> None:
    labels = Labels(features=("x", "y"))
    assert asked(queries=zeros(1, 4), keys=zeros(1, 4), heads=(2, 2), labels=labels).problem.words.labels == labels
