"""The same command gives the same bits whatever the number of threads, and the caller's threads stay as they were."""

import ast
import os
import subprocess
import sys
import threading

import numpy as np
import pytest
from printed_bits import printed_under

from attncli.api import attend
from attncli.engine import block_height, compute
from attncli.engine.plan import plan_for, tasks_of
from attncli.errors import UsageError

RESULTS = ("raw_scores", "scores", "weights", "output", "lse")


def results_of(problem, names, **options):
    shapes = problem.shapes()
    arrays = {name: np.zeros(shapes[name], problem.dtype) for name in names}
    compute(problem, arrays, **options)
    return arrays


def random_problem(*lead, n=600, m=700, d=16, dtype="float32", loud=1.0, **settings):
    source = np.random.default_rng(5)
    queries, keys, values = (source.standard_normal((*lead, rows, d)).astype(dtype) for rows in (n, m, m))
    return attend(queries * loud, keys, values, **settings).problem


PROBLEMS = {
    "plain": random_problem(),
    "float64": random_problem(dtype="float64"),
    "scores that need a shift": random_problem(loud=50.0),
    "causal": random_problem(causal=True),
    "window and offset": random_problem(window=(30, 5), query_offset=17),
    "laplace": random_problem(variant="laplace", n=150, m=300),
    "cosine": random_problem(variant="cosine"),
    "many small parts": random_problem(40, 30, n=5, m=7, d=3),
    "lengths": random_problem(3, n=300, m=310, key_lengths=[7, 310, 100]),
    "softcap": random_problem(softcap=2.0),
    "parts that are gathered together": random_problem(2, 16, n=300, m=310, d=8, key_lengths=[310, 40], causal=True),
}


@pytest.mark.parametrize("problem", PROBLEMS.values(), ids=PROBLEMS.keys())
@pytest.mark.parametrize("names", [("output",), RESULTS], ids=["output", "everything"])
def test_one_two_and_seven_threads_give_the_same_bits(problem, names, engine):
    once, twice, often = (results_of(problem, names, threads=threads, engine=engine) for threads in (1, 2, 7))
    for name in names:
        assert once[name].tobytes() == twice[name].tobytes() == often[name].tobytes(), name


@pytest.mark.parametrize("problem", PROBLEMS.values(), ids=PROBLEMS.keys())
@pytest.mark.parametrize("names", [("output",), RESULTS], ids=["output", "everything"])
def test_rows_that_start_at_a_block_have_the_bits_they_have_in_the_whole(problem, names, engine):
    whole = results_of(problem, names, engine=engine)
    height = block_height(problem, names, engine)
    parts = {name: np.zeros_like(whole[name]) for name in names}
    for start in range(0, problem.n, height):
        compute(problem, parts, rows=range(start, min(start + height, problem.n)), engine=engine)
    for name in names:
        assert whole[name].tobytes() == parts[name].tobytes(), name


@pytest.mark.parametrize("name", ["plain", "laplace", "causal"])
def test_an_lse_asked_for_too_changes_no_bit_of_the_output(name, engine):
    alone, beside = (results_of(PROBLEMS[name], names, engine=engine) for names in (("output",), ("output", "lse")))
    assert alone["output"].tobytes() == beside["output"].tobytes()


OF_EACH_KEY = np.random.default_rng(6).standard_normal((2, 1, 600))


@pytest.mark.parametrize(
    ("parts", "options"),
    [
        (3, {"causal": True}),
        (3, {"causal": True, "query_offset": -40}),
        (3, {"window": "7,3"}),
        (3, {"key_lengths": [500, 9, 70]}),
        (2, {"key_lengths": [500, 9]}),
        (2, {"causal": True, "mask": OF_EACH_KEY > 0}),
        (2, {"causal": True, "bias": OF_EACH_KEY}),
    ],
)
def test_a_part_has_the_bits_that_it_has_alone(parts, options, engine):
    """Masks are kept from one part to the next where they are the same."""
    problem = random_problem(parts, n=700, m=600, **options)
    whole = results_of(problem, ("output",), engine=engine)["output"]
    for number in range(problem.parts):
        alone = results_of(problem.isolate_part(number), ("output",), engine=engine)["output"]
        assert whole[number].tobytes() == alone.tobytes()


