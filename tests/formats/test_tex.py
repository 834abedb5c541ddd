from __future__ import annotations

import contextlib
import time

import numpy as np
import pytest
from bad_input_reader import read_all
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from attncli.errors import InputError, OutputError
from attncli.formats import BY_NAME
from attncli.formats.tex_names import NAME_HINT
from attncli.matrix import Matrix, Reading

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
    (r"W_\theta = ", r"W_\theta"),
    (r"W^{(1)} = ", "W^(1)"),
    (r"W^{start} = ", "W^start"),
    (r"\mathbf{W}^Q_1 = ", "W^Q_1"),
]


@pytest.mark.parametrize(("before", "name"), NAMES)
def test_a_name_in_front_is_the_array_s(before: str, name: str) -> None:
    assert list(read_all("tex", (before + r"\begin{bmatrix} 1 \end{bmatrix}").encode())) == [name]


CHANGED = [
    "K^T",
    "K^{T}",
    r"K^\top",
    r"K^{\top}",
    r"K^{\mathsf T}",
    r"K^{\intercal}",
    r"K^\dagger",
    "K'",
    r"K^\prime",
    "K^*",
    "K^{-1}",
    "K^2",
    "K^{-T}",
    "QK^T",
    r"\mathbf{Q}\mathbf{K}^T",
    r"\mathbf{Q}\mathbf{K}",
    "Q K",
    "QK",
    "XW_Q",
    r"Q \cdot K",
    "W_Q^T",
    "Q - K",
]


@pytest.mark.parametrize("name", CHANGED)
def test_a_name_that_changes_the_matrix_is_refused(name: str) -> None:
    with pytest.raises(InputError) as caught:
        read_all("tex", (name + r" = \begin{bmatrix} 1 \end{bmatrix}").encode())
    assert caught.value.where == "q.tex: line 1, column 1"
    assert "names a product or a changed matrix" in caught.value.what
    assert caught.value.hint == NAME_HINT


PRODUCTS = [" ", "\n", r"\,", r"\;", r"\right]\left[", r"\right.\left.", ")("]


@pytest.mark.parametrize("between", PRODUCTS)
def test_two_matrices_side_by_side_are_a_product_and_refused(between: str) -> None:
    text = rf"\begin{{bmatrix}}1\end{{bmatrix}}{between}\begin{{bmatrix}}2\end{{bmatrix}}"
    with pytest.raises(InputError) as caught:
        read_all("tex", text.encode())
    assert caught.value.what == "two matrices side by side are a product, which is not computed"


@pytest.mark.parametrize("columns", ["r@{.}l", "*{2}{r@{.}l}", ">{-}rr", "r<{0}r", "r!{.}l", r"c@{\,-}c", ">{$-$}cc"])
def test_columns_that_set_text_beside_entries_are_refused(columns: str) -> None:
    with pytest.raises(InputError) as caught:
        read_all("tex", rf"\begin{{array}}{{{columns}}} 1 & 5 \end{{array}}".encode())
    assert caught.value.what.endswith("beside entries, which is part of the numbers")


SPACING = ["@{}cc@{}", r"c@{\quad}c", r">{\centering}p{1cm}c", "*{2}{c}", "D{.}{.}{3}r", r"r@{\hspace{1em}}l"]


@pytest.mark.parametrize("columns", SPACING)
def test_columns_that_set_spacing_only_are_harmless(columns: str) -> None:
    text = rf"\begin{{array}}{{{columns}}} 1 & 5 \end{{array}}"
    assert read_all("tex", text.encode())[""].array.tolist() == [[1, 5]]


def test_numbers_in_the_place_of_the_columns_are_refused() -> None:
    with pytest.raises(InputError) as caught:
        read_all("tex", rb"\begin{array}{1 & 0} \\ 0 & 1 \end{array}")
    assert caught.value.what == "'{1 & 0}' is in the place of the columns, and holds numbers"


