"""The same jobs on a Dask cluster: a real scheduler and real workers, on 127.0.0.1."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from batch.runs import batch, lines, make_problems, start, state, wait_for

from attncli import __version__
from attncli.batch.cluster import START, connect, refuse_other_servers
from attncli.errors import MissingExtraError, OutputError, UsageError, install_command

pytest.importorskip("distributed")

PATCH = """\
import os, sys, time
if "TEST_HIDDEN" in os.environ:
    exists = os.path.exists
    os.path.exists = lambda path: not str(path).endswith(os.environ["TEST_HIDDEN"]) and exists(path)
elif "TEST_VERSION" in os.environ:
    import attncli
    attncli.__version__ = os.environ["TEST_VERSION"]
elif "TEST_MISSING" in os.environ:
    class Missing:
        def find_spec(self, name, path=None, target=None):
            if name.partition(".")[0] == "attncli":
                raise ModuleNotFoundError("No module named 'attncli'")
    sys.meta_path.insert(0, Missing())
elif "TEST_SECONDS" in os.environ:
    import attncli.batch.worker as worker
    done = worker.finish_job
    def slow(job, options):
        time.sleep(float(os.environ["TEST_SECONDS"]))
        return done(job, options)
    worker.finish_job = slow
"""


class Dask:
    """A scheduler, and workers that are started one by one; everything ends with the test."""

    def __init__(self, folder):
        self.folder, self.processes = folder, []
        (folder / "patch").mkdir()
        (folder / "patch" / "sitecustomize.py").write_text(PATCH)
        self.launch("scheduler", "--port", "0", "--scheduler-file", "scheduler.json")
        wait_for(lambda: self.address)

    @property
    def address(self):
        """None until the scheduler has written all of its file."""
        try:
            return json.loads((self.folder / "scheduler.json").read_text())["address"]
        except (FileNotFoundError, json.JSONDecodeError):
            return None

    def worker(self, **environment):
        words = ["--scheduler-file", "scheduler.json", "--nthreads", "1", "--no-nanny", "--death-timeout", "60"]
        return self.launch("worker", *words, "--local-directory", str(self.folder), **environment)

    def launch(self, what, *words, **environment):
        process = subprocess.Popen(
            [sys.executable, "-m", "dask", what, "--host", "127.0.0.1", "--no-dashboard", *words],
            cwd=self.folder,
            env={**os.environ, "PYTHONPATH": str(self.folder / "patch"), **environment},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self.processes.append(process)
        return process

    def stop(self):
        for process in reversed(self.processes):
            process.kill()
            process.wait()

    def await_workers(self, count):
        from distributed import Client

        with Client(self.address, timeout=10, set_as_default=False) as client:
            client.wait_for_workers(count, timeout=30)


@pytest.fixture
def dask(tmp_path_factory):
    cluster = Dask(tmp_path_factory.mktemp("dask"))
    yield cluster
    cluster.stop()


def test_a_cluster_gives_the_same_results_though_one_of_its_workers_is_killed(tmp_path, dask):
    make_problems(tmp_path / "problems", 60, bad={7})
    first = dask.worker(TEST_SECONDS="0.05")
    dask.worker(TEST_SECONDS="0.05")
    dask.await_workers(2)
    assert batch("problems", "-d", "quiet", "-j", 1, cwd=tmp_path)[0] == 1
    process = start("problems", "-d", "out", "--dask", dask.address, cwd=tmp_path)
    wait_for(lambda: (tmp_path / "out" / "results.jsonl").exists() and len(lines(tmp_path / "out")) > 15)
    first.send_signal(signal.SIGKILL)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 1
    assert out.startswith("60 jobs: 59 ok, 1 failed; ")
    assert state(tmp_path / "out") == state(tmp_path / "quiet")

    # one problem, split by blocks of queries
    random = np.random.default_rng(0)
    arrays = {name: random.normal(size=(1500, 16)).astype(np.float32) for name in "qkv"}
    np.savez(tmp_path / "large.npz", **arrays)
    for words in (["here.npz"], ["there.npz", "--dask", dask.address]):
        files = ["-o", words[0], "-w", words[0], "--causal", "-q", *words[1:]]
        command = [sys.executable, "-m", "attncli", "run", "large.npz", *files]
        assert subprocess.run(command, cwd=tmp_path, timeout=60).returncode == 0
    assert (tmp_path / "here.npz").read_bytes() == (tmp_path / "there.npz").read_bytes()


def test_heads_in_another_layout_are_split_and_put_together_there(tmp_path, dask):
    random = np.random.default_rng(1)
    shapes = {"q": (2, 700, 4, 8), "k": (2, 700, 2, 8), "v": (2, 700, 2, 5)}
    last = {name: random.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}
    first = {name: array.swapaxes(1, 2) for name, array in last.items()}
    (tmp_path / "problems").mkdir()
    dask.worker()
    dask.worker()
    dask.await_workers(2)
    # transformers takes the heads first, and returns them last
    for words, arrays in ((["--layout", "heads-last"], last), (["--as", "transformers"], first)):
        np.savez(tmp_path / "problems" / "heads.npz", **arrays)
        settings = [*words, "--causal", "--sink", "0,1,2,3", "--alibi"]
        for name, where in (("here", []), ("there", ["--dask", dask.address])):
            files = ["-o", f"{name}.npz", "-w", f"{name}.npz", "--lse", f"{name}.npz", "-q", "--force"]
            command = [sys.executable, "-m", "attncli", "run", "problems/heads.npz", *settings, *files, *where]
            assert subprocess.run(command, cwd=tmp_path, timeout=60).returncode == 0
        assert (tmp_path / "here.npz").read_bytes() == (tmp_path / "there.npz").read_bytes()
        output, weights = (np.load(tmp_path / "there.npz")[name] for name in ("output", "weights"))
        assert (output.shape, weights.shape) == ((2, 700, 4, 5), (2, 4, 700, 700))
    assert batch("problems", "-d", "there", *settings, "--dask", dask.address, cwd=tmp_path)[0] == 0
    assert batch("problems", "-d", "here", *settings, "-j", 1, cwd=tmp_path)[0] == 0
    assert state(tmp_path / "here") == state(tmp_path / "there")


def refusal(tmp_path, address):
    status, out, err = batch("problems", "-d", "out", "--dask", address, cwd=tmp_path)
    assert (status, out) == (2, "")
    first, second = err.splitlines()
    return first.partition(" tcp://127.0.0.1:")[2].partition(": ")[2], second


def test_a_worker_that_could_not_do_the_jobs_is_refused_before_any_runs(tmp_path, dask):
    make_problems(tmp_path / "problems", 1)
    assert refusal(tmp_path, dask.address) == ("the scheduler has no workers", f"hint: dask worker {dask.address}")
    for environment, what, hint in (
        ({"TEST_MISSING": "1"}, "attncli is not installed there", "pip install 'attncli[dask]'"),
        (
            {"TEST_VERSION": "9.9.9"},
            f"it has attncli 9.9.9, but this is {__version__}",
            f"pip install attncli=={__version__}",
        ),
        (
            {"TEST_HIDDEN": "p000.npz"},
            f"it does not see {tmp_path}/problems/p000.npz",
            "the machines of a cluster must share one file system, with the same paths",
        ),
    ):
        worker = dask.worker(**environment)
        dask.await_workers(1)
        assert refusal(tmp_path, dask.address) == (what, f"hint: {hint}")
        worker.terminate()
        worker.wait()


def test_an_address_without_a_scheduler_is_told_at_once(tmp_path):
    make_problems(tmp_path / "problems", 1)
    status, out, err = batch("problems", "-d", "out", "--dask", "tcp://127.0.0.1:9", cwd=tmp_path)
    assert (status, out) == (2, "")
    assert err == (
        "error: --dask tcp://127.0.0.1:9: no scheduler answers there\n"
        "hint: start it with: dask scheduler, and on each machine: dask worker ADDRESS\n"
    )


SERVER = """\
import socket, sys, threading, time
def silent(peer):
    time.sleep(60)
