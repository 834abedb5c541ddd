"""`attncli compare`: neighbouring columns, and what is said of them, against the results themselves."""

from __future__ import annotations

import itertools
import json
import math
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from memory import PEAK, needs_peak
from oracle import attention

from attncli import attend
from attncli.api import as_matrix
from attncli.compare.comparison import Candidate, compare, variant_candidates
from attncli.inputs.request import Request
from attncli.variants import VARIANTS

EXAMPLES = Path(__file__).parent.parent.parent / "examples"
CAR = EXAMPLES / "car.yaml"
NAMES = [variant.name for variant in VARIANTS]


def random_request(seed: int, **settings: object) -> Request:
    random = np.random.default_rng(seed)
    matrices = {name: as_matrix(random.normal(size=(5, 3)), name) for name in ("queries", "keys", "values")}
    return Request(**matrices, **settings)  # type: ignore[arg-type]


@pytest.mark.parametrize("seed", range(4))
def test_each_column_is_that_variants_own_result(seed: int) -> None:
    request = random_request(seed, causal=bool(seed % 2))
    comparison = compare(variant_candidates(request, []))
    matrices = [getattr(request, name).array.tolist() for name in ("queries", "keys", "values")]
    for row in range(5):
        for name, column in zip(NAMES, comparison.columns(0, row), strict=True):
            right = attention(*matrices, variant=name, causal=bool(seed % 2))
            weights = right["weights"][row]
            assert column.name == name
            assert column.weights == pytest.approx(weights, abs=1e-12)
            assert column.output == pytest.approx(right["output"][row], abs=1e-12)
            spread = -sum(w * math.log(w) for w in weights if w > 0)
            assert column.entropy == pytest.approx(spread, abs=1e-9)
            assert column.effective_keys == pytest.approx(math.exp(spread), abs=1e-9)
            assert weights[column.top[0]] == pytest.approx(max(weights))


@pytest.mark.parametrize("batch", [(), (2,), (2, 3)])
def test_the_largest_difference_is_over_all_pairs(batch: tuple[int, ...]) -> None:
    queries = as_matrix(np.random.default_rng(8).normal(size=(*batch, 5, 3)), "queries")
    comparison = compare(variant_candidates(replace(random_request(7), queries=queries), []))
    for found, name in zip(comparison.differences, ("weights", "output"), strict=True):
        arrays = [result.array(name) for result in comparison.results]
        assert found.what == name
        assert found.size == max(float(np.abs(a - b).max()) for a, b in itertools.combinations(arrays, 2))
        first, second = NAMES.index(found.first), NAMES.index(found.second)
        assert abs(arrays[first][found.at] - arrays[second][found.at]) == found.size


def test_a_difference_that_is_not_a_number_is_not_the_largest() -> None:
    queries, keys = [[math.nan, 0.0], [1.0, 2.0]], [[1.0, 0.0], [3.0, 2.0]]
    matrices = {"queries": as_matrix(queries, "queries"), "keys": as_matrix(keys, "keys")}
    request = Request(**matrices, allow_nonfinite=True)  # type: ignore[arg-type]
    (found,) = compare(variant_candidates(request, ["dot", "scaled"])).differences
    assert (found.at[0], 0 < found.size < 1) == (1, True)
    matrices["queries"] = as_matrix(queries[:1], "queries")
    alone = Request(**matrices, allow_nonfinite=True)  # type: ignore[arg-type]
    assert compare(variant_candidates(alone, ["dot", "scaled"])).differences == ()


def test_very_many_weights_are_compared_as_few_are() -> None:
    random = np.random.default_rng(5)
    drawn = {name: random.normal(size=(2100, 3)).astype(np.float32) for name in ("queries", "keys")}
    request = Request(**{name: as_matrix(array, name) for name, array in drawn.items()}, window=(700, -1))  # type: ignore[arg-type]
    comparison = compare(variant_candidates(request, ["dot", "laplace", "uniform"]))
    weights = [attend(**drawn, variant=each.name, window=(700, -1)).weights for each in comparison.candidates]
    (found,) = comparison.differences
    apart = {
        (one, two): np.abs(a.astype(np.float64) - b)
        for (one, a), (two, b) in itertools.combinations(zip(("dot", "laplace", "uniform"), weights, strict=True), 2)
    }
    largest = max(apart, key=lambda pair: apart[pair].max())
    assert (found.first, found.second) == largest
    assert found.size == pytest.approx(apart[largest].max(), abs=1e-6)
    assert found.at == np.unravel_index(apart[largest].argmax(), apart[largest].shape)
    for mean, own in zip(comparison.effective_keys, weights, strict=True):
        spread = [-np.dot(row[row > 0], np.log(row[row > 0])) for row in own.astype(np.float64)]
        assert mean == pytest.approx(np.exp(spread).mean(), rel=1e-6)
    assert not any(result.warnings for result in comparison.results)


def test_of_very_many_weights_those_without_a_key_are_warned_of() -> None:
    random = np.random.default_rng(5)
    drawn = {name: as_matrix(random.normal(size=(2100, 2)), name) for name in ("queries", "keys")}
    request = Request(**drawn, causal=True, query_offset=-1)  # type: ignore[arg-type]
    comparison = compare(variant_candidates(request, ["dot", "uniform"]))
    assert all(len(result.warnings) == 1 and "query 0 " in result.warnings[0] for result in comparison.results)


