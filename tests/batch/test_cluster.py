"""The same jobs on a Dask cluster: a real scheduler and real workers, on 127.0.0.1."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import time
from importlib.util import find_spec

import numpy as np
import pytest
from batch.runs import batch, lines, make_problems, start, state, wait_for

from attncli import __version__
from attncli.batch.cluster import START, Cluster, connect, refuse_other_servers
from attncli.errors import MissingExtraError, OutputError, UsageError, install_command

pytestmark = pytest.mark.skipif(find_spec("distributed") is None, reason="needs the extra dask")

SLOWER = """\
import time
import attncli.batch.worker as worker
done = worker.finish_job
def slow(job, options):
    time.sleep(0.05)
    return done(job, options)
worker.finish_job = slow
"""


class Dask:
    """A scheduler, and workers that are started when a test asks for them; everything ends with the module."""

    def __init__(self, folder):
        self.folder, self.workers = folder, []
        self.scheduler = self.launch("scheduler", "--port", "0", "--scheduler-file", "scheduler.json")
        wait_for(lambda: self.address)

    @property
    def address(self):
        """None until the scheduler has written all of its file."""
        try:
            return json.loads((self.folder / "scheduler.json").read_text())["address"]
        except (FileNotFoundError, json.JSONDecodeError):
            return None

    def have(self, count):
        """Start or end workers, until the scheduler knows of that many."""
        self.workers = [worker for worker in self.workers if worker.poll() is None]
        while len(self.workers) > count:
            worker = self.workers.pop()
            worker.terminate()
            worker.wait()
        while len(self.workers) < count:
            words = ["--scheduler-file", "scheduler.json", "--nthreads", "1", "--no-nanny", "--death-timeout", "60"]
            self.workers.append(self.launch("worker", *words, "--local-directory", str(self.folder)))
        with self.client() as client:
            wait_for(lambda: len(client.nthreads()) == count)

    def execute(self, text):
        """Have every worker do what the text of a program says."""
        with self.client() as client:
            client.run(exec, text, {})

    def client(self):
        from distributed import Client

        return Client(self.address, timeout=30, set_as_default=False)

    def launch(self, what, *words):
        return subprocess.Popen(
            [sys.executable, "-m", "dask", what, "--host", "127.0.0.1", "--no-dashboard", *words],
            cwd=self.folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def stop(self):
        for process in (*self.workers, self.scheduler):
            process.kill()
            process.wait()


@pytest.fixture(scope="module")
def dask(tmp_path_factory):
    cluster = Dask(tmp_path_factory.mktemp("dask"))
    yield cluster
    cluster.stop()


@pytest.fixture
def run_there(run, dask, monkeypatch):
    """`run_there("run", …)`: a command in this process that computes on the cluster."""
    monkeypatch.setattr("logging.disable", lambda: None)  # for a process that ends with the run
    return lambda *words: run(*words, "--dask", dask.address)


def test_a_cluster_gives_the_same_results_though_one_of_its_workers_is_killed(
    tmp_path, dask, run, run_there, batch_here
):
    make_problems(tmp_path / "problems", 60, bad={7})
    dask.have(2)
    dask.execute(SLOWER)
    assert batch_here("problems", "-d", "quiet", "-j", 1, cwd=tmp_path)[0] == 1
    process = start("problems", "-d", "out", "--dask", dask.address, cwd=tmp_path)
    wait_for(lambda: (tmp_path / "out" / "results.jsonl").exists() and len(lines(tmp_path / "out")) > 15)
    dask.workers[0].kill()
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 1
    assert out.startswith("60 jobs: 59 ok, 1 failed; ")
    assert state(tmp_path / "out") == state(tmp_path / "quiet")

    # one problem, split by blocks of queries
    random = np.random.default_rng(0)
    arrays = {name: random.normal(size=(1500, 16)).astype(np.float32) for name in "qkv"}
    np.savez(tmp_path / "large.npz", **arrays)
    words = ["run", "large.npz", "--causal", "-q"]
    assert run(*words, "-o", "here.npz", "-w", "here.npz").status == 0
    assert run_there(*words, "-o", "there.npz", "-w", "there.npz").status == 0
    assert (tmp_path / "here.npz").read_bytes() == (tmp_path / "there.npz").read_bytes()


def test_heads_in_another_layout_are_split_and_put_together_there(
    tmp_path, dask, run, run_there, batch_here, monkeypatch
):
    random = np.random.default_rng(1)
    shapes = {"q": (2, 700, 4, 8), "k": (2, 700, 2, 8), "v": (2, 700, 2, 5)}
    last = {name: random.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}
    first = {name: array.swapaxes(1, 2) for name, array in last.items()}
    (tmp_path / "problems").mkdir()
    dask.have(2)
    monkeypatch.chdir(tmp_path)
    # transformers takes the heads first, and returns them last
    for words, arrays in ((["--layout", "heads-last"], last), (["--as", "transformers"], first)):
        np.savez(tmp_path / "problems" / "heads.npz", **arrays)
        settings = [*words, "--causal", "--sink", "0,1,2,3", "--alibi"]
        here, there = (
            ["run", "problems/heads.npz", *settings, "-o", name, "-w", name, "--lse", name, "-q", "--force"]
            for name in ("here.npz", "there.npz")
        )
        assert run(*here).status == 0
        assert run_there(*there).status == 0
        assert (tmp_path / "here.npz").read_bytes() == (tmp_path / "there.npz").read_bytes()
        output, weights = (np.load(tmp_path / "there.npz")[name] for name in ("output", "weights"))
        assert (output.shape, weights.shape) == ((2, 700, 4, 5), (2, 4, 700, 700))
    assert batch("problems", "-d", "there", *settings, "--dask", dask.address, cwd=tmp_path)[0] == 0
    assert batch_here("problems", "-d", "here", *settings, "-j", 1, cwd=tmp_path)[0] == 0
    assert state(tmp_path / "here") == state(tmp_path / "there")


# this test and the next take a worker that the ones before have left: to start one takes longer
def test_a_worker_is_not_a_scheduler(dask):
    dask.have(1)
    with dask.client() as client:
        (address,) = client.nthreads()
    with pytest.raises(OutputError) as error:
        refuse_other_servers(address)
    assert str(error.value) == f"--dask {address}: a Dask worker answers there, not a scheduler"
    assert error.value.hint == START


FAULTS = {
    "hidden": "import os; exists = os.path.exists; os.path.exists = lambda path: path != {path!r} and exists(path)",
    "version": "import attncli; attncli.__version__ = '9.9.9'",
    "missing": """\
