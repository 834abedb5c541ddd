"""Names of arrays as people write them, and what else a problem file may say of its matrices."""

from __future__ import annotations

import io

import numpy as np
import pytest

from attncli.errors import InputError
from attncli.inputs.array_names import expected_name, matrix_name
from attncli.inputs.problem_file import read_problem
from attncli.inputs.request import Request
from attncli.inputs.sources import Sources
from attncli.matrix import Reading

NAMES = [
    *((name, "queries") for name in ("q", "Q", "query", "Query", "queries", "QUERIES")),
    *((name, "keys") for name in ("k", "K", "key", "Keys")),
    *((name, "values") for name in ("v", "V", "value", "VALUES")),
    *((name, "queries") for name in ("Query matrix", "The query vectors", "Query Matrix (Q)", "matrix Q", "Q:")),
    *((name, None) for name in ("matrix", "the", "Query weight matrix", "Query matrix K", "transposed K matrix")),
    *((name, "w_q") for name in ("w_q", "W_q", "W_Q", "Wq", "WQ", "W^Q", "W^{Q}", "w-q", r"W_{q}")),
    *((name, "b_o") for name in ("b_o", "B_O", "bo")),
    *((name, "x") for name in ("x", "X")),
    *((name, "mask") for name in ("mask", "Mask")),
    *((name, None) for name in ("K^T", "QK^T", "qk", "scores", "query_offset", "T", "attn_mask", "w")),
]


@pytest.mark.parametrize(("name", "meant"), NAMES, ids=[name for name, _ in NAMES])
def test_a_name_means_the_same_in_any_case_and_with_any_marks(name: str, meant: str | None) -> None:
    assert matrix_name(name) == meant


def test_two_names_for_one_matrix_mean_that_one() -> None:
    assert [matrix_name(name) for name in ("queries Q", "keys K", "V values", "queries K", "Q x", "a queries Q")] == [
        "queries",
        "keys",
        "values",
        None,
        None,
        None,
    ]


@pytest.mark.parametrize("name", ["expected_output", "expected.output", "Expected_Output", "expected output"])
def test_a_result_that_is_expected_is_known_by_its_beginning(name: str) -> None:
    assert expected_name(name) == "output"
    assert expected_name(name.replace("utput", "ther")) is None


def read(text: str, **options):
    return read_problem("-", Sources(lambda: io.BytesIO(text.encode()), **options)).request


def test_the_keys_of_a_problem_file_may_be_written_so_too() -> None:
    request = read("X: [[1, 2]]\nW_Q: [[1], [2]]\nWk: [[3], [4]]\n'W^V': [[5], [6]]\n")
    assert request.x.array.tolist() == [[1, 2]]
    assert [request.w_q.array.tolist(), request.w_k.array.tolist(), request.w_v.array.tolist()] == [
        [[1], [2]],
        [[3], [4]],
        [[5], [6]],
    ]


def test_the_names_of_latex_are_known_too(tmp_path) -> None:
    (tmp_path / "p.tex").write_text(
        r"X = \begin{bmatrix} 1 & 2 \end{bmatrix}, W^Q = \begin{bmatrix} 1 \\ 2 \end{bmatrix},"
        r" W_{K} = \begin{bmatrix} 3 \\ 4 \end{bmatrix}"
    )
    request = read_problem(str(tmp_path / "p.tex"), Sources(io.BytesIO)).request
    assert (request.w_q.array.tolist(), request.w_k.array.tolist()) == ([[1], [2]], [[3], [4]])


@pytest.mark.parametrize("key", ["attn_mask", "key_padding_mask", "attn_bias", "sliding_window", "qkv"])
def test_null_is_nothing_under_another_system_s_name(key: str) -> None:
    request = read(f"q: [[1]]\nk: [[1]]\n{key}: null\n")
    given = [name for name in Request.__annotations__ if getattr(request, name) not in (None, False)]
    assert given == ["queries", "keys", "labels"]


@pytest.mark.parametrize("key", ["mask", "bias", "values", "softcap", "window", "scale"])
@pytest.mark.parametrize("null", ["null", "~", "NULL"])
def test_null_is_as_if_the_key_were_left_out(key: str, null: str) -> None:
    assert getattr(read(f"q: [[1]]\nk: [[1]]\n{key}: {null}\n"), key) is None


def test_labels_may_lead_to_their_rows() -> None:
    request = read("q: {cat: [1, 2.50], dog: [3, 4]}\nk: [[1, 1]]\n", reading=Reading(keep_text=True))
    assert request.queries.array.tolist() == [[1, 2.5], [3, 4]]
    assert request.queries.row_labels == ("cat", "dog")
    assert request.queries.texts == ("1", "2.50", "3", "4")


def test_weights_as_torch_keeps_them_are_turned() -> None:
    text = "x: [[1, 2]]\nw_q: [[1, 2]]\nw_k: [[3.0, 4]]\nw_v: [[1, 2], [3, 4], [5.50, 6]]\nw_layout: out-in\n"
    request = read(text, reading=Reading(keep_text=True))
    assert request.w_q.array.tolist() == [[1], [2]]
    assert request.w_v.array.tolist() == [[1, 3, 5.5], [2, 4, 6]]
    assert request.w_v.texts == ("1", "3", "5.50", "2", "4", "6")
    assert request.x.array.tolist() == [[1, 2]]


