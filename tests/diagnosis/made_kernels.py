"""The slips of kernels and of other entries, in the table of `made_slips`."""

import numpy as np
from diagnosis.made_slips import ANY, BARE, OUTPUT, PACKED, SHARED, slip
from diagnosis.made_steps import KEYS, rotated, softmax


def powers_of(scores):
    with np.errstate(all="ignore"):
        largest = scores.max(axis=KEYS, keepdims=True)
        return np.where(np.isneginf(scores), 0, np.exp(scores - np.where(np.isneginf(largest), 0, largest)))


def counted(world, counts):
    world.normalize = lambda scores: (counts * powers_of(scores)) / (counts * powers_of(scores)).sum(-1, keepdims=True)


def run(world):
    size = int(world.random.choice((1, 2, world.m // 2)))
    first = int(world.random.integers(world.m - size + 1))
    world.run = range(first, first + size)
    return np.isin(np.arange(world.m), world.run)


@slip("keys-left-out", *BARE, {"mask": "keys", "n": 6})
def keys_left_out(world):
    counted(world, np.where(run(world), 0, 1))


@slip("keys-counted-twice", *BARE, PACKED)
def keys_counted_twice(world):
    counted(world, np.where(run(world), 2, 1))


@slip("no-rescale", *BARE, PACKED, told=OUTPUT)
def no_rescale(world):
    def over_tiles(scores):
        running = [scores[..., : 2 * (first // 2) + 2].max(axis=-1) for first in range(world.m)]
        powers = np.exp(scores - np.stack(running, axis=-1))
        return powers / powers.sum(axis=-1, keepdims=True)

    world.normalize = over_tiles


@slip("split-averaged", *BARE, told=OUTPUT)
def split_averaged(world):
    half = world.m // 2
    world.normalize = lambda s: np.concatenate([softmax(s[..., :half]), softmax(s[..., half:])], axis=-1) / 2


@slip("not-divided", *BARE, {"causal": True}, told=ANY)
def not_divided(world):
    shift = world.random.random() < 0.5
    world.normalize = lambda scores: powers_of(scores) if shift else np.exp(scores)


@slip("causal-by-tiles", {"causal": True, "n": 6}, {"causal": True, "n": 6, "heads": 2})
def causal_by_tiles(world):
    world.causal = False
    world.seen_by_mask = world.seen_by_mask & (np.arange(world.m) // 2 <= np.arange(world.n)[:, None] // 2)


@slip("other-offset", {"causal": True, "n": 6}, {"window": (1, 1), "n": 6})
def other_offset(world):
    world.offset = 2


@slip("other-entry", {"heads": 3}, {"lead": (2,), "heads": 3}, PACKED, told=OUTPUT)
def other_entry(world):
    name = str(world.random.choice(("keys", "values")))
    setattr(world, name, np.roll(getattr(world, name), 1, axis=-3))
    world.order = np.roll(np.arange(world.heads), 1)


@slip("other-grouping", SHARED, {"heads": 4, "key_heads": 2}, told=OUTPUT)
def other_grouping(world):
    world.keys = world.keys[..., [0, 0, 1, 1], :, :]
    world.values = world.values[..., [0, 1, 0, 1], :, :]
    world.key_heads = None


@slip("keys-values-swapped", {"like_queries": True}, {"like_queries": True, "heads": 2}, told=OUTPUT)
def keys_values_swapped(world):
    world.keys, world.values = world.values, world.keys


@slip("keys-reshaped", *BARE)
def keys_reshaped(world):
    world.keys = world.keys.reshape(*world.keys.shape[:-2], world.d, world.m).mT


@slip("keys-other-order", *BARE, told=(("weights", "output"),))
def keys_other_order(world):
    world.keys = np.roll(world.keys, 1, axis=-2)


@slip("few-bits", {"n": 6, "width": 6}, {"n": 6, "heads": 2}, told=OUTPUT)
def few_bits(world):
    def kept(rows):
        scale = np.abs(rows).max(axis=-1, keepdims=True) / 7
        return np.round(rows / np.where(scale > 0, scale, 1)) * scale

    world.keys, world.values = kept(world.keys), kept(world.values)


@slip("scale-by-position", {"causal": True, "n": 6}, {"n": 6}, {"n": 6, "heads": 2})
def scale_by_position(world):
    place = np.arange(world.n)[:, None] + 1.0
    factor = (np.log(place + 1), place**0.5, 1 / place)[int(world.random.integers(3))]
    world.normalize = lambda scores: softmax(np.where(np.isneginf(scores), scores, scores * factor))


@slip("qk-norm-one-side", {"qk_norm": True}, {"qk_norm": True, "heads": 2})
def qk_norm_one_side(world):
    size = {"l2": 1.0, "rms": np.sqrt(world.d)}[world.norm]
    world.queries = world.queries / np.linalg.norm(world.queries, axis=-1, keepdims=True) * size
    world.norm = None


@slip("cosine-one-side", {"variant": "cosine"}, {"variant": "cosine", "heads": 2}, {"variant": "cosine", "mask": True})
def cosine_one_side(world):
    sides = (1, 0) if world.random.random() < 0.5 else (0, 1)

    def similarity(q, k):
        lengths = [np.linalg.norm(rows, axis=-1) for rows in (q, k)]
        return q @ k.mT / (lengths[0][..., :, None] ** sides[0] * lengths[1][..., None, :] ** sides[1])

    world.similarity = similarity


@slip("rope-reversed", {"rope": True}, {"rope": True, "heads": 2})
def rope_reversed(world):
    for name, first in (("queries", world.offset), ("keys", 0)):
        setattr(world, name, rotated(getattr(world, name), world.pairs, world.base, first, None, -1.0))
    world.pairs = None


@slip("sink-unshifted", {"sink": True}, {"sink": True, "heads": 2})
def sink_unshifted(world):
    world.normalize = lambda s: powers_of(s) / (powers_of(s).sum(axis=-1, keepdims=True) + np.exp(0.5))


@slip("softcap-as", {"softcap": True}, {"softcap": True, "causal": True})
def softcap_as(world):
    cap, world.softcap = world.softcap, None
    cut = world.random.random() < 0.5
    plain = world.normalize

    def capped(scores):
        return np.where(np.isneginf(scores), scores, np.clip(scores, -cap, cap) if cut else np.tanh(scores / cap))

    world.normalize = lambda scores: plain(capped(scores))


@slip("lse-other", *BARE, told=(("lse",), ("lse", "output")))
def lse_other(world):
    world.lse_of = lambda scores: np.log(powers_of(scores).sum(axis=KEYS))


@slip("rows-empty", {"n": 6}, {"n": 6, "heads": 2}, told=(("output",),))
def rows_empty(world):
    world.empty = 4

    def empty(output):
        found = np.array(output)
        found[..., world.empty :, :] = 0
        return found

    world.finish.append(empty)


def one_row(world):
    return int(world.random.integers(world.n)), int(world.random.integers(world.m))


@slip("one-sum", {"n": 5, "heads": None}, told=(("weights",), ("weights", "output")))
def one_sum(world):
    world.cell = one_row(world)

    def divide(weights):
        found = np.array(weights)
        found[world.cell[0]] *= 0.8
        return found

    world.after.append(divide)


@slip("one-term", {"n": 5, "heads": None}, told=(("output",),))
def one_term(world):
    world.cell = one_row(world)

    def leave_out(weights):
        found = np.array(weights)
        found[world.cell] = 0
        return found

    world.met.append(leave_out)


def over_keys(powers, scores):
    """Powers of the keys that are seen, over their sum, 0 in a row of nothing but 0."""
    seen = np.where(np.isneginf(scores), 0, powers)
    total = seen.sum(axis=KEYS, keepdims=True)
    return np.where(total != 0, seen / np.where(total != 0, total, 1), 0)


FEATURES = {"elu": lambda x: np.where(x > 0, x + 1, np.exp(np.minimum(x, 0))), "relu": lambda x: np.maximum(x, 0)}


@slip("linear-attention", *BARE, {"causal": True})
def linear_attention(world):
    features = FEATURES[str(world.random.choice(list(FEATURES)))]
    world.factor = scale = float(world.random.choice((1.0, world.scale)))
    world.normalize = lambda scores: over_keys(
        features(scale * world.queries) @ features(world.keys).swapaxes(-1, -2), scores
    )


@slip("exp-series", *BARE, {"causal": True})
def exp_series(world):
    terms = int(world.random.integers(2, 4))

    def cut_off(scores):
        finite = np.where(np.isneginf(scores), 0, scores)
        return over_keys(1 + finite + (finite**2 / 2 if terms == 3 else 0), scores)

    world.normalize = cut_off


@slip("columns-other-order", {"width": 4}, {"width": 6, "heads": 2}, {"width": 4, "causal": True})
def columns_other_order(world):
    d = world.keys.shape[-1]
    orders = [np.arange(d)[::-1], np.roll(np.arange(d), 1), [*range(0, d, 2), *range(1, d, 2)]]
    world.keys = world.keys[..., orders[int(world.random.integers(len(orders)))]]
