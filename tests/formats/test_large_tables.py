"""Large text tables are read by orjson, with the numbers, the notes and the messages of the careful reader."""

from __future__ import annotations

import numpy as np
import pytest
from amount import examples
from hypothesis import example, given, settings
from hypothesis import strategies as st

from attncli.errors import InputError
from attncli.formats import text_table
from attncli.formats.plain_texts import PlainTexts
from attncli.matrix import Reading

CELLS = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.integers(-(10**20), 10**20).map(str),
    st.sampled_from(("0", "-0", "-0.0", "1E5", "1e-7", "010", "+1", ".5", "1.", "1 2", "1e999", "nan", "", "a", "1/3")),
)
ODDS = st.sampled_from(
    ('"', "[", "]", "],[", "{}", ",", ";", "\t", "\r", "\n", "#", "# ", " ", "null", "true", "000", "\0", "\u00a0", "−")
)


LABELS = st.sampled_from(
    (
        "q0",
        "a b",
        '"a"',
        '"a,b"',
        '"a\nb"',
        "",
        " x ",
        "ä",
        "1",
        "NA",
        "a;b",
        "# a",
        "#a",
        "x: 0.5",
        "-",
        "1.000,5",
        '""""',
    )
)


@st.composite
def labelled_tables(draw: st.DrawFn) -> str:
    """A table with row labels, mostly even, with or without a header, with a few characters put in or taken out."""
    delimiter, end = draw(st.sampled_from((",", ", ", ";", "\t", " "))), draw(st.sampled_from(("\n", "\r\n")))
    rows, columns = draw(st.integers(1, 4)), draw(st.integers(1, 4))
    is_odd = draw(st.booleans())
    lines = []
    if draw(st.booleans()):
        head = [draw(LABELS) for _ in range(columns)] if is_odd else [f"k{column}" for column in range(columns)]
        lines.append([draw(st.sampled_from(("", "key", '""', "\ufeff"))), *head])
    for row in range(rows):
        label = draw(LABELS) if is_odd else draw(st.sampled_from(("q", "ö", '"a"'))) + str(row)
        lines.append([label, *(draw(CELLS if is_odd else st.floats(-9, 9).map(repr)) for _ in range(columns))])
    text = end.join(map(delimiter.join, lines)) + draw(st.sampled_from(("", end)))
    if is_odd and draw(st.booleans()):
        place = draw(st.integers(0, len(text)))
        text = text[:place] + draw(ODDS) + text[place + draw(st.integers(0, 1)) :]
    return text


@st.composite
def tables(draw: st.DrawFn) -> str:
    """A table, mostly even, with a few characters put in or taken out."""
    delimiter, end = draw(st.sampled_from((",", ", ", ";", "\t", " "))), draw(st.sampled_from(("\n", "\r\n")))
    rows, columns = draw(st.integers(1, 4)), draw(st.integers(1, 4))
    cells = draw(st.lists(CELLS, min_size=rows * columns, max_size=rows * columns))
    lines = [delimiter.join(cells[row * columns : (row + 1) * columns]) for row in range(rows)]
    text = end.join(lines) + draw(st.sampled_from(("", end)))
    for _ in range(draw(st.integers(0, 2))):
        place = draw(st.integers(0, len(text)))
        text = text[:place] + draw(ODDS) + text[place + draw(st.integers(0, 1)) :]
    return text


def outcome(text: str, reading: Reading) -> tuple[object, ...] | str:
    """The shape, bits, labels, notes and texts of the table, or the whole message."""
    try:
        (matrix,) = (decode() for decode in text_table.read(text.encode(), "q.csv", reading).matrices.values())
    except InputError as error:
        return f"{error.where}: {error.what} {error.hint}"
    array = matrix.array
    facts = matrix.row_labels, matrix.column_labels, matrix.notes, None if matrix.texts is None else list(matrix.texts)
    return array.shape, array.dtype, array.tobytes(), *facts