PACKED = [
    ("qkv: [[1, 2, 3]]\nqkv_order: blocks", ([[1]], [[2]], [[3]])),
    ("qkv: [[1, 2, 3, 4, 5, 6]]\nqkv_order: blocks\nheads: 2", ([[1, 2]], [[3, 4]], [[5, 6]])),
    ("QKV: [[1, 2, 3, 4, 5, 6]]\nqkv_order: heads\nheads: 2", ([[1, 4]], [[2, 5]], [[3, 6]])),
    ("qkv: [[1, 2, 3, 4]]\nqkv_order: blocks\nheads: 2/1", ([[1, 2]], [[3]], [[4]])),
]


@pytest.mark.parametrize(("text", "parts"), PACKED)
def test_a_packed_array_is_taken_apart_by_its_order(text: str, parts: tuple[list[list[int]], ...]) -> None:
    request = read(text, reading=Reading(keep_text=True))
    found = (request.queries, request.keys, request.values)
    assert tuple(matrix.array.tolist() for matrix in found) == parts
    assert [matrix.texts for matrix in found] == [tuple(str(cell) for row in part for cell in row) for part in parts]


def test_packed_weights_of_torch_are_turned_and_taken_apart() -> None:
    text = "x: [[1, 2]]\nin_proj_weight: [[1, 2], [3, 4], [5, 6]]\nin_proj_bias: [7, 8, 9]\n"
    request = read(f"{text}w_layout: out-in\nqkv_order: blocks\n")
    assert [request.w_q.array.tolist(), request.w_k.array.tolist()] == [[[1], [2]], [[3], [4]]]
    assert [matrix.array.tolist() for matrix in (request.b_q, request.b_k, request.b_v)] == [[7], [8], [9]]


@pytest.mark.parametrize(
    ("text", "where", "what", "hint"),
    [
        ("qkv: [[1, 2, 3]]\nqkv_order: rows", "standard input: line 2, column 12", "qkv_order: 'rows' is not known",
         "one of: blocks, heads"),
        ("qkv: [[1, 2]]\nqkv_order: blocks", "standard input: qkv", "2 columns cannot be divided among Q, K and V",
         "a multiple of 3, or heads: H/KV where keys have fewer heads"),
        ("qkv: [[1, 2, 3]]\nqkv_order: heads", "standard input: qkv", "the order heads needs heads",
         "heads: 8, or qkv_order: blocks"),
        ("qkv: [[1, 2, 3]]\nqkv_order: blocks\nk: [[1]]", "standard input: line 1, column 1",
         "qkv holds keys, which k gives too", "keep one"),
        ("q: [[1]]\nk: [[1]]\nqkv_order: blocks", "standard input: line 3, column 1",
         "qkv_order without an array that holds Q, K and V", "add qkv"),
    ],
)  # fmt: skip
def test_a_packed_array_that_cannot_be_taken_apart_is_refused(text: str, where: str, what: str, hint: str) -> None:
    with pytest.raises(InputError) as caught:
        read(text)
    assert (caught.value.where, caught.value.what, caught.value.hint) == (where, what, hint)


POLARITY = "call it mask, with mask_means: keep or drop; or bias, if it is added to the scores"
SPLIT = "in a problem file: qkv_order: blocks (all of Q, then K, then V), or heads (q, k and v of each head)"
REFUSED = [
    (
        "attn_mask: [[1]]",
        "line 3, column 1: attn_mask: systems disagree on whether 1 means may attend or hidden",
        POLARITY,
    ),
    (
        "W_qkv: [[1]]",
        "line 3, column 1: W_qkv: queries, keys and values in one array, and the name does not say in which order",
        SPLIT,
    ),
    ("w_layout: oi", "line 3, column 11: w_layout: 'oi' is not known", "one of: in-out, out-in"),
    ("Q: [[1]]", "line 3, column 1: q and Q are two names for the same thing", "keep one of them"),
    (
        "v: {a: [1], b: [1, 2]}",
        "line 3, column 16: a row of 2, but the first has 1",
        "a matrix is a list of rows, as in [[1, 0], [0, 1]]",
    ),
    (
        "v: {a: [[1]]}",
        "line 3, column 8: a row is a list of numbers",
        "a matrix is a list of rows, as in [[1, 0], [0, 1]]",
    ),
    (
        "v: {a: {b: 1}}",
        "line 3, column 8: a mapping; expected a list",
        "a matrix is a list of rows, as in [[1, 0], [0, 1]]",
    ),
]


@pytest.mark.parametrize(("line", "what", "hint"), REFUSED, ids=[case[0] for case in REFUSED])
def test_a_key_that_does_not_say_enough_is_refused(line: str, what: str, hint: str) -> None:
    with pytest.raises(InputError) as caught:
        read(f"q: [[1]]\nk: [[1]]\n{line}\n")
    assert (str(caught.value), caught.value.hint) == (f"standard input: {what}", hint)


def test_an_array_that_does_not_say_enough_is_refused(tmp_path) -> None:
    np.savez(tmp_path / "p.npz", q=np.eye(2), k=np.eye(2), attn_mask=np.eye(2))
    with pytest.raises(InputError) as caught:
        read_problem(str(tmp_path / "p.npz"), Sources(io.BytesIO))
    assert caught.value.where == f"{tmp_path / 'p.npz'}: attn_mask"
    assert caught.value.hint == POLARITY