import sys
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "attncli":
            raise ModuleNotFoundError("No module named 'attncli'")
sys.meta_path.insert(0, Missing())
for name in [name for name in sys.modules if name.partition(".")[0] == "attncli"]:
    del sys.modules[name]
""",
}


def test_a_worker_that_could_not_do_the_jobs_is_refused_before_any_runs(tmp_path, dask, monkeypatch):
    monkeypatch.setattr("logging.disable", lambda: None)  # for a process that ends with the run
    path = str(tmp_path / "p.npz")
    (tmp_path / "p.npz").write_bytes(b"")
    dask.have(1)
    Cluster(dask.address, [path]).stop()
    for fault, what, hint in (
        (
            "hidden",
            f"it does not see {path}",
            "the machines of a cluster must share one file system, with the same paths",
        ),
        ("version", f"it has attncli 9.9.9, but this is {__version__}", f"pip install attncli=={__version__}"),
        ("missing", "attncli is not installed there", "pip install 'attncli[dask]'"),
    ):
        dask.execute(FAULTS[fault].format(path=path) if fault == "hidden" else FAULTS[fault])
        with pytest.raises(OutputError) as error:
            Cluster(dask.address, [path])
        where, _, said = str(error.value).rpartition("worker tcp://127.0.0.1:")[2].partition(": ")
        assert where.isdigit()
        assert (said, error.value.hint) == (what, hint)
    dask.have(0)


def test_a_cluster_without_workers_is_refused(tmp_path, dask):
    make_problems(tmp_path / "problems", 1)
    dask.have(0)
    assert batch("problems", "-d", "out", "--dask", dask.address, cwd=tmp_path) == (
        2,
        "",
        f"error: --dask {dask.address}: the scheduler has no workers\nhint: dask worker {dask.address}\n",
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


def test_what_is_not_a_scheduler_is_reported_in_time(tmp_path):
    """All at once, because most of the time is spent on waiting for an answer."""
    make_problems(tmp_path / "problems", 1)
    batched = ["batch", "problems", "-d"]
    computed = ["run", "problems/p000.npz", "-q", "-o"]
    asked = (
        ("silent", [*batched, "a"]),
        ("silent", [*computed, "o.npz"]),
        ("http", [*batched, "b"]),
        (None, [*batched, "c"]),
    )
    begin = time.monotonic()
    with contextlib.ExitStack() as stack:
        processes = []
        for behaviour, words in asked:
            address = "tcp://127.0.0.1:9" if behaviour is None else stack.enter_context(server(behaviour))
            command = [sys.executable, "-m", "attncli", *words, "--dask", address]
            process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            processes.append((address, stack.enter_context(process)))
        for behaviour in ("banner", "hanging_up", "dripping", "endless"):
            address = stack.enter_context(server(behaviour))
            with pytest.raises(OutputError) as error:
                refuse_other_servers(address)
            assert str(error.value) == f"--dask {address}: no scheduler answers there", behaviour
            assert error.value.hint == START
        for address, process in processes:
            out, err = process.communicate(timeout=120)
            what = f"error: --dask {address}: no scheduler answers there\nhint: {START}\n"
            assert (process.returncode, out, err) == (2, "", what)
    assert time.monotonic() - begin < 90


@pytest.mark.parametrize("address", ["nonsense://x", "localhost", "tcp://", "tcp://h:", "scheduler.json"])
def test_what_is_not_an_address_is_reported_without_asking_anybody(address):
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
