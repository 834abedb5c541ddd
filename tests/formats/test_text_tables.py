from __future__ import annotations

import csv as standard_csv

import numpy as np
import pytest
from amount import examples
from bad_input_reader import bfloat16, read_all
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from attncli.errors import InputError, OutputError
from attncli.formats import BY_NAME
from attncli.matrix import Matrix, Reading

TEXT_FORMATS = ["csv", "tsv", "txt"]


def read(data: bytes, reading: Reading | None = None, format_name: str = "csv") -> Matrix:
    return read_all(format_name, data, reading)[""]


def written(format_name: str, matrix: Matrix) -> bytes:
    return b"".join(BY_NAME[format_name].write({"": matrix}))


SQUARE = [[1.0, 2.0], [3.0, 4.5]]
SAME_TABLE = [
    ("commas", b"1,2\n3,4.5\n"),
    ("no newline at the end", b"1,2\n3,4.5"),
    ("tabs", b"1\t2\n3\t4.5\n"),
    ("semicolons", b"1;2\n3;4.5\n"),
    ("semicolons and decimal commas", b"1;2\n3;4,5\n"),
    ("tabs and decimal commas", b"1\t2\n3\t4,5\n"),
    ("a comma before each tab", b"1,\t2\n3,\t4.5\n"),
    ("spaces", b"1 2\n3 4.5\n"),
    ("runs of spaces", b"  1     2\n 3  \t 4.5  \n"),
    ("commas and spaces", b"1, 2\n3 ,4.5\n"),
    ("carriage returns and newlines", b"1,2\r\n3,4.5\r\n"),
    ("carriage returns", b"1,2\r3,4.5\r"),
    ("carriage returns and spaces", b"1 2\r3 4.5\r"),
    ("blank lines", b"\n1,2\n\n  \n3,4.5\n\n\n"),
    ("a line of tabs among commas", b"1,2\n\t\n3,4.5\n"),
    ("comments", b"# q\n1,2\n#\n# two\n3,4.5\n# end"),
    ("comments beside quotes", b'# "q"\n\n"1",2\n#\n3,4.5\n'),
    ("a UTF-8 mark", b"\xef\xbb\xbf1,2\n3,4.5\n"),
    ("UTF-16", "1,2\n3,4.5\n".encode("utf-16")),
    ("big-endian UTF-16", b"\xfe\xff" + "1,2\r\n3,4.5\r\n".encode("utf-16-be")),
    ("quoted numbers", b'"1","2"\n"3","4.5"\n'),
    ("fractions", b"1,4/2\n3,9/2\n"),
    ("other ways of writing", b"+1,2.\n.3e1,45e-1\n"),
]


@pytest.mark.parametrize("format_name", TEXT_FORMATS)
@pytest.mark.parametrize("data", [pytest.param(data, id=name) for name, data in SAME_TABLE])
@pytest.mark.parametrize("keep_text", [False, True])
def test_the_same_table_is_read_however_it_is_written(format_name: str, data: bytes, keep_text: bool) -> None:
    matrix = read(data, Reading(keep_text=keep_text), format_name)
    assert matrix.array.tolist() == SQUARE
    assert (matrix.row_labels, matrix.column_labels) == (None, None)
    assert all("blank lines divide" in note for note in matrix.notes)
    assert (matrix.texts is not None) is keep_text


