"""What kernels read, merge, norm and rotate otherwise is named: wrong numbers made in plain NumPy."""

import numpy as np
import pytest

from attncli.check import check
from attncli.inputs.request import Request, Worksheet
from attncli.matrix import Matrix

RANDOM = np.random.default_rng(29)
ENTRIES, HEADS, N, D = 2, 4, 9, 8
Q, K, V = RANDOM.normal(size=(3, ENTRIES, HEADS, N, D))
BIAS = RANDOM.normal(size=(HEADS, N, N))
SCALE = D**-0.5
PLACES = np.arange(N)
CAUSAL = PLACES[:, None] >= PLACES
PADDED = np.array([0, 1, 1, 1, 0, 1, 1, 1, 1], bool)
SEGMENTS = np.array([0, 0, 1, 1, 1, 2, 2, 3, 3])
CAUSALLY = {"causal": True}
ROTATED = {"causal": True, "rope": "half"}


def softmax(scores):
    powers = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def scored(q=Q, k=K, scale=SCALE):
    return scale * q @ k.swapaxes(-1, -2)


def attend(q=Q, k=K, v=V, bias=0.0, seen=True, scale=SCALE):
    return softmax(np.where(seen, scored(q, k, scale) + bias, -np.inf)) @ v


def packed(array):
    return array.swapaxes(1, 2).reshape(ENTRIES, N, -1)


