"""The slips of single steps of the way back, in the table of `made_slips`."""

import numpy as np
from diagnosis.made_slips import BARE, slip
from diagnosis.made_stages import BY_SCORE, GRADED, backwards


def row_sum(weights, d_weights):
    return (weights * d_weights).sum(axis=-1, keepdims=True)


DERIVATIVES = (
    lambda p, dp: p * (1 - p) * dp,
    lambda p, dp: p * (dp - dp.mean(axis=-1, keepdims=True)),
    lambda p, dp: p * (dp - dp.sum(axis=-1, keepdims=True)),
    lambda p, dp: p * (dp + row_sum(p, dp)),
    lambda p, dp: p * dp - row_sum(p, dp),
    lambda p, dp: dp - row_sum(p, dp),
)


@slip("row-sum-other", *BARE, told=GRADED)
def row_sum_other(world):
    taken = DERIVATIVES[int(world.random.integers(len(DERIVATIVES)))]
    backwards(softmax=lambda weights, d_weights, _second: taken(weights, d_weights))(world)


ALL = ("d_queries", "d_keys", "d_values")


@slip("grad-recomputed", *BARE, told=(ALL, ("d_queries", "d_keys")))
def grad_recomputed(world):
    own, by_base_2 = world.backward, world.random.random() < 0.5

    def recomputed(w, q, k, v, weights, **others):
        scores = w.scores(w.similarity(q, k), w.seen())
        lse = np.log(np.exp(scores).sum(axis=-1, keepdims=True))
        powers = np.exp(scores - lse * np.log(2)) if by_base_2 else np.exp(scores / w.scale - lse)
        sums = (weights @ v * w.d_output).sum(axis=-1, keepdims=True)
        d_scores = powers * (w.d_output @ v.mT - sums)
        found = own(w, q, k, v, weights, **others)
        own_queries, own_keys = d_scores @ k * w.scale, d_scores.mT @ q * w.scale
        return {**found, "d_queries": own_queries, "d_keys": own_keys, "d_values": powers.mT @ w.d_output}

    world.backward = recomputed


@slip(
    "grad-strided",
    {"heads": 2},
    {"heads": 3, "causal": True, "n": 5},
    told=(ALL, ("d_queries", "d_keys"), ("d_values",)),
)
def grad_strided(world):
    world.d_output = np.ascontiguousarray(np.swapaxes(world.d_output, -2, -3)).reshape(world.d_output.shape)


@slip("grad-factor", *BARE, {"mask": True}, told=(ALL, ("d_keys",), ("d_queries",), ("d_values",)))
def grad_factor(world):
    factors = [each for each in (-1, 2, 0.5, np.log(2), 1 / world.n, 1 / world.m, 3) if each * world.scale != 1]
    factor = world.factor = float(world.random.choice(factors))
    names = world.told if world.random.random() < 0.5 else world.told[-1:]
    world.present.append(lambda found: {**found, **{name: factor * found[name] for name in names}})


def kept(world, count):
    """The first or the last tile of two or four, alone, or left out where the others are more than one."""
    size = int(world.random.choice((2, 4) if count > 4 else (2,)))
    first = 0 if world.random.random() < 0.5 else (count - 1) // size * size
    world.tile = range(first, min(first + size, count))
    inside = np.isin(np.arange(count), world.tile)
    is_one_more = (~inside).sum() > 4 and world.random.random() < 0.5
    return ~inside if is_one_more else inside


@slip("grad-of-tiles", *BARE, told=(("d_queries",), ("d_keys",), ("d_values",), ("d_keys", "d_values")))
def grad_of_tiles(world):
    own = world.backward

    def summed(w, q, k, v, weights, **others):
        found = own(w, q, k, v, weights, **others)
        if "d_queries" in w.told:
            part = own(w, q, np.where(some[:, None], k, 0), v, weights, **others)
            return {**found, "d_queries": part["d_queries"]}
        arriving, w.d_output = w.d_output, np.where(some[:, None], w.d_output, 0)
        part = own(w, q, k, v, weights, **others)
        w.d_output = arriving
        return {**found, "d_keys": part["d_keys"], "d_values": part["d_values"]}

    some = kept(world, world.m if "d_queries" in world.told else world.n)
    world.backward = summed


@slip("grad-other-factor", {"same": True}, {"same": True, "heads": 2}, told=BY_SCORE[1:])
def grad_other_factor(world):
    way = int(world.random.integers(3))
    own = world.backward

    def other(w, q, k, v, weights, **others):
        if way == 0:
            others["scored"] = lambda _world, q, k, d_scores: (d_scores @ q, d_scores.mT @ k)
        elif way == 1:
            others["scored"] = lambda _world, q, k, _d_scores: (weights @ k, weights.mT @ q)
        else:
            others["softmax"] = lambda p, _dp, _second: p * (w.d_output @ k.mT - row_sum(p, w.d_output @ k.mT))
        return own(w, q, k, v, weights, **others)

    world.backward = other


@slip("grad-part-left-out", {"projected": "square"}, told=(("d_x",), ("d_queries", "d_x")))
def grad_part_left_out(world):
    world.parts = str(world.random.choice(("qk", "qv", "kv", "q", "k", "v")))


@slip("grad-not-divided", *BARE, told=(("d_values",), ALL))
def grad_not_divided(world):
    own, is_shifted = world.backward, world.random.random() < 0.5

    def undivided(w, q, k, v, weights, **others):
        scores = w.scores(w.similarity(q, k), w.seen())
        powers = np.exp(scores - scores.max(axis=-1, keepdims=True) if is_shifted else scores)
        return own(w, q, k, v, weights, **{"summed": powers} | others)

    world.backward = undivided


@slip("grad-no-softcap", {"softcap": True}, {"softcap": True, "causal": True}, told=BY_SCORE)
def grad_no_softcap(world):
    backwards(capped=lambda _world, _q, _k, d_scores: d_scores)(world)


CAPS = (
    lambda over, _cap: 1 - np.tanh(over),
    lambda over, cap: 1 - (cap * np.tanh(over)) ** 2,
    lambda over, _cap: 1 - over**2,
)


@slip("grad-softcap-other", {"softcap": True}, {"softcap": True, "causal": True}, told=BY_SCORE)
def grad_softcap_other(world):
    derivative = CAPS[int(world.random.integers(len(CAPS)))]

    def capped(w, q, k, d_scores):
        return d_scores * derivative(w.similarity(q, k) * w.scale / w.softcap, w.softcap)

    backwards(capped=capped)(world)
