"""Archives whose large results are written while they are computed hold the numbers of held ones."""

import numpy as np
import pytest

from attncli.cli.main import run_cli
from attncli.formats import npz, safetensors
from attncli.matrix import Matrix
from attncli.results import computed_rows, result

SHAPES = {
    "one part": ((40, 4), (30, 4), (30, 2)),
    "heads": ((2, 3, 20, 4), (2, 3, 15, 4), (2, 3, 15, 2)),
}


def read_tensors(path):
    library = pytest.importorskip("safetensors.numpy")
    return library.load_file(path)


READERS = {"npz": lambda path: dict(np.load(path)), "safetensors": read_tensors}


@pytest.fixture
def small_slabs(monkeypatch):
    """Every result is large, and slabs have few rows."""
    monkeypatch.setattr(result, "LARGE", 8)
    monkeypatch.setattr(computed_rows, "SLAB", 64)
    monkeypatch.setattr("attncli.engine.plan.ROW_CELLS", 90)
    monkeypatch.setattr("attncli.formats.npy._TOGETHER", 70)


@pytest.mark.usefixtures("small_slabs")
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("shapes", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("suffix", READERS)
def test_streamed_results_are_read_back_as_held_ones(tmp_path, monkeypatch, suffix, shapes, dtype):
    if suffix == "safetensors":
        pytest.importorskip("safetensors")
    source = np.random.default_rng(3)
    np.savez(tmp_path / "p.npz", **{name: source.random(shape) for name, shape in zip("qkv", shapes, strict=True)})

    def written(name):
        path = str(tmp_path / f"{name}.{suffix}")
        command = ["run", str(tmp_path / "p.npz"), "--dtype", dtype, "-q", "-w", path, "-s", path, "-o", path]
        assert run_cli(command) == 0
        return READERS[suffix](path)

    streamed = written("streamed")
    monkeypatch.setattr(result, "LARGE", 1 << 22)
    held = written("held")
    assert streamed.keys() == held.keys() == {"weights", "scores", "output"}
    for name, array in held.items():
        assert streamed[name].dtype == array.dtype == dtype
        if name == "output":  # held in both, and computed in tiles of another shape
            np.testing.assert_allclose(streamed[name], array, rtol=1e-3)
        else:
            np.testing.assert_array_equal(streamed[name], array)


class Rows:
    """Rows that are computed when they are read, and counted."""

    def __init__(self, array):
        self.array, self.read = array, 0
        self.shape, self.dtype, self.ndim, self.size = array.shape, array.dtype, array.ndim, array.size

    def __getitem__(self, where):
        self.read += 1
        return self.array[where]


@pytest.mark.parametrize("format", [npz, safetensors], ids=["npz", "safetensors"])
def test_no_rows_are_read_before_those_before_them_are_written(monkeypatch, format):
    if format is safetensors:
        pytest.importorskip("safetensors")
    monkeypatch.setattr("attncli.formats.npy._TOGETHER", 4)
    rows = Rows(np.arange(40.0).reshape(10, 4))
    counts = []
    for piece in format.write({"weights": Matrix(rows, "weights")}):
        counts += [rows.read] * (len(piece) == 32)  # a row
    assert counts == list(range(1, 11))
