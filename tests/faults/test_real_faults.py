"""Faults that the system makes: full disks, closed pipes, signals, headers that lie, devices, limits."""

from __future__ import annotations

import builtins
import contextlib
import ctypes
import io
import os
import random
import resource
import signal
import struct
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from one_process import run_in_one_process

from attncli.files import is_temporary

ATTNCLI = [sys.executable, "-m", "attncli"]
HUGE = (25_000, 1_000_000)  # 200 GB of float64


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def header():
    text = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {HUGE}, }}\n".encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text


def tensors():
    text = b'{"q": {"dtype": "F64", "shape": [25000, 1000000], "data_offsets": [0, 200000000000]}}'
    return struct.pack("<Q", len(text)) + text


DAMAGED = "the file is damaged or was cut off: write it again"
CLAIMS = {
    "q.npy": (
        header() + bytes(16),
        "the header says (25000, 1000000) of float64, 200000000000 bytes, but 16 follow it",
    ),
    "q.safetensors": (tensors() + bytes(16), "the header does not describe the bytes that follow"),
}


@pytest.mark.parametrize("name", CLAIMS)
def test_200_gb_that_a_header_claims_are_not_believed(folder, run, name):
    data, what = CLAIMS[name]
    (folder / name).write_bytes(data)
    assert run("run", name, name) == (2, "", f"error: {name}: {what}\nhint: {DAMAGED}\n")


UNCACHED = {"PYTHONDONTWRITEBYTECODE": "1"}  # where files are limited, Python would cut its bytecode off


def limited(bytes_):
    return lambda: resource.setrlimit(resource.RLIMIT_AS, (bytes_, bytes_))


@pytest.mark.parametrize("name", ["q.npy", "q.csv"])
def test_a_sparse_file_of_200_gb_is_reported_as_too_large(folder, process, name):
    with (folder / name).open("wb") as file:
        file.write(header())
        file.truncate(len(header()) + 200_000_000_000)
    ran = process("run", name, name, preexec_fn=limited(4 << 30))
    assert ran == (2, "", f"error: {name}: does not fit into memory\n")


def test_a_calculation_beyond_the_limit_of_memory_is_an_error(process):
    np.save("q.npy", np.zeros((9000, 4)))  # 648 MB of gradients, which are held, in 512 MiB
    words = ("q.npy", "q.npy", "q.npy", "--grad", "ones", "--show", "d_weights", "-f", "csv")
    ran = process("run", *words, preexec_fn=limited(1 << 29))
    hint = "fewer results at once: --show output, or -q -o FILE.npy"
    assert ran == (2, "", f"error: memory: not enough of it for this problem\nhint: {hint}\n")
    assert os.listdir() == ["q.npy"]  # noqa: PTH208


PAIRS_OF_FILES = [  # the first file fits into the limit of bytes, and the second does not
    ("run q.npy q.npy q.npy -q -o o.npy -w w.npy", 1000),
    ("run q.npy q.npy q.npy -q -o o.csv --plot w.svg", 1000),
    ("explain q.npy q.npy q.npy -o o.html --play p.html", 90_000),
    ("check q.npy q.npy q.npy --expect-output q.npy --grades g.csv --junit j.xml", 200),
    ("exercise -d .", 7000),
]


@pytest.mark.parametrize(("words", "limit"), PAIRS_OF_FILES)
def test_of_several_files_none_appears_if_one_does_not_fit(run, words, limit):
    np.save("q.npy", np.ones((30, 2)))
    with limited_files_here(limit):
        ran = run(*words.split())
    assert (ran[0], ran[2].partition("\n")[0].partition(": ")[2][-14:]) == (2, "file too large")
    assert os.listdir() == ["q.npy"]  # noqa: PTH208


def test_standard_input_without_an_end_is_refused():
    with open("/dev/zero", "rb") as zeros:  # noqa: PTH123
        ran = subprocess.run([*ATTNCLI, "run", "-", "1"], stdin=zeros, capture_output=True, timeout=60)
    assert (ran.returncode, ran.stderr) == (2, b"error: standard input: is an endless device\nhint: name a file\n")


