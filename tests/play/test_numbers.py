"""The page's numbers are those of `run`, whatever its controls say; what run has not yet is worked out here."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from play.browser import PlayPage

from attncli import attend
from attncli.inputs.problem_file import read_problem
from attncli.inputs.request import RESULT_NAMES
from attncli.inputs.sources import Sources
from attncli.problem.prepare import prepare
from attncli.results.result import Result
from attncli.stages.normalizers import NORMALIZER_NAMES
from attncli.variants import BY_NAME

RANDOM = np.random.default_rng(20)
QUERIES, KEYS, VALUES = (RANDOM.normal(size=shape).round(3) for shape in ((4, 3), (5, 3), (5, 2)))
PROBLEM = "\n".join(
    f"{name}: {matrix.tolist()}" for name, matrix in (("queries", QUERIES), ("keys", KEYS), ("values", VALUES))
)
CONTROLS = (
    ("", {}),
    ("scale=1", {"scale": "1"}),
    ("scale=1/dk", {"scale": "1/dk"}),
    ("scale=2*sqrt(dk)-1/3**2", {"scale": "2*sqrt(dk)-1/3**2"}),
    ("scale=-0.5", {"scale": "-0.5"}),
    ("softcap=0.7", {"softcap": 0.7}),
    ("causal=1", {"causal": True}),
    ("window=1,0", {"window": (1, 0)}),
    ("window=-1,1&scale=3", {"window": (-1, 1), "scale": "3"}),
    ("causal=1&window=0,3&softcap=2", {"causal": True, "window": (0, 3), "softcap": 2.0}),
    ("temperature=4&scale=2", {"scale": "2/4"}),
)
LENGTHS = (
    ("length_scale=0.5", {"length_scale": 0.5}),
    ("length_scale=3&causal=1", {"length_scale": 3, "causal": True}),
)


def assert_same(page: PlayPage, result: Any, case: str = "") -> None:
    """Every result on the page is the result's to 12 digits."""
    for name, cells in page.matrices(tuple(filter(result.has, RESULT_NAMES))).items():
        due = np.asarray(result.array(name), np.float64)
        found = np.array(cells)
        np.testing.assert_allclose(found, due.reshape(found.shape), rtol=1e-12, atol=1e-13, err_msg=f"{case}: {name}")


@pytest.fixture
def problem(tmp_path: Path) -> Path:
    path = tmp_path / "problem.yaml"
    path.write_text(PROBLEM)
    return path


@pytest.mark.parametrize("variant", BY_NAME)
def test_every_variant_under_every_control_is_what_run_says(
    play: Callable[..., PlayPage], problem: Path, sample: Callable[..., Any], variant: str
) -> None:
    page, place = play(problem), list(BY_NAME).index(variant)
    for address, options in sample(CONTROLS, 3, place) + (LENGTHS if BY_NAME[variant].has_length else ()):
        page.go(f"variant={variant}&{address}")
        assert_same(page, attend(QUERIES, KEYS, VALUES, variant=variant, **options), f"{variant} {address}")


STAGES = {
    **{f"normalizer {name}": {"normalizer": name} for name in NORMALIZER_NAMES[1:]},
    **{f"masked {name}": {"normalizer": name, "causal": True} for name in NORMALIZER_NAMES[1:]},
    "sink": {"sink": 0.5, "causal": True},
    "alibi": {"alibi": 0.5, "softcap": 2.0, "align": "bottom-right"},
    "top-k": {"top_k": 2, "causal": True},
    "top-k of another normalizer": {"top_k": 2, "normalizer": "sparsemax"},
    "kept keys in front of a window": {"window": (1, 0), "keep_first": 1},
    "qk-norm": {"qk_norm": "rms"},
    "rope": {"rope": "half", "rope_dims": 2, "variant": "laplace"},
}


