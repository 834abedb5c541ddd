"""A folder of problems is the same to `check` and to `batch`."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from attncli.batch.jobs import find_jobs
from attncli.check.suites import problem_sources
from attncli.errors import InputError

PROBLEM = "queries: [[1]]\nkeys: [[1]]\n"


def make_folder(root: Path, names: list[str]) -> str:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        text = PROBLEM if ".yaml" in name else "1\n"
        path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    return str(root)


@pytest.mark.parametrize(
    ("names", "problems"),
    [
        pytest.param(["a.yaml", "b.yaml"], ["a.yaml", "b.yaml"], id="problem files"),
        pytest.param(["p/q.csv", "p/k.csv", "p/v.csv"], ["p"], id="a folder that is a problem"),
        pytest.param(["p/q.csv", "p/k.csv", "z.yaml"], ["p", "z.yaml"], id="a file and a folder"),
        pytest.param(["p/queries.csv.gz", "p/keys.csv.gz", "z.yaml.gz"], ["p", "z.yaml.gz"], id="compressed"),
        pytest.param(["q.csv", "k.csv", "z.yaml"], [""], id="a problem itself"),
        pytest.param(["q.csv", "z.yaml"], ["z.yaml"], id="one matrix beside a problem file"),
        pytest.param([".hidden.yaml", ".git/q.csv", ".git/k.csv", "a.yaml"], ["a.yaml"], id="hidden names"),
        pytest.param(["more/deep/a.yaml", "x.yaml/notes.txt", "a.yaml", "n.txt"], ["a.yaml"], id="other folders"),
    ],
)
def test_check_and_batch_find_the_same_problems(tmp_path, names, problems):
    folder = make_folder(tmp_path / "d", names)
    expected = [str(Path(folder) / name) for name in problems]
    assert [source for source, _ in problem_sources([folder])] == expected
    assert [job.path for job in find_jobs([folder])] == expected


def test_a_part_of_a_problem_is_named_by_check(tmp_path):
    folder = make_folder(tmp_path / "d", ["q.csv", "v.csv"])
    assert problem_sources([folder]) == [(folder, "d")]
    with pytest.raises(InputError, match="holds no problem file"):
        find_jobs([folder])
