"""The readers that tools/fuzz.py feeds: right and wrong files to start from, how each is read, and a second opinion.

Each format of `attncli.formats` is a reader, and so is each of MORE.
"""

from __future__ import annotations

import bz2
import contextlib
import faulthandler
import gzip
import io
import json
import lzma
import os
import pickle
import re
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

TESTS = Path(__file__).parent.parent / "tests"
sys.path[:0] = [str(TESTS), str(TESTS / "formats"), str(TESTS / "inputs")]

from attncli.formats import BY_NAME, FORMATS  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np

    from attncli.matrix import Matrix, Reading

MORE = ("literal", "print", "ways", "octave", "raw", "compressed", "stdin", "problem")
READERS = (*(format.name for format in FORMATS), *MORE)


def _printed() -> list[bytes]:
    """Return arrays as programs print them, those that are refused too."""
    from printed_forms import ARRAYS, NAMED, PAGES, SEVERAL
    from refused_forms import REFUSED

    return [case[1].encode() for case in (*ARRAYS, *NAMED, *SEVERAL, *PAGES, *REFUSED)]


def _dressed() -> list[bytes]:
    """Return what is typed, and each print with something around it."""
    from test_ways import DRESSINGS, TEXTS

    dress = list(DRESSINGS.values())
    return [*_typed(), *(dress[index % len(dress)](text).encode() for index, text in enumerate(TEXTS))]


def _typed() -> list[bytes]:
    texts = [
        b"1 0; 0 1",
        b"[[1, 2], [3, 4]]",
        b"1,2;3,4",
        b"1;2;3",
        b"1/3 -inf; nan 1e3",
        b"1 2\n3 4",
        b"a,b\n1,2\n3,4",
        b"query,key,weight\n0,0,0.5\n0,1,0.5\n1,0,1\n1,1,0",
    ]
    return [*texts, b"| a | b |\n|---|---|\n| 1 | 2 |", *_printed()]


def _mat_files() -> list[bytes]:
    from test_mat_and_h5 import MIXED, QUERIES, mat_file

    return [mat_file(MIXED), mat_file(MIXED, do_compression=True), mat_file({"Q": QUERIES}, format="4")]


def _h5_files() -> list[bytes]:
    from test_mat_and_h5 import QUERIES, h5_file

    return [h5_file(lambda file: file.create_dataset("q", data=QUERIES, compression="gzip"))]


def _sheet_files() -> list[bytes]:
    from test_sheets import SMALL

    return [SMALL]


def _market_files() -> list[bytes]:
    from test_mtx import READ, REFUSED

    return [f"%%MatrixMarket matrix {case[1]}".encode() for case in READ] + [case[1].encode() for case in REFUSED]


def _markdown_files() -> list[bytes]:
    from test_markdown import CASES, REFUSED

    return [case[1].encode() for case in (*CASES, *REFUSED)]


def _octave_files() -> list[bytes]:
    one = b"# name: Q\n# type: matrix\n# rows: 2\n# columns: 2\n 1 2\n 3 4\n\n\n"
    diagonal = b"# name: D\n# type: diagonal matrix\n# rows: 2\n# columns: 2\n1\n1\n"
    scalar = b"# name: s\n# type: scalar\n5\n\n\n"
    return [b"# Created by Octave 8.4.0, Sat Nov 28 2026\n" + one + scalar, one, scalar, diagonal]


def _problems() -> list[bytes]:
    files = [path.read_bytes() for path in sorted((TESTS.parent / "examples").glob("*.yaml"))]
    return [*files, b"{queries: [[1, 0]], keys: [[1, 0], [0, 1]], window: [1, 2], mask: [[1, 0]], heads: 1/1}"]


def _of_every_format() -> list[bytes]:
    return [data for format in FORMATS for data in seeds(format.name)[:6]] + _octave_files() + _compressed() + _typed()


