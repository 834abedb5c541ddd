"""A run that stopped anywhere goes on, and ends as one that never stopped."""

# a file's names are what is tested
# ruff: noqa: PTH208
from __future__ import annotations

import json
import os
import re
import resource
import signal
import subprocess
import time
from pathlib import Path
from shutil import copytree

import numpy as np
import pytest
from batch.runs import batch, children, lines, make_problems, start, state, wait_for

SLOW = """\
import os, time
import attncli.batch.worker as worker
done = worker.finish_job
def patched(job, options):
    mark = os.environ.get("TEST_MARK", os.devnull)
    was_marked = os.path.isfile(mark)
    open(mark, "w").close()
    if job.name in os.environ.get("TEST_KILLERS", "").split(",") and not was_marked:
        os.kill(os.getpid(), 9)
    time.sleep(float(os.environ.get("TEST_SECONDS", 0)))
    return done(job, options)
worker.finish_job = patched
"""


@pytest.fixture
def patched(tmp_path):
    """Processes in which jobs take their time, or kill the worker: always, or once where a file is named as a mark."""
    (tmp_path / "patch").mkdir()
    (tmp_path / "patch" / "sitecustomize.py").write_text(SLOW)
    return [str(tmp_path / "patch")]


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """Three problems and the results of a quiet run, to be copied."""
    folder = tmp_path_factory.mktemp("done")
    make_problems(folder / "problems", 3)
    assert batch("problems", "-d", "out", "-j", 1, cwd=folder)[0] == 0
    mark_done(folder / "out")
    return folder


LONG_AGO = 1000.0  # seconds that no job takes: two runs of a job may take the same time to the microsecond


def mark_done(folder):
    """Write into the log that each job took so long, by which those that are not done again are known."""
    path = folder / "results.jsonl"
    path.write_text(re.sub(r'"seconds": [^,]*,', f'"seconds": {LONG_AGO},', path.read_text()))


def redone(folder):
    """The jobs that were done again after the log was marked."""
    return {name for name, record in lines(folder).items() if record["seconds"] != LONG_AGO}


def test_a_folder_with_results_is_refused(done, batch_here):
    tmp_path = done
    status, out, err = batch_here("problems", "-d", "out", "-j", 1, cwd=tmp_path)
    assert (status, out) == (2, "")
    assert err == (
        "error: out: holds the results of an earlier run\nhint: --resume continues it, --force starts over\n"
    )


def test_resuming_what_is_whole_does_nothing(done, batch_here):
    tmp_path = done
    log = (tmp_path / "out" / "results.jsonl").read_bytes()
    status, out, _ = batch_here("problems", "-d", "out", "-j", 1, "--resume", cwd=tmp_path)
    assert status == 0
    assert out.startswith("3 jobs: 3 ok, 3 of them from an earlier run; ")
    assert (tmp_path / "out" / "results.jsonl").read_bytes() == log


def lose(folder):
    (folder / "out" / "p001.npz").unlink()


def damage(folder):
    path = folder / "out" / "p001.npz"
    data = bytearray(path.read_bytes())
    data[-200] ^= 1
    path.write_bytes(data)


def empty(folder):
    (folder / "out" / "p001.npz").write_bytes(b"")


def change(folder):
    np.savez(folder / "problems" / "p001.npz", queries=[[1.0]], keys=[[1.0]])


def tear(folder):
    path = folder / "out" / "results.jsonl"
    text = [line for line in path.read_text().splitlines(keepends=True) if '"p001"' not in line]
    torn = [line for line in path.read_text().splitlines(keepends=True) if '"p001"' in line]
    path.write_text("".join(text) + torn[0][:50])


def spoil(folder):
    path = folder / "out" / "results.jsonl"
    path.write_text(re.sub(r'"p001.npz": \[[^]]*\]', '"p001.npz": 7', path.read_text()))


@pytest.mark.parametrize("harm", [lose, damage, empty, change, tear, spoil])
def test_resuming_mends_what_was_harmed_and_nothing_else(tmp_path, done, harm, batch_here):
    copytree(done, tmp_path, dirs_exist_ok=True)
    harm(tmp_path)
    assert batch_here("problems", "-d", "out", "-j", 1, "--resume", cwd=tmp_path)[0] == 0
    assert redone(tmp_path / "out") == {"p001"}
    if harm is not change:
        assert state(tmp_path / "out") == state(done / "out")


@pytest.mark.parametrize("options", [["-a", "dot"], ["--save", "output", "--save-format", "csv"]])
def test_resuming_with_other_options_does_everything_again(tmp_path, done, options, batch_here):
    copytree(done, tmp_path, dirs_exist_ok=True)
    assert batch_here("problems", "-d", "out", "-j", 1, "--resume", *options, cwd=tmp_path)[0] == 0
    assert batch_here("problems", "-d", "quiet", "-j", 1, *options, cwd=tmp_path)[0] == 0
    assert state(tmp_path / "out") == state(tmp_path / "quiet")


