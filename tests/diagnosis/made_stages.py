"""The slips of masks, stages, outputs and gradients, in the table of `made_slips`."""

import numpy as np
from diagnosis.made_gradients import by_scores
from diagnosis.made_slips import BARE, DISTANCES, MASKED, OUTPUT, PACKED, SHARED, no_mask, simple, slip
from diagnosis.made_steps import KEYS, softmax

# masks


@slip("mask-added", {"mask": True}, {"causal": True}, {"mask": True, "heads": 2})
def mask_added(world):
    seen = world.seen()
    dropped = world.random.random() < 0.5
    world.rescore = lambda w, raw: raw * w.scale + (~seen if dropped else seen)


@slip("mask-finite", *MASKED, {"mask": True, "heads": 2}, {"mask": True, "empty": True})
def mask_finite(world):
    seen, depth = world.seen(), float(world.random.choice((1, 5, 10, 100)))
    world.depth = depth
    fills = world.random.random() < 0.5
    world.rescore = lambda w, raw: np.where(seen, raw * w.scale, -depth if fills else raw * w.scale - depth)


@slip("mask-after-softmax", *MASKED, {"mask": True, "heads": 2})
def mask_after_softmax(world):
    seen = world.seen()
    no_mask(world)
    world.after.append(lambda weights: weights * seen)


@slip("mask-times-scores", *MASKED, {"mask": True, "heads": 2})
def mask_times_scores(world):
    seen = world.seen()
    world.rescore = lambda w, raw: raw * w.scale * seen


@slip("mask-on-queries", {"mask": "keys", "square": True}, {"mask": "keys", "square": True, "heads": 2})
def mask_on_queries(world):
    world.seen_by_mask = np.broadcast_to(world.seen_by_mask, (world.n, world.n)).T
    world.empty_row = float(world.random.choice((0.0, np.nan, 1 / world.m)))


@slip("mask-tiled", {"mask": "batch", "lead": (2,), "heads": 3})
def mask_tiled(world):
    one = world.seen_by_mask[:, 0]
    world.seen_by_mask = one[np.arange(6) % 2].reshape(2, 3, world.n, world.m)


@slip("mask-as-length", {"mask": True}, {"mask": True, "heads": 2})
def mask_as_length(world):
    world.seen_by_mask = np.arange(world.m) < world.seen_by_mask.sum(axis=-1, keepdims=True)


@slip("no-causal", {"causal": True, "window": (2, -1), "n": 6}, {"causal": True, "mask": True})
def no_causal(world):
    world.causal = False


@slip("no-window", {"causal": True, "window": (1, 0), "n": 6}, {"window": (1, 1), "mask": True})
def no_window(world):
    world.window = None


@slip("window-off-by-one", {"causal": True, "window": (2, 0), "n": 6}, {"window": (1, 1), "n": 6})
def window_off_by_one(world):
    left, right = world.window
    world.window = (left + int(world.random.choice((-1, 1))), right)


@slip("no-segments", {"segments": True, "square": True}, {"segments": True, "square": True, "causal": True})
def no_segments(world):
    world.seen_by_mask = world.mask_alone


@slip("no-prefix", {"causal": True, "prefix": True, "square": True})
def no_prefix(world):
    world.prefix = None


@slip("diagonal-masked", {"causal": True}, {"causal": True, "heads": 2}, {"square": True})
def diagonal_masked(world):
    if world.causal:
        world.causal = -1
    else:
        world.seen_by_mask = world.seen_by_mask & ~np.eye(world.n, world.m, dtype=bool)


@slip("one-ahead", {"causal": True}, {"causal": True, "heads": 2}, {"causal": True, "corner": "bottom-right"})
def one_ahead(world):
    world.causal = 1


@slip("phantom-keys", *BARE, {"mask": "keys"}, {"causal": True})
def phantom_keys(world):
    count = world.padded = int(world.random.choice((1, 2, 3, -world.m % 8 or 8)))
    world.normalize = lambda s: softmax(np.concatenate([s, np.zeros((*s.shape[:-1], count))], axis=-1))[..., : world.m]


for _name, _row in (("uniform", None), ("nan", np.nan)):

    def _fill(world, row=_row):
        world.empty_row = 1 / world.m if row is None else row

    simple(f"empty-row-{_name}", _fill, {"mask": True, "empty": True}, {"mask": True, "empty": True, "heads": 2})


# stages


def without(name, value=None):
    def change(world):
        setattr(world, name, value)

    return change