LABELS = [
    ("a header", b"a,b\n1,2\n", [[1, 2]], None, ("a", "b")),
    ("row labels", b"q1,1,2\nq2,3,4\n", [[1, 2], [3, 4]], ("q1", "q2"), None),
    ("both, an empty corner", b",x,y\nq1,1,2\n", [[1, 2]], ("q1",), ("x", "y")),
    ("both, a word in the corner", b"token,x,y\nq1,1,2\n", [[1, 2]], ("q1",), ("x", "y")),
    ("both among tabs", b"\tx\ty\nq1\t1\t2\n", [[1, 2]], ("q1",), ("x", "y")),
    ("both among spaces", b"x y\nq1 1 2\nq2 3 4\n", [[1, 2], [3, 4]], ("q1", "q2"), ("x", "y")),
    ("both among spaces, one row", b"x y\nq1 1 2\n", [[1, 2]], ("q1",), ("x", "y")),
    ("both among spaces, a comma in a label", b"x\na,b 1\n", [[1]], ("a,b",), ("x",)),
    ("labels are stripped", b" a , b \n1,2\n", [[1, 2]], None, ("a", "b")),
    ("quoted labels", b'"a, ""b""","c\nd"\n1,2\n', [[1, 2]], None, ('a, "b"', "c\nd")),
    ("a label with a delimiter of its own", b'"x;y";0,5\n"z;y";1,25\n', [[0.5], [1.25]], ("x;y", "z;y"), None),
    ("a label of three lines", b'"a\n""b""\nc",1\n', [[1]], ('a\n"b"\nc',), None),
    ("a hash that begins no comment", b"#tag,1\n#,2\n", [[1], [2]], ("#tag", "#"), None),
    ("tabs and spaces in every row", b"1\t2 3\n4\t5 6\n", [[1, 2, 3], [4, 5, 6]], None, None),
    ("quotes between spaces", b' "a b" 1 \n "c"  2\n', [[1], [2]], ("a b", "c"), None),
    ("one column under a header", b"x\n1\n2\n", [[1], [2]], None, ("x",)),
    ("a sentence of one row", b"the,0.25,0.75\n", [[0.25, 0.75]], ("the",), None),
]


@pytest.mark.parametrize(
    ("data", "numbers", "rows", "columns"), [pytest.param(*case[1:], id=case[0]) for case in LABELS]
)
def test_labels_are_kept(data: bytes, numbers: list, rows: tuple | None, columns: tuple | None) -> None:
    matrix = read(data)
    assert (matrix.array.tolist(), matrix.row_labels, matrix.column_labels) == (numbers, rows, columns)


def test_a_long_label_does_not_matter() -> None:
    label = "x" * (standard_csv.field_size_limit() + 1)
    assert read(f'"{label}",1\n'.encode()).row_labels == (label,)


@pytest.mark.parametrize("keep_text", [False, True])
def test_a_header_of_numbers_is_one_if_the_user_says_so(keep_text: bool) -> None:
    data = b"0,1,2\n3,4,5\n"
    plain = read(data, Reading(keep_text=keep_text))
    assert plain.array.shape == (2, 3)
    assert plain.notes == (
        "q.csv: the first row is 0, 1, 2, …: if it is a header, use --header, otherwise --no-header",
    )
    with_header = read(data, Reading(header=True, keep_text=keep_text))
    assert (with_header.array.tolist(), with_header.column_labels, with_header.notes) == (
        [[3, 4, 5]],
        ("0", "1", "2"),
        (),
    )
    without = read(data, Reading(header=False, keep_text=keep_text))
    assert (without.array.shape, without.notes) == ((2, 3), ())


@pytest.mark.parametrize(
    ("data", "hint"),
    [
        (b"a,b\n1,2\n", "leave out --no-header if the first row is a header"),
        (b"1_0,b\n1,2\n", "type 10"),
        (b"1,2\na,b\n", "a first column holds labels only if no cell of it is a number"),
    ],
)
def test_a_hint_to_a_header_is_for_the_first_row_only(data: bytes, hint: str) -> None:
    with pytest.raises(InputError) as caught:
        read(data, Reading(header=False))
    assert caught.value.hint == hint


def test_one_column_under_a_header_that_is_said_to_be_one_needs_a_label() -> None:
    with pytest.raises(InputError) as caught:
        read(b'""\n1\n', Reading(header=True))
    assert str(caught.value) == "q.csv: line 1, column 1: a column label is missing"


@pytest.mark.parametrize("data", [b"0,1\n1,0\n", b"0,1,2\n", b"1,2,3\n4,5,6\n"])
def test_what_need_not_be_a_header_gets_no_note(data: bytes) -> None:
    assert read(data).notes == ()


