"""The program as a process: start-up, pipes, closed streams, signals, exit statuses."""

from __future__ import annotations

import os
import pty
import shlex
import signal
import subprocess
import sys

import pytest

ATTNCLI = [sys.executable, "-m", "attncli"]
HEAVY = ("numpy", "yaml", "rich")


@pytest.mark.parametrize("arguments", [["--version"], ["--help"], ["-h"], ["run", "--help"], ["variants", "-h"]])
def test_help_and_version_import_no_numpy(arguments):
    ran = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "attncli", *arguments], capture_output=True, text=True, check=True
    )
    imported = {line.rsplit("|", 1)[-1].strip().split(".")[0] for line in ran.stderr.splitlines()}
    assert imported.isdisjoint(HEAVY)
    assert ran.stdout


def test_the_version_needs_not_even_typer():
    ran = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "attncli", "--version"], capture_output=True, text=True, check=True
    )
    assert "typer" not in ran.stderr
    assert ran.stdout.startswith("attncli ")


def test_a_table_imports_nothing_that_only_large_work_needs():
    ran = subprocess.run(
        [sys.executable, "-X", "importtime", *ATTNCLI[1:], "run", "1 2", "1 2"],
        capture_output=True,
        text=True,
        check=True,
    )
    imported = {line.rsplit("|", 1)[-1].strip() for line in ran.stderr.splitlines()}
    assert imported.isdisjoint({"threadpoolctl", "numba", "matplotlib", "rich.progress", "concurrent.futures"})


def shell(command: str) -> subprocess.CompletedProcess[str]:
    """The command in bash, which must itself succeed."""
    return subprocess.run(["/bin/bash", "-c", command], capture_output=True, text=True, check=True)


def test_a_broken_pipe_is_not_an_error():
    ran = shell(f"{sys.executable} -m attncli run '1 0; 0 1' '1 0; 0 1' --full | true; echo ${{PIPESTATUS[0]}}")
    assert ran.stdout == "0\n"
    assert ran.stderr == ""


SPEAKING = ["run '1 0' '1 0'", "--help", "run -h", "--version", "variants", ""]


@pytest.mark.parametrize("words", SPEAKING)
def test_a_pipe_that_nobody_reads_any_more_is_not_an_error(words):
    reader, writer = os.pipe()
    os.close(reader)
    ran = subprocess.run([*ATTNCLI, *shlex.split(words)], stdout=writer, stderr=subprocess.PIPE)
    os.close(writer)
    assert (ran.returncode, ran.stderr) == (0, b"")


@pytest.mark.parametrize("words", SPEAKING)
def test_a_closed_standard_output_is_reported(words):
    ran = shell(f"{sys.executable} -m attncli {words} >&-; echo $?")
    assert ran.stdout == "2\n"
    assert ran.stderr == "error: standard output: it is closed\nhint: use -o FILE, or -q for nothing\n"


def test_a_full_device_is_reported():
    ran = shell(f"{sys.executable} -m attncli run '1 0' '1 0' >/dev/full; echo $?")
    assert ran.stdout == "2\n"
    assert ran.stderr == "error: standard output: no space left on device\n"


ENDINGS = [("SIGINT", 130, "interrupted"), ("SIGTERM", 143, "terminated"), ("SIGHUP", 129, "hung up")]


@pytest.mark.parametrize(("name", "status", "said"), ENDINGS)
def test_an_interrupt_ends_at_once_and_leaves_no_file(tmp_path, name, status, said):
    # standard input that never ends keeps the program waiting
    child = subprocess.Popen(
        [*ATTNCLI, "run", "-", "1 2", "-w", "w.npy"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
    )
    child.stdin.write("1 " * 100_000)  # more than a pipe holds: once it is written, the program reads
    child.send_signal(getattr(signal, name))
    out, err = child.communicate(timeout=60)
    assert child.returncode == status
    assert (out, err.strip()) == ("", said)
    assert list(tmp_path.iterdir()) == []


def test_a_hang_up_that_is_to_be_ignored_is_ignored(tmp_path):
    """As nohup has it."""
    script = "import os, signal; from attncli.cli.main import run_cli; signal.signal(signal.SIGHUP, signal.SIG_IGN); "
    script += "run_cli(['variants']); os.kill(os.getpid(), signal.SIGHUP); print('alive')"
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=tmp_path)
    assert (ran.returncode, ran.stdout.splitlines()[-1], ran.stderr) == (0, "alive", "")


