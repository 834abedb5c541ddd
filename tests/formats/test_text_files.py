from __future__ import annotations

import pytest
from bad_input_reader import read_all

from attncli.errors import InputError
from attncli.matrix import Reading

HEAD = "# Created by Octave 8.4.0, Mon Jan 01 10:00:00 2024 GMT <u@h>\n"
Q = "# name: Q\n# type: matrix\n# rows: 2\n# columns: 2\n 1 2\n 4 5\n\n\n"
K = "# name: K\n# type: matrix\n# rows: 1\n# columns: 3\n 0.5 -Inf 1e-3\n\n\n"
S = "# name: s\n# type: scalar\n2\n\n\n"


@pytest.mark.parametrize("head", ["", HEAD], ids=["without a first line", "with a first line"])
@pytest.mark.parametrize("format_name", ["txt", "csv", "tsv"])
def test_octave_s_variables_are_read_by_their_names(format_name: str, head: str) -> None:
    found = read_all(format_name, (head + Q + K + S).encode(), Reading(keep_text=True))
    assert {name: matrix.array.tolist() for name, matrix in found.items()} == {
        "Q": [[1, 2], [4, 5]],
        "K": [[0.5, -float("inf"), 1e-3]],
        "s": [[2]],
    }
    assert found["K"].texts == ("0.5", "-Inf", "1e-3")
    assert found["Q"].where == f"q.{format_name}: Q"


REFUSED = [
    ("diagonal matrix", "# name: I\n# type: diagonal matrix\n# rows: 2\n# columns: 2\n1\n1\n", "is of the type"),
    ("sparse matrix", "# name: I\n# type: sparse matrix\n# nnz: 1\n# rows: 2\n# columns: 2\n1 1 1\n", "is of the type"),
    ("three axes", "# name: T\n# type: matrix\n# ndims: 3\n 1 1 2\n 1\n 2\n", "has no # rows: and # columns:"),
    ("a string", "# name: t\n# type: string\n# elements: 1\n# length: 1\nx\n", "is of the type"),
    ("a row too few", "# name: Q\n# type: matrix\n# rows: 2\n# columns: 2\n 1 2\n\n", "this row has 0 numbers"),
    ("a column too many", "# name: Q\n# type: matrix\n# rows: 1\n# columns: 2\n 1 2 3\n\n", "this row has 3 numbers"),
    ("a name twice", Q + Q, "there are two variables called 'Q'"),
    ("an empty one", "# name: Q\n# type: matrix\n# rows: 0\n# columns: 0\n", "the variable Q is empty"),
    ("a bad number", "# name: Q\n# type: matrix\n# rows: 1\n# columns: 1\n NA\n", "'NA' is not a number"),
]


@pytest.mark.parametrize(("text", "what"), [pytest.param(*case[1:], id=case[0]) for case in REFUSED])
def test_what_octave_writes_otherwise_is_refused(text: str, what: str) -> None:
    with pytest.raises(InputError) as caught:
        read_all("txt", (HEAD + text).encode())
    assert what in caught.value.what
    assert caught.value.where.startswith("q.txt: line ")


BLOCKS = [
    ("1 2\n# New slice\n3 4\n# New slice\n", "slices"),
    ("# Array shape: (2, 1, 2)\n1 2\n# New slice\n3 4\n", "slices"),
    ("1 2\n\n3 4\n", "blank lines"),
    ("1,2\r\n\r\n\r\n-3,4\r\n", "blank lines"),
]


@pytest.mark.parametrize(("text", "word"), BLOCKS)
def test_blocks_of_rows_get_a_note(text: str, word: str) -> None:
    matrix = read_all("txt", text.encode())[""]
    assert matrix.array.shape == (2, 2)
    assert [word in note for note in matrix.notes] == [True]


@pytest.mark.parametrize(
    "text", ["1 2\n3 4\n", "1 2\n3 4\n\n", "\n\n1 2\n3 4\n", "# Q\n\n1 2\n3 4\n", "a b\n\n1 2\n3 4\n"]
)
def test_blank_lines_around_the_rows_get_no_note(text: str) -> None:
    assert read_all("txt", text.encode())[""].notes == ()
