"""Inputs become jobs with names that are safe, or nothing runs."""

from __future__ import annotations

import pytest
from batch.runs import make_problems

from attncli.batch.jobs import find_jobs
from attncli.errors import AttncliError


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def refusal(*inputs):
    with pytest.raises(AttncliError) as error:
        find_jobs(inputs)
    return str(error.value), error.value.hint


def names(*inputs):
    return [job.name for job in find_jobs(inputs)]


def test_a_folder_gives_its_problem_files_and_problem_folders_sorted(folder):
    make_problems("many", 2)
    (folder / "many" / "notes.txt").write_text("none of ours")
    (folder / "many" / ".hidden.npz").write_text("none of ours")
    (folder / "many" / "a case").mkdir()
    for name in ("q.csv", "k.csv"):
        (folder / "many" / "a case" / name).write_text("1\n")
    assert names("many") == ["a case", "p000", "p001"]
    assert names("many/a case", "many/p0*.npz") == ["a case", "p000", "p001"]


def test_a_glob_is_found_through_folders_below():
    make_problems("data/one", 1)
    assert names("data/**/*.npz") == ["p000"]


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("../x", "has a slash, but all results go into one folder"),
        ("a/b", "has a slash, but all results go into one folder"),
        ("a\\b", "has a slash, but all results go into one folder"),
        ("", "is empty"),
        (" ", "is empty"),
        ("..", "begins with a dot, so its results would be hidden"),
        (".x", "begins with a dot, so its results would be hidden"),
        ("a\tb", "has control characters"),
        ("ü" * 125, "is longer than 239 bytes, so its result files could not be named"),
    ],
)
def test_an_unsafe_name_is_refused(folder, name, what):
    import json

    (folder / "jobs.json").write_text(json.dumps({"jobs": [{"name": name, "q": [[1]], "k": [[1]]}]}))
    shown = name.replace("\t", "\\t") if len(name) < 40 else name[:40] + "…"
    assert refusal("jobs.json") == (f"jobs.json: the name '{shown}' {what}", "give it another name")


def test_two_jobs_of_one_name_are_refused_whatever_their_case(folder):
    make_problems("one", 1)
    make_problems("two", 1)
    hint = "name them in a manifest, or give each folder its own -d DIR"
    assert refusal("one", "two") == ("jobs: two jobs are called 'p000': one/p000.npz and two/p000.npz", hint)
    (folder / "two" / "p000.npz").rename(folder / "two" / "P000.npz")
    what = "jobs: 'p000' and 'P000' are the same name on a file system that ignores case: one/p000.npz and two/P000.npz"
    assert refusal("one", "two") == (what, hint)


def test_two_jobs_of_one_name_in_a_manifest_are_refused(folder):
    job = "{name: %s, q: [[1]], k: [[1]]}"
    (folder / "jobs.yaml").write_text(f"jobs: [{job % 'a'}, {job % 'b'}, {job % 'a'}]")
    hint = "give each job a name of its own"
    assert refusal("jobs.yaml") == ("jobs.yaml: two jobs are called 'a'", hint)
    (folder / "jobs.yaml").write_text(f"jobs: [{job % 'a'}, {job % 'A'}]")
    what = "jobs.yaml: 'a' and 'A' are the same name on a file system that ignores case"
    assert refusal("jobs.yaml") == (what, hint)


def test_a_manifest_given_twice_is_refused(folder):
    (folder / "jobs.yaml").write_text("jobs: [{name: a, q: [[1]], k: [[1]]}]")
    what = "jobs.yaml: is given twice, which would make two jobs 'a'"
    assert refusal("jobs.yaml", "jobs.yaml") == (what, "give it once")


def test_typed_numbers_are_not_an_input_of_a_batch():
    hint = "a batch takes problem files, folders of them, globs, or a manifest"
    assert refusal("1 0; 0 1") == ("1 0; 0 1: no such file", hint)


def test_a_file_given_twice_is_refused():
    make_problems("one", 1)
    what = "one/p000.npz: is given twice, which would make two jobs 'p000'"
    assert refusal("one", "one/*.npz") == (what, "give it once")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("jobs: []", "m.yaml: line 1, column 7: jobs must be a list of jobs"),
        ("jobs: 3", "m.yaml: line 1, column 7: jobs must be a list of jobs"),
        ("jobs: [{q: 1}]", "m.yaml: line 1, column 8: job 1 has no name"),
        ("jobs: [[1]]", "m.yaml: line 1, column 8: a list; expected a job"),
        ("job: 1\njobs: [{name: a}]", "m.yaml: line 1, column 1: unknown key 'job'"),
        ("defaults: {varient: dot}\njobs: [{name: a}]", "m.yaml: line 1, column 12: unknown key 'varient'"),
    ],
)
def test_a_faulty_manifest_says_where(folder, text, message):
    (folder / "m.yaml").write_text(text)
    assert refusal("m.yaml")[0] == message


def test_what_is_not_there_is_refused_before_anything_runs(folder):
    make_problems("one", 1)
    assert refusal("one", "ones") == ("ones: no such file", "did you mean one?")
    assert refusal("*.yaml")[0] == "*.yaml: no file has such a name"
    (folder / "empty").mkdir()
    assert refusal("empty")[0] == "empty: holds no problem file (.yaml .yml .json .npz .safetensors)"