def test_a_table_of_truths_is_a_mask() -> None:
    matrix = read(b"true,FALSE\nFalse,True\n", Reading(keep_text=True))
    assert matrix.array.dtype == np.bool_
    assert matrix.array.tolist() == [[True, False], [False, True]]
    assert matrix.texts == ("true", "FALSE", "False", "True")


def test_a_doubtful_thousand_is_settled_by_another_cell() -> None:
    assert read(b"1,000;2,5\n").array.tolist() == [[1.0, 2.5]]
    assert read(b"1, 000\n").array.tolist() == [[1, 0]]  # the space says that these are two


def test_texts_show_the_precision_with_a_point() -> None:
    assert read(b"a;b\n0,50;1\n", Reading(keep_text=True)).texts == ("0.50", "1")
    assert read(b"x,0.10\ny,1/3\n", Reading(keep_text=True)).texts == ("0.10", "1/3")


def test_a_run_of_tabs_hides_no_empty_cell() -> None:
    with pytest.raises(InputError) as caught:
        read(b"1\t\t3\n1\t\t3\n", format_name="tsv")
    assert caught.value.where == "q.tsv: line 1, column 2"


numbers = arrays.arrays(
    st.sampled_from([np.float64, np.float32, np.float16]),
    arrays.array_shapes(min_dims=1, max_dims=2, min_side=1, max_side=6),
)
labels = st.lists(
    st.text(max_size=4)
    | st.sampled_from(["1", "nan", "# x", "#", "true", "a b", 'a"b', "1_0", "x;y", "[", "\\", "x=[1]", "$", "|"]),
    min_size=6,
    max_size=6,
)


@pytest.mark.parametrize("format_name", TEXT_FORMATS)
@given(array=numbers, rows=st.none() | labels, columns=st.none() | labels)
def test_what_was_written_reads_back_bits_and_labels(
    format_name: str, array: np.ndarray, rows: list[str] | None, columns: list[str] | None
) -> None:
    table = array if array.ndim == 2 else array.reshape(-1, 1)
    row_labels = tuple(rows[: table.shape[0]]) if rows else None
    column_labels = tuple(columns[: table.shape[1]]) if columns and array.ndim == 2 else None
    back = read(written(format_name, Matrix(array, "x", row_labels, column_labels)), format_name=format_name)
    with np.errstate(over="ignore", invalid="ignore"):
        same = back.array.astype(array.dtype)
    np.testing.assert_array_equal(same, table)
    np.testing.assert_array_equal(np.signbit(same[~np.isnan(same)]), np.signbit(table[~np.isnan(table)]))
    assert back.row_labels in (None, row_labels)  # left out where one would not read back
    assert back.column_labels in (None, column_labels)


@pytest.mark.parametrize("format_name", TEXT_FORMATS)
def test_labels_that_read_back_are_written(format_name: str) -> None:
    rows, columns = ("the cat", "# sat", 'a "b",;'), ("x;y", "#z")
    data = written(format_name, Matrix(np.eye(3, 2), "x", rows, columns))
    back = read(data, format_name=format_name)
    assert (back.row_labels, back.column_labels) == (rows, columns)


@pytest.mark.parametrize("label", ["1", "nan", "true", "1_000", "", " a", "\ud800", "\ufeffz", "NA", "-", "1,50 €"])
def test_labels_that_would_be_read_as_numbers_or_otherwise_are_left_out(label: str) -> None:
    for labels in ((label, "b"), ("b", label)):
        assert written("csv", Matrix(np.eye(2), "x", labels, None)) == b"1.0,0.0\n0.0,1.0\n"
        assert written("csv", Matrix(np.eye(2), "x", None, labels)) == b"1.0,0.0\n0.0,1.0\n"


@pytest.mark.parametrize(
    ("array", "data"),
    [
        (np.array([[1, -2]]), b"1,-2\n"),
        (np.array([[True, False]]), b"true,false\n"),
        (np.array([[np.inf, -np.inf, np.nan]]), b"inf,-inf,nan\n"),
        (np.array([[0.1, 1e-10]], np.float32), b"0.1,1e-10\n"),
        (np.array([0.5, 0.25], np.float16), b"0.5\n0.25\n"),
        pytest.param(np.array([[0.1]], bfloat16), b"0.1\n", id="bfloat16"),
    ],
)
def test_cells_are_written_with_their_shortest_digits(array: np.ndarray, data: bytes) -> None:
    assert written("csv", Matrix(array, "x")) == data


