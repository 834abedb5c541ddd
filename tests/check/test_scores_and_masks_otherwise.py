"""Softmaxes of other numbers than the scores, masks of other cells, and parts of the way back that were taken otherwise
are named: wrong numbers made in plain NumPy."""

import numpy as np
import pytest
from slip_cases import in_turns

from attncli.check import check
from attncli.inputs.problem_file import read_problem
from attncli.inputs.request import Request, Worksheet
from attncli.inputs.sources import Sources
from attncli.matrix import Matrix, Reading

RANDOM = np.random.default_rng(86)
Q, K, V, GIVEN = (RANDOM.normal(size=(2, 9, width)) for width in (4, 4, 5, 5))
X, CONTEXT = (RANDOM.normal(size=(6, 4)) for _ in range(2))
W = {f"w_{letter}": RANDOM.normal(size=(4, 4)) for letter in "qkv"}
SHARED = {name: RANDOM.normal(size=(heads, 5, 4)) for name, heads in (("queries", 4), ("keys", 2), ("values", 2))}
SHARED["d_output"] = RANDOM.normal(size=(4, 5, 4))
BIAS = RANDOM.normal(size=(2, 9, 9))
P, J = np.arange(9)[:, None], np.arange(9)
MASK = (RANDOM.random((9, 9)) < 0.6) | (P == J)
IDS = np.array([0] * 5 + [1] * 4)
CAUSAL = P >= J
GRADED = {"d_output": GIVEN}
LENGTHS = np.array([3, 4])


def softmax(scores):
    powers = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def logs(scores):
    return np.log(np.exp(scores).sum(axis=-1))


def product(queries=Q, keys=K):
    return queries @ keys.mT / 2


def seen(allowed, scores=None):
    return np.where(allowed, product() if scores is None else scores, -np.inf)


def answer(weights, scores=None):
    return {"scores": product() if scores is None else scores, "weights": weights, "output": weights @ V}


def shown(allowed):
    return {"output": softmax(seen(allowed)) @ V}


def blocks(size):
    whole = np.zeros((9, 9), bool)
    for row in range(0, 9, size):
        for key in range(0, 9, size):
            tile = slice(row, row + size), slice(key, key + size)
            whole[tile] = (IDS[:, None] == IDS)[tile].any()
    return whole


def turned(rows, pairing):
    angles = np.arange(9)[:, None] * 10000.0 ** (-np.arange(2) / 2)
    one, two = (slice(0, 2), slice(2, 4)) if pairing == "half" else (slice(0, 4, 2), slice(1, 4, 2))
    found = np.array(rows)
    found[..., one] = rows[..., one] * np.cos(angles) - rows[..., two] * np.sin(angles)
    found[..., two] = rows[..., two] * np.cos(angles) + rows[..., one] * np.sin(angles)
    return found


def viewed(rows):
    return np.ascontiguousarray(rows.swapaxes(0, 1)).reshape(rows.shape)


def backward(weights, arriving=GIVEN, queries=Q, keys=K, values=V):
    d_weights = arriving @ values.mT
    d_scores = weights * (d_weights - (weights * d_weights).sum(axis=-1, keepdims=True))
    return {
        "d_queries": d_scores @ keys / 2,
        "d_keys": d_scores.mT @ queries / 2,
        "d_values": weights.mT @ arriving,
    }


def largest_sizes(count):
    sizes = np.abs(product())
    return sizes >= np.sort(sizes, axis=-1)[..., -count, None]


def projected(queries, keys, values):
    scores = (queries @ W["w_q"]) @ (keys @ W["w_k"]).T / 2
    return {"output": softmax(scores) @ values @ W["w_v"]}


def shared_in_turn():
    keys, values = (np.repeat(SHARED[name], 2, axis=0) for name in ("keys", "values"))
    weights = softmax(product(SHARED["queries"], keys))
    found = backward(weights, SHARED["d_output"], SHARED["queries"], keys, values)
    in_turn, due = found["d_keys"], found["d_values"]
    return {"d_keys": in_turn[:2] + in_turn[2:], "d_values": due[0::2] + due[1::2]}


