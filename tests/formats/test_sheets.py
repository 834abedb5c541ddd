"""Spreadsheets: sheets by name, ranges of cells, and what no sheet of numbers holds."""

from __future__ import annotations

import contextlib
import datetime
import io
import json
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from bad_input_reader import read_all
from hypothesis import given
from hypothesis import strategies as st
from one_process import run_in_one_process

from attncli.errors import InputError, MissingExtraError, install_command
from attncli.formats import BY_NAME
from attncli.formats.sheets import address
from attncli.inputs.sources import Sources
from attncli.matrix import Reading

openpyxl = pytest.importorskip("openpyxl")
pytest.importorskip("python_calamine")

QUERIES = [[1.5, 2.0, 3.0], [4.0, 5.0, -6.25]]


def workbook(**sheets: list[list[object]]) -> bytes:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name.replace("_", " "))
        for row in rows:
            sheet.append(row)
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()


def test_each_sheet_is_a_matrix_with_its_labels() -> None:
    found = read_all("xlsx", workbook(Q=QUERIES, K=[["", "a", "b"], ["cat", 1, 2], ["dog", 0.1, 4]]))
    assert {name: matrix.array.tolist() for name, matrix in found.items()} == {"Q": QUERIES, "K": [[1, 2], [0.1, 4]]}
    assert (found["K"].row_labels, found["K"].column_labels) == (("cat", "dog"), ("a", "b"))
    assert found["K"].where == "q.xlsx: K"


def test_numbers_are_those_that_the_file_holds_and_claim_its_digits() -> None:
    numbers = [[0.1, 1 / 3, 1e-300], [123456789.125, -0.5, 7]]
    matrix = read_all("xlsx", workbook(Q=numbers), Reading(keep_text=True))["Q"]
    assert (matrix.array.tolist(), matrix.texts) == (
        numbers,
        ("0.1", "0.3333333333333333", "1e-300", "123456789.125", "-0.5", "7"),
    )


APART = [[None, None, None, None, None], [None, 1, 2, None, 7], [None, 3, 4, None, 8]]


@pytest.mark.parametrize(
    ("name", "numbers"),
    [
        ("two blocks!B2:C3", [[1, 2], [3, 4]]),
        ("two blocks!$E$3:$E$2", [[7], [8]]),
        ("'two blocks'!C3", [[4]]),
        ("Q", QUERIES),
    ],
)
def test_a_range_of_cells_is_a_matrix(name: str, numbers: list, tmp_path) -> None:
    path = tmp_path / "a.xlsx"
    path.write_bytes(workbook(Q=QUERIES, two_blocks=APART))
    assert Sources(io.BytesIO).matrix(f"{path}:{name}", role="queries").array.tolist() == numbers


def test_the_only_sheet_needs_no_name(tmp_path) -> None:
    path = tmp_path / "a.xlsx"
    path.write_bytes(workbook(Sheet=QUERIES))
    sources = Sources(io.BytesIO)
    assert sources.matrix(str(path), role="queries").array.tolist() == QUERIES
    assert sources.matrix(f"{path}:A1:B2", role="queries").array.tolist() == [[1.5, 2], [4, 5]]


TITLED = [
    ["Name", "Ann"],
    [],
    ["Q:"],
    [1, 2],
    [3, 4],
    [],
    [None, "K"],
    [None, None, "a", "b"],
    [None, "cat", 5, 6],
    [],
    ["made up"],
]


def test_blocks_of_the_only_sheet_are_called_by_the_titles_above_them() -> None:
    found = read_all("xlsx", workbook(Sheet=TITLED))
    assert {name: matrix.array.tolist() for name, matrix in found.items()} == {"Q": [[1, 2], [3, 4]], "K": [[5, 6]]}
    assert (found["K"].where, found["K"].row_labels, found["K"].column_labels) == (
        "q.xlsx: Sheet",
        ("cat",),
        ("a", "b"),
    )


@pytest.mark.parametrize(
    "rows",
    [
        [["Q"], [1, 2], [], [3, 4]],
        [["Q"], [1, 2], [], ["Q"], [3, 4]],
        [["Q", "K"], [1, 2], [], ["V"], [3, 4]],
    ],
    ids=["a block without a title", "a title twice", "two titles"],
)
def test_blocks_that_not_all_have_a_title_are_refused(rows: list) -> None:
    with pytest.raises(InputError) as caught:
        read_all("xlsx", workbook(Sheet=rows))
    assert caught.value.what == "an empty row divides its cells"


