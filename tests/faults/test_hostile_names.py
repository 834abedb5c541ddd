"""Nothing that a file or an argument calls itself steers the terminal that reads of it."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys

import numpy as np
import pytest

HOSTILE = "A\x1b[31mB\x9b2J\x07C\nerror: forged\u202e[bold]:cat:"
PROBLEM = {
    "title": HOSTILE,
    "source": HOSTILE,
    "labels": {"queries": [HOSTILE], "keys": [HOSTILE, "b"], "values": [HOSTILE], "features": [HOSTILE, "c"]},
    "q": [[1, 0]],
    "k": [[1, 0], [0, 1]],
    "v": [[1], [2]],
    "mask": [[0, 0]],
    "expected": {"output": [[3.123]]},
}
COMMANDS = [
    ["run", "p.json"],
    ["run", "p.json", "-f", "markdown"],
    ["run", "p.json", "-f", "latex"],
    ["run", "p.json", "--ascii", "-q", "-w", f"{HOSTILE}.csv"],
    ["run", "p.json", "-w", f"{HOSTILE}.cvs"],
    ["run", "p.json", "-w", f"{HOSTILE}/w.csv"],
    ["run", "p.json", "--query-offset", HOSTILE],
    ["run", "p.json", "--scale", HOSTILE],
    ["run", "p.json", "--as", HOSTILE],
    ["run", "p.json", f"--{HOSTILE}"],
    [HOSTILE],
    ["run", HOSTILE, HOSTILE],
    ["run", f"1{HOSTILE}", "1"],
    ["run", "key.json"],
    ["run", "n.npz"],
    ["run", "n.npz:c", "n.npz:queries"],
    ["run", "n2.npz", "n2.npz"],
    ["run", "tag.yaml"],
    ["run", "alias.yaml"],
    ["run", "cell.csv", "cell.csv"],
    ["run", "name.tex", "name.tex"],
    ["explain", "p.json"],
    ["explain", "p.json", "--query", HOSTILE],
    ["check", "p.json"],
    ["check", "p.json", "--junit", "/dev/stdout"],
    ["check", "p.json", "n.npz", "key.json", "--expect-lse", HOSTILE],
    ["batch", HOSTILE, "-d", "o"],
    ["batch", "p.json", "n2.npz", "key.json", "-d", "o", "--dry-run"],
    ["batch", "jobs.yaml", "-d", "o", "--dry-run"],
    ["batch", "p.json", "-d", HOSTILE, "--dry-run"],
]


@pytest.fixture(autouse=True)
def files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "p.json").write_text(json.dumps(PROBLEM))
    (tmp_path / "key.json").write_text(json.dumps({HOSTILE: 1, "q": [[1]], "k": [[1]]}))
    (tmp_path / "cell.csv").write_text(f'1,"{HOSTILE.replace(chr(10), "")}"\n')
    (tmp_path / "tag.yaml").write_text("q: !<\x85x> [[1]]\n", encoding="utf-8")
    (tmp_path / "alias.yaml").write_text('"\\e[31m\\x9B": 1\nq: *x\n')
    (tmp_path / "name.tex").write_text("A\x1b[31m = \\begin{bmatrix} 1 \\end{bmatrix}")
    (tmp_path / "jobs.yaml").write_text(f'jobs: [{{name: "\\e[31m\\x9B", {json.dumps(HOSTILE)}: 1}}]\n')
    np.savez(tmp_path / "n.npz", queries=np.eye(2), keys=np.eye(2), **{HOSTILE: np.eye(1)})
    np.savez(tmp_path / "n2.npz", a=np.eye(2), **{HOSTILE: np.eye(2)})
    return tmp_path


def steering(text):
    return sorted({letter for letter in text if not letter.isprintable() and letter != "\n"})


@pytest.mark.parametrize("command", COMMANDS, ids=lambda words: ascii(" ".join(words))[1:60])
def test_no_name_steers_a_terminal_or_forges_a_line(run, command):
    ran = run(*command)
    assert ran.status in (0, 1, 2)
    assert ran.out + ran.err
    assert (steering(ran.out), steering(ran.err)) == ([], [])
    assert not any(line.startswith("error: forged") for line in (ran.out + ran.err).splitlines())


@pytest.mark.parametrize("format", ["csv", "tsv", "json", "yaml"])
def test_data_is_escaped_on_a_terminal_and_never_steers_it(run, format):
    words = ["run", "p.json", "--show", "weights", "-f", format]
    if format in ("csv", "tsv"):  # which leave out what they would not read back
        assert HOSTILE not in run(*words).out
    leader, follower = pty.openpty()
    command = [sys.executable, "-m", "attncli", *words]
    child = subprocess.Popen(command, stdout=follower, stderr=follower, env={**os.environ, "PYTHONUTF8": "1"})
    os.close(follower)
    seen = b""
    try:
        while piece := os.read(leader, 65536):
            seen += piece
    except OSError:  # Linux's way of saying that the other end is closed
        pass
    os.close(leader)
    assert child.wait(timeout=60) == 0
    assert set(steering(seen.decode())) <= {"\r", "\t"}
