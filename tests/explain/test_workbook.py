"""Workbooks: every formula, calculated anew, gives the engine's number, and follows a number that is changed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("openpyxl")

from explain.spreadsheet import Spreadsheet

from attncli import attend
from attncli.errors import install_command
from attncli.stages.normalizers import NORMALIZER_NAMES
from attncli.stages.steps import SCORE, STAGES
from attncli.variants import VARIANTS

EXAMPLES = Path(__file__).parent.parent.parent / "examples"
QUERIES, KEYS, VALUES = (
    "1 2 0.5 -1; 0 1 -2 0.25; 1.5 0 0 3",
    "1 0 2 1; 0 1 0.5 0; -1 1 1 2; 0 0 0 0",
    "1 2; 3 -4; 5 0; 0.5 1",
)
SETTINGS: dict[str, list[str]] = {
    **{variant.name: ["-a", variant.name] for variant in VARIANTS},
    **{normalizer: ["--normalizer", normalizer] for normalizer in NORMALIZER_NAMES},
    **{f"masked {normalizer}": ["--normalizer", normalizer, "--causal"] for normalizer in NORMALIZER_NAMES},
    "length": ["-a", "gaussian", "--length-scale", "3"],
    "scale": ["--scale", "2*sqrt(dk)-1/dk**2"],
    "signs of a scale": ["--scale=-2^-1+(1-dk)^2/3"],
    "softcap": ["--softcap", "1.5"],
    "bias": ["--bias", "1 0 -inf 0.5; 0 0 0 0; 1 2 3 4"],
    "softcap after the bias": ["--softcap", "1.5", "--softcap-after-bias", "--bias", "1 0 2 0.5; 0 0 0 0; 1 2 3 4"],
    "mask": ["--mask", "1 1 0 0; 0 1 1 0; 1 1 1 1"],
    "a query with no key": ["--mask", "1 1 0 0; 0 0 0 0; 1 1 1 1"],
    "a query with no key, as torch": ["--mask", "1 1 0 0; 1 0 0 0; 1 1 1 1", "--as", "torch"],
    "a query with no key, uniform": ["--mask", "1 1 0 0; 0 0 0 0; 1 1 1 1", "--as", "onnx"],
    "window": ["--window", "1,1"],
    "sink": ["--sink", "0.5"],
    "sink and mask": ["--sink", "-2", "--mask", "1 1 0 0; 0 0 0 0; 1 1 1 1"],
    "alibi": ["--alibi", "0.5", "--align", "bottom-right"],
    "rope": ["--rope", "half", "--rope-base", "100"],
    "interleaved rope of two features": ["--rope", "interleaved", "--rope-dims", "2", "--rope-scale", "2"],
    "qk-norm": ["--qk-norm", "l2"],
    "qk-norm of rows": ["--qk-norm", "rms", "--rope", "half", "-a", "laplace"],
    "top-k": ["--top-k", "2", "-a", "uniform"],
    "top-k and mask": ["--top-k", "2", "--causal", "--softcap", "2"],
    "dropout": ["--dropout", "0.25", "--dropout-mask", "1 0 1 1; 0 1 1 0; 1 1 1 1"],
    "segments": ["--segments", "0 0 1", "--key-segments", "0 1 1 1"],
    "heads": ["--heads", "2"],
}


@pytest.fixture
def explain_sheet(run: Callable[..., Any], tmp_path: Path) -> Callable[..., Spreadsheet]:
    def explained(*words: object) -> Spreadsheet:
        ran = run("explain", *words, "-o", tmp_path / "work.xlsx", "--force")
        assert ran.status == 0, ran.err
        return Spreadsheet((tmp_path / "work.xlsx").read_bytes())

    return explained


def check_formulas(book: Spreadsheet) -> int:
    """Compare what each formula comes to with what is stored beside it; how many there were."""
    formulas = book.formulas()
    for sheet, address in formulas:
        value, stored = book.value(sheet, address), book.stored[sheet][address].value
        if isinstance(value, str):
            assert value == (stored or ""), (sheet, address)
        else:
            assert value == pytest.approx(stored, rel=1e-12, abs=1e-12), (sheet, address)
    return len(formulas)


@pytest.mark.sampled(2)
@pytest.mark.parametrize("words", SETTINGS.values(), ids=SETTINGS.keys())
def test_every_formula_gives_the_number_of_the_engine(
    explain_sheet: Callable[..., Spreadsheet], run: Callable[..., Any], tmp_path: Path, words: list[str]
) -> None:
    book = explain_sheet(QUERIES, KEYS, VALUES, *words)
    assert check_formulas(book) > 30
    run("run", QUERIES, KEYS, VALUES, *words, "-o", tmp_path / "o.npy", "-w", tmp_path / "w.npy", "-q", "--force")
    weights, output = np.load(tmp_path / "w.npy"), np.load(tmp_path / "o.npy")
    sheets = [name for name in book.written.sheetnames if name != "about" and name != "all heads"]
    for place, sheet in enumerate(sheets):
        title = "weights after dropout" if "dropout" in "".join(words) else "weights: "
        own = weights[place] if weights.ndim == 3 else weights
        np.testing.assert_allclose(np.array(book.block(sheet, title), float), own, rtol=1e-9, atol=1e-12)
    title, last = ("the outputs", "all heads") if len(sheets) > 1 else ("output: ", sheets[0])
    np.testing.assert_allclose(np.array(book.block(last, title), float), output, rtol=1e-9, atol=1e-12)


def test_projections_and_heads_have_sheets_of_their_own(explain_sheet: Callable[..., Spreadsheet]) -> None:
    book = explain_sheet(EXAMPLES / "two_heads.yaml")
    assert book.written.sheetnames == ["projections", "head 0", "head 1", "all heads", "about"]
    assert check_formulas(book) > 100
    book.change("projections", "B6", 2)  # the first number of x
    x = np.array([[2, 0, 1], [0, 2, 0], [1, 1, 1]])
    q = x @ np.array([[1, 0, 0, 1], [0, 1, 1, 0], [1, 0, 0, 1]])
    k = x @ np.array([[1, 0, 1, 0], [0, 1, 0, 1], [1, 0, 1, 0]])
    v = x @ np.array([[1, 0, 0, 1], [0, 1, 1, 0], [0, 0, 1, 0]])
    due = attend(q, k, v, heads=2).output @ np.array([[1, 0], [0, 1], [1, 0], [0, 1]])
    np.testing.assert_allclose(np.array(book.block("all heads", "output = joined"), float), due, rtol=1e-12)


def test_keys_that_heads_share_are_numbers_on_one_sheet(explain_sheet: Callable[..., Spreadsheet]) -> None:
    book = explain_sheet("1 2 3 4; 0 1 0 1", "1 0; 1 1", "1 2; 3 4", "--heads", "2/1")
    before = book.block("head 1", "weights")
    place = next(cell for row in book.written["head 0"] for cell in row if str(cell.value).startswith("K, "))
    book.change("head 0", f"B{place.row + 2}", 5)
    assert book.block("head 1", "K, the keys")[0] == [5, 0]
    assert book.block("head 1", "weights") != before


def test_a_number_that_is_changed_changes_the_rest_as_it_should(explain_sheet: Callable[..., Spreadsheet]) -> None:
    book = explain_sheet(QUERIES, KEYS, VALUES, "--softcap", "3", "--sink", "1", "--causal")
    page = book.written["attention"]
    rows = {str(page.cell(row, 1).value): row for row in range(1, page.max_row + 1)}
    assert page.cell(rows["scale"], 2).value == f"=1/SQRT($B${rows['d_k']})"
    book.change("attention", f"B{rows['softcap']}", 0.5)
    book.change("attention", f"B{rows['sink']}", -1)
    start = next(row for name, row in rows.items() if name.startswith("mask: ")) + 2
    book.change("attention", f"E{start}", 1)  # let the first query see the last key
    mask = [[1, 0, 0, 1], [1, 1, 0, 0], [1, 1, 1, 0]]
    given = [[[float(cell) for cell in row.split()] for row in text.split(";")] for text in (QUERIES, KEYS, VALUES)]
    due = attend(*given, softcap=0.5, sink=-1, mask=mask)
    np.testing.assert_allclose(np.array(book.block("attention", "weights"), float), due.weights, rtol=1e-12)
    np.testing.assert_allclose(np.array(book.block("attention", "output: "), float), due.output, rtol=1e-12)


def test_the_same_problem_gives_the_same_bytes(run: Callable[..., Any], tmp_path: Path) -> None:
    for name in ("one", "two"):
        assert run("explain", EXAMPLES / "car.yaml", "-o", tmp_path / f"{name}.xlsx").status == 0
    assert (tmp_path / "one.xlsx").read_bytes() == (tmp_path / "two.xlsx").read_bytes()


def test_steps_to_be_filled_in_are_empty(explain_sheet: Callable[..., Spreadsheet]) -> None:
    book = explain_sheet(QUERIES, KEYS, VALUES, "--until", "scores", "--causal")
    assert all(isinstance(cell, float) for row in book.block("attention", "scores: ") for cell in row)
    for title in ("masked scores", "exponentials", "weights", "output: "):
        assert {cell for row in book.block("attention", title) for cell in row} == {None}


def test_chosen_queries_have_rows_of_their_own(explain_sheet: Callable[..., Spreadsheet]) -> None:
    book = explain_sheet(QUERIES, KEYS, VALUES, "--query", "2", "--query", "0", "--causal", "--rope", "half")
    check_formulas(book)
    assert [cell.value for cell in book.written["attention"]["A"] if str(cell.value).startswith("query")][:2] == [
        "query 2",
        "query 0",
    ]


def test_labels_and_titles_are_never_formulas(explain_sheet: Callable[..., Spreadsheet], tmp_path: Path) -> None:
    labels = ["=1+1", "+1", "-1", "@SUM(A1)", '=HYPERLINK("x")', "\x07<b>&"]
    path = tmp_path / "p.yaml"
    path.write_text(
        f"title: '=2+2'\nlabels: {{queries: ['=q'], keys: {labels[:5]}, values: ['=v']}}\n"
        "queries: [[1]]\nkeys: [[1], [2], [3], [4], [5]]\nvalues: [[1], [2], [3], [4], [5]]\n"
    )
    book = explain_sheet(path)
    texts = [cell for sheet in book.written for row in sheet.iter_rows() for cell in row if cell.data_type == "s"]
    for label in (*labels[:5], "=2+2", "=q", "=v"):
        found = [cell for cell in texts if cell.value == label]
        assert found
        assert all(cell.quotePrefix for cell in found)
    assert check_formulas(book) == len(book.formulas())


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["--backward", "-o", "w.xlsx"],
            "error: --backward: a workbook works out no gradients\nhint: -o work.html\n",
        ),
        (["-f", "xlsx"], "error: --format: a spreadsheet is not printed\nhint: -o work.xlsx\n"),
        (
            ["-o", "w.ods"],
            "error: --output: explain writes no .ods\nhint: -o work.xlsx, which spreadsheet programs open\n",
        ),
        (
            ["--mask", "1 1 1 1; 0 0 0 0; 0 0 0 0", "--as", "torch-mha", "-o", "w.xlsx"],
            "error: attncli explain: a query has no key, and its weights are NaN: that has no formula\nhint: -f html\n",
        ),
        (
            ["--allow-nonfinite", "--scale", "1", "-o", "w.xlsx"],
            "error: attncli explain: values hold infinities or NaN, which a spreadsheet cannot hold\nhint: -f html\n",
        ),
    ],
)
def test_what_a_spreadsheet_cannot_be_is_refused(
    run: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    values = VALUES.replace("5 0", "inf 0") if "--allow-nonfinite" in words else VALUES
    ran = run("explain", QUERIES, KEYS, values, *words)
    assert (ran.status, ran.err) == (2, message)
    assert not list(tmp_path.iterdir())


def test_a_workbook_that_is_too_large_is_refused(run: Callable[..., Any], tmp_path: Path) -> None:
    np.save(tmp_path / "q.npy", np.zeros((220, 4)))
    ran = run("explain", *[tmp_path / "q.npy"] * 3, "-o", tmp_path / "w.xlsx")
    assert (ran.status, ran.err) == (
        2,
        "error: attncli explain: the workbook would have some 293,920 cells, and at most 200,000 are written\n"
        "hint: --query I for some of the queries, or fewer keys\n",
    )
    assert run("explain", *[tmp_path / "q.npy"] * 3, "-o", tmp_path / "w.xlsx", "--query", "7").status == 0


def test_a_stage_that_formulas_do_not_know_is_an_error(
    run: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(STAGES, "capped", SCORE)
    words = ["--softcap", "0.5"]
    ran = run("explain", QUERIES, KEYS, VALUES, *words, "-o", tmp_path / "w.xlsx")
    assert (ran.status, ran.err) == (
        2,
        "error: attncli explain: this problem has a stage that cannot be written as formulas\nhint: -f html\n",
    )


def test_without_openpyxl_the_error_says_what_to_install(
    run: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "openpyxl", None)
    ran = run("explain", QUERIES, KEYS, VALUES, "-o", tmp_path / "w.xlsx")
    assert (ran.status, ran.err) == (
        2,
        f"error: --output: this needs openpyxl, which is not installed\nhint: {install_command('sheets')}\n",
    )


def test_the_numbers_can_be_read_back(run: Callable[..., Any], tmp_path: Path) -> None:
    pytest.importorskip("python_calamine")
    assert run("explain", "1 0", "1 0; 0 1", "1; 3", "-o", tmp_path / "w.xlsx").status == 0
    book = Spreadsheet((tmp_path / "w.xlsx").read_bytes())
    row = next(cell.row for cell in book.written["attention"]["A"] if str(cell.value).startswith("weights"))
    ran = run("run", f"{tmp_path}/w.xlsx:attention!B{row + 2}:C{row + 2}", "1 0", "-f", "csv", "--show", "queries")
    assert ran.out.strip() == ",".join(
        repr(weight) for weight in attend([[1, 0]], [[1, 0], [0, 1]]).weights[0].tolist()
    )


def test_run_says_which_command_writes_formulas(run: Callable[..., Any], tmp_path: Path) -> None:
    ran = run("run", QUERIES, KEYS, VALUES, "-o", f"{tmp_path}/w.xlsx", "-q")
    assert (ran.status, ran.err) == (
        2,
        f"error: --output: {tmp_path}/w.xlsx: numbers for a spreadsheet are written as .csv\n"
        "hint: attncli explain -o work.xlsx writes live formulas\n",
    )
