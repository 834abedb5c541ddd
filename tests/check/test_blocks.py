"""What is judged block by block has the verdict, the words and the places that it has in one block."""

from dataclasses import fields, is_dataclass, replace

import numpy as np
import pytest

from attncli.check import blocks, check, percentile
from attncli.check.routes import RIGHT
from attncli.inputs.request import Request, Worksheet
from attncli.matrix import Matrix

N, M, D = 7, 9, 4
NAMES = ("raw_scores", "scores", "weights", "output", "lse")
VERDICTS = (
    "exact",
    "last-digit",
    "float32",
    "float16",
    "input-rounding",
    "step-rounding",
    "within-tolerance",
    "carried",
    "wrong",
)


def numbers(random, *shape):
    return Matrix(random.normal(size=shape).round(2), "here")


def printed(array, digits, form="f"):
    texts = tuple(f"{cell:.{digits}{form}}" for cell in array.ravel().tolist())
    return Matrix(np.array(texts, float).reshape(array.shape), "here", texts=texts)


def in_full(array):
    texts = tuple(map(str, array.ravel()))
    return Matrix(np.array(texts, float).reshape(array.shape), "here", texts=texts)


def plain(random, **given):
    matrices = {"queries": numbers(random, N, D), "keys": numbers(random, M, D), "values": numbers(random, M, 3)}
    return Request(**{**matrices, **given})


def of_heads(random, *lead, **given):
    matrices = {"queries": numbers(random, *lead, N, D), "keys": numbers(random, *lead, M, D)}
    return Request(**{**matrices, "values": numbers(random, *lead, M, 3), **given})


def projected(random, **given):
    weights = {f"w_{letter}": numbers(random, 6, D) for letter in "qkv"}
    return Request(x=numbers(random, M, 6), **weights, **given)


