"""Faults that the system makes: full disks, closed pipes, signals, headers that lie, devices, limits."""

from __future__ import annotations

import os
import random
import resource
import signal
import struct
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

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
    "q.safetensors": (tensors() + bytes(16), "the header is no description of the bytes behind it"),
}


@pytest.mark.parametrize("name", CLAIMS)
def test_200_gb_that_a_header_claims_are_not_believed(folder, run, name):
    data, what = CLAIMS[name]
    (folder / name).write_bytes(data)
    assert run("run", name, name) == (2, "", f"error: {name}: {what}\nhint: {DAMAGED}\n")


def limited(bytes_):
    return lambda: resource.setrlimit(resource.RLIMIT_AS, (bytes_, bytes_))


@pytest.mark.parametrize("name", ["q.npy", "q.csv"])
def test_a_sparse_file_of_200_gb_is_told_to_be_too_large(folder, process, name):
    with (folder / name).open("wb") as file:
        file.write(header())
        file.truncate(len(header()) + 200_000_000_000)
    ran = process("run", name, name, preexec_fn=limited(4 << 30))
    assert ran == (2, "", f"error: {name}: does not fit into memory\n")


def test_a_calculation_beyond_the_limit_of_memory_is_an_error(process):
    np.save("q.npy", np.zeros((9000, 4)))
    ran = process("run", "q.npy", "q.npy", "-q", "-w", "w.npz", preexec_fn=limited(1 << 29))
    hint = "fewer results at once: --show output, or -q -o FILE.npy"
    assert ran == (2, "", f"error: memory: not enough of it for this problem\nhint: {hint}\n")
    assert os.listdir() == ["q.npy"]  # noqa: PTH208


def test_standard_input_without_an_end_is_refused():
    with open("/dev/zero", "rb") as zeros:  # noqa: PTH123
        ran = subprocess.run([*ATTNCLI, "run", "-", "1"], stdin=zeros, capture_output=True, timeout=60)
    assert (ran.returncode, ran.stderr) == (2, b"error: standard input: is a device without an end\n")


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


def test_at_whatever_moment_a_signal_comes_every_file_is_whole(folder):
    generator = np.random.default_rng(0)
    for name in "qkv":
        np.save(f"{name}.npy", generator.standard_normal((2100, 4)))
    words = [*ATTNCLI, "run", "q.npy", "k.npy", "v.npy", "-q", "--force", "-o", "o.npz", "-w", "w.npy"]
    begin = time.monotonic()
    subprocess.run(words, check=True, capture_output=True)
    duration = time.monotonic() - begin
    right = {name: (folder / name).read_bytes() for name in ("o.npz", "w.npy")}
    moments = random.Random(3)
    # while Python itself starts or ends it answers in its own ways: 1 or the signal's
    for number, statuses in [(signal.SIGINT, (0, 130, 1, -2)), (signal.SIGTERM, (0, 143, -15))] * 4:
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


# in a process of its own, what happens to a file is done just when half of it is read: after `HALF`
MEANWHILE = """
import builtins, io, os, sys
from attncli.cli import main
HALF = 5000
class Read(io.BufferedReader):
    def read(self, size=-1):
        start = super().read(HALF)
        {}
        return start + super().read(size)
opened = builtins.open
builtins.open = lambda path, *rest: Read(io.FileIO(path)) if str(path) == sys.argv[2] else opened(path, *rest)
sys.exit(main(sys.argv[1:]))
"""
REPLACED = "os.rename('other', sys.argv[2])"
CHANGES = [
    "os.truncate(sys.argv[2], HALF)",
    "os.truncate(sys.argv[2], 100)",
    "os.truncate(sys.argv[2], 0)",
    "opened(sys.argv[2], 'wb').write(opened('other', 'rb').read())",
    "opened(sys.argv[2], 'ab').write(b'0,0,0,0\\n')",
]


def rewritten(name, change):
    if name == "q.npy":
        np.save(name, np.ones((1000, 4)))
    else:
        Path(name).write_text("1,1,1,1\n" * 2000)
    Path("other").write_text("2,2,2,2\n" * 2000)
    words = ["run", name, "1 1 1 1", "-q", "-w", "/dev/stdout"]
    return subprocess.run([sys.executable, "-c", MEANWHILE.format(change), *words], capture_output=True, text=True)


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("name", ["q.csv", "q.npy"])
def test_a_file_that_is_written_while_it_is_read_is_told(name, change):
    ran = rewritten(name, change)
    told = f"error: {name}: was changed while it was read\nhint: once more, when it is written\n"
    assert (ran.returncode, ran.stdout, ran.stderr) == (2, "", told)


@pytest.mark.parametrize("name", ["q.csv", "q.npy"])
def test_a_file_that_is_replaced_while_it_is_read_is_the_old_one(name):
    ran = rewritten(name, REPLACED)
    assert (ran.returncode, ran.stdout) == (0, "1.0\n" * (1000 if name == "q.npy" else 2000))


def limited_files(bytes_):
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (bytes_, bytes_))


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_standard_output_that_takes_a_part_only_is_told(folder, unbuffered):
    command = [*ATTNCLI, "run", "1 0; 0 1", "1 0; 0 1"]
    with (folder / "out").open("wb") as out:
        ran = subprocess.run(
            command,
            stdout=out,
            stderr=subprocess.PIPE,
            preexec_fn=limited_files(100),
            env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
        )
    assert (ran.returncode, ran.stderr) == (2, b"error: standard output: file too large\n")


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
def test_a_current_folder_that_is_gone_is_told(process, words):
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