def tile_twice():
    found = backward(softmax(product()))
    twice = softmax(product())[:, 8:].mT @ GIVEN[:, 8:]
    return {**found, "d_values": found["d_values"] + twice}


def bias_alone():
    weights = softmax(product() + BIAS)
    return {"d_queries": backward(weights)["d_queries"], "d_bias": weights * (GIVEN @ V.mT)}


NEGATIVE = int((product() < 0).sum())
WINDOW = "it reaches 1 before the query's position and 1 after, and ends at the first and the last key"
FIRST = np.clip(P - 1, 0, 6)
AROUND = ((P - J) % 9 <= 1) | ((J - P) % 9 <= 1)
AHEAD = "which does not change their softmax: the scores before that are expected"
WRONG = {
    "scaled once more": (
        {},
        answer(softmax(product() / 2)),
        "scale-other",
        "the softmax was taken of the scores times 0.5, the scale, once more: it is taken of the scores as printed",
    ),
    "raw scores in the softmax": (
        {},
        answer(softmax(product() * 2)),
        "scale-other",
        "the softmax was taken of the scores times 2, 1 over the scale, as if they had none: it is taken of the scores "
        "as printed",
    ),
    "signs lost in the softmax": (
        {},
        answer(softmax(np.abs(product()))),
        "absolute-scores",
        f"the softmax was taken of the scores without their signs: {NEGATIVE} scores are negative",
    ),
    "no weight for negative scores": (
        {},
        answer(softmax(seen(product() >= 0))),
        "relu",
        f"keys of negative scores got no weight, the others e^score over their sum: {NEGATIVE} scores are negative, "
        "and e^score is expected for each",
    ),
    "sigmoids over their sum": (
        {},
        answer((lambda each: each / each.sum(axis=-1, keepdims=True))(1 / (1 + np.exp(-product())))),
        "other-normalizer",
        "the sigmoid of each score was divided by the sum of those of its row: e^score over their sum is expected",
    ),
    "squares of scores over their sum": (
        {},
        answer((product() ** 2) / (product() ** 2).sum(axis=-1, keepdims=True)),
        "no-exponential",
        "the square of each score over the sum of the squares was taken as the weight: the exponential of each score "
        "over the sum of the exponentials is expected",
    ),
    "sizes of scores over their sum": (
        {},
        answer(np.abs(product()) / np.abs(product()).sum(axis=-1, keepdims=True)),
        "no-exponential",
        "the size of each score over the sum of the sizes was taken as the weight: the exponential of each score over "
        "the sum of the exponentials is expected",
    ),
    "scores over the length of their row": (
        {},
        answer(product() / np.linalg.norm(product(), axis=-1, keepdims=True)),
        "no-exponential",
        "each score over the root of the sum of the squares was taken as the weight: the exponential of each score "
        "over the sum of the exponentials is expected",
    ),
    "scores less the largest": (
        {},
        answer(softmax(product()), product() - product().max(axis=-1, keepdims=True)),
        "scores-shifted",
        f"your scores are the right ones minus the largest of their row, {AHEAD}",
    ),
    "masked scores less their mean": (
        {"causal": True},
        {
            "scores": seen(CAUSAL) - (np.where(CAUSAL, product(), 0).sum(axis=-1) / CAUSAL.sum(axis=-1))[..., None],
            "weights": softmax(seen(CAUSAL)),
        },
        "scores-shifted",
        f"your scores are the right ones minus the mean of their row, {AHEAD}",
    ),
    "the largest sizes": (
        {"top_k": 3},
        shown(largest_sizes(3)),
        "top-k-other",
        "the 3 scores of a row of the largest size took part, whatever their sign: the 3 largest are expected",
    ),
    "a window of every second key": (
        {"window": (1, 1)},
        shown((np.abs(P - J) <= 2) & ((P - J) % 2 == 0)),
        "window-shape",
        f"the window took every second key only, and so reached twice as far: {WINDOW}",
    ),
    "a window moved inwards": (
        {"window": (1, 1)},
        shown((J >= FIRST) & (J <= FIRST + 2)),
        "window-shape",
        f"the window was moved inwards at the ends, so that each query saw as many keys: {WINDOW}",
    ),
    "a window round the ends": (
        {"window": (1, 1)},
        shown(AROUND),
        "window-shape",
        f"the window went round the ends, so that the first keys followed the last: {WINDOW}",
    ),
    "whole tiles of segments": (
        {"segments": IDS},
        shown(blocks(4)),
        "mask-by-tiles",
        "masks hid whole tiles of 4 queries and 4 keys only: where a query sees one key of a tile, all queries of its "
        "tile saw all keys of it",
    ),
    "the mask of the last query": (
        {"mask": MASK},
        shown(np.broadcast_to(MASK[8:], (9, 9))),
        "mask-tiled",
        "every query had the mask of query 8: each has its own",
    ),
    "the mask of the key before": (
        {"mask": MASK},
        shown(np.roll(MASK, 1, axis=-1)),
        "mask-tiled",
        "each key had the mask of the key before it (the first that of the last): it has its own",
    ),
    "lengths added up": (
        {"key_lengths": LENGTHS},
        shown(np.array([3, 7])[:, None, None] > J),
        "setting-other",
        "the key lengths were 3, 7, those of the entries before added up: 3, 4 are expected",
    ),
    "other pairs for Q": (
        {"rope": "half"},
        {"output": softmax(product(turned(Q, "interleaved"), turned(K, "half"))) @ V},
        "rope-other-pairs",
        "Q was rotated in pairs of interleaved, K in those of half: both are in those of half",
    ),
    "Q alone in another layout": (
        {},
        {"output": softmax(product(viewed(Q))) @ V},
        "other-layout",
        "Q, in memory (…, n, heads, d), was read as (…, heads, n, d), which mixes heads and positions",
    ),
    "K and V in another layout": (
        {},
        {"output": softmax(product(keys=viewed(K))) @ viewed(V)},
        "other-layout",
        "K and V, in memory (…, n, heads, d), were read as (…, heads, n, d), which mixes heads and positions",
    ),
    "log-sum-exps of all keys": (
        {"causal": True},
        {**shown(CAUSAL), "lse": logs(product())},
        "lse-other",
        "your log-sum-exps are those over all 9 keys, without the causal mask",
    ),
    "log-mean-exps": (
        {"causal": True},
        {"lse": logs(seen(CAUSAL)) - np.log(np.arange(1, 10))},
        "lse-other",
        "your log-sum-exps are the logarithms of the means of the exponentials: that of their sum is expected",
    ),
    "V of x": (
        {"x": X, "context": CONTEXT, **W},
        projected(X, CONTEXT, X),
        "other-context",
        "V was projected from x: it is that of the context",
    ),
    "x and context exchanged": (
        {"x": X, "context": CONTEXT, **W},
        projected(CONTEXT, X, X),
        "other-context",
        "Q was projected from the context, K and V from x: Q is that of x, K and V are those of the context",
    ),
    "ones for dO": (
        GRADED,
        backward(softmax(product()), np.ones_like(GIVEN)),
        "grad-other-factor",
        "dO was taken as ones, as for the sum of the output: another dO is given",
    ),
    "dS without the mask": (
        {**GRADED, "causal": True},
        {**backward(softmax(product())), "d_values": softmax(seen(CAUSAL)).mT @ GIVEN},
        "grad-no-mask",
        "dS was computed without the causal mask, dV with it: a masked score has no gradient",
    ),
    "dK summed in turn": (
        SHARED,
        shared_in_turn(),
        "grad-heads-not-summed",
        "dK of key head h was summed over the query heads h, h + 2 … in turn: 2 neighbours share one",
    ),
    "a tile of dV twice": (
        GRADED,
        tile_twice(),
        "grad-of-tiles",
        "dV is the sum over all queries, query 8 twice: all 9 queries are expected",
    ),
    "dB without the row sum": (
        {**GRADED, "bias": BIAS},
        bias_alone(),
        "no-row-sum",
        "in dB only, dS is P ∘ dP without its second term: the row sum of P ∘ dP is to be subtracted from dP first",
    ),
}


