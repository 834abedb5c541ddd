"""Wrong answers to random problems, one function for each slip, in plain NumPy that shares nothing with the package.

A function takes a random generator and gives (the problem as it is stated, the wrong answer by matrix name).
"""

import numpy as np


def softmax(scores, axis=-1):
    with np.errstate(all="ignore"):
        powers = np.exp(scores - scores.max(axis=axis, keepdims=True))
        return powers / powers.sum(axis=axis, keepdims=True)


def split(array, heads):
    return np.moveaxis(array.reshape(*array.shape[:-1], heads, -1), -2, -3)


def join(array):
    moved = np.moveaxis(array, -3, -2)
    return moved.reshape(*moved.shape[:-2], -1)


def draw(random, *shape):
    return np.round(random.normal(size=shape), 2)


class Three:
    """Random queries, keys and values, and what is usually made of them."""

    def __init__(self, random, n=4, m=5, d=3, d_v=4, lead=()):
        self.q, self.k, self.v = draw(random, *lead, n, d), draw(random, *lead, m, d), draw(random, *lead, m, d_v)
        self.raw = self.q @ self.k.mT
        self.scores = self.raw / np.sqrt(d)
        self.weights = softmax(self.scores)
        self.causal = np.tril(np.ones((n, m), bool))

    def stated(self, **more):
        return {"queries": self.q, "keys": self.k, "values": self.v, **more}

    def answer(self, weights):
        return {"weights": weights, "output": weights @ self.v}


def hidden(scores, seen):
    return np.where(seen, scores, -np.inf)


def projected(random, heads=None):
    x = draw(random, 4, 4)
    w = {name: draw(random, 4, 4) for name in ("w_q", "w_k", "w_v")}
    return x, w, {"x": x, **w, **({} if heads is None else {"heads": heads})}


def attend(q, k, v):
    weights = softmax(q @ k.mT / np.sqrt(q.shape[-1]))
    return {"weights": weights, "output": weights @ v}


def no_projection(random):
    x, w, stated = projected(random)
    return stated, attend(x @ w["w_q"], x, x @ w["w_v"])


def projection_transposed(random):
    x, w, stated = projected(random)
    return stated, attend(x @ w["w_q"].T, x @ w["w_k"].T, x @ w["w_v"].T)


def queries_with_queries(random):
    one = Three(random, n=5)
    return one.stated(), attend(one.q, one.q, one.v)


def keys_with_keys(random):
    one = Three(random, n=5)
    return one.stated(), attend(one.k, one.k, one.v)


def no_exponential(random):
    one = Three(random)
    return one.stated(), one.answer(one.scores / one.scores.sum(axis=-1, keepdims=True))


def exp2(random):
    one = Three(random)
    powers = 2.0**one.scores
    return one.stated(), one.answer(powers / powers.sum(axis=-1, keepdims=True))


def hardmax(random):
    one = Three(random)
    return one.stated(), {"output": one.v[one.raw.argmax(axis=-1)]}


def not_averaged(random):
    one = Three(random, n=5)
    return one.stated(), {"output": one.v}


def scale_times(factor):
    def made(random):
        one = Three(random, d=4)
        return one.stated(), one.answer(softmax(one.raw * factor))

    return made


def packed(random, heads=2, key_heads=None, n=4, m=4):
    q = draw(random, n, 2 * heads)
    k, v = (draw(random, m, 2 * (key_heads or heads)) for _ in range(2))
    stated = {"queries": q, "keys": k, "values": v, "heads": [heads, key_heads or heads]}
    return q, k, v, stated


def heads_not_split(random):
    q, k, v, stated = packed(random)
    return stated, {"output": attend(q, k, v)["output"]}


def heads_not_joined(random):
    q, k, v, stated = packed(random)
    output = attend(split(q, 2), split(k, 2), split(v, 2))["output"]
    return stated, {"output": np.ascontiguousarray(output).reshape(4, 4)}


def other_layout(random):
    one = Three(random, n=5, lead=(3,))
    q, k, v = (np.swapaxes(array, 0, 1) for array in (one.q, one.k, one.v))
    return one.stated(), {"output": np.swapaxes(attend(q, k, v)["output"], 0, 1)}