@pytest.mark.parametrize("bytes_read", [0, 1, 5000, 100_000])
def test_a_pipe_may_be_closed_at_any_point(bytes_read):
    np.save("q.npy", np.eye(150))
    child = subprocess.Popen(
        [*ATTNCLI, "run", "q.npy", "q.npy", "--full"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert len(child.stdout.read(bytes_read)) == bytes_read
    child.stdout.close()
    assert child.stderr.read() == b""
    child.stderr.close()
    assert child.wait(timeout=60) == 0


@pytest.mark.parametrize(
    ("closing", "status"), [("<&-", 0), ("2>&-", 0), (">&- 2>&- <&-", 2), ("2>/dev/full", 0), (">/dev/full 2>&-", 2)]
)
def test_closed_and_full_streams_are_survived(closing, status):
    command = f"{sys.executable} -m attncli run '1 0' '1 0' -m '0' -w w.csv {closing}"
    assert (
        subprocess.run(command, shell=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == status
    )


# while Python itself starts or ends it answers in its own ways: 1 or the signal's
ENDINGS = [(signal.SIGINT, (0, 130, 1, -2)), (signal.SIGTERM, (0, 143, -15)), (signal.SIGHUP, (0, 129, -1))]


def test_at_whatever_moment_a_signal_comes_every_file_is_whole(folder, sample):
    generator = np.random.default_rng(0)
    for name in "qkv":
        np.save(f"{name}.npy", generator.standard_normal((2100, 4)))
    words = [*ATTNCLI, "run", "q.npy", "k.npy", "v.npy", "-q", "--force", "-o", "o.npz", "-w", "w.npy"]
    begin = time.monotonic()
    subprocess.run(words, check=True, capture_output=True)
    duration = time.monotonic() - begin
    right = {name: (folder / name).read_bytes() for name in ("o.npz", "w.npy")}
    moments = random.Random(3)
    for number, statuses in ENDINGS * len(sample(range(3), 2)):
        for name in right:
            (folder / name).write_bytes(b"old")
        child = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        time.sleep(moments.uniform(0.3, 1.1) * duration)
        child.send_signal(number)
        said = child.communicate(timeout=60)[1]
        assert child.returncode in statuses, said
        assert all((folder / name).read_bytes() in (b"old", data) for name, data in right.items())
        assert not [path.name for path in folder.iterdir() if is_temporary(path.name)]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount")
def test_a_small_disk_that_fills_up_keeps_the_old_file(folder, process):
    np.save("q.npy", np.zeros((300, 4)))
    small = folder / "small"
    small.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", str(small)], capture_output=True).returncode:
        pytest.skip("mounting is not allowed here")
    try:
        (small / "w.npy").write_bytes(b"old")
        ran = process("run", "q.npy", "q.npy", "-q", "-w", "small/w.npy", "--force")
        assert ran == (2, "", "error: small/w.npy: no space left on device\n")
        assert [(path.name, path.read_bytes()) for path in small.iterdir()] == [("w.npy", b"old")]
    finally:
        subprocess.run(["umount", str(small)], check=True)


HALF = 5000  # bytes: when so many of a file are read, something happens to it


@contextlib.contextmanager
def amid_reading(name, change):
    """What is read of a file here comes in two parts, with `change` between them."""

    class Read(io.BufferedReader):
        def read(self, size=-1):
            start = super().read(HALF)
            change(name)
            return start + super().read(size)

    opened = builtins.open
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            builtins,
            "open",
            lambda path, *rest, **more: Read(io.FileIO(path)) if str(path) == name else opened(path, *rest, **more),
        )
        yield


def overwrite(name, mode, data):
    with io.FileIO(name, mode) as file:
        file.write(data)


ROWS = b"2,2,2,2\n" * 2000
CHANGES = {
    "it ends there": lambda name: os.truncate(name, HALF),
    "it ends before": lambda name: os.truncate(name, 100),
    "it is emptied": lambda name: os.truncate(name, 0),
    "it is written anew": lambda name: overwrite(name, "w", ROWS),
    "it grows": lambda name: overwrite(name, "a", b"0,0,0,0\n"),
}


def replace_file(name):
    Path("other").write_bytes(ROWS)
    Path("other").rename(name)


def read_amid(run, name, change):
    if name == "q.npy":
        np.save(name, np.ones((1000, 4)))
    else:
        Path(name).write_text("1,1,1,1\n" * 2000)
    with amid_reading(name, change):
        return run("run", name, "1 1 1 1", "-f", "csv", "--show", "weights")


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
@pytest.mark.parametrize("name", ["q.csv", "q.npy"])
def test_a_file_that_is_written_while_it_is_read_is_reported(run, name, change):
    told = f"error: {name}: was changed while it was read\nhint: run again when the file is complete\n"
    assert read_amid(run, name, change) == (2, "", told)


@pytest.mark.parametrize("name", ["q.csv", "q.npy"])
def test_a_file_that_is_replaced_while_it_is_read_is_the_old_one(run, name):
    ran = read_amid(run, name, replace_file)
    assert (ran.status, ran.out) == (0, "1.0\n" * (1000 if name == "q.npy" else 2000))


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_standard_output_that_takes_a_part_only_is_reported(folder, unbuffered):
    command = [*ATTNCLI, "run", "1 0; 0 1", "1 0; 0 1"]
    with (folder / "out").open("wb") as out:
        ran = subprocess.run(
            command,
            stdout=out,
            stderr=subprocess.PIPE,
            preexec_fn=limited_files(100),
            env={**os.environ, **UNCACHED, "PYTHONUNBUFFERED": unbuffered},
        )
    assert (ran.returncode, ran.stderr) == (2, b"error: standard output: file too large\n")


# every kind of output, and the words that write it
OUTPUTS = {
    **{f"out.{suffix}": ["run", "q.npz", "-q", "-w"] for suffix in ("csv", "tsv", "txt", "yaml", "json", "npy", "npz")},
    **{f"out.{suffix}": ["run", "q.npz", "-q", "-o"] for suffix in ("tex", "safetensors")},
    "plot.png": ["run", "q.npz", "-q", "--plot"],
    "plot.svg": ["compare", "q.npz", "-q", "--variants", "scaled", "--plot"],
    "page.html": ["explain", "q.npz", "-q", "-f", "html", "-o"],
    "report.xml": ["check", "q.npz", "-q", "--junit"],
}
NEEDS = {"plot.png": "matplotlib", "plot.svg": "matplotlib", "out.safetensors": "safetensors"}


def save_problem():
    zeros = np.zeros((9, 2))
    np.savez("q.npz", **dict.fromkeys(("queries", "keys", "values"), zeros), **{"expected.output": zeros})


@pytest.fixture(params=OUTPUTS)
def output(request):
    """The name of an output; its problem is there."""
    if request.param in NEEDS:
        pytest.importorskip(NEEDS[request.param])
    save_problem()
    return request.param


def limited_files(bytes_):
    """What limits the files of a process that begins, which needs `UNCACHED` too."""
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (bytes_, bytes_))


@contextlib.contextmanager
def limited_files_here(bytes_):
    """The same for this process, as long as it lasts."""
    before, writes_none = resource.getrlimit(resource.RLIMIT_FSIZE), sys.dont_write_bytecode
    sys.dont_write_bytecode = True
    resource.setrlimit(resource.RLIMIT_FSIZE, (bytes_, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        sys.dont_write_bytecode = writes_none


def test_a_limit_of_a_files_size_keeps_the_old_one(folder, run, process, output):
    assert run(*OUTPUTS[output], output).status == 0
    old = (folder / output).read_bytes()
    words = [*OUTPUTS[output], output, "--force"]
    with limited_files_here(len(old) // 2):
        ran = run(*words)
    assert ran == (2, "", f"error: {output}: file too large\n")
    if output in ("out.csv", "out.npz"):  # as written by rows and at once
        assert process(*words, preexec_fn=limited_files(len(old) // 2), env=UNCACHED) == ran
    assert (folder / output).read_bytes() == old
    assert sorted(os.listdir()) == sorted(["q.npz", output])  # noqa: PTH208


def test_a_limit_of_a_files_size_ends_a_batch_that_can_go_on(folder, process):
    save_problem()
    words = ["batch", "q.npz", "-d", "d"]
    where = folder / "d"
    hint = "finished jobs are kept: free some space, then run the same command with --resume"
    told = f"error: {where / 'q.npz'}: file too large\nhint: {hint}\n"
    assert process(*words, preexec_fn=limited_files(500), env=UNCACHED) == (2, "", told)
    assert [path.name for path in where.iterdir()] == ["results.jsonl"]
    assert process(*words, "--resume").status == 0
    assert sorted(path.name for path in where.iterdir()) == ["q.npz", "results.jsonl"]


def test_a_folder_where_a_file_is_expected_is_refused(folder, run, output):
    (folder / output).mkdir()
    told = f"error: {output}: is a folder; expected a file\nhint: name a file in it\n"
    assert run(*OUTPUTS[output], output, "--force") == (2, "", told)
    assert os.listdir(output) == []  # noqa: PTH208


def test_a_device_takes_whatever_is_written_and_stays(folder, run, output):
    (folder / output).symlink_to("/dev/null")
    assert run(*OUTPUTS[output], output).status == 0
    assert (folder / output).is_char_device()


def test_a_fifo_gets_what_a_file_would(folder, run, output):
    assert run(*OUTPUTS[output], output).status == 0
    right = (folder / output).read_bytes()
    (folder / output).unlink()
    os.mkfifo(output)
    with ThreadPoolExecutor() as pool:
        read = pool.submit((folder / output).read_bytes)
        assert run(*OUTPUTS[output], output).status == 0
        assert read.result(timeout=20) == right


FOLDERS = {
    ("run", "f", "1"): "f: is a folder; expected one matrix",
    ("run", "1", "f.npy"): "f.npy: is a folder; expected one matrix",
    ("run", "1", "1", "-m", "f"): "f: is a folder; expected one matrix",
    ("run", "f"): "f: a folder without q.*, the queries",
    ("run", "p.yaml"): "f.npy: is a folder; expected one matrix",
    ("check", "f"): "f: holds no problem file",
    ("check", "p.json", "--expect-output", "f"): "f: holds no file of numbers",
    ("batch", "f", "-d", "d"): "f: holds no problem file (.yaml .yml .json .npz .safetensors)",
}


@pytest.mark.parametrize("words", FOLDERS)
def test_a_folder_where_an_input_is_expected_is_reported(folder, run, words):
    (folder / "f").mkdir()
    (folder / "f.npy").mkdir()
    (folder / "p.yaml").write_text("q: f.npy\nk: [[1]]\n")
    (folder / "p.json").write_text('{"q": [[1]], "k": [[1]], "v": [[1]]}')
    ran = run(*words)
    assert (ran.status, ran.out, ran.err.partition("\n")[0]) == (2, "", f"error: {FOLDERS[words]}")


def without_roots_eyes():
    """As any other user, root may then not read what its owner has closed."""
    if os.geteuid() == 0:
        for capability in (1, 2):  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH; 24 is PR_CAPBSET_DROP
            if ctypes.CDLL(None).prctl(24, capability, 0, 0, 0):
                raise PermissionError


UNREADABLE = {
    ("run", "q.csv", "1 0"): "error: q.csv: permission denied\n",
    ("run", "p.yaml"): "error: q.csv: permission denied\n",
    ("run", "shut/q.csv", "1 0"): "error: shut/q.csv: permission denied\n",
    ("explain", "shut"): "error: shut: permission denied\n",
    ("compare", "1 0", "1 0", "-m", "q.csv"): "error: q.csv: permission denied\n",
    ("check", "p.yaml", "-q"): "error: q.csv: permission denied\n",
    ("run", "1 0", "1 0", "-q", "-w", "locked/w.csv"): "error: locked/w.csv: its folder cannot be written to\n",
    ("run", "1 0", "1 0", "-q", "-w", "shut/w.csv"): "error: shut/w.csv: permission denied\n",
    ("batch", "*/p.yaml", "-d", "d"): "error: shut: permission denied\n",
    ("batch", "**/p.yaml", "-d", "d"): "error: shut: permission denied\n",
    ("batch", "p.yaml", "-d", "locked"): "error: locked: cannot be written to\n",
    ("batch", "p.yaml", "-d", "locked/d"): "error: locked/d: permission denied\n",
}


@pytest.fixture(scope="module")
def closed(tmp_path_factory):
    """What the commands of UNREADABLE say, in turn, in one process without root's eyes."""
    folder = tmp_path_factory.mktemp("closed")
    (folder / "q.csv").write_text("1,0\n")
    (folder / "p.yaml").write_text("q: q.csv\nk: [[1, 0]]\nexpected: {weights: [[1]]}\n")
    for name, mode in (("q.csv", 0), ("shut", 0), ("locked", 0o555)):
        if not (folder / name).exists():
            (folder / name).mkdir()
        (folder / name).chmod(mode)
    try:
        ran = run_in_one_process(UNREADABLE, cwd=folder, preexec_fn=without_roots_eyes)
    except subprocess.CalledProcessError:
        raise
    except subprocess.SubprocessError:
        pytest.skip("root cannot give up what it may read here")
    finally:
        (folder / "shut").chmod(0o700)
    return dict(zip(UNREADABLE, ran, strict=True))


@pytest.mark.parametrize("words", UNREADABLE)
def test_what_may_not_be_read_or_written_is_reported(closed, words):
    assert closed[words] == (2, "", UNREADABLE[words])


def into_a_folder_that_is_gone():
    os.mkdir("gone")  # noqa: PTH102
    os.chdir("gone")
    os.rmdir("../gone")  # noqa: PTH106


GONE = {
    ("run", "1 0", "1 0", "-w", "w.csv"): "w.csv: no such file or directory",
    ("run", "1 0", "1 0", "--plot", "w.png"): "w.png: no such file or directory",
    ("batch", "p.yaml", "-d", "out"): "the current folder: no such file or directory\nhint: cd to one that exists",
}


@pytest.mark.parametrize("words", GONE)
def test_a_current_folder_that_is_gone_is_reported(process, words):
    if "--plot" in words:
        pytest.importorskip("matplotlib")
    ran = process(*words, preexec_fn=into_a_folder_that_is_gone)
    assert ran == (2, "", f"error: {GONE[words]}\n")


def test_a_fifo_is_a_source_and_a_target(folder):
    os.mkfifo("in.csv")
    os.mkfifo("out.csv")
    child = subprocess.Popen([*ATTNCLI, "run", "in.csv", "1 0; 0 1", "-q", "-w", "out.csv"], stderr=subprocess.DEVNULL)
    (folder / "in.csv").write_bytes(b"0,0\n")
    assert (folder / "out.csv").read_bytes() == b"0.5,0.5\n"
    assert child.wait(timeout=60) == 0


@pytest.mark.parametrize(
    "name", ["n" * 251 + ".csv", "a\nb.csv", "[red]x.csv", ":cat:.csv", "\udcff.csv", "\x1b[31m.csv"]
)
def test_any_name_is_a_source_and_a_target(folder, run, name):
    (folder / name).write_bytes(b"1,0\n")
    assert run("run", name, name, "-q", "-w", f"w{name[1:]}").status == 0
    assert (folder / f"w{name[1:]}").read_bytes() == b"1.0\n"