def diagnosis(asked, expected):
    given = {} if "x" in asked else {"queries": Q, "keys": K, "values": V}
    arrays = given | {name: array for name, array in asked.items() if isinstance(array, np.ndarray)}
    settings = {name: value for name, value in asked.items() if name not in arrays}
    request = Request(**{name: Matrix(array, name) for name, array in arrays.items()}, **settings)
    told = {name: Matrix(array, name) for name, array in expected.items()}
    return check(Worksheet(request=request, name="c", where="c", expected=told)).diagnosis


@pytest.mark.parametrize(("name", "dtype"), in_turns(WRONG))
def test_what_was_done_otherwise_is_named(name, dtype, search_for):
    asked, expected, slip, sentence = WRONG[name]
    search_for(slip)
    first = diagnosis(asked, {name: array.astype(dtype) for name, array in expected.items()})[0]
    assert (first.slip, first.sentence) == (slip, sentence)


@pytest.mark.parametrize("names", [("weights",), ("raw_scores", "weights")])
def test_a_softmax_of_other_scores_needs_scores_that_are_printed(names):
    found = {"raw_scores": 2 * product(), "weights": softmax(product() / 2)}
    assert "as printed" not in diagnosis({}, {name: found[name] for name in names})[0].sentence


# by hand

ROWS = {
    "queries": [[1, 2, 0], [2, 0, 1], [1, 1, 3]],
    "keys": [[1, 0, 2], [2, 1, 1], [0, 2, 1], [1, 1, 1]],
    "values": [[3, -1], [1, 4], [-2, 5], [4, 7]],
}
RAW = np.array(ROWS["queries"]) @ np.array(ROWS["keys"]).T / np.sqrt(3)
RIGHT = softmax(RAW)
VALUES = np.array(ROWS["values"])