def values_strided(random):
    one = Three(random, n=5, lead=(3,))
    memory = np.ascontiguousarray(np.swapaxes(one.v, 0, 1)).reshape(one.v.shape)
    return one.stated(), {"output": one.weights @ memory}


def output_transposed(random):
    one = Three(random, n=4, d_v=4)
    return one.stated(), {"output": (one.weights @ one.v).T}


def qkv_interleaved(random):
    q, k, v, stated = packed(random)
    fused = np.concatenate([q, k, v], axis=1).reshape(4, 2, 3, 2)
    q, k, v = (np.swapaxes(fused[:, :, part], 0, 1) for part in range(3))
    return stated, {"output": join(attend(q, k, v)["output"])}


def heads_averaged(random):
    q, k, v, stated = packed(random)
    weights = attend(split(q, 2), split(k, 2), split(v, 2))["weights"].mean(axis=0)
    return stated, {"output": join(weights @ split(v, 2))}


def shared(choose):
    def made(random):
        q, k, v, stated = packed(random, heads=4, key_heads=2)
        chosen = [choose(head) for head in range(4)]
        return stated, {"output": join(attend(split(q, 4), split(k, 2)[chosen], split(v, 2)[chosen])["output"])}

    return made


def softmax_over_heads(random):
    one = Three(random, lead=(2,))
    return one.stated(), one.answer(softmax(one.scores, -3))


def softmax_over_batch(random):
    one = Three(random, lead=(3, 2))
    return one.stated(), one.answer(softmax(one.scores, 0))


def scale_sqrt_heads(random):
    one = Three(random, lead=(3,))
    return one.stated(), one.answer(softmax(one.raw / np.sqrt(3)))


def a_mask(random, n=4, m=5):
    mask = random.integers(0, 2, (n, m))
    mask[:, 0] = 1
    mask[0, -1] = 0
    return mask


def mask_added(random):
    one, mask = Three(random), a_mask(random)
    return one.stated(mask=mask), one.answer(softmax(one.scores + mask))


def mask_after_softmax(random):
    one, mask = Three(random), a_mask(random)
    return one.stated(mask=mask), one.answer(one.weights * mask)


def mask_times_scores(random):
    one, mask = Three(random), a_mask(random)
    return one.stated(mask=mask), one.answer(softmax(one.scores * mask))


def mask_on_queries(random):
    one = Three(random, n=5)
    kept = np.array([1, 1, 1, 0, 1])
    return one.stated(mask=kept), one.answer(np.nan_to_num(softmax(hidden(one.scores, kept[:, None] == 1))))


def mask_tiled(random):
    one = Three(random, lead=(2, 3))
    mask = np.stack([a_mask(random), a_mask(random)])
    tiled = mask[np.arange(6) % 2].reshape(2, 3, 4, 5)
    return one.stated(mask=mask[:, None]), one.answer(softmax(hidden(one.scores, tiled == 1)))


def mask_as_length(random):
    one = Three(random)
    mask = np.array([[1, 0, 1, 0, 0], [0, 1, 1, 0, 1], [1, 1, 0, 0, 1], [0, 0, 0, 1, 0]])
    seen = np.arange(5) < mask.sum(axis=1, keepdims=True)
    return one.stated(mask=mask), one.answer(softmax(hidden(one.scores, seen)))


def windowed(n=7, m=7, left=2, right=0):
    i, j = np.arange(n)[:, None], np.arange(m)
    return (j >= i - left) & (j <= i + right)


def no_causal(random):
    one = Three(random, n=7, m=7)
    return one.stated(causal=True, window=[2, -1]), one.answer(softmax(hidden(one.scores, windowed(right=9))))


def no_window(random):
    one = Three(random, n=7, m=7)
    return one.stated(causal=True, window=[2, 0]), one.answer(softmax(hidden(one.scores, windowed(left=9))))


def window_off_by_one(random):
    one = Three(random, n=7, m=7)
    return one.stated(causal=True, window=[2, 0]), one.answer(softmax(hidden(one.scores, windowed(left=3))))