STALE = """\
defaults: {keys: [[1, 0], [0, 1]], values: [[1], [2]]}
jobs:
  - {name: %s, queries: [[1, 0]]}
  - {name: %s, queries: [[0, 1]]}
"""


FEWER, MORE = ([], ["--save", "output"]), (["--save", "output"], [])


@pytest.mark.parametrize(
    ("names", "bad", "saves"),
    [
        (("x", "x.output"), False, FEWER),
        (("x", "x.output"), True, MORE),
        (("x.output", "x"), False, MORE),
        (("x.output", "x"), True, FEWER),
        (("x", "X.output"), False, FEWER),
        (("x", "X.output"), True, MORE),
    ],
)
def test_a_job_never_removes_a_file_of_another_job(tmp_path, names, bad, saves, batch_here):
    """The file of one job is the name that another job wrote in an earlier run, with other results to save."""
    (tmp_path / "m.yaml").write_text(STALE % names)
    words = ["m.yaml", "-j", 1, "--save-format", "npy"]
    assert batch_here(*words, *saves[0], "-d", "out", cwd=tmp_path)[0] == 0
    if bad:
        (tmp_path / "m.yaml").write_text((STALE % names).replace("[[0, 1]]}", "[[0, 1, 2]]}"))
    assert batch_here(*words, *saves[1], "-d", "out", "--resume", cwd=tmp_path)[0] == bad
    assert batch_here(*words, *saves[1], "-d", "quiet", cwd=tmp_path)[0] == bad
    (files, log), (right, right_log) = state(tmp_path / "out"), state(tmp_path / "quiet")
    assert (log, {name: files[name] for name in right}) == (right_log, right)
    if names[1].islower():  # where case is not told apart, the file of an earlier run is the other job's: it stays
        assert files.keys() == right.keys()


def test_the_result_of_a_job_that_is_not_part_of_the_run_is_kept(tmp_path, batch_here):
    names = ("x", "x.output")
    (tmp_path / "m.yaml").write_text(STALE % names)
    words = ["-j", 1, "--save-format", "npy"]
    assert batch_here("m.yaml", "-d", "out", *words, cwd=tmp_path)[0] == 0
    before = state(tmp_path / "out")
    (tmp_path / "x.output.yaml").write_text("{queries: [[0, 1]], keys: [[1, 0], [0, 1]], values: [[1], [2]]}")
    status, out, err = batch_here("x.output.yaml", "-d", "out", "--resume", "--save", "output", *words, cwd=tmp_path)
    assert (status, out) == (2, "")
    assert err == (
        "error: x.output.yaml: a result would replace x.output.npy of the job 'x' of an earlier run\n"
        "hint: choose another -d DIR\n"
    )
    assert state(tmp_path / "out") == before


def test_another_version_is_another_result(tmp_path, done, batch_here):
    copytree(done, tmp_path, dirs_exist_ok=True)
    path = tmp_path / "out" / "results.jsonl"
    path.write_text(json.dumps({**lines(tmp_path / "out")["p000"], "version": "0.0.1"}) + "\n")
    _, out, _ = batch_here("problems", "-d", "out", "-j", 1, "--resume", cwd=tmp_path)
    assert out.startswith("3 jobs: 3 ok; ")


def test_a_mended_problem_is_tried_again_and_a_spoiled_one_loses_its_result(tmp_path, batch_here):
    make_problems(tmp_path / "problems", 3, bad={0})
    assert batch_here("problems", "-d", "out", "-j", 1, cwd=tmp_path)[0] == 1
    make_problems(tmp_path / "problems", 3, bad={2})
    assert batch_here("problems", "-d", "out", "-j", 1, "--resume", cwd=tmp_path)[0] == 1
    assert sorted(os.listdir(tmp_path / "out")) == ["p000.npz", "p001.npz", "results.jsonl"]
    assert {name: record["status"] for name, record in lines(tmp_path / "out").items()} == {
        "p000": "ok",
        "p001": "ok",
        "p002": "error",
    }


def test_one_job_of_a_manifest_may_change_without_the_others(tmp_path, batch_here):
    form = "jobs: [{name: a, q: [[1]], k: [[%d]]}, {name: b, q: [[1]], k: [[2]]}]"
    (tmp_path / "m.yaml").write_text(form % 1)
    assert batch_here("m.yaml", "-d", "out", "-j", 1, cwd=tmp_path)[0] == 0
    mark_done(tmp_path / "out")
    (tmp_path / "m.yaml").write_text(form % 3)
    assert batch_here("m.yaml", "-d", "out", "-j", 1, "--resume", cwd=tmp_path)[0] == 0
    assert redone(tmp_path / "out") == {"a"}


