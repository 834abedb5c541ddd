"""Fail the n-th file operation of a command, for every n: python tools/sweep.py COMMAND… [--all | --most N]

Each trial is a fork of this process, which has imported everything already; what the trial left behind is judged by the
parent. Prints a JSON object for each command: how many faults were injected, and what was wrong after any of them.
"""

# os beside pathlib, as in the module under test; files that live as long as their process
# ruff: noqa: T201, PTH
from __future__ import annotations

import argparse
import builtins
import contextlib
import errno
import fcntl
import json
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

OPERATIONS = (
    *("open", "close", "read", "write", "pwrite", "lseek", "fsync", "fstat", "stat", "lstat", "link", "replace"),
    *("unlink", "listdir", "mkdir", "access", "chmod", "ftruncate", "posix_fallocate", "readlink", "getcwd"),
)
ERRORS = (errno.ENOSPC, errno.EIO, errno.EACCES, errno.EINTR)
KILL = -signal.SIGKILL
SUFFIXES = ("csv", "tsv", "txt", "yaml", "json", "npy", "npz", "tex", "safetensors")
RUN = ["run", "q.csv", "k.json", "v.npz", "-q"]
BATCH = ["batch", "p.yaml", "two.json", "-q", "-d", "d"]
OLD = b"old"
LOG = "d/results.jsonl"
STDOUT = "stdout"  # a file that standard output goes to


def is_report(file: bytes | None) -> bool:
    return file is not None and file.endswith(b"</testsuites>\n")


def is_gone(file: bytes | None) -> bool:
    return file is None


class Command(NamedTuple):
    """The words; the files that must be as they were, as they should be, or something that `also` allows; the words of
    the next run, where they are others; and of a run that comes first."""

    words: list[str]
    files: list[str]
    again: list[str] | None = None
    first: list[str] | None = None
    also: Callable[[bytes | None], bool] = lambda _: False


COMMANDS = {
    **{suffix: Command([*RUN, "--force", "-o", f"out.{suffix}"], [f"out.{suffix}"]) for suffix in SUFFIXES},
    "new": Command([*RUN, "-o", "new.npy"], ["new.npy"], [*RUN, "--force", "-o", "new.npy"]),
    "streamed": Command([*RUN, "--force", "-w", "w.npy"], ["w.npy"]),
    "several": Command(
        [*RUN, "--force", "-o", "out.csv", "-w", "w.npy", "-s", "both.npz", "--lse", "both.npz"],
        ["out.csv", "w.npy", "both.npz"],
    ),
    "problem": Command(["run", "p.yaml", "-q", "--force", "-o", "out.json"], ["out.json"]),
    "folder": Command(["run", ".", "-q", "--force", "-o", "out.json"], ["out.json"]),
    "plot": Command([*RUN, "--force", "--plot", "w.png"], ["w.png"]),
    "compare": Command(["compare", "p.yaml"], [STDOUT]),
    "compare-plot": Command(["compare", "p.yaml", "-q", "--force", "--plot", "w.svg"], ["w.svg"]),
    "explain": Command(["explain", "p.yaml", "-q", "--force", "-o", "page.txt"], ["page.txt"]),
    # a report says also what could not be read
    "check": Command(["check", "p.yaml", "-q", "--force", "--junit", "report.xml"], ["report.xml"], also=is_report),
    "batch": Command(BATCH, ["d/p.npz", "d/two.npz"], [*BATCH, "--resume"]),
    "manifest": Command(
        ["batch", "jobs.yaml", "-q", "-d", "d", "--save-format", "csv"],
        ["d/one.output.csv", "d/one.weights.csv"],
        ["batch", "jobs.yaml", "-q", "-d", "d", "--save-format", "csv", "--resume"],
    ),
    "resume": Command([*BATCH, "--resume"], ["d/p.npz", "d/two.npz"], first=["batch", "p.yaml", "-q", "-d", "d"]),
    # what is begun anew is taken away first
    "anew": Command([*BATCH, "--force", "-a", "dot"], ["d/p.npz", "d/two.npz"], first=BATCH, also=is_gone),
}