@pytest.mark.parametrize(("parts", "size"), [(1, 5), (2, 5), (2, 2100)])
def test_progress_counts_as_many_rows_as_it_was_announced(parts: int, size: int) -> None:
    drawn = np.random.default_rng(5).normal(size=(parts, size, 1)).astype(np.float32)
    request = Request(queries=as_matrix(drawn, "queries"), keys=as_matrix(drawn, "keys"))
    totals: list[int] = []
    told: list[int] = []

    def watched(total: int) -> AbstractContextManager[Callable[[int], None]]:
        totals.append(total)
        return nullcontext(told.append)

    compare(variant_candidates(request, ["dot", "uniform", "laplace"]), watched=watched)
    assert totals == [sum(told)]
    assert min(told) > 0


@needs_peak
def test_no_more_weights_are_held_than_a_few_rows(tmp_path: Path) -> None:
    """All of them would be 256 MB here, and their differences 256 more."""
    np.save(tmp_path / "q.npy", np.random.default_rng(1).normal(size=(4096, 8)).astype(np.float32))
    code = f"""{PEAK}
import sys
from attncli.cli.main import run_cli
status = run_cli(["compare", "q.npy", "q.npy", "--variants", "dot,scaled"])
print(peak(), file=sys.stderr)
sys.exit(status)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert float(done.stderr.split()[-1]) < 250


def test_any_requests_can_be_compared() -> None:
    request = random_request(3)
    comparison = compare([Candidate("as it is", request), Candidate("the same", request)])
    assert [found.size for found in comparison.differences] == [0, 0]
    assert comparison.sharpest_and_softest() is None


def test_the_car_is_compared_at_a_glance(run: Callable[..., object]) -> None:
    ran = run("compare", CAR, "--variants", "dot,scaled,laplace")
    assert ran == (0, (Path(__file__).parent.parent / "render" / "golden" / "compare_car.txt").read_text("utf-8"), "")


def test_json_holds_full_precision(run: Callable[..., object]) -> None:
    told = json.loads(run("compare", CAR, "-f", "json").out)  # type: ignore[attr-defined]
    assert [candidate["name"] for candidate in told["candidates"]] == NAMES
    scaled = told["candidates"][NAMES.index("scaled")]
    assert scaled["output"] == [[pytest.approx(0.512328688216, abs=1e-12)]]
    assert scaled["top_keys"] == [[4]]
    assert told["largest_difference"]["weights"]["between"] == ["laplace", "additive"]


def test_markdown_has_a_table_for_each_query(run: Callable[..., object]) -> None:
    out = run("compare", EXAMPLES / "river_bank.yaml", "-f", "markdown").out  # type: ignore[attr-defined]
    assert out.count("| | scaled | dot | laplace | gaussian | cosine | additive | uniform |") == 3
    assert "| river | **0.8943** | **0.9647** |" in out


def test_a_length_scale_goes_only_to_those_that_have_one(run: Callable[..., object]) -> None:
    ran = run("compare", CAR, "--length-scale", "2", "--variants", "dot,laplace")
    assert ran.status == 0  # type: ignore[attr-defined]
    assert "  laplace: the Manhattan distance, negated and divided by ℓ = 2\n" in ran.out  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["--variants", "dot,lapace"], "error: --variants: 'lapace' is not a variant\nhint: did you mean 'laplace'?\n"),
        (["-f", "csv"], "error: --format: 'csv' is not a format of compare\nhint: one of: table, json, markdown\n"),
    ],
    ids=["an unknown variant", "an unknown format"],
)
def test_what_cannot_be_meant_is_refused(words: list[str], error: str, run: Callable[..., object]) -> None:
    assert run("compare", CAR, *words) == (2, "", error)


def test_heads_are_compared_one_by_one_and_their_joined_output_once(run: Callable[..., object]) -> None:
    out = run("compare", EXAMPLES / "two_heads.yaml", "--variants", "dot,scaled").out  # type: ignore[attr-defined]
    assert [line for line in out.split("\n") if ", head" in line and "→" not in line] == [
        f"{query}, head {head}" for head in (0, 1) for query in ("cat", "sat", "mat")
    ]
    assert out.count("output column 0") == 3


def test_weights_without_values_are_compared_too(run: Callable[..., object]) -> None:
    ran = run("compare", "1 0; 0 1", "1 0; 0 2", "--variants", "dot,laplace")
    assert ran.status == 0  # type: ignore[attr-defined]
    assert "output" not in ran.out  # type: ignore[attr-defined]


def test_all_variants_are_compared_unless_some_are_named(run):
    words = ("compare", "1 0; 0 1", "1 0; 0 1", "1; 2")
    assert run(*words, "--variants", "all") == run(*words)
    assert run(*words).status == 0


def test_one_variant_is_compared_with_nothing_and_ends_with_its_table(run):
    ran = run("compare", "demo", "--variants", "scaled", "--ascii")
    assert ran.status == 0
    assert ran.out.endswith("\n")
    assert not ran.out.endswith("\n\n")


@pytest.mark.parametrize(("heads", "part"), [([], "entry 1"), (["--heads", "2"], "head 1")])
def test_the_largest_difference_is_reported_with_the_name_of_its_table(
    run: Callable[..., object], heads: list[str], part: str
) -> None:
    rows = "[[0, 0, 4, 0], [0, 0, 0, 4]]" if heads else "[[[0, 0], [0, 0]], [[4, 0], [0, 4]]]"
    out = run("compare", rows, rows, "--variants", "scaled,uniform", *heads).out
    assert f", {part}\n" in out
    assert out.splitlines()[-2].endswith(f"(query 0 → key 0, {part})")