def turned(rows, positions, size=D, width=None, amplitude=1.0):
    """Rows with the pairs (c, c + size/2) of the first columns rotated, by cos and sin times an amplitude."""
    angles = positions[:, None] * 10000.0 ** (-2 * np.arange(size // 2) / (width or size))
    first, second, rest = rows[..., : size // 2], rows[..., size // 2 : size], rows[..., size:]
    cosine, sine = amplitude * np.cos(angles), amplitude * np.sin(angles)
    return np.concatenate([first * cosine - second * sine, first * sine + second * cosine, rest], axis=-1)


def rotated(queries, keys, seen=CAUSAL, **given):
    return attend(turned(Q, queries, **given), turned(K, keys, **given), seen=seen)


def viewed(array):
    """Memory (entries, heads, …) read as (heads, entries, …)."""
    return array.reshape(HEADS, ENTRIES, N, D).swapaxes(0, 1)


def over_entries(array):
    """(entries, heads, n, d) with the entries for the positions."""
    return array.swapaxes(0, 2)


def in_pieces(of_top, of_rest):
    """Two pieces of the keys, merged by parts of their log-sum-exps."""
    halves = [(scored()[..., keys], V[..., keys, :]) for keys in (slice(0, N // 2), slice(N // 2, N))]
    tops = [scores.max(axis=-1, keepdims=True) for scores, _ in halves]
    rests = [
        np.log(np.exp(scores - top).sum(axis=-1, keepdims=True)) for (scores, _), top in zip(halves, tops, strict=True)
    ]
    logs = [of_top * top + of_rest * rest for top, rest in zip(tops, rests, strict=True)]
    shares = softmax(np.concatenate(logs, axis=-1))
    return sum(shares[..., i, None] * (softmax(scores) @ v) for i, (scores, v) in enumerate(halves))


def divided_at_tiles(size):
    """A running softmax whose output is divided by e^(old maximum − new one) at each tile."""
    top = np.full((*Q.shape[:-1], 1), -np.inf)
    total, output = np.zeros_like(top), np.zeros_like(Q)
    for first in range(0, N, size):
        scores = scored()[..., first : first + size]
        new = np.maximum(top, scores.max(axis=-1, keepdims=True))
        powers, step = np.exp(scores - new), np.exp(top - new)
        total = step * total + powers.sum(axis=-1, keepdims=True)
        output = output / np.where(step > 0, step, 1) + powers @ V[..., first : first + size, :]
        top = new
    return output / total


def largest(scores, axis, sign=1):
    third = np.sort(sign * scores, axis=axis).take([-3], axis=axis)
    return np.where(sign * scores >= third, scores, -np.inf)


RELU = np.maximum(scored(), 0) ** 2
WHERE = "the masks were finite numbers that add up, such as −10000"
ONLY_OUTPUT = {
    "K by heads first": (
        *({}, attend(k=viewed(K)), "other-entry"),
        "the memory of K, (2 entries, 4 heads, …), was read as (4, 2, …), which mixes entries and heads",
    ),
    "K and V by heads first": (
        *({}, attend(k=viewed(K), v=viewed(V)), "other-entry"),
        "the memory of K and V, (2 entries, 4 heads, …), was read as (4, 2, …), which mixes entries and heads",
    ),
    "the output by heads first": (
        *({}, np.ascontiguousarray(attend().swapaxes(0, 1)).reshape(Q.shape), "other-entry"),
        "the heads' outputs, in memory (4 heads, 2 entries, …), were read as (2, 4, …), which mixes entries and heads",
    ),
    "attention over the batch": (
        *({}, over_entries(attend(over_entries(Q), over_entries(K), over_entries(V))), "other-layout"),
        "the 9 positions and the 2 entries of the batch changed places, so that the entries of a position attend to "
        "each other",
    ),
    "a bias to base 2": (
        *({"bias": BIAS}, attend(bias=np.log(2) * BIAS), "bias-other"),
        "the bias was multiplied by 0.693147 = log 2, as if it were added to scores in base 2: it is added to the "
        "scores as it is",
    ),
    "the bias of query 0": (
        *({"bias": BIAS}, attend(bias=BIAS[:, :1]), "bias-other"),
        "every query took the bias of query 0: each has its own",
    ),
    "pieces merged by their largest scores": (
        *({}, in_pieces(1, 0), "split-averaged"),
        "the softmax was merged from 2 pieces of the 9 keys by the largest scores, without the sums of exponentials: "
        "each piece counts as the sum of its exponentials",
    ),
    "pieces merged by their sums": (
        *({}, in_pieces(0, 1), "split-averaged"),
        "the softmax was merged from 2 pieces of the 9 keys by Σ exp(score − largest), without the largest scores: "
        "each piece counts as the sum of its exponentials",
    ),
    "pieces merged with the scale twice": (
        *({}, in_pieces(SCALE, 1), "split-averaged"),
        "the softmax was merged from 2 pieces of the 9 keys by 0.353553 · the largest score + log Σ exp(score − "
        "largest), with the scale once more: each piece counts as the sum of its exponentials",
    ),
    "an output that is divided at tiles": (
        *({}, divided_at_tiles(4), "no-rescale"),
        "the output so far was divided by e^(old maximum − new one) at each tile of 4 keys: multiplied is expected",
    ),
    "squares of ReLU": (
        *({}, RELU / RELU.sum(axis=-1, keepdims=True) @ V, "relu"),
        "the square of each score above 0 (ReLU²) was taken as the weight, over the sum of its row: the exponential of "
        "each score over their sum is expected",
    ),
    "squares of ReLU as they are": (
        *({}, RELU @ V, "relu"),
        "the square of each score above 0 (ReLU²) was taken as the weight, as it is: the exponential of each score "
        "over their sum is expected",
    ),
    "logarithms": (
        *({}, np.log(softmax(scored())) @ V, "log-softmax"),
        "your output is that of the logarithms of the right weights (log-softmax)",
    ),
    "the smallest scores": (
        *({"top_k": 3}, softmax(largest(scored(), -1, -1)) @ V, "top-k-other"),
        "the 3 smallest scores of a row took part: the 3 largest are expected",
    ),
    "V over its length": (
        *({}, attend(v=V / np.linalg.norm(V, axis=-1, keepdims=True)), "unasked-qk-norm"),
        "the rows of V were normed, each over its length: V has no norm",
    ),
    "a layer norm of V": (
        *({}, attend(v=(V - V.mean(axis=-1, keepdims=True)) / V.std(axis=-1, keepdims=True)), "unasked-qk-norm"),
        "the rows of V were normed, each less its mean, over its standard deviation: V has no norm",
    ),
    "masks that add up": (
        {"mask": PADDED, **CAUSALLY},
        attend(bias=-1e4 * (~PADDED + (~CAUSAL).astype(float))),
        "mask-finite",
        f"{WHERE}: a key that two masks hide counts less than one that one mask hides, which a query with no key saw",
    ),
    "the first border of segments": (
        *({"segments": SEGMENTS}, attend(seen=(PLACES > 1) == (PLACES > 1)[:, None]), "segments-moved"),
        "only the first border of the segments was kept: each of them is one",
    ),
    "the last border of segments": (
        *({"segments": SEGMENTS}, attend(seen=(PLACES > 6) == (PLACES > 6)[:, None]), "segments-moved"),
        "only the last border of the segments was kept: each of them is one",
    ),
    "queries of a shorter cache": (
        {"rope": "half", "query_offset": 9},
        rotated(PLACES + 4, PLACES, True),
        "rope-shifted",
        "query 0 was rotated as if it stood at position 4: it stands at 9",
    ),
    "keys that begin again": (
        *(ROTATED, rotated(PLACES, np.where(PLACES < 5, PLACES, PLACES - 5)), "rope-shifted"),
        "key 5 and those after it were rotated from position 0 on again: key j stands at position j",
    ),
    "queries the other way": (
        *(ROTATED, rotated(-PLACES, PLACES), "rope-reversed"),
        "Q was rotated the other way, by minus the angle: Q and K are rotated alike",
    ),
    "keys the other way": (
        *(ROTATED, rotated(PLACES, -PLACES), "rope-reversed"),
        "K was rotated the other way, by minus the angle: Q and K are rotated alike",
    ),
    "cos and sin that are too large": (
        {**ROTATED, "rope_dims": 4},
        rotated(PLACES, PLACES, size=4, amplitude=1.25),
        "rope-other-scale",
        "the rotated columns count 1.5625 times in Q·K, as if cos and sin were multiplied by 1.25: once is expected",
    ),
    "scales of K and V that are left out": (
        *({}, 0.5 * attend(scale=4 * SCALE), "scale-other"),
        "the scores were multiplied by 4 and the output by 0.5, as where K and V of few bits are taken without their "
        "own scales: no factor is expected",
    ),
    "angles of all columns": (
        *({**ROTATED, "rope_dims": 4}, rotated(PLACES, PLACES, size=4, width=D), "rope-other-base"),
        "the angles were position·10000^(−2c/8), of all 8 columns: those of the 4 that are rotated have −2c/4",
    ),
}
GATE = 1 / (1 + np.exp(-RANDOM.normal(size=Q.shape)))
WIDE = [RANDOM.normal(size=(3, 7, 20)) for _ in "qkv"]


def worksheet(expected, asked, arrays=(Q, K, V), dtype=np.float32):
    given = dict(zip(("queries", "keys", "values"), arrays, strict=True))
    matrices = {name: asked[name] for name in asked if isinstance(asked[name], np.ndarray)}
    request = Request(
        **{name: Matrix(array, name) for name, array in {**given, **matrices}.items()},
        **{name: value for name, value in asked.items() if name not in matrices},
    )
    expected = {name: Matrix(np.asarray(array, dtype), name) for name, array in expected.items()}
    return Worksheet(request=request, name="c", where="c", expected=expected)


@pytest.mark.parametrize("name", ONLY_OUTPUT)
def test_what_a_kernel_takes_otherwise_is_named(name, search_for):
    asked, output, slip, sentence = ONLY_OUTPUT[name]
    search_for(slip)
    first = check(worksheet({"output": output}, asked)).diagnosis[0]
    assert (first.slip, first.sentence) == (slip, sentence)


def test_key_lengths_that_are_not_read_where_queries_stand_at_the_last_keys_are_named():
    output = attend(Q[..., :3, :], seen=PLACES[:3, None] + 6 >= PLACES)
    asked = {**CAUSALLY, "align": "bottom-right", "key_lengths": np.array(5)}
    first = check(worksheet({"output": output}, asked, (Q[..., :3, :], K, V))).diagnosis[0]
    said = "the key lengths 5 were left out: query i stood at key i + 6, as if all 9 keys counted"
    assert (first.slip, first.sentence) == ("no-mask", said)


def test_the_largest_scores_of_a_column_are_named():
    kept = largest(scored(), -2)
    is_seen = np.isfinite(kept).any(axis=-1, keepdims=True)
    output = np.where(is_seen, softmax(np.where(is_seen, kept, 0)) @ V, 0)
    first = check(worksheet({"output": output}, {"top_k": 3})).diagnosis[0]
    said = "the 3 largest scores of a column took part: the 3 largest of a row are expected"
    assert (first.slip, first.sentence) == ("top-k-other", said)


def test_heads_that_are_joined_across_entries_are_named():
    in_memory = attend().transpose(1, 2, 0, 3)
    arrays = tuple(map(packed, (Q, K, V)))
    output = np.ascontiguousarray(in_memory).reshape(ENTRIES, N, HEADS * D)
    first = check(worksheet({"output": output}, {"heads": (HEADS, HEADS)}, arrays)).diagnosis[0]
    said = (
        "the heads' outputs, in memory (4 heads, 2 entries, …), were read as (2, 4, …), which mixes entries and heads"
    )
    assert (first.slip, first.sentence) == ("other-entry", said)


def test_attention_over_the_batch_of_packed_heads_is_named():
    arrays = tuple(map(packed, (Q, K, V)))
    output = packed(over_entries(attend(over_entries(Q), over_entries(K), over_entries(V))))
    first = check(worksheet({"output": output}, {"heads": (HEADS, HEADS)}, arrays)).diagnosis[0]
    assert (first.slip, first.sentence) == ("other-layout", ONLY_OUTPUT["attention over the batch"][3])


def test_a_gate_is_recognized_by_factors_between_0_and_1():
    output = GATE * attend()
    (found,) = check(worksheet({"output": output}, {})).diagnosis
    said = (
        f"each cell of your output is the right one times a number of its own between 0 and 1, {GATE.min():.4g} to "
        f"{GATE.max():.4g}, as a gate gives: only the weighted sum is expected"
    )
    assert (found.slip, found.sentence) == ("values-factor", said)


def test_one_factor_beyond_1_is_not_a_gate():
    gate = GATE.copy()
    gate[0, 0, 0, 0], gate[1, 2, 3, 4] = 1.2, -0.3
    assert check(worksheet({"output": gate * attend()}, {})).diagnosis == ()


def test_slopes_of_shared_key_heads_are_named():
    keys, values = K[:, :2], V[:, :2]
    slopes = np.repeat([2.0**-4, 2.0**-8], 2)[:, None, None]
    apart = np.abs(PLACES[:, None] - PLACES)
    repeated = (np.repeat(each, 2, axis=1) for each in (keys, values))
    output = attend(Q, *repeated, bias=-slopes * apart, seen=CAUSAL)
    asked = {**CAUSALLY, "alibi": "usual"}
    first = check(worksheet({"output": output}, asked, (Q, keys, values))).diagnosis[0]
    said = (
        "the slopes of ALiBi were those of 2 key heads, of which 2 query heads share one, 0.0625, 0.0625, 0.00390625,"
    )
    assert (first.slip, first.sentence[: len(said)]) == ("alibi-other-slopes", said)


def test_one_slope_for_shared_key_heads_has_none_of_each_key_head():
    keys, values = K[:, :2], V[:, :2]
    wrong = attend(Q, *(np.repeat(each, 2, axis=1) for each in (keys, values)), seen=CAUSAL)
    slips = [
        found.slip
        for found in check(worksheet({"output": wrong}, {**CAUSALLY, "alibi": (0.5,)}, (Q, keys, values))).diagnosis
    ]
    assert slips[0] == "no-alibi"


def test_columns_that_are_left_out_of_the_scores_and_of_the_scale_are_named():
    q, k, v = WIDE
    output = attend(q[..., :16], k[..., :16], v, scale=0.25)
    first = check(worksheet({"output": output}, {}, (q, k, v))).diagnosis[0]
    said = "columns 16 to 19 of Q and K were left out of the scores, and of the scale 1/√16: all 20 columns count"
    assert (first.slip, first.sentence) == ("column-left-out", said)


def test_ones_that_are_added_where_a_query_may_look_are_named():
    scores = np.where(CAUSAL, scored() + 1, -np.inf)
    expected = {"scores": scores, "output": attend(seen=CAUSAL)}
    first = check(worksheet(expected, CAUSALLY)).diagnosis[0]
    said = "the scores are 1 too high: the causal mask was added with 1, not 0, where a query may look"
    assert (first.slip, first.explains, first.sentence) == ("mask-added", ("scores",), said)


TOP = scored().max(axis=-1)
REST = np.log(np.exp(scored() - TOP[..., None]).sum(axis=-1))


@pytest.mark.parametrize(
    ("lse", "words"),
    [
        (np.exp(REST), "the sums Σ exp(score − largest), without their logarithm and the largest score"),
        (
            SCALE * TOP + REST,
            "0.353553 · the largest score + log Σ exp(score − largest): it has the scale already",
        ),
    ],
    ids=["a sum", "the scale twice"],
)
def test_other_log_sum_exps_are_named(lse, words):
    first = check(worksheet({"lse": lse}, {})).diagnosis[0]
    assert (first.slip, first.sentence) == ("lse-other", f"your log-sum-exps are {words}")


SETTINGS = {
    "plain": {},
    "rope": ROTATED,
    "bias": {"bias": BIAS},
    "segments": {"segments": SEGMENTS},
    "top-k": {"top_k": 3},
    "two masks": {"mask": PADDED, **CAUSALLY},
}


@pytest.mark.sampled(2)
@pytest.mark.parametrize("name", SETTINGS)
def test_random_numbers_get_no_name(name, sample):
    for seed in sample(range(6), 6):
        output = attend() + 0.2 * np.random.default_rng(seed).normal(size=Q.shape)
        found = check(worksheet({"output": output}, SETTINGS[name])).diagnosis
        assert {each.slip for each in found} <= {"impossible"}
