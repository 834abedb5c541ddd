"""The slips that `made` worlds are answered with: what each needs of the problem, and what it changes."""

import numpy as np
from diagnosis.made import join, viewed
from diagnosis.made_steps import KEYS, ROWS, SCORES, apart, softmax

SLIPS = {}  # name: (wishes of each way, change, what may be expected)
ANY = (("output",), ("weights", "output"), ("weights",))
OUTPUT = (("output",), ("weights", "output"))
MASKED = ({"mask": True}, {"causal": True, "corner": "bottom-right"}, {"window": (1, 1)}, {"mask": "keys"})
PACKED = {"heads": 2, "packed": True}
DISTANCES = ("laplace", "gaussian")


def slip(name, *wishes, told=ANY):
    """The function below it changes a world whose wishes are one of these."""

    def keep(change):
        SLIPS[name] = (wishes or ({},), change, told)
        return change

    return keep


def simple(name, change, *wishes, told=ANY):
    SLIPS[name] = (wishes or ({},), change, told)


def scaled_by(factor):
    def change(world):
        world.scale = factor(world)

    return change


LEADS = ({}, {"heads": 2}, PACKED, {"mask": True}, {"causal": True})
simple("unscaled", scaled_by(lambda _: 1.0), *LEADS)
simple("scale-sqrt-dk", scaled_by(lambda w: w.d**-0.5), {"variant": ("dot", "laplace", "gaussian", "cosine")})
simple("scale-dk", scaled_by(lambda w: 1 / w.d), *LEADS)
simple(
    "length-scale-dk", scaled_by(lambda w: w.d ** -(2.0 if w.variant == "gaussian" else 1.0)), {"variant": DISTANCES}
)
simple("scale-sqrt-heads", scaled_by(lambda w: w.heads**-0.5), {"heads": 3}, {"heads": 4, "packed": True})


@slip("scale-other", *LEADS)
def scale_other(world):
    named = (1.0, 1 / world.d, world.d**-0.5, (world.heads * world.d) ** -0.5, 1 / (world.heads * world.d))
    factors = [world.scale * factor for factor in (-1, 0.5, 2, 3.7, world.d, 0.123)]
    factors = [each for each in factors if not np.isclose(each, (*named, world.heads**-0.5)).any()]
    world.scale = float(world.random.choice(factors))


@slip("scale-after-softmax", *LEADS, {"variant": DISTANCES, "length": True})
def scale_after_softmax(world):
    scale, world.scale = world.scale, 1.0
    world.after.append(lambda weights: weights * scale)


def normalize(how):
    def change(world):
        world.normalize = how

    return change


BARE = ({}, {"heads": 2})
simple("softmax-over-queries", normalize(lambda s: softmax(s, ROWS)), *BARE, {"mask": "keys"})
simple("softmax-over-all", normalize(lambda s: softmax(s, (ROWS, KEYS))), *BARE, {"mask": True})
simple("no-softmax", normalize(lambda s: np.where(np.isneginf(s), 0, s)), *BARE, {"mask": True})
simple("exp2", normalize(lambda s: softmax(s, base=2.0)), *LEADS)
simple("softmax-over-heads", normalize(lambda s: softmax(s, -3)), {"heads": 3}, PACKED)
simple("softmax-over-batch", normalize(lambda s: softmax(s, 0)), {"lead": (3,), "heads": 2})
simple("no-exponential", normalize(lambda s: s / s.sum(axis=KEYS, keepdims=True)), *BARE)
simple(
    "hardmax",
    normalize(lambda s: (np.arange(s.shape[-1]) == s.argmax(axis=KEYS)[..., None]).astype(float)),
    *BARE, {"causal": True},
)  # fmt: skip


@slip("relu", *BARE, {"causal": True})
def relu(world):
    def over_sum(scores):
        kept = np.maximum(scores, 0)
        total = kept.sum(axis=KEYS, keepdims=True)
        return np.where(total > 0, kept / np.where(total > 0, total, 1), 0)

    over_keys = lambda scores: np.maximum(scores, 0) / world.m  # noqa: E731
    world.normalize = over_sum if world.random.random() < 0.7 else over_keys


