"""How tests run attncli: in this process for speed, or as a real process for pipes, signals and exit statuses."""

from __future__ import annotations

import gc
import io
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import amount
import pytest
from hypothesis import settings

from attncli.check.search import diagnosis
from attncli.cli.main import run_cli
from attncli.threads import usable_cores

# how long an example takes says only how busy the machine is; the suite tries the same examples at every run, and
# `pytest --hypothesis-profile search` others
settings.register_profile("search", deadline=None, max_examples=1000)
for name, count in (("suite", 34), ("thorough", 100)):
    settings.register_profile(name, deadline=None, derandomize=True, database=None, max_examples=count)
settings.load_profile("suite")

EXAMPLES = Path(__file__).parent.parent / "examples"
ALLOCATIONS = 10_000  # between two searches for garbage; Python's own number is 700
MOST_WORKERS = 6  # each imports and collects everything for itself, some 300 MB
# what the developer's own shell says about colour, buffers and engines must not decide a test
SETTINGS_OF_A_SHELL = (
    *("PYTHONUNBUFFERED", "NO_COLOR", "FORCE_COLOR", "COLUMNS"),
    *("ATTNCLI_ENGINE", "ATTNCLI_DEBUG", "ATTNCLI_THREADS"),
)
LIBRARIES = {"safetensors": "safetensors", "bfloat16": "ml_dtypes"}  # a word in the name of a test: what it needs


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--thorough",
        action="store_true",
        help="try every case and example",
    )


def pytest_configure(config: pytest.Config) -> None:
    heed_signals()
    for name in SETTINGS_OF_A_SHELL:
        os.environ.pop(name, None)
    if config.getoption("thorough"):
        amount.share = 1
        if config.getoption("--hypothesis-profile", None) is None:
            settings.load_profile("thorough")
    config.addinivalue_line(
        "markers", "sampled(step): one case in `step` is tried, from the first on; --thorough tries them all"
    )


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """One worker for each core that may be used; more of them slow each other down."""
    return min(usable_cores(), MOST_WORKERS)


def heed_signals() -> None:
    """Let processes of the tests end by signals that the suite ignores, as it does behind `nohup` or `&`: what is
    ignored is inherited, a function is not."""
    for name in ("SIGINT", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, lambda *_: None)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Leave modules and thousands of tests, which stay to the end, out of every search for garbage, and search less
    often: it takes a tenth of the suite's time otherwise."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.set_threshold(ALLOCATIONS)
        gc.enable()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    leave_out_cases(config, items)
    skip_what_needs_libraries(items)


def leave_out_cases(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep one case in `step` of those cases of each test that are marked sampled."""
    seen: Counter[str] = Counter()
    kept, left_out = [], []
    for item in items:
        marker = item.get_closest_marker("sampled")
        test = item.nodeid.partition("[")[0]
        is_kept = marker is None or config.getoption("thorough") or seen[test] % marker.args[0] == 0
        seen[test] += marker is not None
        (kept if is_kept else left_out).append(item)
    items[:] = kept
    config.hook.pytest_deselected(items=left_out)


def skip_what_needs_libraries(items: list[pytest.Item]) -> None:
    """Without the extra tensors, nothing of its two libraries can be tested."""
    missing = [name for name, library in LIBRARIES.items() if find_spec(library) is None]
    for item in items:
        if any(name in item.nodeid for name in missing):
            item.add_marker(pytest.mark.skip(reason="needs the extra tensors"))


@pytest.fixture(scope="session")
def sample(request: pytest.FixtureRequest) -> Callable[..., Sequence[Any]]:
    """`sample(cases, 3)`: one case in three, from the first or from `first` on; with --thorough all of them."""

    def kept(cases: Sequence[Any], step: int, first: int = 0) -> Sequence[Any]:
        return cases if request.config.getoption("thorough") else cases[first % step :: step]

    return kept


@pytest.fixture(params=["alone", pytest.param("among all", marks=pytest.mark.sampled(4))])
def search_for(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """`search_for("no-mask")`: from here on `check` tries the slips of this name, and one that every problem can have,
    as if there were no others, which takes a tenth of the time; in a sample of the cases all of them."""

    def narrow(name: str) -> None:
        if request.param == "alone":
            names = {*name.split("+"), "no-softmax"}
            monkeypatch.setattr(diagnosis, "SLIPS", [slip for slip in diagnosis.SLIPS if slip.name in names])

    return narrow


class Ran(NamedTuple):
    """What a command left behind."""

    status: int
    out: str
    err: str


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., Ran]:
    """`run("run", "q.csv", …, input=b"")`: the command line in this process."""

    def command(*arguments: str | os.PathLike[str], input: bytes | None = None) -> Ran:
        capsys.readouterr()
        with pytest.MonkeyPatch.context() as patch:
            if input is not None:
                patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(input)))
            status = run_cli([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        return Ran(status, out, err)

    return command


@pytest.fixture
def run_all(run: Callable[..., Ran], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[Ran]]:
    """`run_all([["run", "q.csv", …], …], input=b"")`: commands in turn in `tmp_path`, each with this standard input."""

    def commands(lines: Iterable[Iterable[str]], input: bytes | None = None) -> list[Ran]:
        monkeypatch.chdir(tmp_path)
        return [run(*words, input=input) for words in lines]

    return commands


@pytest.fixture
def process() -> Callable[..., Ran]:
    """`process("run", …, input=b"")`: the command line as a process of its own."""

    def command(*arguments: str | os.PathLike[str], input: bytes = b"", **options: object) -> Ran:
        environment = {**os.environ, "PYTHONUTF8": "1", **dict(options.pop("env", {}))}  # type: ignore[call-overload]
        ran = subprocess.run(
            [sys.executable, "-m", "attncli", *map(str, arguments)],
            input=input,
            capture_output=True,
            env=environment,
            timeout=60,
            **options,  # type: ignore[call-overload]
        )
        return Ran(ran.returncode, ran.stdout.decode(), ran.stderr.decode())

    return command