def printed(array, decimals):
    return [[f"{number:.{decimals}f}" for number in row] for row in array]


def sheet(tmp_path, stated, expected, decimals=4):
    """Return the first sentence about a worksheet, with numbers as they are printed."""
    rows = [f"{name}: {value}" for name, value in stated.items()] + ["expected:"]
    for name, array in expected.items():
        rows.append(f"  {name}: {printed(array, decimals)}".replace("'", ""))
    path = tmp_path / "hand.yaml"
    path.write_text("\n".join(rows), encoding="utf-8")
    found = check_file(path)
    return found[0].sentence if found else None


def check_file(path):
    return check(read_problem(str(path), Sources(lambda: None, Reading(keep_text=True)))).diagnosis


def with_row(array, row):
    return np.vstack([array[:1], row[None], array[2:]])


@pytest.mark.parametrize("decimals", [3, 4])
def test_a_single_row_of_the_output_beside_right_weights_is_explained(tmp_path, decimals):
    weights, output = np.round(RIGHT, decimals), np.round(RIGHT, decimals) @ VALUES
    exchanged = with_row(output, weights[1, [0, 1, 3, 2]] @ VALUES)
    said = sheet(tmp_path, ROWS, {"weights": weights, "output": exchanged}, decimals)
    assert said == (
        f"for query 1, the weights {RIGHT[1, 2]:.6g} of key 2 and {RIGHT[1, 3]:.6g} of key 3 changed places before "
        "they were multiplied by V"
    )
    left_out = with_row(output, output[1] - weights[1, 0] * VALUES[0])
    said = sheet(tmp_path, ROWS, {"weights": weights, "output": left_out}, decimals)
    assert said == f"one term: for query 1, {RIGHT[1, 0]:.6g} · row 0 of V was left out of the sum"