@slip("not-averaged", {"square": True}, {"square": True, "causal": True}, told=(("output",),))
def not_averaged(world):
    world.met.append(lambda weights: np.broadcast_to(np.eye(world.m), weights.shape))
    world.takes_exact_weights = True


@slip("no-mask", *MASKED, {"mask": True, "heads": 2}, {"mask": "batch", "lead": (2,), "heads": 2})
def no_mask(world):
    world.seen_by_mask, world.causal, world.window = np.ones((world.n, world.m), bool), False, None


@slip("mask-inverted", {"mask": True}, {"mask": True, "heads": 2}, {"mask": "keys"})
def mask_inverted(world):
    world.seen_by_mask = ~world.seen_by_mask


@slip("other-corner", {"causal": True}, {"causal": True, "corner": "bottom-right"}, {"window": (1, 1)})
def other_corner(world):
    world.offset = world.m - world.n if world.offset == 0 else 0


@slip("queries-keys-swapped", {"square": True}, {"square": True, "heads": 2})
def queries_keys_swapped(world):
    world.queries, world.keys = world.keys, world.queries


@slip("keys-transposed", {"wide": True}, {"wide": True, "heads": 2})
def keys_transposed(world):
    world.keys = world.keys.mT


@slip("values-transposed", {"wide_values": True}, told=OUTPUT)
def values_transposed(world):
    world.values = world.values.mT


def scored(of, scale=None):
    def change(world):
        world.similarity, world.scored = of, "otherwise"
        if scale is not None:
            world.scale = scale(world)

    return change


simple("squared-distance", scored(lambda q, k: -(apart(q, k) ** 2).sum(axis=-1)), {"variant": DISTANCES})
simple("euclidean-distance", scored(lambda q, k: -np.sqrt((apart(q, k) ** 2).sum(axis=-1))), {"variant": DISTANCES})
for _name in ("dot", "scaled", "laplace", "gaussian", "cosine", "additive", "uniform"):
    _others = tuple(each for each in SCORES if each not in (_name, "uniform"))
    simple(
        f"variant-{_name}",
        scored(SCORES[_name], lambda w, name=_name: w.default_scale(name)),
        {"variant": _others}, {"variant": _others, "causal": True},
    )  # fmt: skip


@slip("rounded-weights", {}, PACKED, told=OUTPUT)
def rounded_weights(world):
    decimals = int(world.random.integers(1, 4))
    world.met.append(lambda weights: np.round(weights, decimals))
    world.print_weights = decimals
    world.takes_exact_weights = True


# projections


def unprojected(letters):
    def change(world):
        for letter in letters:
            setattr(world, {"q": "queries", "k": "keys", "v": "values"}[letter], world.x)

    return change


for _letters in ("q", "k", "v", "qk", "qkv"):
    simple(
        f"no-projection-{_letters}", unprojected(_letters), {"projected": "square"},
        told=OUTPUT if _letters == "v" else ANY,
    )  # fmt: skip


@slip("projection-transposed", {"projected": "square"})
def projection_transposed(world):
    world.queries, world.keys, world.values = (world.x @ world.w[letter].T for letter in "qkv")


@slip("projection-other", {"projected": "square"})
def projection_other(world):
    world.keys = world.x @ world.w["q"]


@slip("queries-with-queries", {"square": True}, {"projected": True}, {"square": True, "heads": 2})
def queries_with_queries(world):
    world.keys = world.queries


@slip("keys-with-keys", {"square": True}, {"projected": True}, {"square": True, "heads": 2})
def keys_with_keys(world):
    world.queries = world.keys


# layouts