class Faults:
    """Counts the operations that attncli asks for, and fails the `n`-th by an errno or a kill."""

    def __init__(self, n: int, fault: int) -> None:
        self.n, self.fault, self.count, self.name = n, fault, 0, ""

    def met(self, name: str) -> bool:
        """Whether this call is the one that fails. Only those count that attncli.files asks for, through os.path or
        not: all of attncli's own."""
        frame = sys._getframe(2)
        while not frame.f_globals.get("__name__", "").startswith("attncli.files."):
            if frame.f_back is None:
                return False
            frame = frame.f_back
        self.count += 1
        if self.count != self.n:
            return False
        self.name = name
        if self.fault == KILL:
            os.kill(os.getpid(), signal.SIGKILL)
        return True

    def error(self) -> OSError:
        return OSError(self.fault, os.strerror(self.fault))

    def wrapped(self, name: str, function):
        def call(*arguments, **options):
            if self.met(name):
                if name == "close":
                    function(*arguments)  # a close that fails has closed
                raise self.error()
            return function(*arguments, **options)

        return call

    def install(self) -> None:
        for name in OPERATIONS:
            setattr(os, name, self.wrapped(name, getattr(os, name)))
        fcntl.flock = self.wrapped("flock", fcntl.flock)
        opened, faults = builtins.open, self

        def open_(path, *arguments, **options):
            if faults.met("open"):
                raise faults.error()
            file = opened(path, *arguments, **options)
            return Opened(file, faults) if sys._getframe(1).f_globals["__name__"].startswith("attncli.files.") else file

        builtins.open = open_


class Opened:
    """A file whose reads may fail."""

    def __init__(self, file, faults: Faults) -> None:
        self.file, self.faults = file, faults

    def __getattr__(self, name):
        function = getattr(self.file, name)
        if name in ("read", "readline", "seek", "write"):
            return self.faults.wrapped(name, function)
        return function

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()

    def __iter__(self):
        while line := self.readline():
            yield line


class Crew:
    """Tasks in this process, so that their operations are counted too."""

    size = 1

    def room(self, _work):
        return self.size

    def submit(self, task):
        from concurrent.futures import Future

        from attncli.batch.worker import work

        future = Future()
        try:
            future.set_result(work(task))
        except Exception as error:
            future.set_exception(error)
        return future

    def lost(self, _error):
        return False

    def look(self):
        """Nothing can be lost."""

    stop = look


def prepare(folder: Path) -> None:
    """The inputs, in every kind of source; targets that exist already."""
    import numpy as np

    (folder / "q.csv").write_text("one,two\n1,0\n0.5,1\n")
    (folder / "k.json").write_text("[[1, 0], [0, 1]]")
    np.savez(folder / "v.npz", v=np.array([[1.0, 2], [3, 4]]))
    lse = [1.1079403076572498, 1.2390215580409039]  # right: a search for slips would take most of the time
    (folder / "p.yaml").write_text(f"q: q.csv\nk: k.json\nv: v.npz\nexpected: {{lse: {lse}}}\n")
    (folder / "two.json").write_text('{"q": [[1]], "k": [[2], [3]], "v": [[1], [2]]}')
    (folder / "jobs.yaml").write_text(
        "defaults: {k: k.json}\njobs: [{name: one, q: q.csv, v: v.npz, mask: [[1, 0]]}]\n"
    )
    for name in {name for one in COMMANDS.values() for name in one.files if "/" not in name} - {"new.npy"}:
        (folder / name).write_bytes(b"" if name == STDOUT else OLD)


def warm(words: list[str], folder: Path) -> None:
    """Import here what the command needs, so that no fork has to."""
    import attncli.cli.batch
    import attncli.cli.main

    attncli.cli.batch.choose_crew = lambda *_: Crew()
    os.chdir(folder)
    attncli.cli.main.run_cli(words)


