"""What is accepted has the numbers that another reader finds in it, also in files that are almost right."""

from __future__ import annotations

import io
import json
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from attncli.errors import InputError
from attncli.formats import BY_NAME
from attncli.matrices import Matrix, Reading

NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")
CELLS = ["0", "1", "-2.5", ".5", "1.", "+3e2", "1e-7", "17", "", " 4", "x", "1_0", "0x1", "--1", "1e", "e5", "5 6", "#"]
SHAPES = arrays.array_shapes(min_dims=2, max_dims=2, max_side=4)
MATRICES = st.sampled_from([np.float64, np.float32, np.int16]).flatmap(lambda dtype: arrays.arrays(dtype, SHAPES))


def accepted(format, data):
    """The arrays by name; None where the reader refuses the file."""
    try:
        contents = BY_NAME[format].read(data, "q", Reading())
        return {name: decode().array for name, decode in contents.matrices.items()}
    except InputError:
        return None


@settings(deadline=None, max_examples=300, derandomize=True)
@given(
    rows=st.integers(2, 4).flatmap(
        lambda n: st.lists(st.lists(st.sampled_from(CELLS), min_size=n, max_size=n), min_size=1, max_size=4)
    ),
    end=st.sampled_from(["\n", "\r\n", "\r"]),
    last=st.booleans(),
)
def test_a_table_of_commas_is_read_as_its_cells_or_refused(rows, end, last):
    found = accepted("csv", (end.join(map(",".join, rows)) + end * last).encode())
    if found is None:
        return
    cells = [[cell.strip() for cell in row] for row in rows]
    cells = [row for row in cells if row != ["#"]]
    if not any(NUMBER.fullmatch(cell) for cell in cells[0]):
        cells = cells[1:]  # the header
    if not any(NUMBER.fullmatch(row[0]) for row in cells):
        cells = [row[1:] for row in cells]  # the labels
    assert all(NUMBER.fullmatch(cell) for row in cells for cell in row)
    assert found[""].tolist() == [[float(cell) for cell in row] for row in cells]


def other_json(data):
    found = json.loads(data)
    return {name: np.array(node, np.float64) for name, node in found.items()}


def other_npy(data):
    return {"": np.load(io.BytesIO(data), allow_pickle=False)}


def other_npz(data):
    with np.load(io.BytesIO(data), allow_pickle=False) as archive:
        return {name: archive[name] for name in archive}


def other_tensors(data):
    from safetensors.numpy import load

    return load(data)


OTHERS = {"json": other_json, "npy": other_npy, "npz": other_npz, "safetensors": other_tensors}


@pytest.mark.parametrize("format", OTHERS)
@settings(deadline=None, max_examples=150, derandomize=True)
@given(
    array=MATRICES.filter(lambda array: np.isfinite(array).all()),
    place=st.floats(0, 1),
    byte=st.sampled_from([None, b"", *(bytes([byte]) for byte in b"\x00\xff \n0129<>[],.-:ef'\"")]),
)
def test_a_file_with_one_byte_amiss_is_refused_or_read_as_others_read_it(format, array, place, byte):
    name = "q" if BY_NAME[format].holds_many else ""
    data = b"".join(map(bytes, BY_NAME[format].write({name: Matrix(array, "q")})))
    if byte is not None:
        index = int(place * (len(data) - 1))
        data = data[:index] + byte + data[index + 1 :]
    found = accepted(format, data)
    if byte is None:
        assert found is not None
        assert np.array_equal(found[name].astype(array.dtype), array)
    if found is not None:
        others = OTHERS[format](data)
        assert list(found) == list(others)
        assert all(np.array_equal(found[key], others[key], equal_nan=True) for key in found)
