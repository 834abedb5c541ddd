"""The rules that are named for a cell forbid what the engine's masks forbid."""

from __future__ import annotations

import numpy as np
import pytest

from attncli import attend
from attncli.problem.mask_rules import ALLOWED, RULES, name_cells
from attncli.problem.row_masks import make_row_mask

N, M = 5, 7


def draw_masks(random: np.random.Generator) -> dict[str, object]:
    """Settings of which each is there or not."""
    settings: dict[str, object] = {
        "mask": random.random((N, M)) < 0.7,
        "bias": np.where(random.random((2, N, M)) < 0.2, -np.inf, 0.5),
        "causal": True,
        "window": tuple(random.integers(-1, 4, size=2).tolist()),
        "keep_first": int(random.integers(0, 3)),
        "prefix": int(random.integers(0, 4)),
        "chunk": int(random.integers(1, 5)),
        "segments": random.integers(0, 2, size=(2, N)),
        "key_lengths": random.integers(0, M + 1, size=2).tolist(),
        "query_offset": int(random.integers(-2, 4)),
    }
    given = {name: value for name, value in settings.items() if random.random() < 0.5}
    if "segments" in given:
        given["key_segments"] = random.integers(0, 2, size=(2, M))
    return given


SETTINGS_OF = {  # what makes each rule
    "mask": {"mask"},
    "causal": {"causal", "prefix", "query_offset"},
    "window": {"window", "keep_first", "prefix", "query_offset"},
    "chunk": {"chunk", "query_offset"},
    "segment": {"segments", "key_segments"},
    "length": {"key_lengths"},
    "bias": {"bias"},
}


@pytest.mark.parametrize("seed", range(40))
def test_the_rule_that_is_named_is_the_first_that_hides_the_cell_by_itself(seed):
    random = np.random.default_rng(seed)
    queries, keys, settings = random.normal(size=(2, N, 3)), random.normal(size=(2, M, 3)), draw_masks(random)
    named = attend(queries, keys, **settings).problem
    due = np.full((2, N, M), ALLOWED, dtype=object)
    for rule in reversed(RULES):
        own = {name: value for name, value in settings.items() if name in SETTINGS_OF[rule]}
        if rule in own or own.keys() & {"segments", "key_lengths"}:
            due[np.isneginf(attend(queries, keys, **own).scores)] = rule
    for number in range(named.parts):
        found = [name_cells(named.isolate_part(number), row) for row in range(N)]
        assert found == due[number].tolist()


@pytest.mark.parametrize("seed", range(60))
def test_a_rule_is_named_for_every_cell_that_the_engine_hides_and_for_no_other(seed):
    random = np.random.default_rng(seed)
    problem = attend(random.normal(size=(2, N, 3)), random.normal(size=(2, M, 3)), **draw_masks(random)).problem
    for number in range(problem.parts):
        allowed = make_row_mask(problem, problem.part(number), range(N)).allowed(0, M)
        allowed = np.ones((N, M), np.bool_) if allowed is None else allowed
        named = [[cell == ALLOWED for cell in name_cells(problem.isolate_part(number), row)] for row in range(N)]
        assert named == allowed.tolist()
