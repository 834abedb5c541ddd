"""What a run leaves behind: results, a line for each job, and an exit status."""

from __future__ import annotations

import json

import numpy as np
import pytest
from batch.runs import batch, lines, make_problems, state

from attncli import attend
from attncli.batch import pool


def test_each_problem_of_a_folder_gets_its_results_and_its_line(tmp_path):
    make_problems(tmp_path / "problems", 3)
    status, out, err = batch("problems", "-d", "out", "-j", 2, cwd=tmp_path)
    assert (status, err) == (0, "")
    assert out.startswith("3 jobs: 3 ok; ")
    assert out.endswith(" s; results in out\n")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "p000.npz",
        "p001.npz",
        "p002.npz",
        "results.jsonl",
    ]
    problem, saved = np.load(tmp_path / "problems" / "p001.npz"), np.load(tmp_path / "out" / "p001.npz")
    right = attend(**problem)
    assert sorted(saved.files) == ["output", "weights"]
    assert saved["output"].tobytes() == right.output.tobytes()
    assert saved["weights"].tobytes() == right.weights.tobytes()
    record = lines(tmp_path / "out")["p001"]
    assert record["status"] == "ok"
    assert record["error"] is None
    assert record["shapes"]["output"] == [4, 4]
    assert list(record["inputs"]) == ["p001.npz"]
    assert record["engine"] in ("numpy", "numba")


def test_a_bad_job_is_recorded_and_passed_over(tmp_path, batch_here):
    make_problems(tmp_path / "problems", 4, bad={1})
    status, out, err = batch_here("problems", "-d", "out", "-j", 1, cwd=tmp_path)
    assert status == 1
    assert out.startswith("4 jobs: 3 ok, 1 failed; ")
    what = "problems/p001.npz: the archive's list of members cannot be read"
    cure = "the file is damaged or was cut off: write it again"
    again = "attncli batch problems -d out -j 1 --resume"
    assert err == f"error: {what}\nhint: {cure}\nhint: when that is fixed: {again}\n"
    record = lines(tmp_path / "out")["p001"]
    assert (record["status"], record["error"], record["hint"]) == ("error", what, cure)
    assert not (tmp_path / "out" / "p001.npz").exists()


def test_the_results_depend_neither_on_the_number_of_workers_nor_on_where_the_run_was_started(tmp_path, batch_here):
    make_problems(tmp_path / "problems", 30, bad={7})
    assert batch_here("problems", "-d", "one", "-j", 1, cwd=tmp_path)[0] == 1
    assert batch("problems", "-d", "two", "-j", 2, cwd=tmp_path)[0] == 1
    assert state(tmp_path / "one") == state(tmp_path / "two")
    assert batch_here("../problems", "-d", "../three", "-j", 1, cwd=tmp_path / "problems")[0] == 1
    files, log = state(tmp_path / "three")
    assert log["p007"].pop("error").startswith("../problems/p007.npz: ")
    expected = state(tmp_path / "one")
    expected[1]["p007"].pop("error")
    assert (files, log) == expected


def test_an_error_has_the_name_of_its_job_unless_its_path_does(tmp_path, batch_here):
    jobs = "jobs:\n- {name: o, q: no.csv, k: [[1]]}\n- {name: mask, q: [[1]], k: [[1, 2]]}\n"
    (tmp_path / "jobs.yaml").write_text(jobs)
    (tmp_path / "z").mkdir()
    (tmp_path / "z" / "a.yaml").write_text("q: [[1]]\nk: [[1, 2]]\n")
    _, _, err = batch_here("jobs.yaml", "z", "-d", "out", cwd=tmp_path)
    shapes = "queries have 1 column, keys have 2 (queries (1, 1), keys (1, 2))"
    assert [line for line in err.splitlines() if line.startswith("error")] == [
        "error: o: jobs.yaml: job 1: q: no.csv: no such file",
        f"error: mask: jobs.yaml: job 2: k: {shapes}",
        f"error: z/a.yaml: k: {shapes}",
    ]


def test_a_wrong_option_is_reported_once_and_before_any_job(tmp_path, batch_here):
    make_problems(tmp_path / "problems", 3)
    (tmp_path / "m.csv").write_text("1,x\n")
    for source, what in (
        ("gone.csv", "gone.csv: no such file"),
        ("m.csv", "m.csv: line 1, column 2: 'x' is not a number"),
    ):
        status, out, err = batch_here("problems", "-d", "out", "--mask", source, cwd=tmp_path)
        assert (status, out) == (2, "")
        assert what in err
        assert err.count("error: ") == 1
        assert not (tmp_path / "out").exists()


MANIFEST = """\
defaults:
  variant: laplace
  keys: k.csv
jobs:
  - name: first
    queries: [[1, 0]]
    values: [[1], [2]]
  - name: second
    queries: [[1, 0]]
    variant: dot
  - name: third
    queries: nowhere.csv
"""


def test_a_manifests_jobs_lie_over_its_defaults_and_those_over_the_options(tmp_path, batch_here):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "jobs.yaml").write_text(MANIFEST)
    (tmp_path / "data" / "k.csv").write_text("1,0\n0,1\n")
    status, _, err = batch_here("data/jobs.yaml", "-d", "out", "-a", "gaussian", "--causal", cwd=tmp_path)
    assert status == 1
    assert err.startswith("error: third: data/jobs.yaml: job 3: queries: nowhere.csv: no such file\n")
    keys = [[1, 0], [0, 1]]
    first, second = np.load(tmp_path / "out" / "first.npz"), np.load(tmp_path / "out" / "second.npz")
    right = attend([[1, 0]], keys, [[1], [2]], variant="laplace", causal=True)
    assert first["output"].tobytes() == right.output.tobytes()
    assert second.files == ["weights"]
    assert second["weights"].tobytes() == attend([[1, 0]], keys, variant="dot", causal=True).weights.tobytes()
    assert sorted(lines(tmp_path / "out")["first"]["inputs"]) == ["jobs.yaml#first", "k.csv"]