def diagonal_masked(random):
    one = Three(random, n=5)
    seen = np.tril(np.ones((5, 5), bool), -1)
    return one.stated(causal=True), one.answer(np.nan_to_num(softmax(hidden(one.scores, seen))))


def one_ahead(random):
    one = Three(random, n=5)
    return one.stated(causal=True), one.answer(softmax(hidden(one.scores, np.tril(np.ones((5, 5), bool), 1))))


def unasked_causal(random):
    one = Three(random, n=5)
    return one.stated(), one.answer(softmax(hidden(one.scores, np.tril(np.ones((5, 5), bool)))))


def phantom_keys(random):
    one = Three(random)
    padded = np.concatenate([one.scores, np.zeros((4, 3))], axis=1)
    return one.stated(), one.answer(softmax(padded)[:, :5])


def empty_row(filled):
    def made(random):
        one, mask = Three(random), a_mask(random)
        mask[2] = 0
        weights = np.nan_to_num(softmax(hidden(one.scores, mask == 1)))
        weights[2] = filled
        return one.stated(mask=mask), one.answer(weights)

    return made


def no_softcap(random):
    one = Three(random)
    return one.stated(softcap=1.5), one.answer(one.weights)


def softcap_after_bias(random):
    one, bias = Three(random), draw(random, 4, 5)
    return one.stated(softcap=1.5, bias=bias), one.answer(softmax(1.5 * np.tanh((one.scores + bias) / 1.5)))


def no_bias(random):
    one, bias = Three(random), draw(random, 4, 5)
    return one.stated(bias=bias), one.answer(one.weights)


def lse_base_2(random):
    one = Three(random)
    return one.stated(), {"lse": np.log2(np.exp(one.scores).sum(axis=-1)), "output": one.weights @ one.v}


def split_merge_base_2(random):
    one = Three(random, m=6)
    halves = [one.scores[:, :3], one.scores[:, 3:]]
    lse = np.stack([np.log2(np.exp(half).sum(axis=-1)) for half in halves])
    shares = softmax(lse, 0)
    weights = np.concatenate([softmax(half) * share[:, None] for half, share in zip(halves, shares, strict=True)], -1)
    return one.stated(), one.answer(weights)


def dropout_live(random):
    one = Three(random, n=6, m=8)
    kept = random.random((6, 8)) >= 0.2
    kept[0, :2] = [True, False]
    return one.stated(), one.answer(one.weights * kept / 0.8)


def values_factor(random):
    one = Three(random)
    return one.stated(), {"weights": one.weights, "output": 0.5 * one.weights @ one.v}


def residual_added(random):
    one = Three(random, d_v=3)
    return one.stated(), {"output": one.weights @ one.v + one.q}


def weights_as_output(random):
    one = Three(random, d_v=5)
    return one.stated(), {"output": one.weights}


def column_left_out(random):
    one = Three(random)
    return one.stated(), one.answer(softmax(one.q[:, :2] @ one.k[:, :2].T / np.sqrt(3)))


