"""Arrays as programs print them, read by the one reader of prints."""

from __future__ import annotations

import contextlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from printed_forms import ARRAYS, NAMED, SEVERAL
from refused_forms import REFUSED

from attncli.errors import InputError
from attncli.formats.prints import is_labelled, is_print, read_print, strip_decorations
from attncli.matrix import Reading


def numbers(text: str, reading: Reading | None = None) -> dict[str, list]:
    matrices = read_print(strip_decorations(text), "Q", reading or Reading()).matrices
    return {name: decode().array.tolist() for name, decode in matrices.items()}


@pytest.mark.parametrize(("text", "expected"), [case[1:] for case in ARRAYS], ids=[case[0] for case in ARRAYS])
def test_an_array_is_read_as_it_is_printed(text: str, expected: list) -> None:
    assert is_print(strip_decorations(text))
    (found,) = numbers(text).values()
    np.testing.assert_array_equal(found, expected)
    assert isinstance(found[0], type(expected[0])) or np.ndim(expected) == 1


@pytest.mark.parametrize(("text", "name", "expected"), [case[1:] for case in NAMED], ids=[case[0] for case in NAMED])
def test_the_name_in_front_of_an_array_is_taken(text: str, name: str, expected: list) -> None:
    assert is_print(strip_decorations(text)) or is_labelled(text)
    assert numbers(text) == {name: expected}


@pytest.mark.parametrize("text", [case[1] for case in SEVERAL], ids=[case[0] for case in SEVERAL])
def test_several_arrays_keep_their_names(text: str) -> None:
    assert numbers(text) == {"Q": [[1, 0], [0, 1]], "K": [[1, 2], [3, 4]], "V": [[5], [6]]}


@pytest.mark.parametrize(
    ("text", "place", "what", "hint"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED]
)
def test_a_form_that_is_half_understood_is_refused(text: str, place: str, what: str, hint: str | None) -> None:
    with pytest.raises(InputError) as caught:
        read_print(text, "q.txt", Reading())
    where = f"q.txt: {place}" if place else "q.txt"
    assert (caught.value.where, caught.value.what, caught.value.hint) == (where, what, hint)


def test_a_problem_of_yaml_in_a_text_file_is_sent_to_its_own_suffix() -> None:
    with pytest.raises(InputError) as caught:
        read_print("queries: [[1, 0]]\nkeys: [[1, 0]]\ncausal: true", "p.txt", Reading())
    assert str(caught.value) == "p.txt: keys: expected the end after the list, found 'causal: true'"
    assert caught.value.hint == "if this is a YAML problem, name the file .yaml"


def test_the_labels_of_r_are_kept() -> None:
    rows = read_print("    [,1]\ncat    1\ndog    2", "q", Reading()).matrices[""]()
    assert (rows.row_labels, rows.column_labels) == (("cat", "dog"), None)
    columns = read_print("     a b\n[1,] 1 2", "q", Reading()).matrices[""]()
    assert (columns.row_labels, columns.column_labels) == (None, ("a", "b"))


def test_texts_are_kept_in_the_order_of_the_numbers() -> None:
    keep = Reading(keep_text=True)
    for text, texts in [
        ("matrix(c(1.0, 3.50, 2, 4), 2)", ("1.0", "2", "3.50", "4")),
        ("{{1.50f, 2}, {np.float64(3.0), 4}}", ("1.50", "2", "3.0", "4")),
        ("q =\n\n  1.0e-01 *\n\n  1.50 2\n  3 4\n", ("1.50e-1", "2e-1", "3e-1", "4e-1")),
        ("     [,1]\n[1,] 1.50\n     [,2]\n[1,] 2", ("1.50", "2")),
    ]:
        (decode,) = read_print(text, "q", keep).matrices.values()
        assert decode().texts == texts


@given(st.text(alphabet="[](){};,=. 01-e\n\"'<>Qc×:matrx*f#/", max_size=40))
def test_no_text_raises_anything_but_an_input_error(text: str) -> None:
    is_print(text)
    with contextlib.suppress(InputError):
        read_print(text, "Q", Reading())


@given(st.lists(st.sampled_from([case[1] for case in (*ARRAYS, *NAMED, *SEVERAL)]), min_size=1, max_size=2), st.data())
def test_a_damaged_print_raises_nothing_but_an_input_error(texts: list[str], data: st.DataObject) -> None:
    text = "\n".join(texts)
    start = data.draw(st.integers(0, len(text)))
    damaged = text[:start] + data.draw(st.sampled_from(["", "[", "]", ";", "\n", "x", "="])) + text[start + 1 :]
    is_print(damaged)
    with contextlib.suppress(InputError):
        read_print(damaged, "Q", Reading())


@pytest.mark.parametrize(
    "text", ["[[0.;0.]]", "[[1 2; 3 4]]", "[[1 2];[3 4]]", "[[1 2; 3 4], [5 6; 7 8]]", "[1, [2; 3]]"]
)
def test_semicolons_among_nested_brackets_are_refused(run, text):
    ran = run("run", text, "1 2", "-f", "csv")
    assert (ran.status, ran.out) == (2, "")
    assert ran.err == (
        "error: queries: a semicolon among nested brackets could separate rows or matrices\n"
        "hint: commas for lists: [[1, 0], [0, 1]], or rows in one pair of brackets: [1 0; 0 1]\n"
    )


