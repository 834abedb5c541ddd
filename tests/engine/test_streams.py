"""Results that go to a file while they are computed, and what a calculation needs of memory."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from memory import PEAK, needs_peak

from attncli.api import attend
from attncli.errors import OutputError
from attncli.results.npy_sink import npy_sinks

ROOT = Path(__file__).parents[2]

PARTS = [np.random.default_rng(3).standard_normal((2, 3, rows, 4)).astype("float32") for rows in (300, 210, 210)]


def test_streamed_results_have_the_bits_of_computed_ones(tmp_path):
    paths = {name: tmp_path / f"{name}.npy" for name in ("raw_scores", "scores", "weights", "lse")}
    streamed, kept = attend(*PARTS, causal=True), attend(*PARTS, causal=True).compute()
    with npy_sinks(streamed.problem, paths) as sinks:
        streamed.compute("output", sinks=sinks)
    for name, path in paths.items():
        np.testing.assert_array_equal(np.load(path), kept.array(name))
    np.testing.assert_array_equal(streamed.output, kept.output)


def test_many_small_parts_stream_each_to_its_place(tmp_path):
    arrays = [np.random.default_rng(4).standard_normal((30, 4, 5, 3)) for _ in range(2)]
    result = attend(*arrays, dtype="float16")
    with npy_sinks(result.problem, {"weights": tmp_path / "w.npy"}) as sinks:
        result.compute(sinks=sinks)
    written = np.load(tmp_path / "w.npy")
    assert written.dtype == np.float16
    np.testing.assert_array_equal(written, result.weights)


def test_an_error_on_the_way_leaves_no_file(tmp_path):
    result = attend([[1e200, 0]], [[1e200, 1]])
    with (
        pytest.raises(Exception, match="overflows"),
        npy_sinks(result.problem, {"weights": tmp_path / "w.npy"}) as sinks,
    ):
        result.compute(sinks=sinks)
    assert list(tmp_path.iterdir()) == []


def test_an_output_is_not_streamed(tmp_path):
    with (
        pytest.raises(OutputError, match="output cannot be written while it is computed"),
        npy_sinks(attend(*PARTS).problem, {"output": tmp_path / "o.npy"}),
    ):
        pass


MEASURED = f"""{PEAK}
import sys
import numpy as np
from attncli import attend
from attncli.results.npy_sink import npy_sinks
small = np.ones((600, 64), np.float32)
attend(small, small, small).output
before = peak()
source = np.random.default_rng(1)
queries, keys, values = (source.standard_normal((8_000, 64), np.float32) for _ in range(3))
what, path = sys.argv[1:]
if what == "output":
    attend(queries, keys, values).output
else:
    result = attend(queries, keys)
    with npy_sinks(result.problem, {{"weights": path}}) as sinks:
        result.compute(sinks=sinks)
print(peak() - before)
"""


@needs_peak
@pytest.mark.parametrize(("what", "mebibytes"), [("output", 30), ("weights", 70)])
def test_memory_is_inputs_output_and_a_few_tiles(tmp_path, what, mebibytes):
    """Whole weights would be 256 MB; three inputs and an output are 8."""
    command = [sys.executable, "-c", MEASURED, what, str(tmp_path / "w.npy")]
    done = subprocess.run(
        command, capture_output=True, text=True, check=True, env={**os.environ, "ATTNCLI_THREADS": "2"}
    )
    assert float(done.stdout) < mebibytes


ENDLESS = """
import numpy as np
from attncli import attend
queries, keys = (np.broadcast_to(np.ones((1, 64), np.float32), (rows, 64)) for rows in (4_000_000, 4096))
result = attend(queries, keys, keys)
sinks = {"output": np.empty((len(queries), 64), np.float32)}
result.compute(sinks=sinks, progress=lambda rows: print("a block is done", flush=True))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="interrupts are sent otherwise there")
def test_an_interrupt_ends_long_work_at_once():
    with subprocess.Popen([sys.executable, "-c", ENDLESS], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"a block is done\n"
        begun = time.monotonic()
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
        assert time.monotonic() - begun < 5
        assert b"KeyboardInterrupt" in errors
        assert process.returncode == -signal.SIGINT


INTERRUPTED_IN_A_CALLBACK = """
import os, signal, sys, threading
import numpy as np

sent = []

def interrupt(frame, event, _):
    if event == "call" and "object_cache_notify" in frame.f_code.co_name and not sent:
        sent.append(True)
        os.kill(os.getpid(), signal.SIGINT)

from attncli.engine.compiled.compiler import Compiled

def double(row):
    for place in range(len(row)):
        row[place] *= 2

compiled = Compiled(double)
sys.setprofile(interrupt)
threading.setprofile(interrupt)
try:
    compiled(np.ones(3))
except KeyboardInterrupt:
    print(sent)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="interrupts are sent otherwise there")
def test_an_interrupt_is_not_lost_in_a_callback_of_the_compiler(tmp_path):
    pytest.importorskip("numba")
    script = tmp_path / "doubled.py"
    script.write_text(INTERRUPTED_IN_A_CALLBACK)
    command = [sys.executable, str(script)]
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.stdout == "[True]\n", done.stderr