REFUSED = [
    ("a word", {"Q": [[1, 2], ["x", 3]]}, "Q", "q.xlsx: Q: A2", "'x' is not a number"),
    ("an empty cell", {"Q": [[1, 2], [3, None]]}, "Q", "q.xlsx: Q: B2", "the cell is empty"),
    (
        "a date",
        {"Q": [[datetime.datetime(2020, 1, 2), 3]]},
        "Q",
        "q.xlsx: Q: A1",
        "the cell holds a date or a time, 2020-01-02",
    ),
    (
        "a formula without a value",
        {"Q": [[1, "=A1*2"]]},
        "Q",
        "q.xlsx: Q: B1",
        "holds a formula that was never calculated",
    ),
    ("an empty sheet", {"Q": []}, "Q", "q.xlsx: Q", "the sheet is empty"),
    ("two blocks", {"Q": APART}, "Q", "q.xlsx: Q", "an empty column divides its cells"),
    ("two blocks in rows", {"Q": [[1], [None], [2]]}, "Q", "q.xlsx: Q", "an empty row divides its cells"),
    ("no such sheet", {"Q": [[1]]}, "K!A1", "q.xlsx", "has no sheet 'K': it holds Q"),
    ("no range", {"Q": [[1]]}, "Q!1A", "q.xlsx", "'1A' is not a range of cells"),
    (
        "a range beyond the cells",
        {"Q": [[1]]},
        "Q!A1:B1",
        "q.xlsx: Q: A1:B1",
        "the range reaches beyond the cells of the sheet",
    ),
]


@pytest.mark.parametrize(("sheets", "name", "where", "what"), [c[1:] for c in REFUSED], ids=[c[0] for c in REFUSED])
def test_cells_that_are_not_a_matrix_are_refused_by_their_address(sheets, name: str, where: str, what: str) -> None:
    with pytest.raises(InputError) as caught:
        BY_NAME["xlsx"].read(workbook(**sheets), "q.xlsx", Reading()).select(name)
    assert (caught.value.where, caught.value.what) == (where, what)


def test_two_blocks_are_distinguished_in_the_hint() -> None:
    with pytest.raises(InputError) as caught:
        read_all("xlsx", workbook(Q=APART))
    assert caught.value.hint == "specify which, as in 'q.xlsx:Q!B2:C3'"


def test_the_sheet_that_pandas_writes_by_default_gets_a_hint_that_works(tmp_path) -> None:
    path = tmp_path / "a.xlsx"
    path.write_bytes(workbook(Sheet1=[[None, 0, 1], [0, 1.5, 2], [1, 3, 4]]))
    sources = Sources(io.BytesIO)
    with pytest.raises(InputError) as caught:
        sources.matrix(str(path), role="queries")
    assert caught.value.hint is not None
    named = caught.value.hint.removeprefix("specify the cells, as in ").partition(" (pandas")[0]
    assert named == f"'{path}:Sheet1!B2:C3'"
    assert sources.matrix(named.strip("'"), role="queries").array.tolist() == [[1.5, 2], [3, 4]]


def test_cells_far_apart_are_refused_before_they_fill_the_memory() -> None:
    book = openpyxl.Workbook()
    book.active["A1"], book.active["XFD1048576"] = 1, 2
    stream = io.BytesIO()
    book.save(stream)
    with pytest.raises(InputError) as caught:
        read_all("xlsx", stream.getvalue())
    assert str(caught.value) == "q.xlsx: 2 cells lie in a sheet of 1048576 × 16384"


@pytest.mark.parametrize("place", ["B111111111111111111111", "B0000000000000009999999", "ZZZZZZZZ2", "xfd1048576"])
def test_a_cell_where_no_sheet_reaches_is_refused_before_the_library_makes_room_for_it(place: str) -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(workbook(Q=[[1.0, 2.0], [3.0, 4.0]]))) as old, zipfile.ZipFile(stream, "w") as new:
        for name in old.namelist():
            new.writestr(name, old.read(name).replace(b'r="B2"', f" r = '{place}'".encode()))
    with pytest.raises(InputError) as caught:
        BY_NAME["xlsx"].read(stream.getvalue(), "q.xlsx", Reading())
    assert caught.value.what.startswith("4 cells lie in a sheet of ")
    assert caught.value.hint == "move them together"


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"1,2\n", "this is text, not a spreadsheet"),
        (b"", "the file is empty"),
        (b"PK\3\4", "the archive's list of members cannot be read"),
    ],
)
def test_what_is_not_a_spreadsheet_is_refused(data: bytes, what: str) -> None:
    with pytest.raises(InputError) as caught:
        read_all("xlsx", data)
    assert str(caught.value) == f"q.xlsx: {what}"


