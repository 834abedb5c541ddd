"""Slips of kernels that take the keys in tiles are named: wrong outputs made in plain NumPy, tile by tile."""

import numpy as np
import pytest
from slip_cases import in_turns

from attncli.check import check
from attncli.inputs.request import Request, Worksheet
from attncli.matrix import Matrix

RANDOM = np.random.default_rng(61)
Q = RANDOM.normal(size=(2, 5, 4))
K, V = (RANDOM.normal(size=(2, 22, width)) for width in (4, 3))
TILE = 4
SUM = "e^(old maximum − new one)"


def scores():
    return Q @ K.swapaxes(-1, -2) / 2


def over(keys):
    """The attention to these keys only, each as often as it is listed."""
    own = scores()[..., keys]
    powers = np.exp(own - own.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True) @ V[:, keys]


def online(skips, sums, sink=None, power=0.0):
    """A running softmax over tiles of four keys, whose `sums` are rescaled by the factor to a `power` at the tiles of
    `skips`."""
    largest, total, output = np.full((2, 5, 1), -np.inf), 0, 0
    for number, first in enumerate(range(0, 22, TILE)):
        own = scores()[..., first : first + TILE]
        new = np.maximum(largest, own.max(axis=-1, keepdims=True))
        lowered = {
            name: np.exp((largest - new) * power)
            if number and number in skips and name in sums
            else np.exp(largest - new)
            for name in ("output", "sum")
        }
        powers = np.exp(own - new)
        total = total * lowered["sum"] + powers.sum(axis=-1, keepdims=True)
        output = output * lowered["output"] + powers @ V[:, first : first + TILE]
        largest = new
    return output / (total + (0 if sink is None else np.exp(sink - largest)))


def rescaled_late(size, first):
    """A running softmax over tiles, whose sums are rescaled after each tile is added, the first time by `first`."""
    largest, total, output = np.full((2, 5, 1), -np.inf), 0, 0
    for start in range(0, 22, size):
        own = scores()[..., start : start + size]
        new = np.maximum(largest, own.max(axis=-1, keepdims=True))
        powers, lowered = np.exp(own - new), np.exp(largest - new) if start else first
        total = (total + powers.sum(axis=-1, keepdims=True)) * lowered
        output = (output + powers @ V[:, start : start + size]) * lowered
        largest = new
    return output / total


def merged(shares):
    """The outputs of pieces of up to eight keys, each times its share by the logarithms of their sums (3, 2, 5, 1)."""
    pieces = [KEYS[:8], KEYS[8:16], KEYS[16:]]
    logs = np.stack([np.log(np.exp(scores()[..., keys]).sum(axis=-1, keepdims=True)) for keys in pieces])
    return (shares(logs) * np.stack([over(keys) for keys in pieces])).sum(axis=0)


def by_powers(logs, base=np.e):
    powers = base ** (logs - logs.max(axis=0))
    return powers / powers.sum(axis=0)


def by_first(logs):
    one, two = (1 / (1 + np.exp(logs[0] - log)) for log in logs[1:])
    return np.stack([(1 - one) * (1 - two), one * (1 - two), two])


def dropped_terms():
    own = scores()
    powers = np.exp(own)
    return powers[..., 4:] @ V[:, 4:] / powers.sum(axis=-1, keepdims=True)


def divided_often(is_once_more):
    """A running softmax over tiles of four keys, whose output is divided by the sum at each of them."""
    largest, total, output = np.full((2, 5, 1), -np.inf), 0, 0
    for first in range(0, 22, TILE):
        own = scores()[..., first : first + TILE]
        new = np.maximum(largest, own.max(axis=-1, keepdims=True))
        powers, lowered = np.exp(own - new), np.exp(largest - new)
        total = total * lowered + powers.sum(axis=-1, keepdims=True)
        output = (output * lowered + powers @ V[:, first : first + TILE]) / total
        largest = new
    return output / total if is_once_more else output