simple("no-softcap", without("softcap"), {"softcap": True}, {"softcap": True, "causal": True})
simple("no-bias", without("bias"), {"bias": True}, {"bias": True, "heads": 2}, {"bias": True, "causal": True})
simple("softcap-after-bias", without("cap_late", True), {"softcap": True, "bias": True})
simple("no-alibi", without("slopes"), {"alibi": True, "heads": 4}, {"alibi": True, "heads": 3, "causal": True})
simple("no-rope", without("pairs"), {"rope": True}, {"rope": True, "heads": 2})
simple("no-sink", without("sink"), {"sink": True}, {"sink": True, "heads": 2})
simple("no-qk-norm", without("norm"), {"qk_norm": True}, {"qk_norm": True, "heads": 2})


@slip("alibi-other-slopes", {"alibi": True, "heads": 3}, {"alibi": True, "heads": 4})
def alibi_other_slopes(world):
    plain = 2.0 ** (-8 * np.arange(1, world.heads + 1) / world.heads)
    ways = [2.0 ** (-8 * np.arange(world.heads) / world.heads), world.slopes.ravel()[::-1]]
    ways += [plain] if world.heads == 3 else []
    ways += [np.ravel(world.slopes) / 2] if world.is_alone else []  # fitted
    world.slopes = ways[int(world.random.integers(len(ways)))][:, None, None]


@slip("rope-other-pairs", {"rope": True}, {"rope": True, "heads": 2})
def rope_other_pairs(world):
    world.pairs = "half" if world.pairs == "interleaved" else "interleaved"


@slip("sink-twice", {"sink": True}, {"sink": True, "heads": 2})
def sink_twice(world):
    world.counted = int(world.random.choice((2, 3, 4)))
    world.sink += np.log(world.counted)


@slip("sink-as-key", {"sink": True}, {"sink": True, "heads": 2}, {"sink": True, "causal": True})
def sink_as_key(world):
    def moved(weights):
        return np.concatenate([1 - weights.sum(axis=-1, keepdims=True), weights[..., :-1]], axis=-1)

    world.after.append(moved)


@slip("sink-other", {"sink": True}, {"sink": True, "heads": 2}, {}, {"causal": True})
def sink_other(world):
    world.sink = float(world.random.choice((-1.0, -0.3, 1.5, 2.0)))


LSE = (("lse",), ("lse", "output"))


@slip("lse-base-2", {}, {"heads": 2}, told=LSE)
def lse_base_2(world):
    world.lse_of = lambda scores: np.log2(np.exp(scores).sum(axis=KEYS))


@slip("lse-without-sink", {"sink": True}, told=LSE)
def lse_without_sink(world):
    world.lse_of = lambda scores: np.log(np.exp(scores).sum(axis=KEYS))


@slip("split-merge-base-2", *BARE)
def split_merge_base_2(world):
    def merged(scores):
        middle = scores.shape[-1] // 2
        halves = scores[..., :middle], scores[..., middle:]
        logs = [np.log2(np.exp(half).sum(axis=-1, keepdims=True)) for half in halves]
        shares = softmax(np.concatenate(logs, axis=-1))
        return np.concatenate([softmax(half) * shares[..., [place]] for place, half in enumerate(halves)], axis=-1)

    world.normalize = merged


# outputs


@slip("dropout-live", {"n": 6, "width": 4}, {"n": 6, "heads": 2}, PACKED)
def dropout_live(world):
    p = world.p = float(world.random.choice((0.1, 0.2, 0.5)))

    def drop(weights):
        kept = world.random.random(weights.shape) >= p
        kept.flat[:2] = [True, False]
        world.dropped, world.before = (~kept & (weights > 0)).sum(), (weights > 0).sum()
        return weights * kept / (1 - p)

    world.after.append(drop)


@slip("values-factor", *BARE, PACKED, told=OUTPUT)
def values_factor(world):
    factor = world.factor = float(world.random.choice((0.5, 2.0, 0.9, 1.1, -1.0)))
    world.finish.append(lambda output: factor * output)


@slip(
    "residual-added", {"like_queries": True}, {"like_queries": True, "heads": 2}, {"projected": "square"}, told=OUTPUT
)
def residual_added(world):
    added = world.queries if world.x is None else world.x
    world.finish.append(lambda output: output + added)


def without_gradients(world):
    """What is handed in for the output has none that are told here."""

    def backward(*_parts, **_others):
        raise ValueError("the output is no average of the values")

    world.backward = backward


@slip("weights-as-output", {"wide_values": True}, {"wide_values": True, "causal": True}, told=(("output",),))
def weights_as_output(world):
    world.values = np.eye(world.m)
    without_gradients(world)


SHAPED_ALIKE = {"wide_values": True, "square": True}


@slip("cell-by-cell", SHAPED_ALIKE, SHAPED_ALIKE | {"causal": True}, SHAPED_ALIKE | {"heads": 2}, told=(("output",),))
def cell_by_cell(world):
    world.values, values = np.eye(world.m), world.values
    world.finish.append(lambda output: output * values)
    without_gradients(world)


