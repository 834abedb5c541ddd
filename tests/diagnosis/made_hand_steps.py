"""The slips of hand work, of rotary positions and of orders, in the table of `made_slips`."""

import numpy as np
from diagnosis.made_slips import ANY, BARE, OUTPUT, slip
from diagnosis.made_steps import apart, rotated, softmax


@slip("softmax-twice", *BARE, {"mask": True})
def softmax_twice(world):
    world.normalize = lambda scores: softmax(np.where(np.isneginf(scores), scores, softmax(scores)))


@slip("one-score", {}, {"causal": True, "n": 6}, told=(("weights",), ("weights", "output")))
def one_score(world):
    seen = world.seen()
    query = int(world.random.choice(np.flatnonzero(seen.sum(axis=-1) > 2)))
    key = int(world.random.choice(np.flatnonzero(seen[query])))
    change = np.zeros((world.n, world.m))
    change[query, key] = float(world.random.choice((-1.0, -0.4, 0.5, 1.0)))
    world.cell, world.change = (query, key), change[query, key]
    world.normalize = lambda scores: softmax(scores + change)


@slip("weights-transposed", {"square": True}, {"square": True, "heads": 2}, told=OUTPUT)
def weights_transposed(world):
    world.met.append(lambda weights: weights.mT)


@slip("value-left-out", {}, {"n": 5}, {"heads": 2}, told=OUTPUT)
def value_left_out(world):
    world.missing = int(world.random.integers(world.m))
    world.met.append(lambda weights: np.where(np.arange(world.m) == world.missing, 0, weights))


@slip("moving-reference", *BARE, {"n": 5})
def moving_reference(world):
    """A sum from the own key on."""

    def normalize(scores):
        powers = np.exp(scores)
        return powers / powers[..., ::-1].cumsum(axis=-1)[..., ::-1]

    world.normalize = normalize


def rounded(world, decimals):
    world.rounded_to = int(world.random.choice(decimals))
    return lambda array: np.round(array, world.rounded_to)


@slip("rounded-exponentials", *BARE, {"causal": True})
def rounded_exponentials(world):
    cut = rounded(world, (1, 2))

    def normalize(scores):
        powers = cut(np.exp(scores))
        return powers / powers.sum(axis=-1, keepdims=True)

    world.normalize = normalize


@slip("rounded-scores", *BARE, {"causal": True})
def rounded_scores(world):
    cut = rounded(world, (1, 2))
    world.normalize = lambda scores: softmax(cut(scores))


@slip("rounded-steps", *BARE, {"causal": True}, told=OUTPUT[:1])
def rounded_steps(world):
    """Halves away from 0: quotients of short numbers often end on one."""
    world.rounded_to = int(world.random.choice((1, 2)))
    unit = 10.0**world.rounded_to

    def cut(array):
        return np.copysign(np.floor(np.abs(array) * unit + 0.5 + 1e-9), array) / unit

    def normalize(scores):
        powers = cut(np.exp(cut(scores)))
        return powers / powers.sum(axis=-1, keepdims=True)

    world.normalize = normalize
    world.met.append(cut)


@slip("other-base", *BARE, {"causal": True})
def other_base(world):
    world.power = float(world.random.choice((10.0, 3.0, 1 / np.e)))
    factor = np.log(world.power)
    world.normalize = lambda scores: softmax(np.where(np.isneginf(scores), scores, factor * scores))


@slip("other-sum", {}, {"n": 5}, {"heads": 2})
def other_sum(world):
    way = str(world.random.choice(("squares", "number", "row 0", "key", "exchanged")))
    world.missing = int(world.random.integers(world.m))

    def normalize(scores):
        powers = np.exp(scores)
        sums = {
            "squares": np.sqrt((powers**2).sum(axis=-1, keepdims=True)),
            "number": float(world.m),
            "row 0": powers[..., :1, :].sum(axis=-1, keepdims=True),
            "exchanged": powers.sum(axis=-1, keepdims=True)[..., [1, 0, *range(2, world.n)], :],
            "key": np.delete(powers, world.missing, axis=-1).sum(axis=-1, keepdims=True),
        }
        return powers / sums[way]

    world.normalize = normalize


@slip("signed-distance", {"variant": "laplace"}, {"variant": "laplace", "length": True, "causal": True})
def signed_distance(world):
    world.similarity = lambda q, k: -apart(q, k).sum(axis=-1)


@slip("bias-after-softmax", {"bias": True}, {"bias": True, "heads": 2}, {"bias": True, "mask": True})
def bias_after_softmax(world):
    bias, world.bias = world.bias, None
    world.after.append(lambda weights: weights + bias)


@slip(
    "scores-before-mask", {"mask": True}, {"causal": True, "heads": 2},
    told=(("scores",), ("scores", "weights"), ("scores", "weights", "output")),
)  # fmt: skip
def scores_before_mask(world):
    world.present.append(lambda found: {**found, "scores": found["raw_scores"] * world.scale})