def over_sum_of(keys):
    powers = np.exp(scores())
    return powers @ V / powers[..., keys].sum(axis=-1, keepdims=True)


ALL = range(6)
PIECES = "3 pieces of up to 8 of the 22 keys"
SHARE = "each piece counts as its share of the sum of exponentials"
KEYS = [*range(22)]
WRONG = {
    "a tile left out": (
        over([*KEYS[:8], *KEYS[12:]]),
        "keys-left-out",
        "keys 8 to 11 of 22 were left out, as if no query saw them",
    ),
    "the tail left out": (
        over(KEYS[:20]),
        "keys-left-out",
        "keys 20 to 21 of 22 were left out, as if no query saw them",
    ),
    "stopped early": (over(KEYS[:12]), "keys-left-out", "keys 12 to 21 of 22 were left out, as if no query saw them"),
    "the first key left out": (over(KEYS[1:]), "keys-left-out", "key 0 of 22 was left out, as if no query saw it"),
    "a tile of V left out": (
        dropped_terms(),
        "keys-left-out",
        "keys 0 to 3 of 22 were left out of the weighted sum, though the softmax counts them",
    ),
    "a tile twice": (
        over([*KEYS, *KEYS[4:8]]),
        "keys-counted-twice",
        "keys 4 to 7 of 22 were counted twice: each counts once",
    ),
    "the last tile moved inside": (
        over([*KEYS[:20], *KEYS[18:]]),
        "keys-counted-twice",
        "keys 18 to 19 of 22 were counted twice, by a last tile of 4 keys up to the end: each counts once",
    ),
    "the last key repeated": (
        over([*KEYS, 21, 21]),
        "keys-counted-twice",
        "key 21 of 22 was counted 3 times, by a last tile of 4 keys that repeats it: each counts once",
    ),
    "nothing rescaled": (
        online(ALL, ("output", "sum")),
        "no-rescale",
        f"the output and the sum so far were not rescaled by {SUM} at each tile of 4 keys",
    ),
    "the output not rescaled": (
        online(ALL, ("output",)),
        "no-rescale",
        f"the output so far was not rescaled by {SUM} at each tile of 4 keys",
    ),
    "the sum not rescaled": (
        online(ALL, ("sum",)),
        "no-rescale",
        f"the sum so far was not rescaled by {SUM} at each tile of 4 keys",
    ),
    "the sum of the last tile": (
        over_sum_of(range(20, 22)),
        "sum-of-one-tile",
        "the exponentials were divided by the sum of those of the tile of keys 20 to 21 only",
    ),
    "divided at each tile": (
        divided_often(is_once_more=False),
        "divided-at-each-tile",
        "the output so far was divided by the sum so far at each tile of 4 keys: it is divided once, at the end",
    ),
    "divided at each tile and at the end": (
        divided_often(is_once_more=True),
        "divided-at-each-tile",
        "the output so far was divided by the sum so far at each tile of 4 keys and once more at the end: it is "
        "divided once, at the end",
    ),
    "two halves added up": (
        over(KEYS[:11]) + over(KEYS[11:]),
        "split-averaged",
        "the results of 2 pieces of the 22 keys were added up: each piece counts as its share of the sum of "
        "exponentials",
    ),
    "the output rescaled twice": (
        online(ALL, ("output",), power=2),
        "no-rescale",
        f"the output so far was rescaled by {SUM} twice at each tile of 4 keys: once is expected",
    ),
    "all rescaled by powers of 2": (
        online(ALL, ("output", "sum"), power=np.log(2)),
        "no-rescale",
        f"the output and the sum so far were rescaled by 2^(old maximum − new one) at each tile of 4 keys: {SUM} is "
        "expected",
    ),
    "rescaled after a tile is added": (
        rescaled_late(TILE, 1.0),
        "no-rescale",
        "the output and the sum so far were rescaled after each tile of 4 keys was added: the sums before it are, not "
        "its own",
    ),
    "rescaled after a key is added, from −∞": (
        rescaled_late(1, 0.0),
        "no-rescale",
        "the output and the sum so far were rescaled after each key was added: the sums before it are, not its own",
    ),
    "pieces averaged": (
        merged(lambda _logs: 1 / 3),
        "split-averaged",
        "the results of 3 pieces of up to 8 of the 22 keys were averaged: each piece counts as the sum of its "
        "exponentials",
    ),
    "pieces merged to base 2": (
        merged(lambda logs: by_powers(logs, 2)),
        "split-merge-base-2",
        "the softmax was merged from 3 pieces of up to 8 of the 22 keys by log-sum-exps, base e taken for base 2",
    ),
    "each piece averaged with those before": (
        merged(lambda _logs: np.reshape([0.25, 0.25, 0.5], (3, 1, 1, 1))),
        "split-averaged",
        f"of {PIECES} each was averaged with the result of all before it: {SHARE}",
    ),
    "pieces merged by the first": (
        merged(by_first),
        "split-averaged",
        f"of {PIECES} each was merged by its share beside the first, whose log-sum-exp was not updated: {SHARE}",
    ),
    "one tile not rescaled": (
        online((2,), ("output", "sum")),
        "no-rescale",
        f"the output and the sum so far were not rescaled by {SUM} at the tile of keys 8 to 11",
    ),
}


