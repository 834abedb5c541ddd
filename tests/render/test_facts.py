"""`--show mask` and `--show stats`, in every format and against plain formulas."""

from __future__ import annotations

import csv
import io
import json
import math

import numpy as np
import pytest
import yaml

from attncli import attend
from attncli.problem.mask_rules import ALLOWED, RULES
from attncli.render.result.documents import RENDERERS, result_renderer
from attncli.render.result.mask import mask_cells
from attncli.render.result.tables import Style
from attncli.results.statistics import statistics_of

RNG = np.random.default_rng(7)
Q, K, V = RNG.normal(size=(5, 2)), RNG.normal(size=(6, 2)), RNG.normal(size=(6, 3))
BIAS = np.zeros((5, 6))
BIAS[4, 1] = -np.inf


def written(result, name, format):
    return "".join(result_renderer(format)(result, [name], Style(), None))


@pytest.mark.parametrize(
    ("settings", "rule", "sees"),
    [
        ({"causal": True}, "causal", lambda i, j: j <= i),
        ({"window": (1, 0)}, "window", lambda i, j: i - 1 <= j <= i),
        ({"chunk": 2}, "chunk", lambda i, j: i // 2 == j // 2),
        ({"segments": [0, 0, 1, 1, 1], "key_segments": [0, 0, 1, 1, 2, 2]}, "segment",
         lambda i, j: [0, 0, 1, 1, 1][i] == [0, 0, 1, 1, 2, 2][j]),
        ({"key_lengths": 4}, "length", lambda _i, j: j < 4),
        ({"mask": [[1, 0, 1, 1, 0, 1]]}, "mask", lambda _i, j: j not in (1, 4)),
        ({"bias": BIAS}, "bias", lambda i, j: (i, j) != (4, 1)),
    ],
)  # fmt: skip
def test_each_rule_is_named_where_it_forbids(settings, rule, sees):
    cells = mask_cells(attend(Q, K, V, **settings), 0, list(range(5)))
    assert cells == [[ALLOWED if sees(i, j) else rule for j in range(6)] for i in range(5)]


def test_of_several_rules_the_first_is_named():
    # in the order of RULES: the mask before causal, causal before the length
    result = attend(Q, K, V, mask=[[1, 0, 1, 1, 1, 1]], causal=True, key_lengths=3)
    assert mask_cells(result, 0, [0, 4]) == [
        [ALLOWED, "mask", *["causal"] * 4],
        [ALLOWED, "mask", ALLOWED, "length", "length", "causal"],
    ]
    assert list(RULES) == ["mask", "causal", "window", "chunk", "segment", "length", "bias"]


def test_a_cell_is_allowed_where_the_engine_says_so():
    mask = RNG.random((2, 5, 6)) < 0.7
    result = attend(
        np.stack([Q, Q]), K, V, mask=mask, causal=True, window=(2, 2), keep_first=1, prefix=2, key_lengths=[6, 4]
    )
    for part in range(2):
        cells = np.array(mask_cells(result, part, list(range(5))))
        assert ((cells == ALLOWED) == result.allowed(part, list(range(5)))).all()
        assert ((cells == ALLOWED) == np.isfinite(result.scores[part])).all()


def test_statistics_are_those_of_a_plain_loop():
    result = attend(Q, K, V, variant="laplace", causal=True)
    found = result.statistics()
    for i, row in enumerate(result.weights.tolist()):
        entropy = -sum(w * math.log(w) for w in row if w > 0)
        ranked = sorted(range(6), key=lambda j: (-row[j], j))
        count = next(k for k in range(1, 7) if sum(row[j] for j in ranked[:k]) >= 0.95 - 1e-9)
        assert found.entropy[i] == pytest.approx(entropy, abs=1e-14)
        assert found.effective_keys[i] == pytest.approx(math.exp(entropy))
        assert found.keys_95[i] == count
        assert found.first_key[i] == row[0]
        assert found.top[i].tolist() == [j if row[j] > 0 else -1 for j in ranked[:3]]
        assert found.top_weights[i].tolist() == [row[j] for j in ranked[:3]]


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_twenty_equal_keys_need_nineteen_for_95_percent(dtype):
    found = statistics_of(np.full((1, 20), 1 / 20, dtype))
    assert (found.keys_95[0], found.effective_keys[0]) == (19, pytest.approx(20))


def test_weights_that_sum_to_less_than_1_count_by_their_shares():
    plain, sunk = attend(Q, K, V).statistics(), attend(Q, K, V, sink=1.5).statistics()
    np.testing.assert_allclose(sunk.entropy, plain.entropy)
    np.testing.assert_array_equal(sunk.keys_95, plain.keys_95)
    assert (sunk.first_key < plain.first_key).all()


def test_a_query_with_no_key_and_negative_weights_have_no_entropy():
    result = attend(Q, K, V, key_lengths=0)
    assert np.isnan(result.statistics().entropy).all()
    told = json.loads(written(result, "stats", "json"))["stats"][0]
    assert told == {
        "query": 0, "entropy": None, "effective_keys": None, "keys_95": None, "first_key": 0.0, "top": [],
    }  # fmt: skip
    assert np.isnan(attend([[1.0]], [[1.0], [-1.0]], normalizer="none").statistics().entropy).all()


@pytest.mark.parametrize("name", ["mask", "stats"])
@pytest.mark.parametrize("format", RENDERERS)
@pytest.mark.parametrize("packed", [False, True])
def test_every_format_has_both_for_one_head_and_for_several(name, format, packed):
    heads = {"heads": 2} if packed else {}
    text = written(attend(Q, K, V[:, :2], causal=True, **heads), name, format)
    assert ("causal" if name == "mask" else "entropy") in text


def test_programs_read_the_same_from_each_format():
    result = attend(np.stack([Q, K[:5]]), np.stack([K, K]), causal=True)
    table = list(csv.reader(io.StringIO(written(result, "mask", "csv"))))
    long = list(csv.reader(io.StringIO(written(result, "mask", "long"))))
    nested = json.loads(written(result, "mask", "json"))["mask"]
    assert table[0] == ["part", "query", "0", "1", "2", "3", "4", "5"]
    assert [row[2:] for row in table[1:]] == [row for part in nested for row in part]
    assert [line[-1] for line in long[1:]] == [cell for part in nested for row in part for cell in row]
    assert yaml.safe_load(written(result, "mask", "yaml"))["mask"] == nested
    stats = json.loads(written(result, "stats", "json"))["stats"]
    assert yaml.safe_load(written(result, "stats", "yaml"))["stats"] == stats
    first, *lines = csv.DictReader(io.StringIO(written(result, "stats", "csv")))
    assert len(lines) == 9
    assert float(first["weight_1"]) == stats[0][0]["top"][0]["weight"] == result.weights[0, 0, 0]


def test_weights_of_float32_have_the_digits_of_float32():
    result = attend(Q.astype(np.float32), K.astype(np.float32))
    found = json.loads(written(result, "stats", "json"))["stats"][0]["top"][0]
    assert found["weight"] == float(str(result.weights[0, found["key"]]))


def test_the_tables_of_both(run):
    ran = run("run", "1 0; 0 1", "1 0; 0 1", "--causal", "--show", "mask,stats", "--ascii")
    assert ran.status == 0
    assert ran.out.split("\n\n", 1)[1] == (
        "mask (2 x 2, queries x keys)\n"
        "     k0      k1\n"
        "q0  yes  causal\n"
        "q1  yes     yes\n"
        "\n"
        "causal: the key comes after the query\n"
        "\n"
        "statistics of the weights (2 queries)\n"
        "    entropy  effective keys  keys for 95 %  weight on k0    top key        2nd\n"
        "q0   0.0000            1.00              1        1.0000  k0 1.0000\n"
        "q1   0.6343            1.89              2        0.3302  k1 0.6698  k0 0.3302\n"
        "\n"
        "entropy in nats; effective keys = e^entropy; keys for 95 %: the fewest that hold 95 % of the weight\n"
    )


def test_a_query_without_a_key_is_warned_of_where_only_the_mask_is_shown(run):
    ran = run("run", "1 0; 0 1", "1 0; 0 1", "--mask", "0 0; 1 1", "--show", "mask")
    assert (ran.status, ran.err) == (0, "warning: query 0 may attend to no key: its weights are 0\n")
