"""Fuzz the readers by hand: python tools/fuzz.py READER… [--seconds N] [--seed N] [--keep FOLDER]

Coverage-guided where atheris is installed, by random mutation elsewhere. An input is a finding where a reader lets out
anything but an error of attncli's, shows a control character, takes more than ten seconds or 1 GiB, or reads other
numbers on its fast way than on its careful one. Findings are kept as files, and said.
"""

# ruff: noqa: T201
from __future__ import annotations

import argparse
import multiprocessing
import random
import re
import resource
import signal
import sys
import time
import traceback
from pathlib import Path

TESTS = Path(__file__).parent.parent / "tests"
sys.path[:0] = [str(TESTS), str(TESTS / "formats")]

READERS = (
    *("csv", "tsv", "txt", "yaml", "json", "npy", "npz", "tex", "safetensors", "literal", "problem"),
    *("pt", "mat", "mtx", "markdown", "h5", "pb", "xlsx", "print", "compressed"),
)
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


def printed() -> list[bytes]:
    """Arrays as programs print them, those that are refused too."""
    from printed_forms import ARRAYS, NAMED, REFUSED, SEVERAL

    return [case[1].encode() for case in (*ARRAYS, *NAMED, *SEVERAL, *REFUSED)]


def torch_files() -> list[bytes]:
    return [path.read_bytes() for path in (TESTS / "formats" / "torch_saves").glob("*.pt")]


def mat_files() -> list[bytes]:
    from test_mat_and_h5 import MIXED, QUERIES, mat_file

    return [mat_file(MIXED), mat_file(MIXED, do_compression=True), mat_file({"Q": QUERIES}, format="4")]


def h5_files() -> list[bytes]:
    from test_mat_and_h5 import QUERIES, h5_file

    return [h5_file(lambda file: file.create_dataset("q", data=QUERIES, compression="gzip"))]


def compressed_files() -> list[bytes]:
    import bz2
    import gzip
    import lzma

    return [way(b"1,2\n3,4\n" * 9) for way in (gzip.compress, bz2.compress, lzma.compress)]


def sheet_files() -> list[bytes]:
    from test_sheets import SMALL

    return [SMALL]


def market_files() -> list[bytes]:
    from test_mtx import READ, REFUSED

    return [f"%%MatrixMarket matrix {case[1]}".encode() for case in READ] + [case[1].encode() for case in REFUSED]


def markdown_files() -> list[bytes]:
    from test_markdown import CASES, REFUSED

    return [case[1].encode() for case in (*CASES, *REFUSED)]


OTHERS = {  # readers of what attncli does not write
    "pt": torch_files,
    "mat": mat_files,
    "h5": h5_files,
    "pb": lambda: [(TESTS / "formats" / "onnx_input_0.pb").read_bytes()],
    "xlsx": sheet_files,
    "mtx": market_files,
    "markdown": markdown_files,
    "print": printed,
    "compressed": compressed_files,
}


def seeds(reader: str) -> list[bytes]:
    """Files that are right, and those that the tests know to be wrong."""
    import numpy as np
    from bad_inputs import BAD_INPUTS

    from attncli.formats import BY_NAME
    from attncli.matrix import Matrix

    if reader == "problem":
        files = [path.read_bytes() for path in (TESTS.parent / "examples").glob("*.yaml")]
        return files + [b"{queries: [[1, 0]], keys: [[1, 0], [0, 1]], window: [1, 2], mask: [[1, 0]], heads: 1/1}"]
    if reader in OTHERS:
        return OTHERS[reader]()
    known = [data for _, name, data, *_ in BAD_INPUTS if name == reader and len(data) < 5000]
    if reader == "literal":
        return [*known, b"1 0; 0 1", b"[[1, 2], [3, 4]]", b"tensor([[1., 2.],\n        [3., 4.]], dtype=torch.float64)"]
    right = []
    for array in (np.eye(3), np.arange(6, dtype=np.float32).reshape(2, 3) / 7, np.array([[True, False]])):
        for labels in (None, ("one", "two", "three")[: array.shape[1]]):
            matrix = Matrix(array, "seed", column_labels=labels)
            names = ("queries", "keys") if BY_NAME[reader].holds_many else ("",)
            right.append(b"".join(map(bytes, BY_NAME[reader].write(dict.fromkeys(names, matrix)))))
    return right + known


def attempt(reader: str, data: bytes) -> bool:
    """Read as each command would; whether it was accepted. Anything but an AttncliError gets out."""
    from attncli.errors import AttncliError
    from attncli.matrix import Reading

    arrays = []
    for reading in (Reading(), Reading(keep_text=True)):
        try:
            arrays.append(read(reader, data, reading))
        except AttncliError as error:
            for text in (error.where, error.what, error.hint or ""):
                assert all(letter.isprintable() for letter in text), f"a control character in {text!r}"
            arrays.append(None)
    fast, careful = arrays
    assert (fast is None) == (careful is None), f"fast: {fast}, careful: {careful}"
    if fast is not None and careful is not None:
        assert list(fast) == list(careful)
        for name, array in fast.items():
            assert array.dtype == careful[name].dtype
            assert array.tobytes() == careful[name].tobytes(), f"{name}: {array} but {careful[name]}"
            assert array.dtype.kind in "biufV"
    return fast is not None