def told(output, **asked):
    given = {name: Matrix(array, name) for name, array in (("queries", Q), ("keys", K), ("values", V))}
    expected = {"output": Matrix(output, "output")}
    worksheet = Worksheet(request=Request(**given, **asked), name="c", where="c", expected=expected)
    return [(each.slip, each.sentence) for each in check(worksheet).diagnosis]


@pytest.mark.parametrize(("name", "dtype"), in_turns(WRONG))
def test_a_slip_of_tiles_is_named(name, dtype, search_for):
    output, slip, sentence = WRONG[name]
    search_for(slip)
    assert told(output.astype(dtype))[0] == (slip, sentence)


def test_a_sink_keeps_its_part_of_sums_that_are_not_rescaled():
    sentence = f"the output so far was not rescaled by {SUM} at each tile of 4 keys"
    assert told(online(ALL, ("output",), sink=0.5), sink=(0.5,))[0] == ("no-rescale", sentence)


def test_a_softmax_over_tiles_that_is_rescaled_is_right():
    given = {name: Matrix(array, name) for name, array in (("queries", Q), ("keys", K), ("values", V))}
    expected = {"output": Matrix(online((), ()), "output")}
    assert check(Worksheet(request=Request(**given), name="c", where="c", expected=expected)).verdict != "wrong"


def test_random_numbers_are_not_a_slip_of_tiles(sample):
    for seed in sample(range(20), 10):
        random = np.random.default_rng(seed)
        output = np.round(over(KEYS) + 0.3 * random.normal(size=(2, 5, 3)), 3)
        assert not {slip for slip, _ in told(output.astype(np.float32))} & {"keys-left-out", "keys-counted-twice"}


def test_an_average_of_two_halves_counts_a_half_without_a_visible_key_as_0():
    queries, keys, values = Q[0], K[0, :6], V[0, :6]
    own = np.where(np.tri(5, 6, dtype=bool), queries @ keys.T / 2, -np.inf)
    powers = np.exp(own)
    halves = [powers[:, part] @ values[part] / np.maximum(powers[:, part].sum(axis=1, keepdims=True), 1e-300)
              for part in (slice(3), slice(3, None))]  # fmt: skip
    given = {name: Matrix(array, name) for name, array in (("queries", queries), ("keys", keys), ("values", values))}
    expected = {"output": Matrix(sum(halves) / 2, "o")}
    report = check(Worksheet(request=Request(**given, causal=True), name="c", where="c", expected=expected))
    assert (report.diagnosis[0].slip, report.diagnosis[0].sentence) == (
        "split-averaged",
        "the results of 2 pieces of the 6 keys were averaged: each piece counts as the sum of its exponentials",
    )