@slip("scores-shifted", *BARE, told=(("scores",), ("scores", "weights"), ("scores", "weights", "output")))
def scores_shifted(world):
    level = (np.max, np.mean, np.min)[int(world.random.integers(3))]
    world.present.append(
        lambda found: {**found, "scores": found["scores"] - level(found["scores"], axis=-1, keepdims=True)}
    )


@slip("other-values", {"like_queries": True}, {"like_queries": True, "heads": 2}, told=OUTPUT)
def other_values(world):
    world.values = world.keys


@slip("values-as-keys", {"like_queries": True}, {"like_queries": True, "heads": 2}, told=ANY)
def values_as_keys(world):
    world.keys = world.values


@slip("queries-values-swapped", {"same": True}, {"same": True, "heads": 2}, told=OUTPUT)
def queries_values_swapped(world):
    world.queries, world.values = world.values, world.queries


# rotary positions


def turn(world, rows, first=0):
    """Rows at the positions from `first` on."""
    return rotated(rows, world.pairs, world.base, first)


@slip("rope-one-side", {"rope": True}, {"rope": True, "heads": 2})
def rope_one_side(world):
    name = str(world.random.choice(("queries", "keys")))
    setattr(world, name, turn(world, getattr(world, name), world.offset if name == "queries" else 0))
    world.pairs = None


@slip("rope-on-values", {"rope": True, "like_queries": True}, {"rope": True, "like_queries": True, "heads": 2},
      told=OUTPUT)  # fmt: skip
def rope_on_values(world):
    world.values = turn(world, world.values)


@slip("rope-shifted", {"rope": True}, {"rope": True, "heads": 2})
def rope_shifted(world):
    world.at = world.offset + 1
    world.queries, world.keys = turn(world, world.queries, world.at), turn(world, world.keys)
    world.pairs = None


@slip("rope-other-base", {"rope": True}, {"rope": True, "heads": 2})
def rope_other_base(world):
    world.base = 10000.0


@slip("rope-other-columns", {"rope": "wide"}, {"rope": "wide", "heads": 2})
def rope_other_columns(world):
    world.turned = int(world.random.choice((2, 4)))


@slip("rope-other-scale", {"rope": "far"}, {"rope": "far", "heads": 2})
def rope_other_scale(world):
    world.far = float(world.random.choice((1.0, 1 / world.far)))


@slip("softcap-other", {"softcap": True}, {"softcap": True, "causal": True}, {"softcap": True, "heads": 2})
def softcap_other(world):
    world.softcap *= float(world.random.choice((0.5, 2.0)))


# orders


@slip("other-order", *BARE, {"causal": True}, told=(("output",), ("weights",)))
def other_order(world):
    name = world.told[0]
    one, two = world.exchanged = sorted(world.random.choice(world.n, 2, replace=False).tolist())

    def exchange(found):
        order = np.arange(world.n)
        order[[one, two]] = two, one
        return {**found, name: found[name][..., order, :]}

    world.present.append(exchange)


@slip("values-other-order", *BARE, {"causal": True}, told=OUTPUT)
def values_other_order(world):
    one, two = world.exchanged = sorted(world.random.choice(world.m, 2, replace=False).tolist())
    order = np.arange(world.m)
    order[[one, two]] = two, one
    world.values = world.values[..., order, :]


@slip("mask-one-cell", *BARE, {"causal": True})
def mask_one_cell(world):
    seen = world.seen()
    rows = np.flatnonzero(seen.sum(axis=-1) > 1)
    query = int(world.random.choice(rows))
    key = int(world.random.choice(np.flatnonzero(seen[query])))
    world.cell = query, key
    world.seen_by_mask = np.array(world.seen_by_mask)
    world.seen_by_mask[query, key] = False


@slip("scores-standardized", *BARE, {"n": 5})
def scores_standardized(world):
    least, largest = ((np.min, np.max), (np.mean, np.std))[int(world.random.integers(2))]

    def standardize(scores):
        low = least(scores, axis=-1, keepdims=True)
        size = np.std(scores, axis=-1, keepdims=True) if largest is np.std else np.ptp(scores, axis=-1, keepdims=True)
        return (scores - low) / size

    world.normalize = standardize if world.random.random() < 0.5 else lambda scores: softmax(standardize(scores))


@slip("values-not-weighted", {}, {"heads": 2}, told=OUTPUT)
def values_not_weighted(world):
    share = 1.0 if world.random.random() < 0.5 else 1 / world.m
    world.met.append(lambda weights: np.full(weights.shape, share))
    world.takes_exact_weights = True


@slip("terms-not-added", {}, {"n": 5}, told=OUTPUT)
def terms_not_added(world):
    world.met.append(lambda weights: np.where(weights == weights.max(axis=-1, keepdims=True), weights, 0))