@slip("column-left-out", {"width": 4}, {"width": 5, "causal": True})
def column_left_out(world):
    column = world.column = int(world.random.integers(world.d))
    world.queries = world.queries * (np.arange(world.d) != column)


# what nothing asks for


@slip("unasked-causal", *BARE)
def unasked_causal(world):
    world.causal = True


@slip("unasked-mask", *BARE, PACKED, told=(("weights",), ("scores",), ("weights", "output")))
def unasked_mask(world):
    seen = world.random.random((world.n, world.m)) < 0.6
    seen[np.arange(world.n), np.arange(world.n) % world.m] = True
    seen[-1, 0] = False
    world.seen_by_mask = seen


@slip("unasked-window", {"n": 6}, {"n": 7, "heads": 2}, {"n": 6, "causal": True}, told=(("output",),))
def unasked_window(world):
    world.window = (1, -1) if world.causal else ((2, 2), (3, 0))[int(world.random.integers(2))]


@slip("unasked-rope", {"width": 4}, {"width": 6, "heads": 2})
def unasked_rope(world):
    world.pairs, world.base = str(world.random.choice(("half", "interleaved"))), 10000.0


@slip("unasked-alibi", {"heads": 4}, {"heads": 3, "causal": True})
def unasked_alibi(world):
    world.slopes = world.usual_slopes()


@slip("unasked-sink", *BARE, {"causal": True})
def unasked_sink(world):
    world.sink = 0.0


# cells: worked on what is printed


@slip("one-cell", *BARE, {"causal": True})
def one_cell(world):
    def spoil(found):
        name = world.told[0]
        array = np.array(found[name])
        places = np.argwhere(np.isfinite(array) & (np.abs(array) > 0.05))
        at = tuple(places[int(world.random.integers(len(places)))])
        array[at] += float(world.random.choice((-1, 1))) * float(world.random.uniform(0.1, 1))
        return {**found, name: array}

    world.present.append(spoil)


@slip("lower-precision", {"n": 6}, {"heads": 2}, told=OUTPUT)
def lower_precision(_world):
    """Computed in half precision, and printed with more digits."""


# gradients


def backwards(**changes):
    def change(world):
        own = world.backward
        world.backward = lambda *parts, **others: own(*parts, **(changes | others))

    return change


BY_SCORE = (("d_queries", "d_keys", "d_values"), ("d_keys",), ("d_queries",))
GRADED = (("d_queries", "d_keys", "d_values"), ("d_scores", "d_queries"), ("d_keys",), ("d_queries",))
GRADED_VARIANTS = ({"variant": (*DISTANCES, "additive")}, {"mask": True}, {"causal": True})
simple("no-row-sum", backwards(second=0.0), *BARE, *GRADED_VARIANTS, SHARED, told=GRADED)


@slip("grad-unscaled", *BARE, *GRADED_VARIANTS[1:], {"variant": DISTANCES, "length": True}, SHARED, told=BY_SCORE)
def grad_unscaled(world):
    own = world.backward
    world.backward = lambda *parts, **others: own(*parts, scales=(1 / world.scale, 1 / world.scale), **others)


@slip(
    "grad-heads-not-summed",
    SHARED,
    {**SHARED, "causal": True},
    {"heads": 4, "key_heads": 2},
    told=(("d_keys",), ("d_values",), GRADED[0]),
)
def grad_heads_not_summed(world):
    pick = [lambda group: group[..., 0, :, :], lambda group: group[..., -1, :, :], lambda group: group.mean(axis=-3)]
    pick = pick[int(world.random.integers(len(pick)))]

    def share(world, array):
        if world.key_heads is None:
            raise ValueError("another slip gave each query head a key head of its own")
        return pick(array.reshape(*array.shape[:-3], world.key_heads, -1, *array.shape[-2:]))

    backwards(share=share)(world)


@slip("grad-swapped", {"square": True}, told=(("d_queries", "d_keys"), ("d_queries",), ("d_keys",)))
def grad_swapped(world):
    def swap(found):
        return {**found, "d_queries": found["d_keys"], "d_keys": found["d_queries"]}

    world.present.append(swap)


@slip("grad-transposed", {"square": True}, told=(("d_keys",), ("d_queries", "d_keys")))
def grad_transposed(world):
    def scored(world, q, k, d_scores):
        return by_scores(world, q, k, d_scores)[0], by_scores(world, q, k, d_scores.mT)[1]

    backwards(scored=scored)(world)


@slip("grad-no-mask", {"mask": True}, {"causal": True}, told=(("d_values",), ("d_queries", "d_keys", "d_values")))
def grad_no_mask(world):
    no_mask(world)


@slip("averaged-weights", {"heads": 3, "mask": True}, {**PACKED, "causal": True}, told=OUTPUT[1:])
def averaged_weights(world):
    """The mask left out, where the weights are told as the mean over the heads."""
    no_mask(world)