def banner(peer):
    peer.sendall(b"SSH-2.0-OpenSSH_9.6\\r\\n")
    time.sleep(60)
def http(peer):
    peer.recv(100)
    peer.sendall(b"HTTP/1.1 400 Bad Request\\r\\nContent-Length: 0\\r\\n\\r\\n")
    time.sleep(60)
def hanging_up(peer):
    peer.close()
def dripping(peer):
    while True:
        peer.sendall(b"\\1")
        time.sleep(0.2)
def endless(peer):
    while True:
        peer.sendall(bytes(65536))
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
while True:
    threading.Thread(target=globals()[sys.argv[1]], args=listener.accept()[:1], daemon=True).start()
"""


@contextlib.contextmanager
def server(behaviour):
    """A port of this machine where something answers that is no scheduler."""
    command = [sys.executable, "-c", SERVER, behaviour]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            yield f"tcp://127.0.0.1:{process.stdout.readline().strip()}"
        finally:
            process.kill()


@pytest.mark.parametrize("behaviour", ["silent", "banner", "http", "hanging_up", "dripping", "endless"])
@pytest.mark.parametrize("command", ["batch", "run"])
def test_what_is_no_scheduler_is_said_in_time(tmp_path, behaviour, command):
    make_problems(tmp_path / "problems", 1)
    words = {
        "batch": ["batch", "problems", "-d", "out"],
        "run": ["run", "problems/p000.npz", "-o", "o.npz", "-q"],
    }[command]
    with server(behaviour) as address:
        begin = time.monotonic()
        ran = subprocess.run(
            [sys.executable, "-m", "attncli", *words, "--dask", address],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=50,
        )
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr == f"error: --dask {address}: no scheduler answers there\nhint: {START}\n"
    assert time.monotonic() - begin < 40


def test_a_worker_is_no_scheduler(dask):
    dask.worker()
    dask.await_workers(1)
    from distributed import Client

    with Client(dask.address, timeout=10, set_as_default=False) as client:
        (address,) = client.nthreads()
    with pytest.raises(OutputError) as error:
        refuse_other_servers(address)
    assert str(error.value) == f"--dask {address}: a Dask worker answers there, not a scheduler"
    assert error.value.hint == START


@pytest.mark.parametrize("address", ["nonsense://x", "localhost", "tcp://", "tcp://h:", "scheduler.json"])
def test_what_is_no_address_is_told_without_asking_anybody(address):
    with pytest.raises(UsageError) as error:
        connect(address)
    assert str(error.value) == f"--dask: '{address}' is not the address of a scheduler"
    assert error.value.hint == "as in tcp://10.0.0.1:8786"


def test_without_distributed_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(MissingExtraError) as error:
        connect("tcp://127.0.0.1:8786")
    assert (str(error.value), error.value.hint) == (
        "--dask: this needs distributed, which is not installed",
        install_command("dask"),
    )