@pytest.mark.parametrize("options", STAGES.values(), ids=STAGES.keys())
def test_every_stage_of_a_problem_is_played_and_copied(
    play: Callable[..., PlayPage], problem: Path, tmp_path: Path, options: dict[str, Any]
) -> None:
    named = {"top_k": "top-k", "keep_first": "keep-first", "qk_norm": "qk-norm", "rope_dims": "rope-dims"}
    words = []
    for name, value in options.items():
        text = ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
        words += [f"--{named.get(name, name)}", *([] if value is True else [text])]
    page = play(problem, *words)
    due = attend(QUERIES, KEYS, VALUES, **options)
    assert_same(page, due)
    page.page.evaluate("() => { navigator.clipboard.writeText = () => Promise.reject(new Error('no')); }")
    page.page.click("#copy-file")
    copied = tmp_path / "copied.yaml"
    copied.write_text(page.page.input_value("#copy-text"), "utf-8")
    request = read_problem(str(copied), Sources(io.BytesIO)).request
    np.testing.assert_allclose(Result(prepare(request)).array("output"), due.output, rtol=1e-12)


def test_dropped_weights_are_played(play: Callable[..., PlayPage], problem: Path) -> None:
    mask = [[1, 0, 1, 1, 0], [1, 1, 1, 1, 1], [0, 0, 1, 1, 1], [1, 0, 0, 0, 0]]
    page = play(problem, "--dropout", "0.25", "--dropout-mask", str(mask))
    due = attend(QUERIES, KEYS, VALUES, dropout=0.25, dropout_mask=mask)
    np.testing.assert_allclose(page.numbers("weights"), due.weights, rtol=1e-12)
    np.testing.assert_allclose(page.numbers("output"), due.output, rtol=1e-12)
    page.cell("weights", 2, 0).click()
    assert "after dropout" in page.page.inner_text("#arithmetic-lines")


def test_another_normalizer_leaves_out_the_sink_and_writes_its_own_formula(
    play: Callable[..., PlayPage], problem: Path
) -> None:
    page = play(problem, "--sink", "1")
    page.page.select_option("#normalizer", "sparsemax")
    assert page.address == "sink=none&normalizer=sparsemax"
    page.cell("weights", 1, 0).click()
    lines = page.page.inner_text("#arithmetic-lines")
    assert "threshold τ" in lines
    assert "max(" in lines
    assert page.page.inner_text("#formula").startswith("output = sparsemax(")
    assert_same(page, attend(QUERIES, KEYS, VALUES, normalizer="sparsemax"))
    page.page.fill("#sink", "2")
    page.page.press("#sink", "Tab")
    assert_same(page, attend(QUERIES, KEYS, VALUES, sink=2))


def test_edited_cells_are_computed_with(play: Callable[..., PlayPage], problem: Path) -> None:
    page = play(problem, address="q.1.2=-7.25&k.4.0=1e-3&v.0.1=1/3")
    queries, keys, values = QUERIES.copy(), KEYS.copy(), VALUES.copy()
    queries[1, 2], keys[4, 0], values[0, 1] = -7.25, 1e-3, 1 / 3
    assert_same(page, attend(queries, keys, values))


@pytest.mark.parametrize("sink", [-3.0, 0.0, 2.5])
def test_a_sink_joins_the_sum_and_has_no_value(play: Callable[..., PlayPage], problem: Path, sink: float) -> None:
    page = play(problem, address=f"sink={sink}&causal=1")
    scores = attend(QUERIES, KEYS, VALUES, causal=True).scores
    total = np.exp(scores).sum(axis=1, keepdims=True) + np.exp(sink)
    weights = np.exp(scores) / total
    np.testing.assert_allclose(page.numbers("weights"), weights, rtol=1e-12)
    np.testing.assert_allclose(page.numbers("output"), weights @ VALUES, rtol=1e-12)
    np.testing.assert_allclose(page.numbers("lse"), np.log(total), rtol=1e-12)


def test_a_temperature_divides_the_scale(play: Callable[..., PlayPage], problem: Path) -> None:
    for variant, divided in (("scaled", "1/sqrt(dk)/2.5"), ("laplace", "1/2.5"), ("cosine", "1/2.5")):
        page = play(problem, "-a", variant, address="temperature=2.5")
        assert_same(page, attend(QUERIES, KEYS, VALUES, variant=variant, scale=divided))


