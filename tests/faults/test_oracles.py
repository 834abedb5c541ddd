"""What is accepted has the numbers that another reader finds in it, also in files that are almost right."""

from __future__ import annotations

import ast
import io
import json
import re

import numpy as np
import pytest
import yaml
from amount import examples
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from attncli.errors import InputError
from attncli.formats import BY_NAME
from attncli.inputs.literal import read_typed
from attncli.matrix import Matrix, Reading

NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")
CELLS = ["0", "1", "-2.5", ".5", "1.", "+3e2", "1e-7", "17", "", " 4", "x", "1_0", "0x1", "--1", "1e", "e5", "#"]
SHAPES = arrays.array_shapes(min_dims=2, max_dims=2, max_side=4)
MATRICES = st.sampled_from([np.float64, np.float32, np.int16]).flatmap(lambda dtype: arrays.arrays(dtype, SHAPES))


def accepted(format, data):
    """The arrays by name; None where the reader refuses the file."""
    try:
        contents = BY_NAME[format].read(data, "q", Reading())
        return {name: decode().array for name, decode in contents.matrices.items()}
    except InputError:
        return None


def is_number(cell):
    return NUMBER.fullmatch(cell.replace(",", ".")) is not None


def numbers_of(cells):
    """The numbers of a table without its comments, its header and its labels; the first two are what has no number."""
    if len(cells) > 1 and all(len(row) == len(cells[0]) + 1 for row in cells[1:]):
        cells = [["", *cells[0]], *cells[1:]]  # spaces cannot show an empty corner
    if not any(map(is_number, cells[0])):
        cells = cells[1:]
    if not any(is_number(row[0]) for row in cells):
        cells = [row[1:] for row in cells]
    assert all(is_number(cell) for row in cells for cell in row)
    return [[float(cell.replace(",", ".")) for cell in row] for row in cells]


# what parts the cells, cells beside those of every table, and the cells of a line as Python finds them
TABLES = {
    "csv": (",", ["5 6"], lambda line: [cell.strip() for cell in line.split(",")]),
    "tsv": ("\t", ["2,5", "0,125", "1,000", "1 000"], lambda line: [cell.strip() for cell in line.split("\t")]),
    "txt": ("  ", [], str.split),
}


@pytest.mark.parametrize("format", TABLES)
@settings(deadline=None, max_examples=examples(300), derandomize=True)
@given(data=st.data(), end=st.sampled_from(["\n", "\r\n", "\r"]), last=st.booleans())
def test_a_table_is_read_as_its_cells_or_refused(format, data, end, last):
    delimiter, more, split = TABLES[format]
    rows = data.draw(
        st.integers(2, 4).flatmap(
            lambda n: st.lists(st.lists(st.sampled_from(CELLS + more), min_size=n, max_size=n), min_size=1, max_size=4)
        )
    )
    lines = [delimiter.join(row) for row in rows]
    found = accepted(format, (end.join(lines) + end * last).encode())
    if found is None:
        assert not all(NUMBER.fullmatch(cell) for row in rows for cell in row)
        return
    cells = [split(line) for line in lines if line.strip(" ") not in ("", "#") and not line.startswith("# ")]
    assert found[""].tolist() == numbers_of(cells)


def other_json(data):
    found = json.loads(data)
    return {name: np.array(node, np.float64) for name, node in found.items()}


def other_npy(data):
    return {"": np.load(io.BytesIO(data), allow_pickle=False)}


def other_npz(data):
    with np.load(io.BytesIO(data), allow_pickle=False) as archive:
        return {name: archive[name] for name in archive}


def other_tensors(data):
    from safetensors.numpy import load

    return load(data)


def other_yaml(data):
    # what YAML 1.2 calls a number is text to 1.1, so that float() sees it
    found = yaml.load(data, yaml.CSafeLoader)
    return {str(name): np.array(node, np.float64) for name, node in found.items() if isinstance(node, list)}


def other_tex(data):
    found = {}
    for before, body in re.findall(r"([^}]*)\\begin\{[bp]matrix\}(.*?)\\end\{[bp]matrix\}", data.decode(), re.DOTALL):
        rows = [row.split("&") for row in body.split("\\\\")]
        name = re.search(r"([A-Za-z][A-Za-z0-9'-]*)?(?=\s*:?=|$)", before)
        found[name[0]] = np.array([[tex_number(cell) for cell in row] for row in rows])
    return found


