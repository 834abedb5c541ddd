"""Matrix Market files: dense and sparse, general and symmetric."""

from __future__ import annotations

import io

import numpy as np
import pytest
from bad_input_reader import read_all
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from attncli.errors import InputError
from attncli.inputs.sources import Sources
from attncli.matrix import Reading

scipy_io = pytest.importorskip("scipy.io")
scipy_sparse = pytest.importorskip("scipy.sparse")

READ = [
    (
        "an array, column by column",
        "array real general\n% a comment\n2 3\n1\n4\n2\n5\n3\n-6.25\n",
        [[1, 2, 3], [4, 5, -6.25]],
    ),
    ("whole numbers on one line", "array integer general\n2 2\n1 2 3 4", [[1, 3], [2, 4]]),
    ("the lower half of a symmetric one", "array real symmetric\n2 2\n1\n2\n3\n", [[1, 2], [2, 3]]),
    ("the half below the diagonal", "array real skew-symmetric\n2 2\n5\n", [[0, -5], [5, 0]]),
    ("entries and zeros", "coordinate real general\n2 3 2\n\n1 1 1e3\n2 3 .5\n", [[1000, 0, 0], [0, 0, 0.5]]),
    ("ones where a pattern says so", "coordinate pattern general\n2 2 1\n2 1\n", [[0, 0], [1, 0]]),
    ("entries of a symmetric one", "Coordinate Real Symmetric\n2 2 2\n1 1 1\n2 1 7\n", [[1, 7], [7, 0]]),
    ("no entries", "coordinate real general\n2 1 0\n", [[0], [0]]),
]


@pytest.mark.parametrize("sign", ["\x0b", "\x0c", "\x1c", "\u00a0", "\u2003"])
@pytest.mark.parametrize(
    ("form", "text"),
    [
        ("mtx", "%%MatrixMarket matrix array real general\n2 2\n1\n2{}3\n4\n"),
        ("txt", "# name: q\n# type: matrix\n# rows: 2\n# columns: 2\n 1 2\n 3{}4\n"),
    ],
    ids=["mtx", "Octave"],
)
def test_a_sign_that_is_invisible_separates_no_numbers(form: str, text: str, sign: str) -> None:
    assert [*read_all(form, text.format(" ").encode())]
    with pytest.raises(InputError):
        read_all(form, text.format(sign).encode())


@pytest.mark.parametrize(("text", "numbers"), [case[1:] for case in READ], ids=[case[0] for case in READ])
def test_each_form_is_read(text: str, numbers: list[list[float]]) -> None:
    data = f"%%MatrixMarket matrix {text}".encode()
    assert read_all("mtx", data)[""].array.tolist() == numbers
    assert Sources(lambda: io.BytesIO(data)).matrix("-", role="queries").array.tolist() == numbers


def test_the_texts_are_kept_where_they_are_asked_for() -> None:
    data = b"%%MatrixMarket matrix coordinate real symmetric\n2 2 1\n2 1 0.50\n"
    assert read_all("mtx", data, Reading(keep_text=True))[""].texts == ("0", "0.50", "0.50", "0")


EXAMPLE = "as in %%MatrixMarket matrix array real general"
REFUSED = [
    ("no banner", "1 2\n", 1, "a Matrix Market file begins with %%MatrixMarket", EXAMPLE),
    ("too few words", "%%MatrixMarket matrix array\n", 1, "%%MatrixMarket is followed by 2 words, not 4", EXAMPLE),
    (
        "a word misspelt",
        "%%MatrixMarket matrix aray real general\n",
        1,
        "'aray' is not known here",
        "did you mean 'array'?",
    ),
    (
        "complex numbers",
        "%%MatrixMarket matrix array complex general\n1 1\n1 2\n",
        1,
        "its cells are complex, not real numbers",
        "save its real part",
    ),
    (
        "no size",
        "%%MatrixMarket matrix array real general\n",
        1,
        "the line with the size is missing",
        "rows, columns and, of a coordinate file, the entries",
    ),
    (
        "a size of two for entries",
        "%%MatrixMarket matrix coordinate real general\n2 2\n",
        2,
        "the size is 3 whole numbers",
        "rows, columns and entries",
    ),
    (
        "a symmetric one that is not square",
        "%%MatrixMarket matrix array real symmetric\n2 3\n",
        2,
        "a symmetric matrix of 2 × 3 is not square",
        "call it general in the first line",
    ),
    (
        "too few numbers",
        "%%MatrixMarket matrix array real general\n2 2\n1\n2\n3\n",
        5,
        "3 numbers, but a general matrix of 2 × 2 has 4",
        "write the numbers column by column",
    ),
    (
        "an entry outside",
        "%%MatrixMarket matrix coordinate real general\n2 2 1\n0 1 5\n",
        3,
        "the matrix of 2 × 2 has no row 0, column 1",
        "both are counted from 1",
    ),
    (
        "an entry given twice",
        "%%MatrixMarket matrix coordinate real general\n2 2 2\n1 1 5\n1 1 6\n",
        4,
        "the entry in row 1, column 1 is given twice",
        "delete one of the two",
    ),
    (
        "fewer entries than claimed",
        "%%MatrixMarket matrix coordinate real general\n2 2 2\n1 1 5\n",
        3,
        "1 entries, not the 2 claimed",
        "write their number into the size",
    ),
    (
        "no number",
        "%%MatrixMarket matrix coordinate real general\n2 2 1\n\n1 1 x\n",
        4,
        "'x' is not a number",
        "type a number, as in -1234.5, or nan if it is missing",
    ),
    (
        "hardly anything in a huge one",
        "%%MatrixMarket matrix coordinate real general\n100000 100000 1\n1 1 1\n",
        2,
        "10000000000 cells are claimed, but 1 entries follow",
        "write the size that the entries have",
    ),
    (
        "no cells",
        "%%MatrixMarket matrix array real general\n0 2\n",
        2,
        "a matrix of 0 × 2 is empty",
        "write its rows and columns, 1 or more each",
    ),
]


@pytest.mark.parametrize(("text", "line", "what", "hint"), [c[1:] for c in REFUSED], ids=[c[0] for c in REFUSED])
def test_what_is_not_a_matrix_is_refused_with_its_line(text: str, line: int, what: str, hint: str | None) -> None:
    with pytest.raises(InputError) as caught:
        read_all("mtx", text.encode())
    assert (caught.value.where, caught.value.what, caught.value.hint) == (f"q.mtx: line {line}", what, hint)


@given(arrays.arrays(np.float64, arrays.array_shapes(min_dims=2, max_dims=2, max_side=4)), st.booleans())
def test_what_scipy_writes_is_read(array: np.ndarray, sparse: bool) -> None:
    array = np.nan_to_num(array)
    stream = io.BytesIO()
    scipy_io.mmwrite(stream, scipy_sparse.coo_matrix(array) if sparse else array, precision=17, symmetry="general")
    assert (read_all("mtx", stream.getvalue())[""].array == array).all()
