"""A line per cell, and text that is made while it is written."""

from __future__ import annotations

import csv
import io
import json

import numpy as np
import pytest

from attncli import attend
from attncli.render.result.documents import result_renderer
from attncli.render.result.long_table import long_table
from attncli.render.result.tables import Style

Q, K, V = np.arange(6.0).reshape(3, 2), np.arange(8.0).reshape(4, 2), np.arange(4.0)[:, None] / 3


def rows_of(result, name):
    return list(csv.reader(io.StringIO("".join(long_table(result, name)))))


@pytest.mark.parametrize(
    ("name", "head"),
    [
        ("weights", ["query", "key", "weight"]),
        ("scores", ["query", "key", "value"]),
        ("output", ["query", "column", "value"]),
        ("lse", ["query", "value"]),
        ("values", ["key", "column", "value"]),
    ],
)
def test_each_cell_has_a_line_that_reads_back_to_the_same_bits(name, head):
    result = attend(Q, K, V)
    found, *lines = rows_of(result, name)
    array = result.array(name)
    assert found == head
    assert [tuple(map(int, line[:-1])) for line in lines] == list(np.ndindex(array.shape))
    assert [float(line[-1]) for line in lines] == array.ravel().tolist()


def test_leading_axes_are_columns_before():
    found, *lines = rows_of(attend(np.stack([Q, Q]), np.stack([K, K])), "weights")
    assert found == ["part", "query", "key", "weight"]
    assert [line[0] for line in lines] == ["0"] * 12 + ["1"] * 12


@pytest.mark.parametrize("format", ["csv", "tsv", "long", "json"])
def test_no_chunk_holds_more_than_some_rows(format):
    rng = np.random.default_rng(3)
    result = attend(rng.normal(size=(300, 4)), rng.normal(size=(400, 4)))
    chunks = list(result_renderer(format)(result, ["weights"], Style(), None))
    assert max(map(len, chunks)) < sum(map(len, chunks)) / 3


def test_json_by_rows_is_json():
    result = attend(np.stack([Q, Q]), np.stack([K, K]), np.stack([V, V]), causal=True)
    told = json.loads("".join(result_renderer("json")(result, ["scores", "lse"], Style(), None)))
    scores = np.where(np.isfinite(result.scores), result.scores, np.nan)
    assert np.array_equal(np.array(told["scores"], float), scores, equal_nan=True)
    assert told["lse"] == result.lse.tolist()