MASKS = {
    "mask": "mask: [[1, 0, 1, 1, 0], [1, 1, 1, 1, 1], [0, 0, 0, 0, 0], [0, 1, 0, 1, 1]]",
    "drop": "mask: [[1, 0, 1, 1, 0]]\nmask_means: drop",
    "bias": "bias: [[0.5, -.inf, 1, 0, -2]]\nsoftcap: 1.5",
    "corner": "causal: true\nalign: bottom-right\nwindow: [2, 0]",
    "offset": "causal: true\nquery_offset: -1",
    "lengths": "key_lengths: 3\ncausal: true",
    "conventions": "as: jax\nmask: [[0, 0, 0, 0, 0], [1, 1, 1, 1, 1], [1, 0, 0, 0, 0], [0, 1, 0, 1, 1]]",
}


@pytest.mark.parametrize("name", MASKS)
def test_the_masks_of_the_problem_stay_in_force(
    play: Callable[..., PlayPage], run: Callable[..., Any], tmp_path: Path, name: str
) -> None:
    import json

    path = tmp_path / "masked.yaml"
    path.write_text(f"{PROBLEM}\n{MASKS[name]}\n")
    page = play(path)
    ran = json.loads(run("run", path, "-f", "json", "--show", "raw_scores,scores,weights,output,lse").out)
    for matrix in RESULT_NAMES:
        due = np.array([[-np.inf if cell is None else cell for cell in np.ravel(row)] for row in ran[matrix]], float)
        np.testing.assert_allclose(page.numbers(matrix), due, rtol=1e-12, atol=1e-13, err_msg=matrix)


def test_heads_are_chosen_one_at_a_time_and_may_share_a_key_head(play: Callable[..., PlayPage], tmp_path: Path) -> None:
    path = tmp_path / "heads.npz"
    queries, keys, values = (RANDOM.normal(size=shape) for shape in ((4, 3, 2), (2, 5, 2), (2, 5, 3)))
    np.savez(path, queries=queries, keys=keys, values=values)
    weights = attend(queries, keys, values).weights
    page = play(path)
    for part in range(4):
        page.go(f"part={part}")
        np.testing.assert_allclose(page.numbers("weights"), weights[part], rtol=1e-12)
    keys[1, 0, 0] = 9
    page.go("part=3&k.1.0.0=9")
    np.testing.assert_allclose(page.numbers("weights"), attend(queries, keys, values).weights[3], rtol=1e-12)


def test_without_values_there_are_weights_only(play: Callable[..., PlayPage]) -> None:
    page = play("2 0; 0 1", "1 0; 0 1")
    np.testing.assert_allclose(page.numbers("weights"), attend([[2, 0], [0, 1]], [[1, 0], [0, 1]]).weights, rtol=1e-12)
    assert page.numbers("output") == []
    assert page.numbers("values") == []


def test_extreme_numbers_are_right_or_said_to_be_too_large(play: Callable[..., PlayPage]) -> None:
    page = play("1e200 1e-200", "1e-200 1e200; 3e-200 0", "1; 5e-324", "-a", "cosine")
    assert_same(page, attend([[1e200, 1e-200]], [[1e-200, 1e200], [3e-200, 0]], [[1], [5e-324]], variant="cosine"))
    assert not page.page.locator("#overflow").is_visible()
    page.go("variant=dot&q.0.0=1e300&k.0.0=1e300&k.1.0=-1e300")
    assert page.page.locator("#overflow").is_visible()


def test_64_queries_and_keys_have_the_right_numbers(play: Callable[..., PlayPage], tmp_path: Path) -> None:
    queries, keys, values = (RANDOM.normal(size=(64, columns)) for columns in (2, 2, 1))
    bias = RANDOM.normal(size=(64, 64))
    np.savez(tmp_path / "large.npz", queries=queries, keys=keys, values=values, bias=bias)
    page = play(tmp_path / "large.npz")
    assert_same(page, attend(queries, keys, values, bias=bias))