def test_the_labels_of_one_axis_are_those_of_its_rows() -> None:
    line, square = np.ones(2), np.eye(2)
    assert written("csv", Matrix(line, "x", None, ("a", "b"))) == b"a,1.0\nb,1.0\n"
    assert written("csv", Matrix(line, "x", ("c", "d"), ("a", "b"))) == b"c,1.0\nd,1.0\n"
    assert written("csv", Matrix(square, "x", None, ("a", "b"))) == b"a,b\n1.0,0.0\n0.0,1.0\n"


def test_a_large_table_is_written_as_a_small_one() -> None:
    table = np.random.default_rng(0).standard_normal((700, 300))
    expected = "".join(",".join(map(repr, row)) + "\n" for row in table.tolist()).encode()
    assert written("csv", Matrix(table, "x")) == expected
    assert (read(expected).array == table).all()
    header = tuple(f"c{index}" for index in range(300))
    back = read(written("csv", Matrix(table, "x", None, header)))
    assert (back.array == table).all()
    assert (back.row_labels, back.column_labels) == (None, header)
    labels = tuple(f"r{index}" for index in range(700))
    back = read(written("csv", Matrix(table, "x", labels)))
    assert (back.array == table).all()
    assert back.row_labels == labels


@pytest.mark.parametrize("format_name", TEXT_FORMATS)
@pytest.mark.parametrize(
    ("shape", "what"),
    [
        ((2, 3, 4), "a text table holds two axes, this array has 3: (2, 3, 4)"),
        ((0, 3), "a text table cannot show an array without cells: (0, 3)"),
    ],
)
def test_what_no_table_can_hold_is_refused(format_name: str, shape: tuple[int, ...], what: str) -> None:
    with pytest.raises(OutputError) as caught:
        BY_NAME[format_name].write({"weights": Matrix(np.zeros(shape), "q.npy")})
    assert (caught.value.where, caught.value.what) == ("weights", what)
    more = "; -f long prints it" if len(shape) > 2 else ""
    assert caught.value.hint == f"write it to a .npy, .json or .yaml file{more}"


@given(st.binary(max_size=40) | st.text(alphabet='0123456789.,;\t\n" #ab-', max_size=40).map(str.encode))
@example(b"\t000,1")
@example(b"11,2.5\t\n")
@example(b"1, ,3\n")
@example(b"\t,0")
@example(b"1,2\n3, ")
@settings(max_examples=examples(500))
def test_no_bytes_raise_anything_but_an_input_error(data: bytes) -> None:
    outcomes = []
    for keep_text in (False, True):
        try:
            outcomes.append(repr(read(data, Reading(keep_text=keep_text)).array.tolist()))
        except InputError as error:
            outcomes.append(str(error))
    assert outcomes[0] == outcomes[1]  # the fast way and the careful way agree


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("sep=;\n1,5;2\n3;4\n", [[1.5, 2], [3, 4]]),
        ("SEP=,\n1,2\n", [[1, 2]]),
        ('"sep=\t"\n1\t2\n3\t4\n', [[1, 2], [3, 4]]),
        ("sep=;\na;b\n1;2\n", [[1, 2]]),
        ("sep=;\n1\n2\n", [[1], [2]]),
    ],
)
@pytest.mark.parametrize("keep_text", [False, True])
def test_the_line_that_tells_excel_the_delimiter_is_taken(text: str, numbers: list, keep_text: bool) -> None:
    assert read_all("csv", text.encode(), Reading(keep_text=keep_text))[""].array.tolist() == numbers


INDEX_NAMES = ["index", "id", "ID", "idx", "row", "#", "Unnamed: 0", "token_id", "sample id"]