@slip("heads-not-split", PACKED, {"heads": 3, "packed": True, "causal": True}, told=(("output",),))
def heads_not_split(world):
    if world.random.random() < 0.5:
        world.queries, world.keys, world.values = (viewed(a) for a in (world.queries, world.keys, world.values))
        if world.random.random() < 0.5:
            world.joined = lambda output: np.ascontiguousarray(output).reshape(join(output).shape)
        return
    of_all = (world.heads * world.d) ** -0.5 if world.variant == "scaled" == world.scored else world.scale
    heads, scale = world.heads, world.random.choice((world.scale, of_all))
    world.queries, world.keys, world.values = (join(a)[None] for a in (world.queries, world.keys, world.values))
    world.scale, world.heads = scale, heads


@slip("heads-not-joined", PACKED, {"heads": 4, "packed": True, "causal": True}, told=OUTPUT)
def heads_not_joined(world):
    world.joined = lambda output: np.ascontiguousarray(output).reshape(join(output).shape)


def swapped(array):
    return np.swapaxes(array, -2, -3)


@slip("other-layout", {"heads": 3, "square": True}, {"lead": (2,), "heads": 3, "square": True})
def other_layout(world):
    world.queries, world.keys, world.values = (swapped(a) for a in (world.queries, world.keys, world.values))
    world.seen_by_mask = np.ones((1, 1), bool)
    world.i, world.j = np.arange(world.heads)[:, None], np.arange(world.heads)
    world.n, world.m = world.heads, world.heads
    world.finish.append(swapped)


@slip(
    "output-transposed", {"wide_values": True, "square": True}, {"heads": 2}, {"heads": 4, "n": 4}, told=(("output",),)
)
def output_transposed(world):
    axes = (-1, -2) if world.heads == 1 else (-2, -3)

    def turn(output):
        turned = np.swapaxes(output, *axes)
        return turned if world.random.random() < 0.5 else np.ascontiguousarray(turned).reshape(output.shape)

    world.finish.append(turn)


def by_column(found):
    return {name: np.swapaxes(array, -1, -2) for name, array in found.items()}


@slip(
    "results-by-column", {"square": True}, {}, {"heads": 2}, {"causal": True}, told=(("weights",), ("scores", "output"))
)
def results_by_column(world):
    world.present.append(by_column)


@slip(
    "all-by-column",
    {"n": 4, "width": 4, "square": True, "wide_values": True},
    told=(("weights",), ("weights", "output")),
)
def all_by_column(world):
    world.queries, world.keys, world.values = world.queries.mT, world.keys.mT, world.values.mT
    world.present.append(by_column)


@slip("values-strided", {"heads": 3}, PACKED, told=OUTPUT)
def values_strided(world):
    world.values = viewed(world.values)


@slip("qkv-interleaved", {"heads": 2, "packed": True, "same": True}, told=(("output",), ("weights", "output")))
def qkv_interleaved(world):
    h, d = world.heads, world.d
    fused = np.concatenate([join(a) for a in (world.queries, world.keys, world.values)], axis=1)
    fused = fused.reshape(world.n, h, 3, d)
    world.queries, world.keys, world.values = (np.swapaxes(fused[:, :, part], 0, 1) for part in range(3))


# heads


@slip("heads-averaged", {"heads": 3}, PACKED, {"heads": 2, "packed": True, "causal": True})
def heads_averaged(world):
    how = world.random.random()
    mean = lambda w: np.broadcast_to(w.mean(axis=-3, keepdims=True), w.shape)  # noqa: E731
    if how < 0.5 or (world.told == ("weights",)):
        world.after.append(mean)
    elif world.packed or how < 0.75:
        world.met.append(mean)
    else:
        world.finish.append(mean)


SHARED = {"heads": 4, "key_heads": 2, "packed": True}


def shared_by(choose):
    def change(world):
        chosen = [choose(head, world.key_heads) for head in range(world.heads)]
        world.keys, world.values = world.keys[..., chosen, :, :], world.values[..., chosen, :, :]
        world.key_heads = None

    return change


simple("first-key-head", shared_by(lambda _head, _count: 0), SHARED, {**SHARED, "causal": True})
simple("heads-tiled", shared_by(lambda head, count: head % count), SHARED, {"heads": 4, "key_heads": 2})