PROBLEMS = {
    "causal, a window and segments": lambda r: plain(
        r,
        causal=True,
        align="bottom-right",
        window=(3, 0),
        segments=Matrix(np.arange(N) // 4, "here"),
        key_segments=Matrix(np.arange(M) // 5, "here"),
    ),
    "a distance": lambda r: plain(r, variant="laplace"),
    "projections": projected,
    "rotary positions and alibi": lambda r: plain(r, rope="half", alibi=(1.0,)),
    "a mask and a bias": lambda r: plain(r, mask=Matrix(r.random((N, M)) < 0.7, "here"), bias=numbers(r, N, M)),
    "packed heads": lambda r: plain(r, heads=(2, 2), values=numbers(r, M, 6)),
    "key lengths": lambda r: of_heads(r, 2, key_lengths=Matrix(np.array([4, 9]), "here")),
    "plain": plain,
    "a batch of heads": lambda r: of_heads(r, 2, 2),
    "projections of heads": lambda r: projected(r, heads=(2, 2), w_o=numbers(r, D, 3)),
    "a softcap and a sink": lambda r: plain(r, softcap=2.0, sink=(0.5,)),
}


def every(change):
    """The expected matrices: each right one, changed."""

    def make(request, right, random):
        return request, {name: change(array, random) for name, array in right.items()}

    return make


def apart(*names, change):
    def make(request, right, random):
        return request, {name: change(right[name], random) for name in names if name in right}

    return make


def slipped(change, digits=6):
    def make(request, right, _random):
        wrong = RIGHT.numbers(replace(request, **change), list(right))
        return request, {name: printed(array, digits) for name, array in wrong.items()}

    return make


def with_rounded_inputs(request, _right, _random):
    given = {name: printed(getattr(request, name).array + 0.0, 3) for name in ("queries", "keys") if request.x is None}
    moved = {
        name: replace(matrix, array=matrix.array + 4e-4 * np.sign(matrix.array), texts=None)
        for name, matrix in given.items()
    }
    wrong = RIGHT.numbers(replace(request, **moved), ["weights"])
    return replace(request, **given), {"weights": printed(wrong["weights"], 4)}


def by_steps(request, right, _random):
    weights = right["weights"].round(2)
    return request, {"weights": printed(weights, 2), "output": printed(_weighed(request, weights), 2)}


def from_a_wrong_step(request, right, _random):
    weights = np.where(np.arange(right["weights"].shape[-1]) == 1, right["weights"] + 0.25, right["weights"])
    return request, {"weights": printed(weights, 4), "output": printed(_weighed(request, weights), 4)}


def _weighed(request, weights):
    from attncli.check.routes import weigh_values

    return weigh_values(RIGHT.problem(request), weights)


def spoil(array, random, cells, size=0.2):
    """An array with some cells changed."""
    spoilt = np.array(array)
    places = random.choice(array.size, min(cells, array.size), replace=False)
    spoilt.reshape(-1)[places] += size
    return spoilt


def cut_off(array, _random):
    with np.errstate(invalid="ignore"):
        return printed(np.where(np.isfinite(array), np.trunc(array * 1e4) / 1e4, array), 4)


ANSWERS = {
    "as they are printed": every(lambda array, _: printed(array, 5)),
    "in full": every(lambda array, _: in_full(array)),
    "with exponents": every(lambda array, _: printed(array, 4, "e")),
    "whole numbers": every(lambda array, _: printed(array, 0)),
    "cut off": every(cut_off),
    "float32 texts": every(lambda array, _: in_full(array.astype(np.float32))),
    "float16 texts": every(lambda array, _: in_full(array.astype(np.float16))),
    "binary": every(lambda array, _: Matrix(array, "here")),
    "binary float32": every(lambda array, _: Matrix(array.astype(np.float32), "here")),
    "binary float16": every(lambda array, _: Matrix(array.astype(np.float16), "here")),
    "float16, off": apart(
        "output", "weights", change=lambda array, _: Matrix((array * 1.003).astype(np.float16), "here")
    ),
    "binary, a little off": every(lambda array, _: Matrix(array * (1 + 3e-8), "here")),
    "rounded inputs": with_rounded_inputs,
    "by steps": by_steps,
    "from a wrong step": from_a_wrong_step,
    "unscaled": slipped({"scale": "1"}),
    "another variant": slipped({"variant": "gaussian", "length_scale": None}),
    "one cell": apart("weights", change=lambda array, random: printed(spoil(array, random, 1), 4)),
    "some cells": apart("weights", "lse", change=lambda array, random: printed(spoil(array, random, 7), 4)),
    "some cells, binary": apart("scores", change=lambda array, random: Matrix(spoil(array, random, 5, 1e3), "here")),
    "a NaN and an infinity": apart(
        "weights",
        change=lambda array, random: Matrix(spoil(spoil(array, random, 1, np.nan), random, 2, np.inf), "here"),
    ),
    "noise": apart(
        "weights", "output", change=lambda array, random: printed(array * random.normal(1, 0.1, array.shape), 6)
    ),
    "no weights": apart("weights", change=lambda array, _: printed(array - 0.5, 4)),
    "an impossible output": apart("output", change=lambda array, _: printed(array + 20, 4)),
    "transposed": apart("weights", change=lambda array, _: printed(np.ascontiguousarray(array.mT), 5)),
}


def parts_of(report):
    """All fields of a report, with those of its records, but sums of many numbers and bounds are rounded."""
    if is_dataclass(report):
        return {field.name: parts_of(getattr(report, field.name)) for field in fields(report)} | {
            name: None if (value := getattr(report, name)) is None else float(f"{value:.6g}") if value > 1e-14 else 0
            for name in ("mean", "cosine", "gap", "plain")
            if hasattr(report, name)
        }
    return list(map(parts_of, report)) if isinstance(report, tuple) else repr(report)


# kinds of numbers, which are judged apart; a search for slips, which takes most of the time, has them like any others,
# and all that nothing explains alike
KINDS = {
    "in full", "with exponents", "whole numbers", "cut off", "float32 texts", "float16 texts", "binary",
    "binary float32", "binary float16", "float16, off", "binary, a little off", "some cells, binary", "some cells",
    "noise", "no weights",
}  # fmt: skip


def reports(monkeypatch, worksheet, sizes, *, search):
    found = []
    for cells in sizes:
        monkeypatch.setattr(blocks, "CELLS", cells)
        found.append(check(worksheet, search=search))
    return found


seen: dict[str, set[str]] = {}  # verdicts by answer


PAIRS = [(list(PROBLEMS)[place % len(PROBLEMS)], answer) for place, answer in enumerate(ANSWERS)]  # in turn


@pytest.mark.parametrize(("problem", "answer"), PAIRS)
def test_blocks_of_a_few_rows_are_judged_as_all_rows_at_once(monkeypatch, problem, answer):
    random = np.random.default_rng([list(PROBLEMS).index(problem), list(ANSWERS).index(answer)])
    request = PROBLEMS[problem](random)
    right = RIGHT.numbers(request, NAMES)
    request, expected = ANSWERS[answer](request, right, random)
    worksheet = Worksheet(request=request, name="case", where="case", expected=expected)
    found = reports(monkeypatch, worksheet, (1 << 19, 1), search=answer not in KINDS)
    whole, by_row = map(parts_of, found)
    seen[answer] = {one["verdict"].strip("'") for one in whole["checks"]}
    assert by_row == whole


def test_every_verdict_was_among_them():
    if seen.keys() == ANSWERS.keys():  # where the whole module runs, and in one process
        assert set().union(*seen.values()) >= set(VERDICTS)


@pytest.mark.parametrize("few", [1, 1 << 16], ids=["bit by bit", "sorted at last"])
def test_a_percentile_of_blocks_is_that_of_all(monkeypatch, few):
    monkeypatch.setattr(percentile, "FEW", few)
    random = np.random.default_rng(5)
    for count in (1, 2, 3, 50, 1001):
        for all_numbers in (
            random.random(count),
            random.random(count) * 10.0 ** random.integers(-300, 300, count),
            random.integers(0, 3, count) * 0.5,
            np.zeros(count),
        ):
            pieces = np.array_split(all_numbers, 3)
            for percent in (0, 1, 50, 99, 100):
                found = percentile.percentile_of(lambda pieces=pieces: iter(pieces), count, percent)
                assert found == np.percentile(all_numbers, percent)
    assert percentile.percentile_of(lambda: iter(()), 0, 99) == 0
