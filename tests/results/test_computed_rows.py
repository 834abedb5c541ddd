"""Results that are written while they are computed have the bits, the text and the warnings of held ones."""

from __future__ import annotations

import json

import numpy as np
import pytest

from attncli import attend
from attncli.batch.job import Job
from attncli.batch.options import Options
from attncli.batch.worker import finish_job
from attncli.errors import NumericError
from attncli.results import computed_rows, result

RNG = np.random.default_rng(12)
CASES = {
    "one part": (((40, 4), (30, 4), (30, 2)), {}),
    "causal": (((40, 4), (30, 4), (30, 2)), {"causal": True, "align": "bottom-right"}),
    "many small parts": (((3, 7, 5, 4), (3, 7, 6, 4), (3, 7, 6, 2)), {"causal": True}),
    "shared key heads": (((2, 6, 5, 4), (2, 3, 6, 4), (2, 3, 6, 2)), {"key_lengths": [2, 6]}),
    "a mask with empty rows": (((40, 4), (30, 4), (30, 2)), {"mask": np.arange(40)[:, None] % 3 > 0}),
    "float16": (((40, 4), (30, 4), (30, 2)), {"dtype": "float16"}),
    "another system's empty rows": (((40, 4), (30, 4)), {"mask": np.arange(40)[:, None] % 3 > 0, "system": "jax"}),
    "whole rows": (((40, 4), (30, 4)), {"normalizer": "sparsemax", "top_k": 5}),
}


@pytest.fixture
def small_slabs(monkeypatch):
    """Every result is large, and slabs have few rows."""
    monkeypatch.setattr(result, "LARGE", 8)
    monkeypatch.setattr(computed_rows, "SLAB", 64)
    monkeypatch.setattr("attncli.engine.plan.ROW_CELLS", 90)


def rows_of(array):
    return np.stack([rows_of(part) if part.ndim > 1 else part for part in array])


@pytest.mark.usefixtures("small_slabs")
@pytest.mark.parametrize(("shapes", "options"), CASES.values(), ids=CASES.keys())
@pytest.mark.parametrize("name", ["raw_scores", "scores", "weights"])
def test_rows_that_are_computed_as_they_are_read_have_the_bits_of_the_whole(name, shapes, options):
    arrays = [RNG.standard_normal(shape) for shape in shapes]
    streamed, held = attend(*arrays, **options), attend(*arrays, **options)
    stream = streamed.stream(name)
    assert isinstance(stream, computed_rows.ComputedRows)
    whole = held.array(name)
    assert (stream.shape, stream.ndim, stream.size) == (whole.shape, whole.ndim, whole.size)
    np.testing.assert_array_equal(rows_of(stream), whole)
    if whole.ndim == 2:
        for step in (1, 3, 7, 100):
            parts = [stream[start : start + step] for start in range(0, len(stream), step)]
            np.testing.assert_array_equal(np.concatenate(parts), whole)
    assert streamed.warnings == held.warnings


FILES = {"q.csv": (20, 3), "k.csv": (15, 3), "v.csv": (15, 2)}


@pytest.fixture
def files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, shape in FILES.items():
        np.savetxt(tmp_path / name, RNG.standard_normal(shape), delimiter=",")
    return list(FILES)


MASKED = ("--causal", "--query-offset", "-3")


@pytest.mark.parametrize("format", ["csv", "tsv", "long", "json", "yaml"])
def test_a_command_writes_the_same_text_and_warnings_however_large_its_result_is(run, files, format, monkeypatch):
    command = ("run", *files, "-f", format, "--show", "weights", *MASKED)
    held = run(*command)
    monkeypatch.setattr(result, "LARGE", 8)
    monkeypatch.setattr(computed_rows, "SLAB", 64)
    monkeypatch.setattr("attncli.engine.plan.ROW_CELLS", 90)
    assert run(*command) == held
    assert held.status == 0
    assert "warning: 3 queries may attend to no key, the first is 0" in held.err


@pytest.mark.parametrize("format", ["json", "markdown", "table"])
def test_a_comparison_has_the_same_text_however_large_its_weights_are(run, files, format, monkeypatch):
    command = ("compare", *files, "-f", format, *MASKED)
    held = run(*command)
    monkeypatch.setattr(result, "LARGE", 8)
    monkeypatch.setattr(computed_rows, "SLAB", 64)
    monkeypatch.setattr(computed_rows, "TOGETHER", 50)
    assert run(*command) == held


@pytest.mark.parametrize("suffix", ["csv", "tsv", "txt", "json", "yaml", "npy", "npz"])
def test_a_file_has_the_same_bytes_however_large_its_matrix_is(run, files, suffix, tmp_path, monkeypatch):
    assert run("run", *files, "-q", "-w", f"held.{suffix}", *MASKED).status == 0
    monkeypatch.setattr(result, "LARGE", 8)
    monkeypatch.setattr(computed_rows, "SLAB", 64)
    monkeypatch.setattr("attncli.engine.plan.ROW_CELLS", 90)
    streamed = run("run", *files, "-q", "-w", f"streamed.{suffix}", *MASKED)
    assert "3 queries may attend to no key" in streamed.err
    assert (tmp_path / f"streamed.{suffix}").read_bytes() == (tmp_path / f"held.{suffix}").read_bytes()


@pytest.mark.usefixtures("small_slabs")
def test_json_has_its_warnings_behind_the_rows_that_give_them(run, files):
    told = json.loads(run("run", *files, "-f", "json", *MASKED).out)
    assert list(told)[-1] == "warnings"
    assert len(told["warnings"]) == 1


@pytest.mark.usefixtures("small_slabs")
@pytest.mark.parametrize("format", ["csv", "long", "json", "yaml"])
@pytest.mark.parametrize("show", ["raw_scores", "weights"])
def test_an_overflow_in_the_last_row_is_found_before_the_first_is_written(run, show, format):
    queries = ";".join(["1"] * 9 + ["1e200"])
    ran = run("run", queries, "1;1e200;2", "1;2;3", "-f", format, "--show", show)
    assert (ran.status, ran.out) == (2, "")
    assert "overflows float64" in ran.err


@pytest.mark.usefixtures("small_slabs")
def test_narrow_results_that_overflow_are_found_before_too():
    asked = attend(np.full((20, 1), 300.0), np.full((5, 1), 300.0), variant="dot", dtype="float16")
    with pytest.raises(NumericError, match="overflows float16"):
        asked.compute(sinks=asked.overflow_sinks("scores"))
    assert asked.overflow_sinks("weights") == {}  # no weight overflows, and no score in float32


@pytest.mark.usefixtures("files")
def test_a_job_of_a_batch_writes_large_results_as_it_writes_small_ones(tmp_path, monkeypatch):
    (tmp_path / "job.yaml").write_text("queries: q.csv\nkeys: k.csv\nvalues: v.csv\ncausal: true\nquery_offset: -3")
    job = Job("job", "job.yaml")

    def finish(folder):
        (tmp_path / folder).mkdir()
        place, start = str(tmp_path / folder), str(tmp_path)
        return finish_job(job, Options(folder=place, start=start, save=("weights", "output"), format="csv"))

    held = finish("held")
    monkeypatch.setattr(result, "LARGE", 8)
    monkeypatch.setattr(computed_rows, "SLAB", 64)
    assert finish("streamed") == held
    assert "3 queries may attend to no key" in held["warnings"][0]
    assert held["files"].keys() == {"job.weights.csv", "job.output.csv"}