def test_an_output_of_weights_that_are_rounded_to_fewer_decimals_than_they_are_printed_with(tmp_path):
    said = sheet(tmp_path, ROWS, {"weights": RIGHT, "output": np.round(RIGHT, 2) @ VALUES})
    assert said == "your output is the weights, rounded to 2 decimals first, times V: multiply V by the weights in full"


def test_a_masked_score_of_any_number_is_found_from_the_weights_that_it_keeps(tmp_path):
    allowed = np.tri(3, 4, dtype=bool)
    for scores, done in ((np.where(allowed, RAW, -1.5), "set to −1.5"), (RAW - 2.5 * ~allowed, "lowered by 2.5")):
        said = sheet(tmp_path, {**ROWS, "causal": "true"}, {"weights": softmax(scores)})
        assert said.startswith(f"masked scores were {done}, and −inf is expected: ")


def test_one_entry_of_a_projection_that_is_worked_out_wrongly_is_found_from_the_scores(tmp_path):
    x, w = np.array([[1, 0, 2], [2, 1, 1], [0, 2, 1]]), np.array([[1, 2, 0], [0, 1, 1], [1, 0, 3]])
    queries, keys = x @ w, x @ w.T
    taken = np.array(queries, float)
    taken[2, 1] -= 1.4
    stated = {"x": x.tolist(), "w_q": w.tolist(), "w_k": w.T.tolist(), "w_v": w.tolist()}
    said = sheet(tmp_path, stated, {"scores": taken @ keys.T / np.sqrt(3)})
    own = queries[2, 1]
    assert said == f"Q at [2, 1], which is projected, was taken as {own - 1.4:g}: it is {own:g}"


@pytest.mark.parametrize(
    ("taken", "sentence"),
    [
        ({"w_k": "w_q"}, "K was projected by w_q: w_k is expected"),
        ({"w_q": "w_k", "w_k": "w_q"}, "the projections of Q and K changed places"),
        ({"w_v": "w_q", "b_v": "b_q"}, "V was projected by w_q and b_q: w_v and b_v are expected"),
    ],
)
def test_a_projection_of_another_matrix_is_named(taken, sentence, search_for, tmp_path):
    search_for("projection-other")
    random = np.random.default_rng(4)
    own = {name: random.normal(size=(3, 3)).round(2) for name in ("x", "w_q", "w_k", "w_v")}
    own |= {name: random.normal(size=3).round(2) for name in ("b_q", "b_v")}
    used = own | {name: own[other] for name, other in taken.items()}
    queries, keys = own["x"] @ used["w_q"] + used["b_q"], own["x"] @ used["w_k"]
    output = softmax(queries @ keys.T / np.sqrt(3)) @ (own["x"] @ used["w_v"] + used["b_v"])
    stated = {name: array.tolist() for name, array in own.items()}
    assert sheet(tmp_path, stated, {"output": output}) == sentence


def test_a_prefix_that_is_merged_by_other_shares_is_named():
    first, rest = softmax(product()[..., :3]) @ V[:, :3], softmax(product()[..., 3:]) @ V[:, 3:]
    share = np.exp(logs(product()[..., :3]) - logs(product()))[..., None]
    ways = {
        "each counted by the share of the other": (1 - share) * first + share * rest,
        "each counted by its number of keys": first / 3 + 2 * rest / 3,
        "each counted alike, by half": (first + rest) / 2,
        "each was added as it is": first + rest,
    }
    for words, output in ways.items():
        assert diagnosis({}, {"output": output})[0].sentence == (
            f"of two pieces of the keys, the first 3 and the other 6, {words}: it counts as its share of the sum of "
            "exponentials"
        )


def test_a_norm_of_one_side_that_is_not_asked_for_is_named():
    rows = K / np.linalg.norm(K, axis=-1, keepdims=True)
    said = diagnosis({}, {"output": softmax(product(keys=rows)) @ V})[0].sentence
    assert said == "the rows of K were normalized by l2 before they were scored: no norm is asked for"
