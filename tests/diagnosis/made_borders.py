"""The slips of what is seen that stands elsewhere, and of tiles, in the table of `made_slips`."""

import numpy as np
from diagnosis.made_slips import BARE, simple, slip
from diagnosis.made_stages import without

KEPT = ({"causal": True, "window": (1, 0), "keep_first": 2, "n": 6}, {"window": (1, 1), "keep_first": 1, "n": 6})
simple("no-keep-first", without("keep_first"), *KEPT)

CHUNKED = ({"chunk": 3, "n": 6}, {"chunk": 2, "n": 6}, {"chunk": 3, "n": 6, "causal": True})
simple("no-chunk", without("chunk"), *CHUNKED)


@slip("setting-off-by-one", {"causal": True, "prefix": True, "square": True}, *KEPT, *CHUNKED)
def setting_off_by_one(world):
    name = next(name for name in ("prefix", "keep_first", "chunk") if getattr(world, name))
    own = getattr(world, name)
    setattr(world, name, own + int(world.random.choice((1, -1))) if own > 1 else own + 1)


@slip("chunk-other", *CHUNKED)
def chunk_other(world):
    size, world.chunk = world.chunk, None
    p, j = world.i + world.offset, world.j
    ways = [(p + by) // size == (j + by) // size for by in (1, -1)]
    ways += [(p // size == j // size) | (p // size == j // size + 1), np.abs(p - j) < size]
    world.seen_by_mask = world.seen_by_mask & ways[int(world.random.integers(len(ways)))]


@slip("segments-moved", {"segments": True, "square": True, "n": 6})
def segments_moved(world):
    places = np.clip(np.arange(world.n) + int(world.random.choice((1, -1))), 0, world.n - 1)
    moved = world.segments[places]
    queries, keys = ((moved, moved), (moved, world.segments), (world.segments, moved))[int(world.random.integers(3))]
    world.seen_by_mask = world.mask_alone & (queries[:, None] == keys)


@slip("setting-other", {"causal": True, "window": (4, 0), "n": 6, "m": 6}, {"chunk": 4, "n": 6, "m": 6})
def setting_other(world):
    if world.window:
        world.window = (int(world.random.choice((1, 2))), 0)
    else:
        world.chunk = 2


@slip("masks-joined", {"mask": True, "causal": True, "n": 6}, {"window": (1, 1), "causal": True, "n": 6})
def masks_joined(world):
    before_or_own = world.j <= world.i + world.offset
    if world.window:
        inside = np.abs(world.j - world.i - world.offset) <= 1
        world.seen_by_mask, world.window = before_or_own | inside, None
    else:
        world.seen_by_mask = world.seen_by_mask | before_or_own
    world.causal = False


@slip("unasked-chunk", {"n": 6, "m": 6}, {"n": 5, "heads": 2, "m": 5}, {"n": 6, "m": 6, "causal": True})
def unasked_chunk(world):
    world.chunk = 3 if world.m == 6 else 2


@slip("window-by-tiles", {"causal": True, "window": (3, 0), "n": 6, "m": 7}, {"window": (3, 1), "n": 6, "m": 7})
def window_by_tiles(world):
    first = np.maximum(world.i + world.offset - world.window[0], 0)
    if world.random.random() < 0.5:
        world.seen_by_mask = world.seen_by_mask & (world.j >= -(-first // 2) * 2)
    else:
        world.seen_by_mask = world.seen_by_mask & (world.j >= first // 2 * 2)
        world.window = (-1, world.window[1])


@slip("window-shape", {"window": (1, 1), "n": 6, "m": 7}, {"window": (2, 1), "n": 6, "m": 7, "heads": 2})
def window_shape(world):
    (left, right), p, j, m = world.window, world.i + world.offset, world.j, world.m
    first = np.clip(p - left, 0, m - 1 - left - right)
    ways = (
        (j >= p - 2 * left) & (j <= p + 2 * right) & ((j - p) % 2 == 0),
        (j >= first) & (j <= first + left + right),
        ((p - j) % m <= left) | ((j - p) % m <= right),
    )
    world.window, world.seen_by_mask = None, ways[int(world.random.integers(3))]


@slip("mask-by-tiles", {"mask": True, "n": 6, "m": 7}, {"segments": True, "square": True, "n": 6})
def mask_by_tiles(world):
    size = int(world.random.choice((2, 3)))
    rows, keys = np.arange(world.n) // size, np.arange(world.m) // size
    tiles = (rows[:, None, None, None] == rows[:, None]) & (keys[:, None, None] == keys)
    world.seen_by_mask = (tiles & world.seen_by_mask).any(axis=(-2, -1))


LONG = ({"lengths": True}, {"lengths": True, "heads": 2}, {"lengths": True, "causal": True, "n": 6})


@slip("key-lengths-off-by-one", *LONG)
def key_lengths_off_by_one(world):
    world.length_of_keys += int(world.random.choice((1, -1)))


@slip("key-lengths-rounded", *LONG)
def key_lengths_rounded(world):
    length, size = world.length_of_keys, int(world.random.choice((2, 4)))
    up, down = -(-length // size) * size, length // size * size
    is_up = up < world.m and (down == 0 or world.random.random() < 0.5)  # all keys are no mask
    world.length_of_keys = up if is_up else down or length


@slip("padding-side", *LONG[:2])
def padding_side(world):
    world.seen_by_mask = world.seen_by_mask & (world.j >= world.m - world.length_of_keys)
    world.length_of_keys = world.m


simple("empty-row-zeros", without("empty_row", 0.0), {"mask": True, "empty": True, "system": "jax"})

# tiles


def tiles(world):
    size = int(world.random.choice((2, 4) if world.m > 4 else (2,)))
    return [range(first, min(first + size, world.m)) for first in range(0, world.m, size)]


@slip("sum-of-one-tile", *BARE)
def sum_of_one_tile(world):
    world.tile = tiles(world)[int(world.random.choice((0, -1)))]
    summed = list(world.tile)

    def divide(scores):
        powers = np.exp(scores - scores.max(axis=-1, keepdims=True))
        return powers / powers[..., summed].sum(axis=-1, keepdims=True)

    world.normalize = divide


@slip("divided-at-each-tile", *BARE, told=(("output",),))
def divided_at_each_tile(world):
    """What each key counts in the output that is divided by the sum so far at each tile."""
    steps = tiles(world) if world.random.random() < 0.7 else [range(key, key + 1) for key in range(world.m)]
    is_once_more, world.tile = world.random.random() < 0.5, steps[0]

    def run(scores):
        shape = (*scores.shape[:-1], 1)
        largest, total, shares = np.full(shape, -np.inf), np.zeros(shape), np.zeros(scores.shape)
        for step in steps:
            own = scores[..., step.start : step.stop]
            higher = np.maximum(largest, own.max(axis=-1, keepdims=True))
            shrunk, powers = np.exp(largest - higher), np.exp(own - higher)
            total = total * shrunk + powers.sum(axis=-1, keepdims=True)
            shares = shares * shrunk
            shares[..., step.start : step.stop] = powers
            shares, largest = shares / total, higher
        return shares / total if is_once_more else shares

    world.normalize = run


@slip("exp-overflow", {"loud": True}, {"loud": True, "heads": 2}, told=(("output",), ("weights",)))
def exp_overflow(world):
    most = world.most = 65504.0 if world.random.random() < 0.8 else 3.4028235e38  # of float16, and of float32

    @np.errstate(all="ignore")
    def unshifted(scores):
        powers = np.exp(scores)
        powers = np.where(powers > most, np.inf, powers)
        total = powers.sum(axis=-1, keepdims=True)
        return powers / np.where(total > most, np.inf, total)

    world.normalize = unshifted