def _compressed() -> list[bytes]:
    return [way(b"1,2\n3,4\n" * 9) for way in (gzip.compress, bz2.compress, lzma.compress)]


_SEEDS: dict[str, Callable[[], list[bytes]]] = {  # of what attncli does not write
    "pt": lambda: [path.read_bytes() for path in (TESTS / "formats" / "torch_saves").glob("*.pt")],
    "mat": _mat_files,
    "h5": _h5_files,
    "pb": lambda: [(TESTS / "formats" / "onnx_input_0.pb").read_bytes()],
    "xlsx": _sheet_files,
    "mtx": _market_files,
    "markdown": _markdown_files,
    "literal": _typed,
    "print": _printed,
    "ways": _dressed,
    "octave": _octave_files,
    "raw": lambda: [
        b"float32:2,2\n" + bytes(range(16)),
        b"bool:2\n\x00\x01",
        b"bfloat16:1,2\n\x80?\x00@",
        b"int8:1\n1",
    ],
    "compressed": _compressed,
    "stdin": _of_every_format,
    "problem": _problems,
}


def seeds(reader: str) -> list[bytes]:
    """Return files that are right, the first of them surely, and those that the tests know to be wrong."""
    from bad_inputs import BAD_INPUTS

    known = [data for _, name, data, *_ in BAD_INPUTS if name == reader and len(data) < 5000]
    return (_SEEDS[reader]() if reader in _SEEDS else _written(reader)) + known


def _written(reader: str) -> list[bytes]:
    import numpy as np

    from attncli.matrix import Matrix

    right = []
    for array in (np.eye(3), np.arange(6, dtype=np.float32).reshape(2, 3) / 7, np.array([[True, False]])):
        for labels in (None, ("one", "two", "three")[: array.shape[1]]):
            matrix = Matrix(array, "seed", column_labels=labels)
            names = ("queries", "keys") if BY_NAME[reader].holds_many else ("",)
            right.append(b"".join(map(bytes, BY_NAME[reader].write(dict.fromkeys(names, matrix)))))
    return right


def read(reader: str, data: bytes, reading: Reading) -> dict[str, Matrix]:
    """Return the matrices by name. Raises AttncliError, or it is a finding."""
    if reader in _READ:
        return _READ[reader](data, reading)
    contents = BY_NAME[reader].read(data, f"q.{reader}", reading)
    return {name: decode() for name, decode in contents.matrices.items()}


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


def _read_literal(data: bytes, reading: Reading) -> dict[str, Matrix]:
    from attncli.inputs.literal import looks_like_path, read_typed

    looks_like_path(_text(data))
    return {name: decode() for name, decode in read_typed(_text(data), "Q", reading).matrices.items()}


def _read_print(data: bytes, reading: Reading) -> dict[str, Matrix]:
    from attncli.formats.prints import is_print, read_print

    text = data.decode("utf-8", "replace")
    is_print(text)
    return {name: decode() for name, decode in read_print(text, "Q", reading).matrices.items()}


def _read_octave(data: bytes, reading: Reading) -> dict[str, Matrix]:
    from attncli.formats import octave

    return {name: decode() for name, decode in octave.read(data, "q.txt", reading).matrices.items()}


def _read_raw(data: bytes, reading: Reading) -> dict[str, Matrix]:  # noqa: ARG001 - the same call for every reader
    from attncli.formats.raw import raw_form, read_raw

    form, _, cells = data.partition(b"\n")
    found = raw_form(f"q.bin@{_text(form)}")
    return {} if found is None else {"": read_raw(cells, found[1], "q.bin")}


def _read_compressed(data: bytes, reading: Reading) -> dict[str, Matrix]:  # noqa: ARG001
    import numpy as np

    from attncli.formats.compressed import decompress
    from attncli.matrix import Matrix

    return {"": Matrix(np.frombuffer(decompress(data, "q"), np.uint8), "q")}