@pytest.mark.parametrize(
    ("text", "rows"),
    [("1;2;3\n", "1.0\n2.0\n3.0\n"), ("1,2;3,4", "1.0,2.0\n3.0,4.0\n"), ("1,2;\n3,4;\n", "1.0,2.0\n3.0,4.0\n")],
)
def test_a_semicolon_ends_a_row_of_txt_and_standard_input_as_it_does_typed(run, tmp_path, text, rows):
    width = " ".join("1" * len(rows.split("\n")[0].split(",")))
    assert run("run", text, width, "-f", "csv", "--show", "queries") == (0, rows, "")
    (tmp_path / "q.txt").write_text(text)
    for source, name in ((tmp_path / "q.txt", str(tmp_path / "q.txt")), ("-", "standard input")):
        ran = run("run", source, width, "-f", "csv", "--show", "queries", input=text.encode())
        assert (ran.status, ran.out) == (0, rows)
        assert ran.err == (
            f"note: {name}: {rows.count(chr(10))} rows, because ';' ends a row; where it separates cells, "
            "read it as CSV (.csv, --from csv)\n"
        )


@pytest.mark.parametrize("text", ["1;2;\n3;4;\n", "1,5;2;\n3;4;\n"])
def test_semicolons_between_cells_and_at_the_ends_of_lines_end_no_rows(run, tmp_path, text):
    (tmp_path / "q.txt").write_text(text)
    for source in (text, "-", tmp_path / "q.txt"):
        ran = run("run", source, "1 2", input=text.encode())
        assert (ran.status, ran.out) == (2, "")
        assert ran.err.endswith(
            "the cell is empty\nhint: every line ends with a delimiter (semicolons): delete the last one of each line\n"
        )


def test_rows_that_only_semicolons_end_need_no_note(run, tmp_path):
    (tmp_path / "q.txt").write_text("1;\n2;\n3;\n")
    assert run("run", tmp_path / "q.txt", "1", "-f", "csv", "--show", "queries") == (0, "1.0\n2.0\n3.0\n", "")


@pytest.mark.parametrize(("text", "row"), [("1;2;3\n", "1.0,2.0,3.0\n"), ("1,5;2,5;3,5", "1.5,2.5,3.5\n")])
def test_a_line_of_cells_between_semicolons_is_a_row_of_csv_with_a_note(run, tmp_path, text, row):
    note = "its one line is a row; typed as an argument, ';' would end a row"
    for name in ("q.csv", "q.tsv"):
        (tmp_path / name).write_text(text)
        ran = run("run", tmp_path / name, "1 2 3", "-f", "csv", "--show", "queries")
        assert ran == (0, row, f"note: {tmp_path / name}: {note}\n")
    ran = run("run", "-", "1 2 3", "--from", "csv", "-f", "csv", "--show", "queries", input=text.encode())
    assert ran == (0, row, f"note: standard input: {note}\n")


def test_lists_on_lines_of_their_own_are_rows_with_a_note(run, tmp_path):
    (tmp_path / "q.jsonl").write_text("[1, 2]\n[3, 4]\n")
    for source, name in ((tmp_path / "q.jsonl", str(tmp_path / "q.jsonl")), ("-", "standard input")):
        ran = run("run", source, "1 2", "-f", "csv", "--show", "queries", input=b"[1, 2]\n[3, 4]\n")
        assert ran.out == "1.0,2.0\n3.0,4.0\n"
        assert ran.err == f"note: {name}: its 2 lists, each on its own line, are read as the rows of one matrix\n"


@pytest.mark.parametrize("text", ['[{"a": 1, "\udca7": 2}]', "- [1, \udca7]"])
def test_a_byte_that_is_not_text_is_refused_in_records_and_block_lists(text: str) -> None:
    with pytest.raises(InputError, match="not UTF-8"):
        read_print(text, "Q", Reading())


def test_many_lines_about_columns_are_read_in_linear_time() -> None:
    # each line could be split in two ways, so that thirty of them took hours
    with pytest.raises(InputError):
        read_print("q =\n\n   1   2\n" + "\n Column 3:   4\n" * 1000, "q", Reading())


@pytest.mark.parametrize(
    "text",
    [
        "  [" + "1. matrix\n" * 20_000,
        "{" + "1;" * 50_000,
        "[" + "1;" * 50_000,
        f"[{'0' * 60_000}x]",
        "[array(" + " " * 50_000,
    ],
)
def test_lists_that_are_never_closed_and_long_digits_are_read_in_linear_time(text: str) -> None:
    # each line end, semicolon or digit could be the one that divides, so that these took minutes
    with pytest.raises(InputError):
        read_print(text, "q", Reading())


@pytest.mark.parametrize("end", ["\n", "\r\n", ",\n", " ,\r\n"])
def test_records_are_read_whatever_ends_their_lines(end: str) -> None:
    text = f'\r\n{{"token": "cat", "a": 1}}{end}\r\n{{"token": "dog", "a": 3}}{end}'
    assert read_print(text, "p", Reading()).matrices[""]().array.tolist() == [[1], [3]]
