"""The softmax by blocks of keys: what is kept after each block, and that it comes to the output of whole rows."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from attncli import attend
from attncli.explain import explain
from attncli.explain.page import Step
from attncli.inputs.request import Request
from attncli.matrix import Matrix
from attncli.variants import BY_NAME

EXAMPLES = Path(__file__).parent.parent.parent / "examples"
RANDOM = np.random.default_rng(8)
N, M, D_V = 3, 7, 2
Q, K, V = (np.round(RANDOM.normal(size=shape), 2) for shape in ((N, 4), (M, 4), (M, D_V)))
MASK = np.array([[1, 1, 1, 1, 1, 1, 1], [0, 0, 1, 0, 1, 0, 0], [1, 0, 0, 0, 0, 1, 1]], bool)
KEPT = np.array([[1, 0, 1, 1, 0, 1, 1], [1, 1, 0, 1, 1, 1, 1], [1, 1, 1, 0, 1, 0, 1]], bool)
SETTINGS: dict[str, dict[str, Any]] = {
    **{name: {"variant": name} for name in BY_NAME},
    "causal": {"causal": True},
    "mask": {"mask": MASK},
    "a sink below all scores": {"sink": -9.0, "mask": MASK},
    "a sink above all scores": {"sink": 30.0},
    "dropout": {"dropout": 0.25, "dropout_mask": KEPT},
    "large scores": {"scale": "40"},
}


WHOLE = "hint: a whole number from 1, as in --blocks 2\n"


def steps_of(size: int, **options: Any) -> list[list[Step]]:
    """The steps of blocks of each query."""
    arrays = {name: Matrix(array, name) for name, array in (("queries", Q), ("keys", K), ("values", V))}
    asked = {name: Matrix(cell, name) if isinstance(cell, np.ndarray) else cell for name, cell in options.items()}
    asked |= {"sink": (options["sink"],)} if "sink" in options else {}
    page = explain(Request(**{**arrays, **asked}), queries=["all"], digits=12, blocks=size)  # type: ignore[arg-type]
    return [[step for step in solution.steps if step.name == "block"] for solution in page.solutions]


def results(step: Step, label: str) -> list[float]:
    """What the lines with this label come to."""
    found = [line.equation for line in step.lines if line.label.startswith(label)]
    return [equation.sides[-1].value for equation in found if equation is not None]  # type: ignore[union-attr]


@pytest.mark.sampled(2)
@pytest.mark.parametrize("size", [1, 2, 3, 7, 50])
@pytest.mark.parametrize("options", SETTINGS.values(), ids=SETTINGS.keys())
def test_after_each_block_the_sums_are_those_of_the_keys_so_far(options: dict[str, Any], size: int) -> None:
    right = attend(Q, K, V, **options)
    scores, kept = right.scores, options.get("dropout_mask", np.ones((N, M), bool))
    for query, steps in enumerate(steps_of(size, **options)):
        assert len(steps) == math.ceil(M / size) + ("sink" in options) + 1
        for place, step in enumerate(steps[:-1]):
            seen = scores[query, : (place + 1) * size]
            with_sink = np.append(seen, options["sink"]) if place * size >= M else seen
            if place * size < M and np.isneginf(scores[query, place * size : (place + 1) * size]).all():
                assert [(line.label, line.note) for line in step.lines] == [("sum so far", "masked: nothing changes")]
                continue
            largest = with_sink.max()
            powers = np.exp(seen - largest)
            assert results(step, "largest so far") == [pytest.approx(largest)]
            assert results(step, "sum so far") == [pytest.approx(np.exp(with_sink - largest).sum())]
            gathered = (powers * kept[query, : len(seen)]) @ V[: len(seen)]
            assert results(step, "values so far") == [pytest.approx(cell, abs=1e-12) for cell in gathered]
        assert right.output is not None
        assert results(steps[-1], "output") == [pytest.approx(cell, abs=1e-12) for cell in right.output[query]]


def test_a_block_that_is_all_masked_changes_nothing() -> None:
    first, second, *_ = steps_of(2, mask=MASK)[1]
    assert (first.title, results(first, "sum so far")) == ("Block 1 of 4: key 0 and key 1", [0])
    assert [line.label for line in second.lines][:3] == ["largest so far", "key 2", "sum so far"]


def test_of_many_blocks_the_first_and_the_last_are_shown() -> None:
    queries, keys = Matrix(np.eye(1, 3), "q"), Matrix(np.round(RANDOM.normal(size=(100, 3)), 2), "k")
    page = explain(Request(queries=queries, keys=keys), blocks=5)
    steps = [step for step in page.solutions[0].steps if step.name == "block"]
    assert [step.title.split(":")[0] for step in steps] == [f"Block {number} of 20" for number in (1, 2, 3, 4, 19, 20)]
    assert steps[4].words[0] == "14 of 20 blocks are left out: they go on in the same way."
    right = attend(queries.array, keys.array)
    assert results(steps[-1], "sum so far") == [
        pytest.approx(np.exp(right.scores - right.scores.max()).sum(), abs=1e-4)
    ]


def test_steps_that_are_left_blank_are_blank_by_blocks_too() -> None:
    page = explain(
        Request(queries=Matrix(Q, "q"), keys=Matrix(K, "k"), values=Matrix(V, "v")), until="scores", blocks=3
    )
    blocks = [step for solution in page.solutions for step in solution.steps if step.name == "block"]
    assert blocks
    assert all(line.is_blank and line.equation is None for step in blocks for line in step.lines)


def test_without_a_key_there_are_no_blocks() -> None:
    assert steps_of(2, mask=np.zeros((N, M), bool)) == [[], [], []]


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["--blocks", "0"], f"error: --blocks: 0 is not a number of keys\n{WHOLE}"),
        (["--blocks", "-1"], f"error: --blocks: -1 is not a number of keys\n{WHOLE}"),
        (
            ["--blocks", "2", "--normalizer", "sparsemax"],
            "error: --blocks: the normalizer is sparsemax: only a softmax can be computed block by block\n"
            "hint: leave it out\n",
        ),
        (
            ["--blocks", "2", "--top-k", "2"],
            "error: --blocks: top-k needs all scores of a query at once\nhint: leave one of them out\n",
        ),
        (
            ["--blocks", "2", "-o", "w.xlsx"],
            "error: --blocks: a workbook works out the softmax of whole rows only\nhint: -o work.html\n",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_computed_by_blocks_is_reported(run: Callable[..., Any], words: list[str], error: str) -> None:
    assert run("explain", EXAMPLES / "river_bank.yaml", *words) == (2, "", error)


def test_a_hand_checked_page(run: Callable[..., Any]) -> None:
    """Scores 0, log 2 and log 4 have exponentials of 1, 2 and 4: after the second key the largest is 2, so that the
    first counts 1/2, and after the third 4."""
    scores = f"0; {math.log(2)}; {math.log(4)}"
    ran = run("explain", "1", scores, "7; 14; 28", "-a", "dot", "--blocks", "1", "--digits", "3")
    assert ran.status == 0
    work = [" ".join(line.split()) for line in ran.out.split("Block 1 of 3")[1].splitlines()]
    assert "sum so far 1·0.5 + 1 = 1.5" in work
    assert "values so far 7·0.5 + 1·14 = 17.5" in work
    assert "sum so far 1.5·0.5 + 1 = 1.75" in work
    assert "values so far 17.5·0.5 + 1·28 = 36.75" in work
    assert "output 36.75 / 1.75 = 21" in work