@pytest.mark.parametrize(
    ("format", "files"),
    [
        ("npz", ["p000.npz"]),
        ("json", ["p000.json"]),
        ("yaml", ["p000.yaml"]),
        ("npy", ["p000.output.npy", "p000.weights.npy"]),
        ("csv", ["p000.output.csv", "p000.weights.csv"]),
    ],
)
def test_a_format_of_one_matrix_gets_a_file_for_each(tmp_path, format, files, batch_here):
    make_problems(tmp_path / "problems", 1)
    status, _, _ = batch_here("problems", "-d", "out", "--save-format", format, cwd=tmp_path)
    assert status == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [*files, "results.jsonl"]
    assert sorted(lines(tmp_path / "out")["p000"]["files"]) == files


def test_one_saved_result_needs_no_second_word_in_its_files_name(tmp_path, batch_here):
    make_problems(tmp_path / "problems", 1)
    assert batch_here("problems", "-d", "out", "--save", "lse", "--save-format", "csv", cwd=tmp_path)[0] == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["p000.csv", "results.jsonl"]


def test_a_dry_run_says_what_would_be_done_and_does_nothing(tmp_path, batch_here):
    make_problems(tmp_path / "problems", 2, bad={1})
    status, out, err = batch_here("problems", "-d", "out", "--dry-run", cwd=tmp_path)
    assert (status, err) == (1, "")
    assert out == (
        "p000: queries 4 × 4, keys 4 × 4, values 4 × 4, weights 4 × 4, output 4 × 4; 128 multiplications, 8.39 MB\n"
        "p001: error: problems/p001.npz: the archive's list of members cannot be read\n"
        "2 jobs, 1 of them with errors; 128 multiplications, at most 8.39 MB for one job\n"
    )
    assert not (tmp_path / "out").exists()


def test_fail_fast_leaves_the_rest_undone(tmp_path, batch_here):
    make_problems(tmp_path / "problems", 200, bad={0})
    status, out, _ = batch_here("problems", "-d", "out", "-j", 1, "--fail-fast", "--force", cwd=tmp_path)
    assert status == 1
    assert out.startswith("200 jobs: 0 ok, 1 failed, 199 not done; ")
    assert list(lines(tmp_path / "out")) == ["p000"]


def test_a_query_without_a_key_is_a_warning_in_the_record(tmp_path, batch_here):
    (tmp_path / "p.json").write_text(json.dumps({"q": [[1]], "k": [[1]], "mask": [[0]]}))
    status, _, err = batch_here("p.json", "-d", "out", cwd=tmp_path)
    notes = "warning: 1 job has warnings: out/results.jsonl\nnote: 1 job has no values: weights only\n"
    assert (status, err) == (0, notes)
    assert lines(tmp_path / "out")["p"]["warnings"] == ["query 0 may attend to no key: its weights are 0"]


def test_a_low_limit_of_open_files_is_enough(tmp_path):
    import resource

    make_problems(tmp_path / "problems", 50)
    status, _, err = batch(
        "problems",
        "-d",
        "out",
        "-j",
        20,
        cwd=tmp_path,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64)),
    )
    assert (status, err) == (0, "")


def test_expected_numbers_are_checked_and_a_wrong_one_is_named_with_its_slip(tmp_path, batch_here):
    form = "queries: [[2, 0]]\nkeys: [[1, 0], [0, 1]]\nexpected: {weights: [[%s, %s]]}\n"
    (tmp_path / "suite").mkdir()
    (tmp_path / "suite" / "right.yaml").write_text(form % ("0.8044", "0.1956"))
    (tmp_path / "suite" / "unscaled.yaml").write_text(form % ("0.8808", "0.1192"))
    (tmp_path / "suite" / "silent.yaml").write_text("queries: [[2, 0]]\nkeys: [[1, 0]]\n")
    status, out, err = batch_here("suite", "-d", "out", "-j", 1, cwd=tmp_path)
    assert status == 1
    assert out.startswith("3 jobs: 2 ok, 1 wrong; ")
    what = "weights at [0, 0] is 0.8808, should be 0.80443"
    what += "".join(f": {slip}" for slip in lines(tmp_path / "out")["unscaled"]["diagnosis"][:1])
    assert err == f"wrong: unscaled: {what}\nnote: 1 job has no values: weights only\n"
    records = lines(tmp_path / "out")
    assert records["right"]["verdict"] == "exact"
    assert (records["unscaled"]["status"], records["unscaled"]["error"]) == ("wrong", what)
    assert records["unscaled"]["verdict"] == "wrong"
    assert "verdict" not in records["silent"]
    assert (tmp_path / "out" / "unscaled.npz").exists()


def test_more_processes_than_cores_are_started_only_for_work_that_repays_their_start(monkeypatch):
    monkeypatch.setattr(pool, "usable_cores", lambda: 2)
    lanes = pool.LocalCrew(64)
    assert [lanes.room(seconds) for seconds in (None, 0.0, 1.5, 5.0, 3600.0)] == [2, 2, 3, 10, 64]
    assert pool.LocalCrew(1).room(3600.0) == 1