LOSING = """
import os, signal
try:
    os.kill(os.getpid(), signal.{name})
except BaseException:
    pass
raise ImportError("half a module")
"""


@pytest.mark.parametrize(("name", "status", "said"), ENDINGS)
def test_an_interrupt_that_a_library_loses_while_it_is_imported_is_not_a_bug(tmp_path, name, status, said):
    """As NumPy does, here the library for the threads of BLAS."""
    (tmp_path / "threadpoolctl.py").write_text(LOSING.format(name=name))
    numbers = "; ".join(["1 2 3"] * 80)  # of few, BLAS makes no threads
    ran = subprocess.run(
        [*ATTNCLI, "run", numbers, numbers],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"},
        check=False,
    )
    assert (ran.returncode, ran.stdout, ran.stderr.strip()) == (status, "", said)


def on_a_terminal(arguments: list[str], columns: int, **environment: str) -> str:
    """What the program writes to a terminal of so many columns."""
    import fcntl
    import struct
    import termios

    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    child = subprocess.Popen(
        [*ATTNCLI, *arguments],
        stdout=follower,
        stderr=follower,
        env={**os.environ, "TERM": "xterm-256color", "PYTHONUTF8": "1", **environment},
    )
    os.close(follower)
    written = b""
    while True:
        try:
            piece = os.read(leader, 65536)
        except OSError:  # Linux's way of saying that the other end is closed
            break
        if not piece:
            break
        written += piece
    child.wait(timeout=60)
    os.close(leader)
    return written.decode().replace("\r\n", "\n")


def test_a_terminal_gets_colour_with_text_that_can_be_read_on_it():
    text = on_a_terminal(["demo"], 100)
    assert "\x1b[" in text
    assert "38;5;16;48;5" in text or "38;5;15;48;5" in text or "38;2;" in text


@pytest.mark.parametrize("environment", [{"NO_COLOR": "1"}, {"TERM": "dumb"}], ids=["NO_COLOR", "a dumb terminal"])
def test_colour_can_be_refused(environment):
    assert "\x1b[" not in on_a_terminal(["demo"], 100, **environment)


def test_colour_can_be_forced_into_a_pipe(process):
    assert "\x1b[" in process("demo", env={"FORCE_COLOR": "1"}).out
    assert "\x1b[" not in process("demo").out


@pytest.mark.parametrize("columns", [40, 60, 80, 200])
def test_a_table_fits_the_terminal(columns):
    q = "; ".join(" ".join(str((i * j) % 7) for j in range(3)) for i in range(30))
    text = on_a_terminal(["run", "1 2 3; 4 5 6", q], columns, NO_COLOR="1")
    table = text[text.index("weights") :].splitlines()[1:]
    assert max(map(len, table)) <= columns
    assert "*" in text


def test_python_dash_m_is_the_same_program(process):
    assert process("--version").out.startswith("attncli ")


def test_a_bug_is_reported_as_one(monkeypatch, run):
    import attncli.problem.prepare

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("broken on purpose")

    monkeypatch.setattr(attncli.problem.prepare, "prepare", broken)
    ran = run("run", "1 2", "1 2")
    assert ran.status == 70
    assert ran.err.startswith("error: attncli: a bug, RuntimeError: broken on purpose")


def test_few_queries_and_many_keys_are_turned_rather_than_cut_on_a_narrow_terminal(pytestconfig):
    text = on_a_terminal(["run", str(pytestconfig.rootpath / "examples" / "car.yaml")], 60, NO_COLOR="1")
    table = text[text.index("weights (") : text.index("output (")]
    assert "transposed: a column for each query" in table.replace("\n", " ")
    assert [line.split()[-1] for line in table.splitlines() if line.startswith(("4 wheels", "3 wheels", "Σ"))] == [
        "0.1519",
        "0.1885*",
        "1.0000",
    ]