def _read_stdin(data: bytes, reading: Reading) -> dict[str, Matrix]:
    from attncli.inputs.sources import Sources

    contents = Sources(lambda: io.BytesIO(data), reading).contents("-")
    return {name: decode() for name, decode in contents.matrices.items()}


def _read_problem(data: bytes, reading: Reading) -> dict[str, Matrix]:
    from attncli.inputs.problem_file import read_mapping
    from attncli.inputs.sources import Sources
    from attncli.problem.prepare import prepare

    contents = BY_NAME["yaml"].read(data, "p.yaml", reading)
    if contents.tree is None or not isinstance(contents.tree.root, dict):
        return {}
    sources = Sources(lambda: sys.stdin.buffer, reading)
    worksheet = read_mapping(contents.tree, (), name="p", where="p.yaml", folder="/nonexistent", sources=sources)
    prepare(worksheet.request)
    found = {"queries": worksheet.request.queries, "keys": worksheet.request.keys}
    return {name: matrix for name, matrix in found.items() if matrix is not None}


def _read_ways(data: bytes, reading: Reading) -> dict[str, Matrix]:
    """Return what a text means typed, after it was found to mean the same on standard input and in a .txt file."""
    from attncli.errors import AttncliError

    text = _text(data)
    found = _read_literal(data, reading)
    for way in (_read_stdin, lambda data, reading: read("txt", data, reading)):
        try:
            other = way(data, reading)
        except AttncliError:
            continue
        if ";" not in text:  # one line of which is rows when it is typed, and may be a row of a file
            agree({name: matrix.array for name, matrix in other.items()}, found, "another way")
    return found


_READ: dict[str, Callable[[bytes, Reading], dict[str, Matrix]]] = {
    "literal": _read_literal,
    "print": _read_print,
    "ways": _read_ways,
    "octave": _read_octave,
    "raw": _read_raw,
    "compressed": _read_compressed,
    "stdin": _read_stdin,
    "problem": _read_problem,
}


def agree(others: dict[str, np.ndarray], found: dict[str, Matrix], who: str) -> None:
    """Raise AssertionError if an array of one name has other numbers or another shape in another reader."""
    import numpy as np

    for name in set(others) & set(found):
        array, other = np.asarray(found[name].array), np.asarray(others[name])
        told = f"{who} reads {name or 'it'} as {other!r}, attncli as {array!r}"
        assert array.shape == other.shape, told
        with np.errstate(all="ignore"):  # a cast of a signalling NaN warns
            assert np.array_equal(array.astype(np.float64), other.astype(np.float64), equal_nan=True), told


def _ask_numpy(data: bytes) -> dict[str, np.ndarray]:
    import numpy as np

    return {"": np.load(io.BytesIO(data), allow_pickle=False)}


def _ask_numpy_for_all(data: bytes) -> dict[str, np.ndarray]:
    import numpy as np

    return dict(np.load(io.BytesIO(data), allow_pickle=False))


def _ask_safetensors(data: bytes) -> dict[str, np.ndarray]:
    from safetensors.numpy import load

    return load(data)


def _ask_torch(data: bytes) -> dict[str, np.ndarray]:
    import torch

    found, again = (torch.load(io.BytesIO(data), weights_only=True) for _ in range(2))
    if str(found) != str(again):  # it reads memory that nothing was written to
        return {}
    if isinstance(found, torch.Tensor):
        return {"": found.detach().double().numpy()}
    items = found.items() if isinstance(found, dict) else enumerate(found)
    return {str(name): item.detach().double().numpy() for name, item in items if isinstance(item, torch.Tensor)}


def _ask_apart(ask: Callable[[bytes], dict[str, np.ndarray]], data: bytes) -> dict[str, np.ndarray]:
    """Ask in a process of its own: what SciPy says of a damaged file may be a crash."""
    receive, send = os.pipe()
    child = os.fork()
    if child == 0:
        with contextlib.suppress(BaseException), open(send, "wb") as answer:  # noqa: PTH123 - a pipe
            faulthandler.disable()
            pickle.dump(ask(data), answer)
        os._exit(0)
    os.close(send)
    with open(receive, "rb") as answer:  # noqa: PTH123
        said = answer.read()
    os.waitpid(child, 0)
    return dict(pickle.loads(said))