def test_every_query_of_every_part_is_in_one_task():
    for problem in PROBLEMS.values():
        for names in (("output",), RESULTS):
            found = [
                (part, row)
                for task in tasks_of(problem, plan_for(problem, names), range(problem.n), range(problem.parts))
                for part in task.parts
                for row in task.rows
            ]
            assert sorted(found) == [(part, row) for part in range(problem.parts) for row in range(problem.n)]


PRINT_BITS = """
import hashlib, numpy as np
from attncli import attend
source = np.random.default_rng(7)
digest = hashlib.sha256()
for n, m, d in [(2, 3, 2), (20, 20, 16), (90, 90, 40), (600, 500, 64)]:
    for dtype in ("float32", "float64"):
        queries, keys, values = (source.standard_normal((rows, d)).astype(dtype) for rows in (n, m, m))
        result = attend(queries, keys, values, causal=True)
        digest.update(result.output.tobytes() + result.weights.tobytes())
print(digest.hexdigest())
"""


def test_environment_variables_for_threads_change_no_bit():
    settings = [{}, {"OPENBLAS_NUM_THREADS": "1"}, {"OPENBLAS_NUM_THREADS": "7"}, {"ATTNCLI_THREADS": "3"}]
    printed = printed_under(PRINT_BITS, settings)
    assert len(printed) == 1


def test_the_callers_blas_threads_are_as_they_were_also_after_an_error(engine):
    from threadpoolctl import threadpool_info, threadpool_limits

    def blas_threads():
        return [library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"]

    _ = results_of(PROBLEMS["plain"], ("output",), engine=engine)  # loads what it needs
    needed = {"numpy": 1, "numba": 2}[engine]  # SciPy brings a BLAS of its own
    with threadpool_limits(2, user_api="blas"):
        before = blas_threads()
        assert 1 not in before
        _ = results_of(PROBLEMS["plain"], ("output",), engine=engine)
        assert blas_threads() == before

        class Broken:
            def __setitem__(self, where, block):
                assert blas_threads().count(1) >= needed
                raise OSError("the disk is full")

        with pytest.raises(OSError, match="the disk is full"):
            compute(PROBLEMS["plain"], {"output": Broken()}, engine=engine)
        assert blas_threads() == before


LOADED_LATER = """
import numpy as np
from threadpoolctl import threadpool_info
from attncli import attend
from attncli.engine import compute

def threads():
    return {library["num_threads"] for library in threadpool_info()}

class Within:
    def __setitem__(self, where, block):
        print(threads())
        if not done:
            done.append(True)
            compute(problem, {"output": Within()}, engine="numba")
            print(threads())

done = []
problem = attend(*np.ones((3, 40, 30)), engine="numpy").problem
before = threads()
compute(problem, {"output": Within()}, engine="numpy", threads=1)
print(threads() == before)
"""


def test_a_blas_that_is_loaded_during_a_calculation_keeps_to_one_thread_too():
    pytest.importorskip("numba")
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "2"}
    command = [sys.executable, "-c", LOADED_LATER]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == "{1}\n{1}\n{1}\nTrue\n"


STARTED = """
import sys
from contextlib import suppress
from attncli.__main__ import main
sys.argv = ["attncli", "run", "1 0", "1 0", "-q", "-o", sys.argv[1]]
with suppress(SystemExit):
    main()
from threadpoolctl import threadpool_info
print([library["num_threads"] for library in threadpool_info() if library["internal_api"] == "openblas"])
"""