def test_a_missing_library_names_its_extra(monkeypatch) -> None:
    data = workbook(Q=QUERIES)
    monkeypatch.setitem(sys.modules, "python_calamine", None)
    with pytest.raises(MissingExtraError) as caught:
        read_all("xlsx", data)
    assert caught.value.hint == install_command("sheets")


@pytest.mark.parametrize(("cell", "name"), [((0, 0), "A1"), ((2, 25), "Z3"), ((0, 26), "AA1"), ((9, 16383), "XFD10")])
def test_a_cell_has_the_name_that_spreadsheets_give_it(cell: tuple[int, int], name: str) -> None:
    assert address(*cell) == name


SMALL = workbook(Q=QUERIES, K=[["", "a"], ["cat", 1]])


@given(st.data())
def test_a_damaged_file_is_refused_or_read_but_nothing_else(data: st.DataObject) -> None:
    damaged = bytearray(SMALL)
    for _ in range(data.draw(st.integers(1, 3))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(InputError):
        read_all("xlsx", bytes(damaged))


ROWS = [[1, 0.5, -2], [0.25, 3, 4.5]]


def hide(book: openpyxl.Workbook) -> None:
    for row in (["x", "y", "z"], *ROWS):
        book.active.append(row)
    book.active.row_dimensions[2].hidden = True
    book.active.column_dimensions["B"].hidden = True
    book.active.column_dimensions["F"].hidden = True


def put_title(book: openpyxl.Workbook) -> None:
    for row in (["Query matrix"], ["d1", "d2", "d3"], *ROWS):
        book.active.append(row)
    book.active.merge_cells("A1:C1")


def put_title_apart(book: openpyxl.Workbook) -> None:
    for row in (["Query matrix"], [], *ROWS):
        book.active.append(row)


def put_error(book: openpyxl.Workbook) -> None:
    for row in ([1, "#DIV/0!", -2], ROWS[1]):
        book.active.append(row)


def run_on(tmp_path: Path, fill: Callable[[openpyxl.Workbook], None], source: str) -> tuple[int, str, str]:
    book = openpyxl.Workbook()
    fill(book)
    book.save(tmp_path / "q.xlsx")
    (ran,) = run_in_one_process([["run", source, "1 1 1", "--show", "queries", "-f", "json"]], cwd=tmp_path)
    return ran


def test_hidden_rows_and_columns_are_read_with_a_note(tmp_path: Path) -> None:
    status, out, err = run_on(tmp_path, hide, "q.xlsx")
    assert (status, json.loads(out)["queries"]) == (0, ROWS)
    assert err == (
        "note: q.xlsx: Sheet: 1 of its rows is hidden, and read too\n"
        "note: q.xlsx: Sheet: 1 of its columns is hidden, and read too\n"
    )


def test_hidden_cells_outside_of_the_range_need_no_note(tmp_path: Path) -> None:
    status, out, err = run_on(tmp_path, hide, "q.xlsx:Sheet!A3:C3")
    assert (status, json.loads(out)["queries"]) == (0, ROWS[1:])
    assert err == "note: q.xlsx: Sheet: 1 of its columns is hidden, and read too\n"


_ODS = "application/vnd.oasis.opendocument.spreadsheet"
_NAMES = "urn:oasis:names:tc:opendocument:xmlns"


def open_document(columns: str, *rows: tuple[str, list[float]]) -> bytes:
    """Return an .ods file with one sheet: the elements of its columns, and the attributes and cells of each row."""
    stream = io.BytesIO()
    lines = "".join(
        f"<table:table-row {attributes}>"
        + "".join(
            f'<table:table-cell office:value-type="float" office:value="{cell}"><text:p>{cell}</text:p>'
            "</table:table-cell>"
            for cell in cells
        )
        + "</table:table-row>"
        for attributes, cells in rows
    )
    spaces = " ".join(f'xmlns:{name}="{_NAMES}:{name}:1.0"' for name in ("office", "table", "text"))
    content = (
        f'<?xml version="1.0" encoding="UTF-8"?><office:document-content {spaces}><office:body><office:spreadsheet>'
        f'<table:table table:name="Q">{columns}{lines}</table:table>'
        "</office:spreadsheet></office:body></office:document-content>"
    )
    manifest = (
        f'<manifest:manifest xmlns:manifest="{_NAMES}:manifest:1.0">'
        f'<manifest:file-entry manifest:full-path="/" manifest:media-type="{_ODS}"/></manifest:manifest>'
    )
    with zipfile.ZipFile(stream, "w") as archive:
        for name, text in (("mimetype", _ODS), ("META-INF/manifest.xml", manifest), ("content.xml", content)):
            archive.writestr(name, text)
    return stream.getvalue()


HIDDEN = 'table:visibility="collapse"'


@pytest.mark.parametrize(
    ("columns", "attributes", "notes"),
    [
        ("<table:table-column/>", ("", "", ""), []),
        ("<table:table-column/>", ("", HIDDEN, ""), ["1 of its rows is hidden, and read too"]),
        (
            "<table:table-column/>",
            ("", 'table:visibility="filter"', HIDDEN),
            ["2 of its rows are hidden, and read too"],
        ),
        (
            f'<table:table-column/><table:table-column {HIDDEN} table:number-columns-repeated="16383"/>',
            ("", "", ""),
            ["1 of its columns is hidden, and read too"],
        ),
        (
            f'<table:table-column-group><table:table-column {HIDDEN} table:number-columns-repeated="2"/>'
            "</table:table-column-group>",
            (HIDDEN, "", ""),
            ["1 of its rows is hidden, and read too", "2 of its columns are hidden, and read too"],
        ),
    ],
)
def test_hidden_rows_and_columns_of_an_ods_file_are_noted(
    columns: str, attributes: tuple[str, ...], notes: list[str]
) -> None:
    rows = [[1.5, 2.0], [3.0, 4.0], [5.0, 6.0]]
    data = open_document(columns, *zip(attributes, rows, strict=True))
    matrix = BY_NAME["xlsx"].read(data, "q.ods", Reading()).matrices["Q"]()
    assert matrix.array.tolist() == rows
    assert list(matrix.notes) == [f"q.ods: Q: {note}" for note in notes]


@pytest.mark.parametrize(
    ("fill", "where", "what", "hint"),
    [
        (
            put_title,
            "Sheet: line 1, column 2",
            "a column label is missing",
            "if the first row is a title, specify the cells below it, as in 'q.xlsx:Sheet!A2:C4'",
        ),
        (
            put_title_apart,
            "Sheet",
            "an empty row divides its cells",
            "specify which, as in 'q.xlsx:Sheet!A3:C4'",
        ),
    ],
)
def test_the_cells_that_a_hint_names_are_read(
    fill: Callable[[openpyxl.Workbook], None], where: str, what: str, hint: str, tmp_path: Path
) -> None:
    status, out, err = run_on(tmp_path, fill, "q.xlsx")
    assert (status, out, err) == (2, "", f"error: q.xlsx: {where}: {what}\nhint: {hint}\n")
    status, out, _ = run_on(tmp_path, fill, hint.split("'")[1])
    assert (status, json.loads(out)["queries"]) == (0, ROWS)


def test_an_error_of_the_spreadsheet_is_not_an_empty_cell(tmp_path: Path) -> None:
    status, out, err = run_on(tmp_path, put_error, "q.xlsx")
    what = "the cell holds an error of the spreadsheet, such as #DIV/0!"
    assert (status, out) == (2, "")
    assert err == f"error: q.xlsx: Sheet: B1: {what}\nhint: type the number that belongs there, or nan\n"


def test_a_sheet_that_is_not_there_is_not_taken_for_a_range(tmp_path: Path) -> None:
    status, out, err = run_on(tmp_path, put_title, "q.xlsx:Scores")
    assert (status, out) == (2, "")
    assert err.startswith("error: q.xlsx: has no sheet 'Scores': it holds Sheet\n")