def _ask_scipy(data: bytes) -> dict[str, np.ndarray]:
    import scipy.io

    found = scipy.io.loadmat(io.BytesIO(data), spmatrix=False)
    return {name: array for name, array in found.items() if not name.startswith("__") and array.dtype.kind in "biuf"}


def _ask_scipy_for_market(data: bytes) -> dict[str, np.ndarray]:
    import scipy.io

    lines = [line for line in data.split(b"\n") if line.strip() and not line.startswith(b"%")]
    if b"/" in data or (b" array " in data[:80].lower() and any(len(line.split()) > 1 for line in lines[1:])):
        raise ValueError  # of a fraction, or of several entries on a line, it reads the first number
    found = scipy.io.mmread(io.BytesIO(data), spmatrix=False)
    return {"": found if not hasattr(found, "toarray") else found.toarray()}


def _ask_onnx(data: bytes) -> dict[str, np.ndarray]:
    import onnx

    return {"": onnx.numpy_helper.to_array(onnx.TensorProto.FromString(data))}


def _ask_json(data: bytes) -> dict[str, np.ndarray]:
    import numpy as np

    found = json.loads(data)
    found = found if isinstance(found, dict) else {"": found}
    arrays = {name: np.array(item) for name, item in found.items() if isinstance(item, list)}
    return {name: array for name, array in arrays.items() if array.dtype.kind in "biuf"}


_NUMBER = re.compile(r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?")


def _ask_yaml(data: bytes) -> dict[str, np.ndarray]:
    import numpy as np
    import yaml

    found = yaml.load(data, Loader=yaml.BaseLoader)  # text, lists and mappings only
    found = found if isinstance(found, dict) else {"": found}
    arrays = {name: np.array(item) for name, item in found.items() if isinstance(item, list)}
    is_plain = {name: all(map(_NUMBER.fullmatch, map(str, array.flat))) for name, array in arrays.items()}
    return {name: array.astype(float) for name, array in arrays.items() if is_plain[name]}


def _ask_numpy_for_text(data: bytes) -> dict[str, np.ndarray]:
    import numpy as np

    if re.search(rb"#(?![ \n])", data):  # a comment in NumPy, a label here
        return {}
    return {"": np.loadtxt(io.BytesIO(data), delimiter="," if b"," in data else None, ndmin=2)}


def _ask_python(data: bytes) -> dict[str, np.ndarray]:
    import ast

    import numpy as np

    text = _text(data).strip()
    if not text.startswith(("[", "(")):
        return {}
    array = np.array(ast.literal_eval(text))
    return {"": array} if array.dtype.kind in "biuf" and array.ndim else {}


def _ask_standard_library(data: bytes) -> dict[str, np.ndarray]:
    import numpy as np

    way = gzip if data.startswith(b"\x1f") else bz2 if data.startswith(b"BZ") else lzma
    return {"": np.frombuffer(way.decompress(data), np.uint8)}


SECOND_OPINIONS: dict[str, Callable[[bytes], dict[str, np.ndarray]]] = {
    "npy": _ask_numpy,
    "npz": _ask_numpy_for_all,
    "safetensors": _ask_safetensors,
    "pt": _ask_torch,
    "mat": partial(_ask_apart, _ask_scipy),
    "mtx": partial(_ask_apart, _ask_scipy_for_market),
    "pb": _ask_onnx,
    "json": _ask_json,
    "yaml": _ask_yaml,
    "txt": _ask_numpy_for_text,
    "csv": _ask_numpy_for_text,
    "literal": _ask_python,
    "print": _ask_python,
    "compressed": _ask_standard_library,
}