@pytest.mark.parametrize("keep_text", [False, True])
@pytest.mark.parametrize("start", [0, 1])
@pytest.mark.parametrize("name", INDEX_NAMES)
def test_a_named_column_that_counts_the_rows_gets_a_note(name: str, start: int, keep_text: bool) -> None:
    header = f'"{name}",a,b\n'
    lines = [f"{start + row},1,0\n" for row in range(4)]
    matrix = read((header + "".join(lines)).encode(), Reading(keep_text=keep_text))
    assert matrix.array.shape == (4, 3)  # nothing is left out by itself
    counted = ", ".join(str(start + row) for row in range(3))
    assert matrix.notes == (
        f"q.csv: the first column, {name}, is {counted}, …: if it is an index, leave it out of the file "
        "(pandas: to_csv(FILE, index=False))",
    )


@pytest.mark.parametrize(
    "data",
    [
        b"index,a\n0,1\n2,1\n",
        b"index,a\n2,1\n3,1\n",
        b"index,a\n0,1\n",
        b"index\n0\n1\n",
        b"x,a\n0,1\n1,1\n",
        b"a,index\n5,0\n5,1\n",
        b"word,id,a\nthe,0,1\ncat,1,1\n",
    ],
)
def test_a_column_that_is_not_an_index_by_its_name_and_numbers_gets_no_note(data: bytes) -> None:
    assert read(data).notes == ()


@pytest.mark.parametrize("row", ["1.66,x", "1,x", "1/2,x,y", "nan,x", "1,x,2"])
def test_no_hint_makes_a_header_of_a_row_with_numbers(row: str) -> None:
    columns = row.count(",") + 1
    with pytest.raises(InputError, match="is not a number") as caught:
        read(f"{row}\n{','.join('3' * columns)}\n".encode())
    assert caught.value.hint == "a first row is a header only if no cell of it is a number"


def test_no_hint_asks_for_a_second_header() -> None:
    with pytest.raises(InputError, match="line 2, column 2: 'x' is not a number") as caught:
        read(b"a,b\n1,x\n3,4\n")
    assert caught.value.hint == "type a number, as in -1234.5, or nan if it is missing"


@pytest.mark.parametrize("keep_text", [False, True])
@pytest.mark.parametrize("columns", [2, 3, 4])
@pytest.mark.parametrize("cells", ["0.5 -1.0 2.25 0.0", "3 4 5 6", "1.0 0.0 0.0 1.0", "0 1.5 1 0"])
@pytest.mark.parametrize("rows", [1, 3])
def test_the_numbers_of_columns_without_names_get_a_note(cells: str, columns: int, rows: int, keep_text: bool) -> None:
    numbers = [str(column) for column in range(columns)]
    text = "\n".join(map(",".join, [numbers, *[cells.split()[:columns]] * rows]))
    shown = ", ".join(numbers[:3]) + (", …" if columns > 2 else "")
    assert read(text.encode(), Reading(keep_text=keep_text)).notes == (
        f"q.csv: the first row is {shown}: if it is a header, use --header, otherwise --no-header",
    )
    assert read(text.encode(), Reading(header=True, keep_text=keep_text)).notes == ()
    assert read(text.encode(), Reading(header=False, keep_text=keep_text)).notes == ()


@pytest.mark.parametrize("keep_text", [False, True])
@pytest.mark.parametrize("data", [b"0,1\n1,0\n0,1\n", b"0.0,1.0\n1.0,0.0\n", b"0,1\n1.0,0\n", b"0 1\n1 1\n"])
def test_zeros_and_ones_written_alike_get_no_note(data: bytes, keep_text: bool) -> None:
    assert read(data, Reading(keep_text=keep_text)).notes == ()


@pytest.mark.parametrize("text", ["===  ===\n 0    1\n===  ===\n 1    2\n===  ===\n", "1 2\n--- ---\n3 4\n"])
def test_numbers_above_a_rule_are_a_row_or_a_header_and_the_options_say_which(tmp_path, run, text):
    (tmp_path / "q.txt").write_text(text)
    ran = run("run", tmp_path / "q.txt", "1 2")
    line = 2 if text.startswith("=") else 1
    assert ran == (
        2,
        "",
        f"error: {tmp_path / 'q.txt'}: line {line}: the header of the table holds numbers\n"
        "hint: delete the rules if it is a row of numbers, or use --header if it holds names\n",
    )
    for option, rows in (("--header", 1), ("--no-header", 2)):
        assert run("run", tmp_path / "q.txt", "1 2", option, "-f", "csv").out.count("\n") == rows


