"""Problem files: every key reaches its field, every fault names its line and column, and what is written reads back."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from problem_sources import sources
from problem_writer import write_problem

from attncli.errors import AttncliError
from attncli.inputs.matrices_apart import worksheet_from_matrices
from attncli.inputs.problem_file import read_mapping, read_problem
from attncli.inputs.request import Labels, Request, Worksheet
from attncli.matrix import Matrix

CASES = sorted((Path(__file__).parent.parent / "cases").glob("*.yaml"))


pytestmark = pytest.mark.usefixtures("folder")


def same(one, other):
    """Whether two worksheets ask the same, whatever their matrices are called."""

    def plain(value):
        if isinstance(value, Matrix):
            return value.array.tolist(), value.array.shape
        if isinstance(value, Request):
            return {f.name: plain(getattr(value, f.name)) for f in fields(value)}
        return {name: plain(inner) for name, inner in value.items()} if isinstance(value, dict) else value

    return all(
        plain(getattr(one, name)) == plain(getattr(other, name))
        for name in ("request", "title", "source", "expected", "digits")
    )


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_a_published_example_reads_whole(path):
    worksheet = read_problem(str(path), sources())
    assert worksheet.name == path.stem
    assert worksheet.where == str(path)
    assert worksheet.title
    assert worksheet.source
    assert worksheet.request.queries.array.ndim == 2
    assert worksheet.request.keys.array.shape[-1] == worksheet.request.queries.array.shape[-1]
    assert worksheet.expected
    assert all(len(matrix.texts) == matrix.array.size for matrix in worksheet.expected.values())


def test_every_published_example_is_here():
    assert len(CASES) == 12


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_a_published_example_written_reads_back(path, read):
    worksheet = read_problem(str(path), sources())
    assert same(read(write_problem(worksheet)), worksheet)


EVERYTHING = """
title: 3
source: 'a: b'
x: [[1, 2]]
context: [[1, 2], [3, 4]]
w_q: [[1, 0], [0, 1]]
w_k: [[1, 0], [0, 1]]
w_v: [[1, 0], [0, 1]]
w_o: [[1, 0], [0, 1]]
b_q: [1, 2]
b_k: [1, 2]
b_v: [1, 2]
b_o: [1, 2]
variant: laplace
scale: 1/sqrt(dk)
length_scale: 1/2
mask: [[true, false]]
mask_means: drop
bias: 0.5
causal: true
align: bottom-right
query_offset: -3
window: [1, -1]
softcap: 2e1
heads: 8/2
key_lengths: 2
dtype: float32
as: torch
labels: {queries: [3, 'true', null], keys: [k 1], features: [a, b], values: ["é"]}
expected: {raw_scores: [[1]], scores: , weights: [[0.50, 1e-3]], output: "1 2; 3 4", lse: [1]}
digits: {weights: 2}
"""


def test_every_key_reaches_its_field(read):
    worksheet = read(EVERYTHING)
    request = worksheet.request
    assert (worksheet.title, worksheet.source, worksheet.digits) == ("3", "a: b", {"weights": 2})
    assert request.labels == Labels(("3", "true", "null"), ("k 1",), ("a", "b"), ("é",))
    settings = {
        "variant": "laplace",
        "scale": "1/sqrt(dk)",
        "length_scale": 0.5,
        "mask_means": "drop",
        "causal": True,
        "align": "bottom-right",
        "query_offset": -3,
        "window": (1, -1),
        "softcap": 20.0,
        "heads": (8, 2),
        "dtype": "float32",
        "system": "torch",
    }
    assert {name: getattr(request, name) for name in settings} == settings
    assert request.mask.array.tolist() == [[True, False]]
    assert (request.bias.array.shape, request.bias.array.tolist()) == ((), 0.5)
    assert request.key_lengths.array.tolist() == 2.0
    assert request.w_o.array.shape == (2, 2)
    assert request.b_o.where == "p.yaml: b_o"
    assert list(worksheet.expected) == ["raw_scores", "weights", "output", "lse"]
    assert worksheet.expected["weights"].texts == ("0.50", "1e-3")
    assert worksheet.expected["weights"].where == "p.yaml: expected.weights"
    assert worksheet.expected["output"].array.tolist() == [[1.0, 2.0], [3.0, 4.0]]


def test_what_has_every_key_reads_back(read):
    worksheet = read(EVERYTHING)
    assert same(read(write_problem(worksheet), "again.yaml"), worksheet)


def test_whole_numbers_truths_and_lists_are_written_as_one_types_them(read):
    text = "causal: TRUE\nwindow: '1,-1'\nqueries: [[-1.0, 0.0]]\nkeys: [[1e20]]\nvalues: [[-0]]\nmask: [[true]]\n"
    assert write_problem(read(text)) == (
        "causal: true\nwindow: [1, -1]\n"
        "queries:\n  - [-1, 0]\nkeys:\n  - [1.0e+20]\nvalues:\n  - [-0.0]\nmask:\n  - [true]\n"
    )


@pytest.mark.parametrize("names", ["queries keys values", "q k v", "Q K V"])
def test_queries_keys_and_values_have_short_names(read, names):
    q, k, v = names.split()
    request = read(f"{q}: [[1]]\n{k}: [[2]]\n{v}: [[3]]").request
    assert [m.array.tolist() for m in (request.queries, request.keys, request.values)] == [[[1.0]], [[2.0]], [[3.0]]]


# text in a problem file, the setting, what it is
SETTINGS = [
    ("window: [1, 2]", "window", (1, 2)),
    ("window: '1,2'", "window", (1, 2)),
    ("window: 1,-1", "window", (1, -1)),
    ("heads: 2", "heads", (2, 2)),
    ("heads: [8, 2]", "heads", (8, 2)),
    ("heads: '8/2'", "heads", (8, 2)),
    ("causal: false", "causal", False),
    ("causal: True", "causal", True),
    ("scale: 0.125", "scale", "0.125"),
    ("scale: 1/30", "scale", "1/30"),
    ("query_offset: +2", "query_offset", 2),
]


@pytest.mark.parametrize(("text", "name", "value"), SETTINGS, ids=[case[0] for case in SETTINGS])
def test_a_setting_is_parsed_as_its_option_is(read, text, name, value):
    assert getattr(read(f"q: [[1]]\nk: [[1]]\n{text}").request, name) == value


def test_a_json_problem_is_read_as_a_yaml_one(read):
    text = '{"q": [["1/2", "-inf"]], "k": [[1, 2]], "causal": true, "window": [1, 2], "digits": 3, "title": "t"}'
    assert same(read(text, "p.json"), read(text, "p.yaml"))


def test_a_source_in_a_problem_file_is_relative_to_it(folder, read):
    (folder / "deep").mkdir()
    (folder / "deep" / "q.csv").write_text("1,2\n")
    np.savez(folder / "deep" / "all.npz", k=np.eye(2), w=np.ones((1, 2)))
    (folder / "deep" / "w.txt").write_text("0.50 0.50\n")
    text = "q: q.csv\nk: all.npz:k\nv: '1 2; 3 4'\nexpected: {weights: w.txt}"
    worksheet = read(text, "deep/p.yaml")
    assert worksheet.request.queries.where == "deep/q.csv"
    assert worksheet.request.keys.where == "deep/all.npz: k"
    assert worksheet.request.values.where == "deep/p.yaml: v"
    assert tuple(worksheet.expected["weights"].texts) == ("0.50", "0.50")


def test_arrays_by_the_same_names_are_a_problem():
    np.savez("p.npz", Q=np.eye(2), k=np.eye(2), mask=np.eye(2), expected_weights=np.eye(2), other=np.eye(3))
    worksheet = read_problem("p.npz", sources())
    assert worksheet.request.queries.where == "p.npz: Q"
    assert worksheet.request.mask is not None
    assert list(worksheet.expected) == ["weights"]
    assert worksheet.notes == ("p.npz: left out, not part of a problem: other",)


def test_a_setting_by_another_system_s_name_among_arrays_is_reported():
    np.savez(
        "p.npz",
        q=np.eye(2),
        k=np.eye(2),
        is_causal=True,
        softmax_scale=0.5,
        sinks=[1, 2],
        score=np.eye(2),
        causal_mask=np.eye(2),
        attn_bias=np.eye(2),
        padding_mask=np.eye(2),
    )
    worksheet = read_problem("p.npz", sources())
    assert worksheet.request.causal is None
    assert worksheet.notes == (
        "p.npz: is_causal is left out: here it is causal, or --causal",
        "p.npz: softmax_scale is left out: here it is scale, or --scale",
        "p.npz: sinks is left out: here it is sink",
        "p.npz: attn_bias is left out: here it is bias, or --bias p.npz:attn_bias",
        "p.npz: padding_mask is left out: here it is mask, or --mask p.npz:padding_mask "
        "(and --mask-means drop, if 1 hides a key)",
        "p.npz: left out, not part of a problem: score, causal_mask",
    )


def test_a_folder_is_a_problem(folder):
    (folder / "deep").mkdir()
    for name in ("q.csv", "keys.tsv", "v.txt", "expected.output.csv"):
        (folder / "deep" / name).write_text("1\n")
    worksheet = read_problem("deep/", sources())
    assert (worksheet.name, worksheet.where) == ("deep", "deep/")
    assert worksheet.request.values.where == "deep/v.txt"
    assert list(worksheet.expected) == ["output"]


def test_a_text_table_by_itself_is_not_a_problem(folder):
    (folder / "q.csv").write_text("1,2\n")
    with pytest.raises(AttncliError) as error:
        read_problem("q.csv", sources())
    what = "q.csv: holds one matrix, but a problem has queries and keys"
    assert (str(error.value), error.value.hint) == (
        what,
        "give the matrices separately: attncli run Q K V, or attncli check Q K V --expect-output FILE; "
        "an answer to a problem: attncli check PROBLEM --expect-output FILE",
    )


def test_a_problem_has_a_name_wherever_it_comes_from(folder):
    (folder / "a.b.yaml").write_text("q: [[1]]\nk: [[1]]")
    assert read_problem("a.b.yaml", sources()).name == "a.b"
    assert read_problem("-", sources(b"q: [[1]]\nk: [[1]]\n")).name == "stdin"
    assert read_problem("{q: [[1]], k: [[1]]}", sources()).name == "literal"
    assert worksheet_from_matrices("1 0", "1 0", None, sources()).name == "literal"
    (folder / "q.csv").write_text("1\n")
    assert worksheet_from_matrices("q.csv", "1", "1", sources()).name == "q"
    np.savez("all.npz", q=np.eye(1))
    assert worksheet_from_matrices("all.npz:q", "1", "1", sources()).name == "all"


def test_a_mapping_within_a_document_is_a_problem(folder):
    (folder / "m.yaml").write_text("jobs:\n- {name: one, q: [[1]], k: [[1]]}\n- {name: two, q: [[1]], kk: [[1]]}\n")
    here = sources()
    tree = here.contents("m.yaml").tree

    def job(index):
        where = {"name": f"job{index}", "where": "m.yaml", "folder": "", "sources": here}
        return read_mapping(tree, ("jobs", index), also=("name",), **where)

    assert job(0).request.keys.where == "m.yaml: job 1: k"
    with pytest.raises(AttncliError) as error:
        job(1)
    assert str(error.value) == "m.yaml: line 3, column 25: unknown key 'kk'"


NUMBERS = arrays.arrays(np.float64, st.just((2, 3)), elements=st.floats(allow_nan=False))
NAMES = st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=2, max_size=3).map(tuple)


@given(
    queries=NUMBERS,
    mask=arrays.arrays(np.bool_, (2, 2)),
    title=st.text(st.characters(exclude_categories=["Cs"])),
    names=NAMES,
    softcap=st.none() | st.floats(min_value=0, exclude_min=True, allow_infinity=False),
    window=st.none() | st.tuples(st.integers(-1, 9), st.integers(-1, 9)),
    digits=st.none()
    | st.integers(0, 20)
    | st.dictionaries(st.sampled_from(["weights", "lse"]), st.integers(0, 9), min_size=1),
)
def test_any_worksheet_written_reads_back(queries, mask, title, names, softcap, window, digits):
    matrix = Matrix(queries, "")
    request = Request(
        queries=matrix,
        keys=matrix,
        mask=Matrix(mask, ""),
        softcap=softcap,
        window=window,
        labels=Labels(queries=names),
    )
    worksheet = Worksheet(request=request, name="", where="", title=title, expected={"output": matrix}, digits=digits)
    assert same(read_problem("-", sources(write_problem(worksheet).encode())), worksheet)


@pytest.mark.parametrize(
    "written", ["\n  1 0", " >\n  1 0\n\n", " '1 0;\n  1 0'", " |\n  1 0\n  1 0", "\n  [[1,\n  0]]"]
)
def test_a_text_of_one_row_or_with_its_rows_separated_is_read_from_yaml(read, written):
    assert {tuple(row) for row in read(f"q:{written}\nk: [[1, 0]]\n").request.queries.array.tolist()} == {(1, 0)}
