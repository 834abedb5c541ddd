"""What another head or entry gave is named: wrong numbers made in plain NumPy."""

import numpy as np
import pytest
from slip_cases import in_turns

from attncli.check import check
from attncli.inputs.request import Request, Worksheet
from attncli.matrix import Matrix

RANDOM = np.random.default_rng(62)
Q, K, V = (RANDOM.normal(size=(2, 3, rows, 4)) for rows in (5, 6, 6))
BIAS = RANDOM.normal(size=(3, 5, 6))
MASK = RANDOM.random((2, 1, 5, 6)) < 0.6
MASK[..., 2] = True
LENGTHS = np.array([6, 4])


def attend(queries, keys, values, bias=0.0, seen=True):
    scores = np.where(seen, queries @ keys.swapaxes(-1, -2) / 2 + bias, -np.inf)
    powers = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True) @ values


def within(lengths):
    return np.arange(6) < np.reshape(lengths, (2, 1, 1, 1))


WRONG = {
    "V of head 0": ({}, attend(Q, K, V[:, [0, 0, 0]]), "every head took V of head 0: each has its own"),
    "V of the head before": (
        {},
        attend(Q, K, V[:, [2, 0, 1]]),
        "heads 0, 1, 2 took V of heads 2, 0, 1: each has its own",
    ),
    "K of the other entry": ({}, attend(Q, K[::-1], V), "entries 0, 1 took K of entries 1, 0: each has its own"),
    "K and V of entry 0": ({}, attend(Q, K[:1], V[:1]), "every entry took K and V of entry 0: each has its own"),
    "Q of the heads in reverse": (
        {},
        attend(Q[:, ::-1], K, V),
        "heads 0, 1, 2 took Q of heads 2, 1, 0: each has its own",
    ),
    "the biases in reverse": (
        {"bias": BIAS},
        attend(Q, K, V, BIAS[::-1]),
        "heads 0, 1, 2 took the bias of heads 2, 1, 0: each has its own",
    ),
    "the mask of entry 0": (
        {"mask": MASK},
        attend(Q, K, V, seen=MASK[:1]),
        "every entry took the mask of entry 0: each has its own",
    ),
    "the lengths exchanged": (
        {"key_lengths": LENGTHS},
        attend(Q, K, V, seen=within(LENGTHS[::-1])),
        "entries 0, 1 took the key length of entries 1, 0: each has its own",
    ),
}


@pytest.mark.parametrize(("name", "dtype"), in_turns(WRONG))
def test_what_another_entry_gave_is_named(name, dtype, search_for):
    asked, output, sentence = WRONG[name]
    search_for("other-entry")
    arrays = {"queries": Q, "keys": K, "values": V, **asked}
    request = Request(**{name: Matrix(np.array(array), name) for name, array in arrays.items()})
    expected = {"output": Matrix(output.astype(dtype), "output")}
    first = check(Worksheet(request=request, name="c", where="c", expected=expected)).diagnosis[0]
    assert (first.slip, first.sentence) == ("other-entry", sentence)


def test_one_batch_entry_s_keys_are_not_heads():
    output = np.array([attend(Q[0, head], K[0, (head + 1) % 3], V[0, head]) for head in range(3)])
    arrays = {"queries": Q[0], "keys": K[0], "values": V[0]}
    request = Request(**{name: Matrix(array, name) for name, array in arrays.items()})
    found = check(Worksheet(request=request, name="c", where="c", expected={"output": Matrix(output, "output")}))
    assert found.diagnosis[0].sentence == "entries 0, 1, 2 took K of entries 1, 2, 0: each has its own"
