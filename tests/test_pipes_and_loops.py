"""What is found in folders is read only where it ends: pipes are refused, links that lead back are followed once."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from attncli.files import expand_pattern

PROBLEM = "queries: [[1, 0]]\nkeys: [[1, 0]]\nvalues: [[2]]\nexpected: {output: [[2]]}\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    found = tmp_path / "d"
    found.mkdir()
    (found / "a.yaml").write_text(PROBLEM)
    os.mkfifo(found / "b.yaml")
    return found


def test_check_reports_a_pipe_in_a_folder_and_judges_the_others(run, folder: Path) -> None:
    ran = run("check", folder)
    assert ran.status == 2
    assert f"error: {folder}/b.yaml: is a pipe, which might never end" in ran.err
    assert "exact  a" in ran.out


def test_batch_reports_a_pipe_in_a_folder_and_does_the_others(process, folder: Path, tmp_path: Path) -> None:
    ran = process("batch", folder, "-d", tmp_path / "out", "-j", "1")
    assert ran.status == 1
    assert "is a pipe, which might never end" in ran.err
    assert (tmp_path / "out" / "a.npz").exists()


def test_a_pipe_named_by_a_problem_file_or_lying_in_a_problem_s_folder_is_refused(run, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "q.csv")
    (tmp_path / "k.csv").write_text("1,0\n")
    (tmp_path / "p.yaml").write_text("queries: q.csv\nkeys: k.csv\n")
    for source in (tmp_path, tmp_path / "p.yaml"):
        ran = run("run", source)
        assert (ran.status, ran.err.splitlines()[-2]) == (
            2,
            f"error: {tmp_path}/q.csv: is a pipe, which might never end",
        )


def test_a_pattern_comes_to_each_folder_once_however_links_lead_back(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        (tmp_path / "g" / name).mkdir(parents=True)
        (tmp_path / "g" / name / "p.yaml").write_text(PROBLEM)
        for other in ("a", "b", "c"):
            (tmp_path / "g" / name / f"to_{other}").symlink_to(tmp_path / "g" / other)
        (tmp_path / "g" / name / "up").symlink_to(tmp_path / "g")
    (tmp_path / "h").mkdir()
    (tmp_path / "h" / "p.yaml").write_text(PROBLEM)
    (tmp_path / "g" / "h").symlink_to(tmp_path / "h")
    expected = [f"{tmp_path}/g/{name}/p.yaml" for name in ("a", "b", "c", "h")]
    assert expand_pattern(f"{tmp_path}/g/**/*.yaml") == expected


PATTERNS = [
    ("**/*.yaml", ["a/b/p.yaml", "a/p.yaml", "p.yaml"]),
    ("a/**/*.yaml", ["a/b/p.yaml", "a/p.yaml"]),
    ("*/**/p.yaml", ["a/b/p.yaml", "a/p.yaml"]),
    ("a/**", ["a/", "a/b", "a/b/p.yaml", "a/p.yaml"]),
    ("**/b/**/p.yaml", ["a/b/p.yaml"]),
    ("**/[[]x]/*.yaml", ["[x]/p.yaml"]),
    ("none/**/*.yaml", []),
]


@pytest.mark.parametrize(("pattern", "expected"), PATTERNS)
def test_a_pattern_means_the_paths_that_it_fits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pattern: str, expected: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("a", "a/b", ".hidden", *(["[x]"] if "[" in pattern else [])):
        Path(name).mkdir()
    for name in ("p.yaml", "a/p.yaml", "a/b/p.yaml", ".hidden/p.yaml", *(["[x]/p.yaml"] if "[" in pattern else [])):
        Path(name).write_text(PROBLEM)
    assert expand_pattern(pattern) == expected