LONG = [
    (r"\begin{bmatrix} 1 & 2", r"\,", r"\end{bmatrix}"),
    (r"\begin{bmatrix} 1 & ", r"\,", r"2\end{bmatrix}"),
    (r"\begin{bmatrix} 1 & 2", r"\, 3", r"\end{bmatrix}"),
    ("Q", " ", r"\begin{bmatrix} 1 \end{bmatrix}"),
    (r"\begin{bmatrix} 1 \end{bmatrix}", r"\,", r" Q = \begin{bmatrix} 1 \end{bmatrix}"),
    ("", r"\begin{bmatrix} 1 \end{bmatrix},", ""),
    ("", r"\begin{array}{c@{}} 1 \end{array}, ", ""),
    ("", "\\", ""),
    ("", "{", ""),
    (r"\begin{array}", "{", ""),
    ("K^", "{", r"=\begin{bmatrix} 1 \end{bmatrix}"),
]


@pytest.mark.parametrize(("before", "piece", "after"), LONG)
def test_twice_the_text_takes_about_twice_the_time(before: str, piece: str, after: str) -> None:
    def seconds(count: int) -> float:
        text = (before + piece * count + after).encode()
        begin = time.process_time()
        with contextlib.suppress(InputError):
            read_all("tex", text)
        return time.process_time() - begin

    count = 20_000 // len(piece)
    assert any(seconds(4 * count) < 8 * seconds(count) + 0.1 for _ in range(3))


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
    text = rb"\begin{bmatrix} 1 \end{bmatrix}, \begin{bmatrix} 2 \end{bmatrix}"
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


def test_more_than_ten_columns_say_so_to_amsmath() -> None:
    matrix = np.arange(24.0).reshape(2, 12)
    text = b"".join(map(bytes, BY_NAME["tex"].write({"A": Matrix(matrix, "A")})))
    assert text.startswith(b"\\setcounter{MaxMatrixCols}{12}\n\\[\nA = ")
    assert (read_all("tex", text)["A"].array == matrix).all()
    few = b"".join(map(bytes, BY_NAME["tex"].write({"A": Matrix(matrix[:, :10], "A")})))
    assert b"setcounter" not in few


def test_words_with_backslashes_before_a_matrix_are_read_in_one_way_only() -> None:
    text = "\\[\nQ" + r"\beguuuerieqf} } " * 20 + r"\begin{matrix} 1 \end{matrix}"
    start = time.process_time()
    with pytest.raises(InputError):
        read_all("tex", text.encode())
    assert time.process_time() - start < 1


SIZED = [
    r"Q \in \mathbb{{R}}^{{{size}}} = \begin{{bmatrix}} 1 & 2 \\ 3 & 4 \end{{bmatrix}}",
    r"$$\mathbf{{Q}} \in \mathbb{{R}}^{{{size}}} := \left[\begin{{array}}{{cc}} 1 & 2 \\ 3 & 4 \end{{array}}\right]$$",
    r"\[ Q = \begin{{pmatrix}} 1 & 2 \\ 3 & 4 \end{{pmatrix}} \in \mathbb R^{{{size}}} \]",
    r"Q = \left(\begin{{matrix}} 1 & 2 \\ 3 & 4 \end{{matrix}}\right) \in \mathbb{{R}}^{{{size}}}",
]


@pytest.mark.parametrize("form", SIZED)
@pytest.mark.parametrize("sign", [r" \times ", r"\times", "×", "x"])
def test_a_size_beside_a_matrix_has_to_be_its_own(form: str, sign: str) -> None:
    (matrix,) = read_all("tex", form.format(size=f"2{sign}2").encode()).values()
    assert matrix.array.tolist() == [[1, 2], [3, 4]]
    with pytest.raises(InputError, match="is stated as 3 × 2, but has 2 × 2 entries"):
        read_all("tex", form.format(size=f"3{sign}2").encode())


def test_the_log_sum_exp_that_run_prints_has_a_name() -> None:
    found = read_all(
        "tex", rb"\[ Q = \begin{bmatrix} 1 & 2 \end{bmatrix} \] \[ \ell = \begin{bmatrix} 3 \\ 4 \end{bmatrix} \]"
    )
    assert {name: matrix.array.tolist() for name, matrix in found.items()} == {"Q": [[1, 2]], "ell": [[3], [4]]}


@pytest.mark.parametrize("name", [r"\ell Q", r"\alpha Q", r"\alpha" + "K^T"])
def test_a_symbol_before_another_name_stays_a_product(name: str) -> None:
    with pytest.raises(InputError, match=r"not understood|changed matrix"):
        read_all("tex", (name + r" = \begin{bmatrix} 1 \end{bmatrix}").encode())