def read(reader: str, data: bytes, reading: object) -> dict[str, object]:
    """The arrays by name."""
    from attncli.formats import BY_NAME
    from attncli.inputs.literal import looks_like_path, read_literal

    if reader == "literal":
        text = data.decode("utf-8", "surrogateescape")
        looks_like_path(text)
        return {"": read_literal(text, "Q", reading).array}
    if reader == "print":
        from attncli.formats.prints import is_print, read_print

        text = data.decode("utf-8", "replace")
        is_print(text)
        return {name: decode().array for name, decode in read_print(text, "Q", reading).matrices.items()}
    if reader == "compressed":
        import numpy as np

        from attncli.formats.compressed import decompress

        return {"": np.frombuffer(decompress(data, "q"), np.uint8)}
    if reader == "problem":
        from attncli.inputs.problem_file import read_mapping
        from attncli.inputs.sources import Sources
        from attncli.problem.prepare import prepare

        contents = BY_NAME["yaml"].read(data, "p.yaml", reading)
        if not isinstance(contents.tree.root, dict):
            return {}
        sources = Sources(lambda: sys.stdin.buffer, reading)
        worksheet = read_mapping(contents.tree, (), name="p", where="p.yaml", folder="/nonexistent", sources=sources)
        problem = prepare(worksheet.request)
        return {"queries": problem.queries, "keys": problem.keys}
    contents = BY_NAME[reader].read(data, f"q.{reader}", reading)
    return {name: decode().array for name, decode in contents.matrices.items()}


def mutated(random_: random.Random, corpus: list[bytes]) -> bytes:
    """One of the corpus, changed in one to eight places."""
    data = bytearray(random_.choice(corpus))
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


def limit() -> None:
    """Memory and time that no small input may need."""

    def late(*_: object) -> None:
        raise Overtime

    signal.signal(signal.SIGALRM, late)
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY_AT_MOST, resource.RLIM_INFINITY))


def judged(reader: str, data: bytes, keep: Path) -> bool:
    """Whether the reader took the input; a finding is kept and said."""
    signal.alarm(SECONDS_AT_MOST)
    try:
        return attempt(reader, data)
    except Exception as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        name = f"{reader}-{type(error).__name__}-{Path(place.filename).stem}-{place.lineno}"
        if not (keep / name).exists():
            keep.mkdir(parents=True, exist_ok=True)
            (keep / name).write_bytes(data)
            print(f"FINDING {name}: {str(error)[:300]!r} from {data[:200]!r}", flush=True)
        return False
    finally:
        signal.alarm(0)


def fuzz_randomly(reader: str, seconds: float, seed: int, keep: Path) -> None:
    random_ = random.Random(f"{reader} {seed}")
    corpus = seeds(reader)
    attempt(reader, corpus[0])  # what is imported does not count as memory
    limit()
    tried = taken = 0
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        data = mutated(random_, corpus)
        tried += 1
        if judged(reader, data, keep):
            taken += 1
            if taken % 50 == 0:
                corpus.append(data)
    print(f"{reader}: {tried} inputs tried by random mutation, {taken} of them accepted", flush=True)


def fuzz_guided(reader: str, seconds: float, seed: int, keep: Path) -> None:
    import atheris

    with atheris.instrument_imports(include=["attncli"]):
        from attncli.formats import FORMATS

        for format in FORMATS:
            __import__(format.module)
    corpus = keep / "corpus" / reader
    corpus.mkdir(parents=True, exist_ok=True)
    for number, data in enumerate(seeds(reader)):
        (corpus / f"seed{number}").write_bytes(data)
    attempt(reader, seeds(reader)[0])
    limit()
    words = corpus.parent / f"{reader}.words"
    words.write_text("\n".join('"' + "".join(f"\\x{byte:02x}" for byte in word) + '"' for word in WORDS) + "\n")
    options = [f"-max_total_time={int(seconds)}", f"-seed={seed}", "-max_len=4000", f"-dict={words}", "-verbosity=0"]
    options += ["-timeout=60", "-rss_limit_mb=0", "-print_final_stats=1", "-detect_leaks=0"]
    atheris.Setup([sys.argv[0], *options, str(corpus)], lambda data: judged(reader, data, keep) and None)
    atheris.Fuzz()


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
            print(f"{reader}: the interpreter ended with {process.exitcode}", flush=True)


if __name__ == "__main__":
    main()