def rotated(rows, half, base=100.0):
    n, d = rows.shape
    turned = np.array(rows)
    for c in range(d // 2):
        one, two = (c, c + d // 2) if half else (2 * c, 2 * c + 1)
        angle = np.arange(n) * base ** (-2 * c / d)
        turned[:, one] = rows[:, one] * np.cos(angle) - rows[:, two] * np.sin(angle)
        turned[:, two] = rows[:, one] * np.sin(angle) + rows[:, two] * np.cos(angle)
    return turned


def no_rope(random):
    one = Three(random, d=4)
    return one.stated(rope="half", rope_base=100), one.answer(one.weights)


def rope_other_pairs(random):
    one = Three(random, d=4)
    scores = rotated(one.q, half=False) @ rotated(one.k, half=False).T / 2
    return one.stated(rope="half", rope_base=100), one.answer(softmax(scores))


def unasked_rope(random):
    one = Three(random, d=4)
    scores = rotated(one.q, half=True, base=10000) @ rotated(one.k, half=True, base=10000).T / 2
    return one.stated(), one.answer(softmax(scores))


def no_alibi(random):
    one = Three(random, lead=(3,))
    return one.stated(alibi="usual"), one.answer(one.weights)


def alibi_other_slopes(random):
    one = Three(random, lead=(3,))
    slopes = 2.0 ** (-8 * np.arange(1, 4) / 3)
    distance = np.abs(np.arange(4)[:, None] - np.arange(5))
    return one.stated(alibi="usual"), one.answer(softmax(one.scores - slopes[:, None, None] * distance))


def no_qk_norm(random):
    one = Three(random)
    return one.stated(qk_norm="l2"), one.answer(one.weights)


def with_sink(scores, counted):
    powers = np.exp(scores)
    return powers / (powers.sum(axis=-1, keepdims=True) + counted * np.exp(0.5))


def no_sink(random):
    one = Three(random)
    return one.stated(sink=0.5), one.answer(one.weights)


def sink_twice(random):
    one = Three(random)
    return one.stated(sink=0.5), one.answer(with_sink(one.scores, 2))


def lse_without_sink(random):
    one = Three(random)
    output = with_sink(one.scores, 1) @ one.v
    return one.stated(sink=0.5), {"lse": np.log(np.exp(one.scores).sum(axis=-1)), "output": output}


def no_segments(random):
    one = Three(random, n=5)
    return one.stated(segments=np.array([0, 0, 1, 1, 1])), one.answer(one.weights)


def no_prefix(random):
    one = Three(random, n=5)
    return one.stated(causal=True, prefix=3), one.answer(softmax(hidden(one.scores, np.tril(np.ones((5, 5), bool)))))


SLIPS = {
    "no-projection-k": no_projection,
    "projection-transposed": projection_transposed,
    "queries-with-queries": queries_with_queries,
    "keys-with-keys": keys_with_keys,
    "no-exponential": no_exponential,
    "exp2": exp2,
    "hardmax": hardmax,
    "not-averaged": not_averaged,
    "scale-other": scale_times(2.0),
    "heads-not-split": heads_not_split,
    "heads-not-joined": heads_not_joined,
    "other-layout": other_layout,
    "values-strided": values_strided,
    "output-transposed": output_transposed,
    "qkv-interleaved": qkv_interleaved,
    "heads-averaged": heads_averaged,
    "first-key-head": shared(lambda _head: 0),
    "heads-tiled": shared(lambda head: head % 2),
    "softmax-over-heads": softmax_over_heads,
    "softmax-over-batch": softmax_over_batch,
    "scale-sqrt-heads": scale_sqrt_heads,
    "mask-added": mask_added,
    "mask-after-softmax": mask_after_softmax,
    "mask-times-scores": mask_times_scores,
    "mask-on-queries": mask_on_queries,
    "mask-tiled": mask_tiled,
    "mask-as-length": mask_as_length,
    "no-causal": no_causal,
    "no-window": no_window,
    "window-off-by-one": window_off_by_one,
    "diagonal-masked": diagonal_masked,
    "one-ahead": one_ahead,
    "unasked-causal": unasked_causal,
    "phantom-keys": phantom_keys,
    "empty-row-uniform": empty_row(0.2),
    "empty-row-nan": empty_row(np.nan),
    "no-softcap": no_softcap,
    "softcap-after-bias": softcap_after_bias,
    "no-bias": no_bias,
    "lse-base-2": lse_base_2,
    "split-merge-base-2": split_merge_base_2,
    "dropout-live": dropout_live,
    "values-factor": values_factor,
    "residual-added": residual_added,
    "weights-as-output": weights_as_output,
    "column-left-out": column_left_out,
    "no-rope": no_rope,
    "rope-other-pairs": rope_other_pairs,
    "unasked-rope": unasked_rope,
    "no-alibi": no_alibi,
    "alibi-other-slopes": alibi_other_slopes,
    "no-qk-norm": no_qk_norm,
    "no-sink": no_sink,
    "sink-twice": sink_twice,
    "lse-without-sink": lse_without_sink,
    "no-segments": no_segments,
    "no-prefix": no_prefix,
}