def test_a_comment_above_a_rule_is_not_a_header() -> None:
    with pytest.raises(InputError, match="line 3, column 2: '2-' is not a number"):
        read(b"# a b\n--- ---\n1 2-\n3 4\n")
    assert read(b"# a b\n--- ---\n1 2\n3 4\n").array.tolist() == [[1, 2], [3, 4]]


@pytest.mark.parametrize("body", ["cat & 1 \\\\\ndog & x", "a & b \\\\\n1 & NA"])
def test_a_bad_cell_of_a_tabular_is_refused_at_its_place(tmp_path, run, body):
    (tmp_path / "q.tex").write_text(f"\\begin{{tabular}}{{rr}}\n{body}\n\\end{{tabular}}\n")
    ran = run("run", tmp_path / "q.tex", "1")
    assert ran.err.startswith(f"error: {tmp_path / 'q.tex'}: line 3, column 2: '{body[-2:].strip()}' is not a number\n")


@pytest.mark.parametrize(
    "text", ["query: 1, 2\nkey: 3, 4\n", "a = 1.5;2\nb = 3;4\n", "cat 0.5,2\ndog 1.5,4\n", "head: .5\t2\n"]
)
def test_a_label_that_ends_with_a_number_of_its_row_is_refused(text: str) -> None:
    with pytest.raises(InputError, match=r"line 1, column 1: '.*' holds a name and a number") as caught:
        read(text.encode())
    assert caught.value.hint.startswith("leave the name out, or separate it from the number (here ")


@pytest.mark.parametrize("label", ["row 1", "lr=0.1", "GPT 4", "t:1", "v1.5", "12 Mon"])
def test_a_label_may_hold_a_number(label: str) -> None:
    assert read(f"{label},1\nb,2\n".encode()).row_labels == (label, "b")


def test_rows_that_are_numbered_as_in_a_list_get_a_note() -> None:
    note = "q.csv: the first column is 1., 2., …: if it numbers the rows, leave it out of the file"
    assert read(b"1. 5 2\n2. 3 4\n").notes == (note,)
    assert read(b"1. 5. 2.\n2. 3. 4.\n").notes == ()


@pytest.mark.parametrize("labels", [("Q", "Q", "K"), ("q1", "q2", "k1"), ("query 1", "query 2", "key 1")])
@pytest.mark.parametrize("delimiter", [",", "\t"])
def test_rows_that_are_labelled_as_those_of_several_matrices_are_refused(
    labels: tuple[str, ...], delimiter: str
) -> None:
    text = "".join(f"{label}{delimiter}{row}{delimiter}{row}\n" for row, label in enumerate(labels))
    names = list(dict.fromkeys(label.rstrip(" :123") for label in labels))
    with pytest.raises(InputError) as caught:
        read_all("csv", text.encode())
    assert str(caught.value) == f"q.csv: its rows are labelled as those of several matrices: {', '.join(names)}"
    assert caught.value.hint == "put the rows of each after its name, Q = …, or into its own file"


@pytest.mark.parametrize("labels", ["Q K V", "q q q", "q1 q2 q3", "K Q J", "key the key"])
def test_other_labels_that_are_names_of_matrices_stay_labels(labels: str) -> None:
    text = "".join(f"{label},{row}\n" for row, label in enumerate(labels.split()))
    assert read_all("csv", text.encode())[""].row_labels == tuple(labels.split())


def test_a_number_among_words_of_a_first_column_is_named() -> None:
    with pytest.raises(InputError) as caught:
        read(b"token,x\ncat,1\n2024,2\n", Reading())
    rule = "a first column holds labels only if no cell of it is a number"
    assert caught.value.hint == f"add a word to '2024' in line 3 if it is a label: {rule}"
