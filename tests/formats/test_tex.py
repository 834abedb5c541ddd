from __future__ import annotations

import numpy as np
import pytest
from bad_input_reader import read_all
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from attncli.errors import InputError, OutputError
from attncli.formats import BY_NAME
from attncli.matrices import Matrix, Reading

EYE = [[1, 0], [0, 1]]
SAME_MATRIX = [
    r"\begin{bmatrix} 1 & 0 \\ 0 & 1 \end{bmatrix}",
    r"$\begin{pmatrix} 1 & 0 \\ 0 & 1 \\ \end{pmatrix}$",
    "$$\n\\begin{matrix}\n1 & 0 \\\\[2pt]\n0 & 1\n\\end{matrix}\n$$",
    r"\[ \begin{Bmatrix} 1&0\\0&1 \end{Bmatrix} \]",
    r"\begin{array}{cc} 1 & 0 \\ 0 & 1 \end{array}",
    r"\left[\begin{array}{c|c} \hline 1 & 0 \\ \hline 0 & 1 \\ \hline \end{array}\right]",
    r"\begin{array}{c{c}}1 & 0 \\ 0 & 1 \end{array}",
    r"\begin{array}[t]{c@{\,}c} 1 & 0 \\ 0 & 1 \end{array}",
    r"\begin{array} c1 & 0 \\ 0 & 1 \end{array}",
    r"\begin{array} 11 & 0 \\ 0 & 1 \end{array}",
    r"\begin{array}\relax 1 & 0 \\ 0 & 1 \end{array}",
    r"\begin{bmatrix*}[r] 1 & 0 \\ 0 & 1 \end{bmatrix*}",
    "% Q\n\\begin{bmatrix} 1 & % one\n 0 \\\\ 0 & 1 \\end{bmatrix}. % & 7",
    r"\bigl(\begin{smallmatrix} 1 & 0 \\ 0 & 1 \end{smallmatrix}\bigr)",
]


@pytest.mark.parametrize("text", SAME_MATRIX)
def test_the_same_matrix_is_read_however_it_is_set(text: str) -> None:
    assert {name: matrix.array.tolist() for name, matrix in read_all("tex", text.encode()).items()} == {"": EYE}


NAMES = [
    (r"Q = ", "Q"),
    (r"W^Q = ", "W^Q"),
    (r"W^{Q} = ", "W^Q"),
    (r"$W_Q=", "W_Q"),
    (r"\mathbf{Q} &= ", "Q"),
    (r"\[ \mathrm{raw\_scores} := \left[", "raw_scores"),
    (r"\bm Q = ", "Q"),
]


@pytest.mark.parametrize(("before", "name"), NAMES)
def test_a_name_in_front_is_the_array_s(before: str, name: str) -> None:
    assert list(read_all("tex", (before + r"\begin{bmatrix} 1 \end{bmatrix}").encode())) == [name]


def test_several_matrices_are_named_or_numbered() -> None:
    text = (
        r"\documentclass{article}\usepackage{amsmath}\begin{document}"
        r"\begin{align*} Q &= \begin{bmatrix} 1 \end{bmatrix}, \\ \begin{bmatrix} 2 \end{bmatrix} \quad"
        r" K = \begin{bmatrix} 3 \end{bmatrix} \end{align*} \end{document} and more"
    )
    found = read_all("tex", text.encode())
    assert {name: matrix.array.tolist() for name, matrix in found.items()} == {"Q": [[1]], "2": [[2]], "K": [[3]]}
    assert found["K"].where == "q.tex: K"


def test_two_matrices_without_names_are_numbered() -> None:
    text = rb"\begin{bmatrix} 1 \end{bmatrix} \begin{bmatrix} 2 \end{bmatrix}"
    assert list(read_all("tex", text)) == ["1", "2"]


ENTRIES = [
    (r"\frac{1}{3}", "1/3"),
    (r"-\dfrac{1}{3}", "-1/3"),
    (r"\tfrac12", "1/2"),
    (r"-\infty", "-inf"),
    (r"\infty", "inf"),
    (r"\mathrm{NaN}", "NaN"),
    (r"1.50 \times 10^{-3}", "1.50e-3"),
    (r"2\cdot10^2", "2e2"),
    (r"\phantom{-}0.25\,", "0.25"),
    (r"\textbf{0.50}", "0.50"),
    (r"{-1}", "-1"),
    (r"- 1", "-1"),
    ("\N{MINUS SIGN}1", "\N{MINUS SIGN}1"),
]


@pytest.mark.parametrize(("entry", "text"), ENTRIES)
def test_an_entry_is_kept_as_our_own_grammar_says_it(entry: str, text: str) -> None:
    source = rf"\begin{{bmatrix}} {entry} & 1 \end{{bmatrix}}".encode()
    assert read_all("tex", source, Reading(keep_text=True))[""].texts == (text, "1")


names = st.sampled_from(["Q", "raw_scores", "weights", "output"])
values = arrays.arrays(
    st.sampled_from([np.float64, np.float32, np.float16]), arrays.array_shapes(min_dims=1, max_dims=2, max_side=4)
)


@given(st.dictionaries(names, values, min_size=1))
def test_what_was_written_reads_back_to_the_same_bits(written: dict[str, np.ndarray]) -> None:
    matrices = {name: Matrix(array, "x") for name, array in written.items()}
    back = read_all("tex", b"".join(BY_NAME["tex"].write(matrices)))
    assert list(back) == list(written)
    for name, array in written.items():
        with np.errstate(over="ignore", invalid="ignore"):
            same = back[name].array.astype(array.dtype)
        np.testing.assert_array_equal(same, array if array.ndim == 2 else array.reshape(-1, 1))


def test_a_matrix_is_written_as_a_display() -> None:
    matrix = Matrix(np.array([[1e-10, -np.inf], [np.nan, 0.5]]), "x")
    assert b"".join(BY_NAME["tex"].write({"raw_scores": matrix})).decode() == (
        "\\[\n\\mathrm{raw\\_scores} = \\begin{bmatrix}\n  1 \\times 10^{-10} & -\\infty \\\\\n"
        "  \\mathrm{nan} & 0.5\n\\end{bmatrix}\n\\]\n"
    )


def test_a_name_of_one_letter_is_set_as_a_variable_and_a_word_upright() -> None:
    for name, shown in (("Q", "Q"), ("Qs", r"\mathrm{Qs}")):
        assert b"".join(BY_NAME["tex"].write({name: Matrix(np.eye(1), "x")})).decode().startswith(f"\\[\n{shown} = ")


def test_three_axes_are_refused() -> None:
    with pytest.raises(OutputError):
        BY_NAME["tex"].write({"Q": Matrix(np.zeros((1, 2, 3)), "x")})


@given(
    st.lists(
        st.sampled_from(
            [
                r"\begin{array}",
                r"\begin{bmatrix}",
                r"\end{bmatrix}",
                r"\end{array}",
                "{c}",
                "{",
                "}",
                "1",
                "&",
                r"\\",
                " ",
                "=",
                "Q",
                "$",
                r"\frac",
                "%",
                "\n",
                "^T",
                r"\[",
            ]
        ),
        max_size=12,
    )
)
def test_no_text_raises_anything_but_an_input_error(pieces: list[str]) -> None:
    where = "q.tex"
    try:
        read_all("tex", "".join(pieces).encode())
    except InputError as error:
        where = error.where
    assert where.startswith("q.tex")
