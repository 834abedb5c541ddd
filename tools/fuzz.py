"""Fuzz the readers by hand: python tools/fuzz.py READER… [--seconds N] [--seed N] [--keep FOLDER]

Coverage-guided where atheris is installed, by random mutation elsewhere. An input is a finding where a reader lets out
anything but an error of attncli's, warns or writes to standard error, says an error without a place or with a control
character, takes more than ten seconds or 1 GiB, or reads other numbers on its fast way than on its careful one, or than
an independent reader does. Findings are kept as files, and said; so are, at the end, the errors without a hint.
"""

# ruff: noqa: T201
from __future__ import annotations

import argparse
import collections
import contextlib
import faulthandler
import importlib
import io
import multiprocessing
import os
import pkgutil
import random
import re
import resource
import signal
import sys
import time
import traceback
import warnings
import zipfile
from pathlib import Path

from fuzz_readers import READERS, SECOND_OPINIONS, agree, read, seeds

SECONDS_AT_MOST = 10
MEMORY_AT_MOST = 1 << 30
WORDS = re.findall(
    rb"\S+",
    rb"""inf -inf nan .inf -.inf 1e308 1e-308 1e999 -0.0 1/3 0x1F 1_000 1,000 010 true false null ~ [[ ]] { } [ ] , ; :
    " ' \\\\ & \\begin{bmatrix} \\end{bmatrix} \\begin{array} \\frac{1}{2} \\left[ \\infty ... \xe2\x88\x92 \xef\xbb\xbf
    \xff\xfe\x00 # - --- !!python/object *a &a << queries: keys: values: expected: labels: mask: heads: array( tensor(
    dtype=float32) PK\x03\x04 PK\x01\x02 \x93NUMPY\x01\x00 <f8 |O |b1 '<U8' (1,) (-1,) \x1b[31m \x00 \xff\xff\xff\xff
    9999999999999999999 F64 BF16 data_offsets shape dtype Q= q<- c(1,2) {{ }} [1,] [,1] 1.0e+03 * Columns |---|
    np.array( %%MatrixMarket \x80\x02 ctorch\n tR Q. <tf.Tensor: numpy= 2\xc3\x972 # //""",
) + [b"\n", b"\r\n", b"\t", b" "]
_hintless: collections.Counter[str] = collections.Counter()


def attempt(reader: str, data: bytes) -> bool:
    """Read as each command would; whether it was accepted. Anything but an AttncliError gets out."""
    from attncli.errors import AttncliError
    from attncli.matrix import Reading

    readings = []
    for reading in (Reading(), Reading(keep_text=True)):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                readings.append(read(reader, data, reading))
        except AttncliError as error:
            check_message(error)
            readings.append(None)
    fast, careful = readings
    assert (fast is None) == (careful is None), f"fast: {fast}, careful: {careful}"
    if fast is None or careful is None:
        return False
    assert list(fast) == list(careful)
    for name, matrix in fast.items():
        array, other = matrix.array, careful[name].array
        assert array.dtype == other.dtype
        assert array.shape == other.shape
        assert array.tobytes() == other.tobytes(), f"{name}: {array} but {other}"
        assert array.dtype.kind in "biufV"
    others = {}
    if reader in SECOND_OPINIONS:
        with contextlib.suppress(Exception), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            others = SECOND_OPINIONS[reader](data)
    agree(others, fast, "an independent reader")
    return True


def check_message(error: object) -> None:
    """Raise AssertionError if an error says no place, or shows what a terminal would obey. Count those without a
    hint."""
    where, what, hint = (str(getattr(error, name) or "") for name in ("where", "what", "hint"))
    assert where.strip(), f"no place in {what!r}"
    assert what.strip(), f"nothing is said at {where!r}"
    for text in (where, what, hint):
        assert text.isprintable(), f"a control character in {text!r}"
    if not hint:
        _hintless[re.sub(r"'.*'|\".*\"", "…", re.sub(r"\d+", "9", what))[:90]] += 1


def mutated(random_: random.Random, corpus: list[bytes]) -> bytes:
    """One of the corpus, changed in one to eight places: of an archive half the time a member, packed again."""
    data = random_.choice(corpus)
    if data.startswith(b"PK\x03\x04") and random_.random() < 0.7:
        with contextlib.suppress(Exception):
            return change_member(random_, data)
    return change(random_, data, corpus)


def change_member(random_: random.Random, data: bytes) -> bytes:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    name = random_.choice(list(members))
    members[name] = change(random_, members[name], list(members.values()))
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, member in members.items():
            archive.writestr(name, member)
    return stream.getvalue()


def change(random_: random.Random, old: bytes, corpus: list[bytes]) -> bytes:
    data = bytearray(old)
    for _ in range(random_.choice((1, 1, 1, 2, 3, 8))):
        at = random_.randrange(len(data) + 1)
        end = min(len(data), at + random_.choice((0, 1, 1, 2, 4, 16)))
        how = random_.randrange(6)
        if how == 0 and data:
            data[min(at, len(data) - 1)] ^= 1 << random_.randrange(8)
        elif how == 1:
            data[at:end] = random_.choice(WORDS)
        elif how == 2:
            del data[at:end]
        elif how == 3:
            data[at:at] = data[at:end] * random_.choice((1, 2, 50))
        elif how == 4:
            other = random_.choice(corpus)
            start = random_.randrange(len(other) + 1)
            data[at:end] = other[start : start + random_.randrange(1, 40)]
        else:
            data[at:end] = random_.randbytes(end - at)
    return bytes(data[:100_000])