def test_force_starts_over_and_leaves_nothing_of_the_earlier_run(tmp_path, batch_here):
    make_problems(tmp_path / "problems", 3)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("no result")
    assert batch_here("problems", "-d", "out", "-j", 1, cwd=tmp_path)[0] == 0
    assert batch_here("problems/p001.npz", "-d", "out", "--force", cwd=tmp_path)[0] == 0
    assert sorted(os.listdir(tmp_path / "out")) == ["mine.txt", "p001.npz", "results.jsonl"]
    assert list(lines(tmp_path / "out")) == ["p001"]


def test_a_result_never_replaces_an_input_nor_a_file_that_no_run_made(tmp_path, batch_here):
    make_problems(tmp_path / "problems", 1)
    before = (tmp_path / "problems" / "p000.npz").read_bytes()
    for words in (["-d", "problems"], ["-d", "problems", "--force"], ["-d", "problems", "--resume"]):
        status, _, err = batch_here("problems", *words, cwd=tmp_path)
        assert (status, err) == (
            2,
            "error: problems/p000.npz: would be replaced by a result\nhint: choose another -d DIR\n",
        )
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "p000.npz").write_text("mine")
    status, _, err = batch_here("problems", "-d", "out", "-j", 1, "--resume", cwd=tmp_path)
    assert (status, err.splitlines()[0]) == (
        2,
        "error: out: holds p000.npz, but no results.jsonl with a record of its origin",
    )
    assert (tmp_path / "out" / "p000.npz").read_text() == "mine"
    assert (tmp_path / "problems" / "p000.npz").read_bytes() == before


def test_a_link_among_the_results_leads_nowhere(tmp_path, batch_here):
    make_problems(tmp_path / "problems", 1)
    (tmp_path / "precious").write_text("precious")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "p000.npz").symlink_to("../precious")
    assert batch_here("problems", "-d", "out", "--force", cwd=tmp_path)[0] == 0
    assert (tmp_path / "precious").read_text() == "precious"
    assert not (tmp_path / "out" / "p000.npz").is_symlink()


def test_two_runs_into_one_folder_are_refused(tmp_path, patched, batch_here):
    make_problems(tmp_path / "problems", 2)
    with start("problems", "-d", "out", "-j", 1, cwd=tmp_path, path=patched, env={"TEST_SECONDS": "30"}) as first:
        wait_for((tmp_path / "out" / "results.jsonl").exists)
        status, _, err = batch_here("problems", "-d", "out", "-j", 1, "--resume", cwd=tmp_path)
        first.kill()
    assert (status, err) == (
        2,
        "error: out: another attncli batch is writing there\nhint: wait for it, or choose another -d DIR\n",
    )


def test_ctrl_c_says_how_to_go_on(tmp_path, patched, batch_here):
    make_problems(tmp_path / "problems", 40)
    words = ["problems", "-d", "out", "-j", "2"]
    process = start(*words, cwd=tmp_path, path=patched, env={"TEST_SECONDS": "0.1"}, start_new_session=True)
    wait_for(lambda: (tmp_path / "out" / "results.jsonl").exists() and len(lines(tmp_path / "out")) > 6)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does it, to the workers too
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, "")
    hint = "attncli batch problems -d out -j 2 --resume"
    assert err == f"\nstopped; finished jobs are kept\nhint: {hint}\n\ninterrupted\n"
    assert not [name for name in os.listdir(tmp_path / "out") if name.startswith(".")]
    assert 0 < len(lines(tmp_path / "out")) < 40
    assert batch_here(*words, "--resume", cwd=tmp_path)[0] == 0
    assert batch_here("problems", "-d", "quiet", "-j", 1, cwd=tmp_path)[0] == 0
    assert state(tmp_path / "out") == state(tmp_path / "quiet")


def test_a_job_that_kills_its_worker_costs_itself_only(tmp_path, patched):
    make_problems(tmp_path / "problems", 12)
    status, out, err = batch("problems", "-d", "out", "-j", 2, cwd=tmp_path, path=patched, env={"TEST_KILLERS": "p004"})
    assert status == 1
    assert out.startswith("12 jobs: 11 ok, 1 failed; ")
    died = "problems/p004.npz: its worker process died twice: killed, or out of memory"
    assert err.startswith(f"error: {died}\n")
    assert lines(tmp_path / "out")["p004"]["error"] == died