def assert_same_outcome(text: str, reading: Reading) -> None:
    with pytest.MonkeyPatch.context() as patch:
        for name in ("_read_plain", "_read_headed", "_read_labelled"):
            patch.setattr(text_table, name, lambda *_: None)
        careful = outcome(text, reading)
    for piece in (1, 12, text_table.PIECE):  # a piece ends in each line, in some lines, in none
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(text_table, "LARGE", 1)
            patch.setattr(text_table, "PIECE", piece)
            assert outcome(text, reading) == careful


@example("1,2\n3,4\n")
@example("1,2],[5,6\n3,4\n")
@example("1,[2]\n3,[4]\n")
@example("1,null\ntrue,4\n")
@example('1,"2"\n3,"4"\n')
@example("1,{}\n3,{}\n")
@example("1,-0\n3,4\n")
@example("-0\n-0\n")
@example("1,2\n3,1,000\n")
@example("1.5,2\n3,0,05\n")
@example("1,2\n\n3,4\n")
@example("1,2\n3\n")
@example("1,\t2\n3,\t4\n")
@example("1,2\n3,4\r5,6\n")
@example("1,1e400\n3,4\n")
@example("18446744073709551616,9007199254740993\n-9223372036854775809,1\n")
@settings(max_examples=examples(60))
@given(text=tables())
def test_a_table_is_read_as_the_careful_reader_reads_it(text: str) -> None:
    for header in (None, False, True):
        assert_same_outcome(text, Reading(header=header, keep_text=True))


@example("a,0.5 0.25\nb,0.5 0.25\n")
@example("a,0.5\n\nb,0.5\n")
@example("a,0.5\n# b\nb,0.5\n")
@example("a,b,c\nq0,1,2\nq1,3,4\n")
@example("a,b\nq0,1,2\nq1,3,4\n")
@example("q0;1\nq1;2\n")
@example("x;1,5\ny;2,5\n")
@example('"","a"\n"q0",1\n"q1",2\n')
@example("sep=,\nq0,1\nq1,2\n")
@settings(max_examples=examples(60))
@given(text=labelled_tables())
def test_a_table_with_labels_is_read_as_the_careful_reader_reads_it(text: str) -> None:
    for header in (None, False, True):
        assert_same_outcome(text, Reading(header=header, keep_text=True))


@pytest.mark.parametrize("has_header", [True, False])
def test_the_texts_of_a_large_table_with_labels_stay_in_its_bytes(has_header: bool) -> None:
    array = np.random.default_rng(0).standard_normal((400, 50))
    lines = [",".join([f"q{row}", *map(repr, cells)]) for row, cells in enumerate(array.tolist())]
    text = "\n".join(["," + ",".join(f"k{column}" for column in range(50)), *lines][not has_header :])
    matrix = text_table.read(text.encode(), "q.csv", Reading(keep_text=True)).matrices[""]()
    assert isinstance(matrix.texts, PlainTexts)
    assert matrix.array.tobytes() == array.tobytes()
    assert (matrix.row_labels or ())[-1] == "q399"


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_a_large_table_keeps_its_bits(delimiter: str) -> None:
    array = np.random.default_rng(0).standard_normal((1000, 20)) * 10.0 ** np.arange(-10, 10)
    text = "\n".join(delimiter.join(map(repr, row)) for row in array.tolist())
    assert len(text) > text_table.LARGE
    assert outcome(text, Reading())[:3] == (array.shape, array.dtype, array.tobytes())


def test_a_fault_in_a_late_piece_is_found_at_its_place() -> None:
    lines = ["0.123456789,0.987654321"] * 20_000
    lines[17_000] = "0.5,abc"
    assert outcome("\n".join(lines), Reading()) == (
        "q.csv: line 17001, column 2: 'abc' is not a number type a number, as in -1234.5, or nan if it is missing"
    )