def tex_number(cell):
    plain = re.sub(r"\s*\\times\s*10\s*\^\s*\{\s*([+-]?[0-9]+)\s*\}", r"e\1", cell.strip())
    plain = re.sub(r"^([+-])\s+", r"\1", plain)
    assert NUMBER.fullmatch(plain), cell
    return float(plain)


OTHERS = {
    "yaml": other_yaml,
    "tex": other_tex,
    "json": other_json,
    "npy": other_npy,
    "npz": other_npz,
    "safetensors": other_tensors,
}


@pytest.mark.parametrize("format", OTHERS)
@settings(deadline=None, max_examples=examples(150), derandomize=True)
@given(
    array=MATRICES.filter(lambda array: np.isfinite(array).all()),
    place=st.floats(0, 1),
    byte=st.sampled_from([None, b"", *(bytes([byte]) for byte in b"\x00\xff \n0129<>[],.-:ef'\"")]),
)
def test_a_file_with_one_byte_amiss_is_refused_or_read_as_others_read_it(format, array, place, byte):
    name = "q" if BY_NAME[format].holds_many else ""
    data = b"".join(map(bytes, BY_NAME[format].write({name: Matrix(array, "q")})))
    if byte is not None:
        index = int(place * (len(data) - 1))
        data = data[:index] + byte + data[index + 1 :]
    found = accepted(format, data)
    if byte is None:
        assert found is not None
        assert np.array_equal(found[name].astype(array.dtype), array)
    if found is not None:
        others = OTHERS[format](data)
        assert list(found) == list(others)
        assert all(np.array_equal(found[key], others[key], equal_nan=True) for key in found)


# cells as they are written, and the number that each is; None where it is none, or not surely one
PLAIN_CELLS = {cell: float(cell) for cell in ("0", "1", "2", "3", "-2.5", ".5", "1.", "+3", "1e3", "1.5e-7", "-inf")}
NO_CELLS = dict.fromkeys(("x", "1_0", "0x1F", "--1", "1e", "1:30", "1/0", "1.2.3", "1e999", "yes", "None"))
KNOWN = {
    "yaml": PLAIN_CELLS
    | {".inf": np.inf, "'2'": 2.0, "1/4": 0.25}
    | NO_CELLS
    | dict.fromkeys(("!!float 1", "010", "~", "null", "1 2", "2001-01-01", "{}", "*b")),
    "tex": PLAIN_CELLS
    | {
        r"\frac{1}{4}": 0.25,
        r"-\tfrac12": -0.5,
        r"1.5 \times 10^{3}": 1500.0,
        r"2\cdot10^2": 200.0,
        r"-\infty": -np.inf,
    }
    | {r"\mathbf{7}": 7.0, "- 3": -3.0, "{4}": 4.0, r"\, 5 \;": 5.0, "6 % one": 6.0}
    | NO_CELLS
    | dict.fromkeys(("{}", "1 2", r"1\,000", r"\cdots", "1^T", r"\frac{1}{0}", r"\frac{1}{2}3", r"1 \times 10^3 2"))
    | dict.fromkeys((r"\mathbf{1}2", "2^3", r"\pi", "1{,}5", r"\sqrt{4}", r"\alpha 1")),
    "literal": PLAIN_CELLS | {"1/4": 0.25} | NO_CELLS | dict.fromkeys(("nan5", "1d3", "1j")),
}


def flow(rows):
    return "[" + ", ".join(f"[{', '.join(row)}]" for row in rows) + "]"


def in_tex(before, end, after):
    """Rows between two texts; a cell to a line, so that a comment ends with it."""
    return lambda rows: before + end.join("\n& ".join(row) + "\n" for row in rows) + after


