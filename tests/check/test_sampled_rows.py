"""The numbers of a slip in a few rows of one head are those that it gives in the whole problem."""

import numpy as np
import pytest

from attncli.check import check
from attncli.check.routes import RIGHT
from attncli.check.search import diagnosis
from attncli.check.search.sampling import Sample, are_same
from attncli.inputs.request import Request, Worksheet
from attncli.matrix import Matrix

RANDOM = np.random.default_rng(19)
H, N, M, D = 3, 44, 40, 6


def draw(*shape):
    return np.round(RANDOM.normal(size=shape), 2)


def request(lead=(H,), n=N, **given):
    shapes = {"queries": (*lead, n, D), "keys": (*lead, M, D), "values": (*lead, M, D)}
    arrays = {name: draw(*shape) for name, shape in shapes.items()} | given
    return Request(
        **{name: Matrix(each, name) if isinstance(each, np.ndarray) else each for name, each in arrays.items()}
    )


PROBLEMS = {
    "bare": {"n": M},
    "ALiBi": {"causal": True, "alibi": "usual", "align": "bottom-right", "bias": draw(H, N, M)},
    "rotary positions and a norm": {"causal": True, "rope": "half", "qk_norm": "rms"},
    "dropout": {"dropout": 0.25, "dropout_mask": (RANDOM.random((H, N, M)) < 0.75).astype(int)},
    "shared key heads and sinks": {
        "lead": (4,),
        "keys": draw(2, M, D),
        "values": draw(2, M, D),
        "sink": (0.5, -1.0, 1.0, 2.0),
    },
    "lengths of entries": {
        "lead": (2, 2),
        "key_lengths": np.array([22, 40]),
        "causal": True,
        "system": "x-transformers",
    },
    "packed heads": {
        "lead": (2,),
        "queries": draw(2, N, 12),
        "keys": draw(2, M, 12),
        "values": draw(2, M, 12),
        "heads": (3, 3),
    },
    "segments, a softcap and the largest scores": {
        "n": M,
        "segments": np.sort(RANDOM.integers(0, 4, M)),
        "softcap": 1.5,
        "top_k": 9,
    },
}


@pytest.mark.sampled(4)
@pytest.mark.parametrize("name", PROBLEMS)
def test_a_slip_gives_the_same_numbers_in_a_few_rows_as_in_the_whole(name, monkeypatch):
    asked = request(**PROBLEMS[name])
    compared, numbers = [], Sample.numbers

    def compare(sample, route):
        found = numbers(sample, route)
        assert sample.rows.has_part
        whole = route.numbers(asked, sample.names)
        assert all(are_same(found[each], sample.rows.take(each, whole[each])) for each in found), route.said
        compared.append(route)
        return found

    monkeypatch.setattr(Sample, "numbers", compare)
    monkeypatch.setattr(diagnosis, "try_pairs", lambda *_: [])
    output = RIGHT.numbers(asked, ("output",))["output"]
    expected = {"output": Matrix(output + 0.1 * RANDOM.normal(size=output.shape), "output")}
    check(Worksheet(request=asked, name="c", where="c", expected=expected))
    assert len(compared) > 300
