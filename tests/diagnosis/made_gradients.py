"""The way back through the worlds of `made`: gradients in plain NumPy."""

import numpy as np
from diagnosis.made_steps import over_zero, product, rotated, size_of

STEP = 2.0**-17  # of a difference quotient


def sum_shared(world, array):
    """Gradients of each query head, summed for the key head that they share."""
    if world.key_heads is None:
        if world.shares:
            raise ValueError("a slip gave each query head a key head of its own")
        return array
    if world.is_tiled:
        return array.reshape(*array.shape[:-3], -1, world.key_heads, *array.shape[-2:]).sum(axis=-4)
    return array.reshape(*array.shape[:-3], world.key_heads, -1, *array.shape[-2:]).sum(axis=-3)


def by_scores(world, q, k, d_scores):
    """dQ and dK of the rows that are scored, without the scale: of what is no product, by difference quotients."""
    if world.similarity is product:
        return d_scores @ k, d_scores.mT @ q
    return (
        slope(lambda rows: (d_scores * world.similarity(rows, k)).sum(axis=(-2, -1)), q),
        slope(lambda rows: (d_scores * world.similarity(q, rows)).sum(axis=(-2, -1)), k),
    )


def slope(loss, rows):
    """Of a number for each head, by each entry of its rows."""
    found = np.zeros(rows.shape)
    for at in np.ndindex(rows.shape[-2:]):
        step = np.zeros(rows.shape[-2:])
        step[at] = STEP
        found[(..., *at)] = (loss(rows + step) - loss(rows - step)) / (2 * STEP)
    return found


def through_softcap(world, q, k, d_scores):
    if world.softcap is None:
        return d_scores
    taken = world.similarity(q, k) * world.scale + (world.added() if world.cap_late else 0)
    return d_scores * (1 - np.tanh(taken / world.softcap) ** 2)


def through_rows(world, name, gradient):
    """The gradient of the rows as they are given, of that of the rows that are scored."""
    if world.pairs:
        first = world.offset if name == "queries" else 0
        gradient = rotated(gradient, world.pairs, world.base, first, world.turned, -world.far)
    if world.norm:
        rows = world.repeated(getattr(world, name)) if name == "keys" else world.queries
        lengths = over_zero(np.linalg.norm(rows, axis=-1, keepdims=True))
        along = (gradient * rows).sum(axis=-1, keepdims=True) * rows / lengths**2
        gradient = size_of(world.norm, rows.shape[-1]) * (gradient - along) / lengths
    return gradient


def of_softmax(weights, d_weights, second=1.0):
    return weights * (d_weights - second * (weights * d_weights).sum(axis=-1, keepdims=True))


def backward(
    world, q, k, v, weights, second=1.0, scales=(1.0, 1.0), share=sum_shared, softmax=of_softmax,
    capped=through_softcap, scored=by_scores, summed=None,
):  # fmt: skip
    """dV, dP, dS, dQ, dK."""
    if world.drop is not None or world.normalizer != "softmax" or world.stated.get("as") == "jax":
        raise ValueError("no gradients of these here")
    arriving = world.d_output if world.w_o is None else world.d_output @ world.w_o.T
    d_weights = arriving @ v.mT
    d_scores = softmax(weights, d_weights, second)
    d_raw = capped(world, q, k, d_scores)
    d_queries, d_keys = scored(world, q, k, d_raw)
    return {
        "d_values": share(world, (weights if summed is None else summed).mT @ arriving),
        "d_weights": d_weights,
        "d_scores": d_scores,
        "d_queries": through_rows(world, "queries", world.scale * scales[0] * d_queries),
        "d_keys": share(world, through_rows(world, "keys", world.scale * scales[1] * d_keys)),
    }