@pytest.mark.parametrize(("given", "threads"), [({}, 1), ({"OPENBLAS_NUM_THREADS": "2"}, 2)])
def test_the_program_starts_no_threads_of_blas_unless_it_is_told_to(tmp_path, given, threads):
    environment = {name: value for name, value in os.environ.items() if name != "OPENBLAS_NUM_THREADS"} | given
    command = [sys.executable, "-c", STARTED, str(tmp_path / "o.npy")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    found = ast.literal_eval(done.stdout.splitlines()[-1])
    if not found:
        pytest.skip("needs a NumPy with OpenBLAS")
    assert found == [threads] * len(found)


def test_as_many_threads_work_at_once_as_the_environment_says(monkeypatch):
    monkeypatch.setenv("ATTNCLI_THREADS", " 3 ")
    met, threads = threading.Barrier(3, timeout=20), []

    class Meeting:
        def __setitem__(self, where, block):
            threads.append(threading.get_ident())
            met.wait()

    compute(random_problem(n=6 * 512, m=20, d=2), {"output": Meeting()}, engine="numpy")
    assert len(threads) == 6
    assert len(set(threads)) == 3


def test_threads_are_used_again():
    problem = random_problem(n=2000, m=20, d=2)
    for _ in range(3):
        results_of(problem, ("output",), threads=3)
    before = threading.active_count()
    for _ in range(5):
        results_of(problem, ("output",), threads=3)
    assert threading.active_count() == before


def test_no_task_is_lost_where_an_error_is_being_handled():
    problem = random_problem(n=3000, m=20, d=2)
    right = results_of(problem, ("output",), threads=1)["output"]
    try:
        raise ValueError("this")
    except ValueError:
        found = results_of(problem, ("output",), threads=3)["output"]
    assert found.tobytes() == right.tobytes()


FORKED = """
import os, numpy as np
from attncli import attend

arrays = np.random.default_rng(1).standard_normal((3, 2000, 20))
before = attend(*arrays).output
child = os.fork()
if not child:
    os._exit(0 if np.array_equal(attend(*arrays).output, before) else 1)
print(os.waitpid(child, 0)[1])
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes don't fork here")
def test_a_forked_process_starts_threads_of_its_own():
    environment = {**os.environ, "ATTNCLI_THREADS": "3"}
    command = [sys.executable, "-W", "ignore", "-c", FORKED]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "0\n"


@pytest.mark.parametrize("text", ["0", "1025", "-1", "two", "1.0", "²", "9" * 5000])
def test_what_is_not_a_number_of_threads_is_refused(text, monkeypatch):
    monkeypatch.setenv("ATTNCLI_THREADS", text)
    with pytest.raises(UsageError) as caught:
        _ = attend([[1.0]], [[1.0]]).weights
    assert str(caught.value) == f"ATTNCLI_THREADS: {text!r} is not a number of threads"
    assert caught.value.hint == "a whole number from 1 to 1024"


@pytest.mark.parametrize("text", ["", " ", "1", "00002", "1024"])
def test_no_number_and_the_ends_of_the_range_are_numbers_of_threads(text, monkeypatch):
    monkeypatch.setenv("ATTNCLI_THREADS", text)
    assert attend([[1.0]], [[1.0]]).weights.tolist() == [[1.0]]


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="threads can't be told where to run")
def test_every_thread_may_run_where_its_caller_may():
    found = []

    class Asking:
        def __setitem__(self, where, block):
            found.append(os.sched_getaffinity(0))

    every = os.sched_getaffinity(0)
    try:
        for allowed in (every, {min(every)}, every):
            os.sched_setaffinity(0, allowed)
            compute(random_problem(n=4000, m=20, d=2), {"output": Asking()}, threads=3)
            assert found == [allowed] * 8
            found.clear()
    finally:
        os.sched_setaffinity(0, every)


def test_progress_counts_every_row_once_on_the_calling_thread():
    told, here = [], threading.get_ident()

    def progress(rows):
        assert threading.get_ident() == here
        told.append(rows)

    problem = PROBLEMS["lengths"]
    results_of(problem, ("output",), threads=3, progress=progress)
    assert sum(told) == problem.parts * problem.n


def test_small_work_imports_no_thread_machinery():
    code = (
        "import sys; from attncli import attend; attend([[1, 0], [0, 1]], [[1, 0], [0, 1]], [[1], [2]]).compute();"
        "print([name for name in ('threadpoolctl', 'concurrent.futures', 'numba') if name in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