class Overtime(Exception):
    """An input took longer than it may."""


class Outcry(Exception):
    """A library wrote to standard error."""


class Judge:
    """Tells findings, and keeps them. `current` holds the last input, should the interpreter die of it."""

    def __init__(self, reader: str, keep: Path) -> None:
        self.reader = reader
        self.keep = keep
        keep.mkdir(parents=True, exist_ok=True)
        self.current = keep / f"{reader}.current"
        self.said = (keep / f"{reader}.stderr").open("w+b")
        os.dup2(self.said.fileno(), 2)
        faulthandler.enable(self.said)
        signal.signal(signal.SIGALRM, _late)
        used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY_AT_MOST, resource.RLIM_INFINITY))

    def judge(self, data: bytes) -> bool:
        """Return whether the reader took the input."""
        self.current.write_bytes(data)
        written = os.fstat(self.said.fileno()).st_size
        signal.alarm(SECONDS_AT_MOST)
        try:
            taken = attempt(self.reader, data)
            sys.stderr.flush()
            if os.fstat(self.said.fileno()).st_size != written:
                raise Outcry
        except Exception as error:
            signal.alarm(0)
            self._report(error, data)
            return False
        finally:
            signal.alarm(0)
        return taken

    def _report(self, error: Exception, data: bytes) -> None:
        frames = traceback.extract_tb(error.__traceback__)
        place = next((frame for frame in reversed(frames) if "attncli/" in frame.filename), frames[-1])
        name = f"{self.reader}-{type(error).__name__}-{Path(place.filename).stem}-{place.lineno}"
        if not (self.keep / name).exists():
            (self.keep / name).write_bytes(data)
            print(f"FINDING {name}: {str(error)[:300]!r} from {data[:200]!r}", flush=True)


def _late(*_: object) -> None:
    raise Overtime


def prepare_imports(reader: str) -> None:
    """Load what reading and asking need: it counts neither as memory nor as time."""
    for data in seeds(reader)[:3]:
        with contextlib.suppress(Exception):
            attempt(reader, data)
    _hintless.clear()


def fuzz_randomly(reader: str, seconds: float, seed: int, keep: Path) -> None:
    random_ = random.Random(f"{reader} {seed}")
    corpus = seeds(reader)
    prepare_imports(reader)
    judge = Judge(reader, keep)
    tried = taken = 0
    end = time.monotonic() + seconds
    for data in corpus:
        judge.judge(data)
    while time.monotonic() < end:
        data = mutated(random_, corpus)
        tried += 1
        if judge.judge(data):
            taken += 1
            if taken % 50 == 0:
                corpus.append(data)
    print(f"{reader}: {tried} inputs tried by random mutation, {taken} of them accepted", flush=True)
    print_hintless(reader)


def fuzz_guided(reader: str, seconds: float, seed: int, keep: Path) -> None:
    import atheris

    import attncli

    with atheris.instrument_imports(include=["attncli"]), contextlib.redirect_stderr(io.StringIO()):
        for module in pkgutil.walk_packages(attncli.__path__, "attncli."):
            if module.name.split(".")[1] in ("formats", "inputs", "numbers"):
                importlib.import_module(module.name)
    known = seeds(reader)
    corpus = keep / "corpus" / reader
    corpus.mkdir(parents=True, exist_ok=True)
    for number, data in enumerate(known):
        (corpus / f"seed{number}").write_bytes(data)
    prepare_imports(reader)
    judge = Judge(reader, keep)
    counts = collections.Counter[bool]()
    end = time.monotonic() + seconds

    def take(data: bytes) -> None:
        counts[judge.judge(data)] += 1
        if time.monotonic() > end:
            print(f"{reader}: {counts.total()} inputs tried by coverage, {counts[True]} of them accepted", flush=True)
            print_hintless(reader)
            os._exit(0)

    def mutate(data: bytes, most: int, number: int) -> bytes:
        random_ = random.Random(number)
        return mutated(random_, [data, data, *known])[:most] if random_.random() < 0.6 else atheris.Mutate(data, most)

    options = [f"-seed={seed}", "-max_len=8000", "-verbosity=0", "-timeout=60", "-rss_limit_mb=0", "-detect_leaks=0"]
    atheris.Setup([sys.argv[0], *options, str(corpus)], take, custom_mutator=mutate)
    atheris.Fuzz()


def print_hintless(reader: str) -> None:
    for what, count in _hintless.most_common(40):
        print(f"  {reader}: no hint in {count}: {what}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("readers", nargs="*", choices=[*READERS, []])
    parser.add_argument("--seconds", type=float, default=60, help="for each reader")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, default=Path("fuzz-findings"))
    parser.add_argument("--random", action="store_true", help="by random mutation, though atheris is there")
    given = parser.parse_args()
    try:
        import atheris  # noqa: F401

        guided = not given.random
    except ImportError:
        guided = False
    for reader in given.readers or READERS:
        process = multiprocessing.get_context("spawn").Process(
            target=fuzz_guided if guided else fuzz_randomly, args=(reader, given.seconds, given.seed, given.keep)
        )
        process.start()
        process.join()
        if process.exitcode:
            print(f"FINDING {reader}: the interpreter ended with {process.exitcode}; see its .current", flush=True)


if __name__ == "__main__":
    main()