def child(words: list[str], folder: Path, faults: Faults | None) -> tuple[int, int, str, str]:
    """Status, operations counted, what was said, and the operation that failed, of the command in a fork of its own."""
    report = folder.parent / "report"
    process = os.fork()
    if not process:
        os.chdir(folder)
        with contextlib.suppress(OSError):
            os.close(0)
        said = os.open(folder.parent / "said", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.dup2(os.open(STDOUT, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), 1)
        os.dup2(said, 2)
        sys.stdout, sys.stderr = (os.fdopen(number, "w", closefd=False) for number in (1, 2))
        import attncli.cli.main

        status = 99
        written = os.open, os.write, os.close
        try:
            if faults:
                faults.install()
            status = attncli.cli.main.run_cli(words)
            sys.stdout.flush()
            sys.stderr.flush()
        finally:
            out = written[0](report, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            written[1](out, json.dumps([faults.count, faults.name] if faults else [0, ""]).encode())
            os._exit(status)
    with contextlib.suppress(FileNotFoundError):
        report.unlink()
    _, status = os.waitpid(process, 0)
    count, name = json.loads(report.read_text()) if report.exists() else (0, "")
    return os.waitstatus_to_exitcode(status), count, (folder.parent / "said").read_text(errors="replace"), name


def found(folder: Path, names: list[str]) -> list[bytes | None]:
    return [(folder / name).read_bytes() if (folder / name).exists() else None for name in names]


def temporaries(folder: Path) -> list[str]:
    from attncli.files import is_temporary

    return [str(path) for path in folder.rglob("*") if is_temporary(path.name)]


def logged(folder: Path) -> dict[str, object]:
    """What the log of a batch says of each job, but for the seconds; a line that is no whole one fails."""
    lines = (folder / LOG).read_text().splitlines() if (folder / LOG).exists() else []
    records = map(json.loads, lines)
    return {record["name"]: {**record, "seconds": None} for record in records}


def complaints(
    fault: int,
    status: int,
    said: str,
    files: list[bytes | None],
    before: list[bytes | None],
    right: list[bytes | None],
    also: Callable[[bytes | None], bool],
) -> list[str]:
    """What a command must not do after one fault."""
    wrong = []
    if status not in ((KILL,) if fault == KILL else (0, 1, 2)):
        wrong.append(f"status {status}")
    if any(one not in (old, new) and not also(one) for one, old, new in zip(files, before, right, strict=True)):
        wrong.append("a file is neither the old one nor the new one")
    if status == 0 and files != right:
        wrong.append("it says that it went well, and a file is missing")
    if status == 2:
        first = next((line for line in said.splitlines() if line.startswith("error: ")), "")
        if len(first.split(": ")) < 3 or "Traceback" in said:
            wrong.append(f"said {said!r}")
        if len(files) == 1 and files != before and not also(files[0]):
            wrong.append("it says that it failed, and the file was replaced")
    return wrong


def sweep(name: str, most: int | None) -> dict[str, object]:
    """All faults in one command: each n by each error and by a kill; or, of about `most` n, each by one error in turn
    and a kill."""
    words, names, again, first, also = COMMANDS[name]
    wrong: list[str] = []
    injected = 0
    # in memory where that can be had: a disk's own syncs would take most of the time
    with tempfile.TemporaryDirectory(dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None) as root:
        pristine = Path(root, "pristine")
        pristine.mkdir()
        prepare(pristine)
        if first is not None:
            warm(first, pristine)
            with (pristine / LOG).open("a") as log:
                log.write('{"name": "torn')
        folder = Path(root, "folder")
        shutil.copytree(pristine, folder)
        before = found(folder, names)
        warm(words, folder)
        shutil.rmtree(folder)
        shutil.copytree(pristine, folder)
        due, total, said, _ = child(words, folder, Faults(0, 0))
        right, log_due = found(folder, names), logged(folder)
        assert due in (0, 1), said
        assert total, "no operation was counted"
        assert right != before
        for n in range(1, total + 1, 1 if most is None else 1 + total // most):
            for fault in (*(ERRORS if most is None else (ERRORS[n % len(ERRORS)],)), KILL):
                shutil.rmtree(folder)
                shutil.copytree(pristine, folder)
                status, _, said, operation = child(words, folder, Faults(n, fault))
                injected += 1
                files = found(folder, names)
                here = complaints(fault, status, said, files, before, right, also)
                if status == 1 != due and os.strerror(fault).lower() not in said:
                    here.append(f"it fails for another reason: {said!r}")
                if fault != KILL and (left := temporaries(folder)):
                    here.append(f"left {left}")
                if most is None or fault == KILL:
                    status, _, said, _ = child(again or words, folder, None)
                    log = logged(folder)  # where a manifest was not read, the job that failed instead stays there
                    if status != due or found(folder, names) != right or not log.items() >= log_due.items():
                        here.append(f"the next run: status {status}, {said!r}")
                wrong += [f"{name}: operation {n} of {total}, {operation}, fails by {fault}: {one}" for one in here]
    return {"command": name, "injected": injected, "wrong": wrong}


def main() -> None:
    import attncli.results.result

    attncli.results.result.LARGE = 3  # so that small weights are streamed too
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("commands", nargs="*", choices=[*COMMANDS, []])
    parser.add_argument("--all", action="store_true", help="every n by every fault")
    parser.add_argument("--most", type=int, default=90, help="otherwise, about as many n for each command")
    given = parser.parse_args()
    reports = [sweep(name, None if given.all else given.most) for name in given.commands or COMMANDS]
    for report in reports:
        print(json.dumps(report, indent=1), flush=True)
    sys.exit(any(report["wrong"] for report in reports))


if __name__ == "__main__":
    main()