@pytest.mark.parametrize("count", [1, 12])
def test_a_worker_that_is_killed_once_costs_nothing(tmp_path, patched, count):
    make_problems(tmp_path / "problems", count)
    settings = {"TEST_KILLERS": "p000", "TEST_MARK": str(tmp_path / "mark")}
    status, out, err = batch("problems", "-d", "out", "-j", 1, cwd=tmp_path, path=patched, env=settings)
    assert (status, err) == (0, "")
    assert out.startswith(f"{count} job{'s' * (count > 1)}: {count} ok; ")
    assert (tmp_path / "mark").exists()


def test_a_run_killed_at_any_moment_ends_as_one_that_was_not(tmp_path, patched, batch_here):
    make_problems(tmp_path / "problems", 120, bad={11, 70})
    assert batch_here("problems", "-d", "quiet", "-j", 1, cwd=tmp_path)[0] == 1
    words, log = ["problems", "-d", "out", "-j", "2"], tmp_path / "out" / "results.jsonl"
    slowly = {"cwd": tmp_path, "path": patched, "env": {"TEST_SECONDS": "0.01"}}
    random = np.random.default_rng(0)

    def logged():
        return log.read_bytes().count(b"\n") if log.exists() else 0

    for further in (0, 0, 1, 10, 30):  # jobs, after which it is killed: none while it starts
        with start(*words, "--resume", **slowly) as process:
            due = logged() + further
            wait_for(lambda due=due, process=process: logged() >= due or process.poll() is not None)
            time.sleep(random.uniform(0, 0.02 if further else 0.5))
            process.kill()
    assert logged() < 120
    assert batch(*words, "--resume", cwd=tmp_path)[0] == 1
    assert state(tmp_path / "out") == state(tmp_path / "quiet")


def test_the_workers_of_a_killed_run_end_with_it(tmp_path, patched):
    make_problems(tmp_path / "problems", 2)
    mark = tmp_path / "mark"
    settings = {"TEST_SECONDS": "300", "TEST_MARK": str(mark)}
    with start("problems", "-d", "out", "-j", 1, cwd=tmp_path, path=patched, env=settings) as process:
        wait_for(mark.exists)
        (worker,) = children(process.pid)
        process.kill()
    wait_for(lambda: not Path(f"/proc/{worker}").exists())


def test_a_disk_that_fills_up_stops_the_run_and_the_log_stays_true(tmp_path, batch_here):
    make_problems(tmp_path / "problems", 60)
    limit = 10_000
    status, out, err = batch(
        "problems",
        "-d",
        "out",
        "-j",
        2,
        cwd=tmp_path,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
        env={"PYTHONDONTWRITEBYTECODE": "1"},  # Python would cut its bytecode off
    )
    assert (status, out) == (2, "")
    hint = "finished jobs are kept: free some space, then run the same command with --resume"
    assert err == f"error: out/results.jsonl: file too large\nhint: {hint}\n"
    assert 0 < len(lines(tmp_path / "out")) < 60
    assert batch_here("problems", "-d", "out", "-j", 1, "--resume", cwd=tmp_path)[0] == 0
    assert batch_here("problems", "-d", "quiet", "-j", 1, cwd=tmp_path)[0] == 0
    assert state(tmp_path / "out") == state(tmp_path / "quiet")


def test_a_disk_that_is_really_full_stops_the_run_and_what_is_logged_is_there(tmp_path, batch_here):
    make_problems(tmp_path / "problems", 60)
    (tmp_path / "small").mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(tmp_path / "small")], capture_output=True
    )
    if mounted.returncode:
        pytest.skip("no file system can be mounted here")
    try:
        status, out, err = batch("problems", "-d", "small/out", "-j", 2, cwd=tmp_path)
        assert (status, out) == (2, "")
        first, second = err.splitlines()
        assert first.startswith("error: ")
        assert first.endswith(": no space left on device")
        assert second == "hint: finished jobs are kept: free some space, then run the same command with --resume"
        for record in lines(tmp_path / "small" / "out").values():
            ((name, (size, _)),) = record["files"].items()
            assert (tmp_path / "small" / "out" / name).stat().st_size == size
        assert not [name for name in os.listdir(tmp_path / "small" / "out") if name.startswith(".")]
        subprocess.run(["mount", "-o", "remount,size=1m", str(tmp_path / "small")], check=True)
        assert batch_here("problems", "-d", "small/out", "-j", 1, "--resume", cwd=tmp_path)[0] == 0
        assert batch_here("problems", "-d", "quiet", "-j", 1, cwd=tmp_path)[0] == 0
        assert state(tmp_path / "small" / "out") == state(tmp_path / "quiet")
    finally:
        subprocess.run(["umount", str(tmp_path / "small")], check=True)