STYLES = {
    "yaml": [
        lambda rows: f"q: {flow(rows)}\n",
        lambda rows: "q:\n" + "".join(f"- [{', '.join(row)}]  # a row\n" for row in rows),
        lambda rows: "q:\n" + "".join("  -\n" + "".join(f"    - {cell}\n" for cell in row) for row in rows),
        lambda rows: f"---\nlabels: &a {flow(rows)}\nq: *a\n",
    ],
    "tex": [
        in_tex(r"q = \begin{bmatrix}", r"\\", r"\end{bmatrix}"),
        in_tex(r"\[ \mathbf{q} = \left( \begin{matrix} ", r"\\ ", r"\\ \end{matrix} \right) \]"),
        in_tex(r"$$q=\begin{pmatrix}", r"\\[2pt]", r"\end{pmatrix}$$."),
        in_tex(r"$q = \begin{array}{*{3}{c}|r} \hline ", r"\tabularnewline ", r"\end{array}$"),
    ],
    "literal": [
        lambda rows: "; ".join(map(" ".join, rows)),
        lambda rows: ";".join(map(",".join, rows)) + ";",
        lambda rows: "[" + "; ".join(map(" ".join, rows)) + ";]",
        flow,
        lambda rows: flow(rows).replace(",", "").replace("] [", "]\n ["),
        lambda rows: f"array({flow(rows)}, dtype=float32)",
        lambda rows: f"tensor({flow(rows)},\n       device='cuda:0', grad_fn=<AddBackward0>)",
    ],
}


def typed(text):
    """The array that a literal is, as the only one; None where it is refused, or its first word is read as a label,
    with a note."""
    try:
        matrix = read_typed(text, "q", Reading()).matrices[""]()
    except InputError:
        return None
    return None if "is read as the label of its row" in "".join(matrix.notes) else {"q": matrix.array}


def tables_with(cell):
    """The cell alone, and among others at each end."""
    yield from ([[cell]], [[cell, "1"], ["2", "3"]], [["1", "2"], ["3", cell]], [["1"], [cell]], [["1", cell, "2"]])


@pytest.mark.parametrize(("format", "style"), [(format, style) for format in KNOWN for style in STYLES[format]])
def test_a_cell_is_read_as_it_is_meant_or_refused(format, style):
    numbers = KNOWN[format]
    for cell, number in numbers.items():
        for rows in tables_with(cell):
            text = style(rows)
            found = typed(text) if format == "literal" else accepted(format, text.encode())
            if number is None:
                assert found is None, text
            else:
                assert found["q"].tolist() == [[numbers[cell] for cell in row] for row in rows], text


def other_literal(text):
    """By Python's own lists, once a number stands between commas; rows of ; by their cells."""
    plain = re.sub(r",\s*dtype=[^,()]*|^(array|tensor)\(|,?\s*\)$", "", text.strip())
    if ";" in plain or "[" not in plain:
        rows = re.split(r";[ ]*\n?|\n", plain.strip("[] \n").removesuffix(";"))
        return [[exact(cell) for cell in re.split(r"\s*,\s*|\s+", row.strip())] for row in rows]
    commas = re.sub(r"(?<=[^\s,\[])\s+(?=[^\s,\]])", ",", plain)
    return ast.literal_eval(re.sub(r"[^\s,\[\]]+", lambda cell: repr(exact(cell[0])), commas))


def exact(cell):
    assert NUMBER.fullmatch(cell), cell
    return float(cell)


PRINTS = [
    str,
    repr,
    lambda array: str(array.tolist()),
    lambda array: "tensor(" + np.array2string(array, separator=", ", prefix="tensor(") + ")",
    lambda array: "; ".join(" ".join(map(str, row)) for row in array.tolist()),
    lambda array: "[" + "".join(", ".join(map(str, row)) + "; " for row in array.tolist()) + "]",
]


@settings(deadline=None, max_examples=examples(500), derandomize=True)
@given(
    array=MATRICES.filter(lambda array: np.isfinite(array).all()),
    print_=st.sampled_from(PRINTS),
    place=st.floats(0, 1),
    letter=st.sampled_from([None, *"\n 0129[],.-:;e'()"]),
)
def test_a_print_with_one_letter_amiss_is_refused_or_read_as_python_reads_it(array, print_, place, letter):
    with np.printoptions(floatmode="unique"):
        text = print_(array)
    if letter is not None:
        index = int(place * (len(text) - 1))
        text = text[:index] + letter + text[index + 1 :]
    found = typed(text)
    if letter is None:
        assert np.array_equal(found["q"].astype(array.dtype), array)
    if found is not None and not (";" in text and "[" in text):  # Julia's and MATLAB's rules: tests/inputs/test_ways.py
        assert found["q"].tolist() == other_literal(text)
