"""Commas of which only some have a space beside them could be decimal: `0,67, 0,33` is 2 numbers or 4."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from test_ways import ways

from attncli.batch.manifest import manifest_jobs, tree_of
from attncli.errors import InputError, UsageError
from attncli.formats import BY_NAME
from attncli.inputs.problem_file import read_problem
from attncli.inputs.settings import BY_KEY
from attncli.inputs.sources import Sources
from attncli.matrix import Reading
from attncli.numbers.json_rows import LARGE

COULD_BE = "'0,67' could be 0.67 or two numbers: only some commas have a space next to them"
CURE = "type 0.67, or 0, 67 with a space after every comma"
DOUBTFUL = {
    "a row": "0,67, 0,33",
    "rows of lines": "0,67, 0,33\n1,5, 2,25",
    "rows with semicolons": "0,67, 0,33; 1,5, 2,25",
    "a list": "[0,67, 0,33]",
    "lists": "[[0,67, 0,33], [1,5, 2,25]]",
    "lists without spaces between them": "[[0,67, 0,33],[1,5, 2,25]]",
    "a list on several lines": "[[0,67, 0,33],\n [1,5, 2,25]]",
    "rows in brackets": "[0,67, 0,33; 1,5, 2,25]",
    "braces": "{{0,67, 0,33}, {1,5, 2,25}}",
    "a call": "np.array([[0,67, 0,33], [1,5, 2,25]])",
    "rows of a block list": "- [0,67, 0,33]\n- [1,5, 2,25]",
    "three axes": "[[[0,67, 0,33]], [[1,5, 2,25]]]",
    "whole numbers among them": "[0,67, 1, -2,25e1]",
    "spaces before the commas": "[0,67 ,1]",
}
PLAIN = {
    "no spaces": ("[[1,2,3,4]]", [[1, 2, 3, 4]]),
    "spaces everywhere": ("[[1, 2, 3, 4]]", [[1, 2, 3, 4]]),
    "spaces between rows only": ("[[1,2], [3,4]]", [[1, 2], [3, 4]]),
    "two commas in a run": ("[[1,2,3, 4,5,6]]", [[1, 2, 3, 4, 5, 6]]),
    "rows that would not be even": ("[[1, 2,3, 4], [5, 6, 7, 8]]", [[1, 2, 3, 4], [5, 6, 7, 8]]),
    "a point in a number": ("[[1,2, 0.5,3]]", [[1, 2, 0.5, 3]]),
    "a sign after a comma": ("[[1,-2, 3,4]]", [[1, -2, 3, 4]]),
    "line ends beside commas": ("[[1,2,\n 3,4]]", [[1, 2, 3, 4]]),
}


@pytest.mark.parametrize("text", DOUBTFUL.values(), ids=DOUBTFUL)
def test_commas_that_could_be_decimal_are_refused_in_every_way(text: str, tmp_path: Path) -> None:
    for way, read in ways(text, tmp_path):
        with pytest.raises(InputError) as caught:
            pytest.fail(f"{way}: {read()}")
        assert (caught.value.what, caught.value.hint) == (COULD_BE, CURE), way


@pytest.mark.parametrize(("text", "numbers"), PLAIN.values(), ids=PLAIN)
def test_commas_that_cannot_be_decimal_separate_numbers_in_every_way(
    text: str, numbers: list[list[float]], tmp_path: Path
) -> None:
    for way, read in ways(text, tmp_path):
        assert read().array.reshape(-1).tolist() == np.ravel(numbers).tolist(), way


@pytest.mark.parametrize(
    ("source", "place"),
    [
        ("1, 2; 0,67, 3", "queries: row 2, column 1"),
        ("[[2, 3], [0,67, 4]]", "queries: [1][0]"),
        ("x = np.array([[[2, 3], [4, 0,67]]])", "queries: x: [0][1][1]"),
    ],
)
def test_the_place_of_such_a_comma_is_named(source: str, place: str) -> None:
    with pytest.raises(InputError) as caught:
        Sources(io.BytesIO).matrix(source, role="queries")
    assert caught.value.where == place


def fault_in_problem(text: str) -> InputError:
    with pytest.raises(InputError) as caught:
        read_problem("-", Sources(lambda: io.BytesIO(text.encode())))
    return caught.value


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("keys: [[1]]\nqueries: [[1, 2], [0,67, 3]]\n", "line 2, column 20"),
        ("keys: [[1]]\nqueries:\n  - [1, 2]\n  - [3, 0,67]\n", "line 4, column 9"),
        ("keys: [[1]]\nqueries:\n  a: [1, 2]\n  b: [0,67, 3]\n", "line 4, column 7"),
        ('{"keys": [[1]], "queries": [[0,67, 0,33]]}', "line 1, column 30"),
        ("queries: [[1]]\nkeys: [[1]]\nsink: [1, 0,67]\n", "line 3, column 11"),
    ],
)
def test_its_line_is_named_in_a_problem(text: str, place: str) -> None:
    fault = fault_in_problem(text)
    assert (fault.where, fault.what, fault.hint) == (f"standard input: {place}", COULD_BE, CURE)


def test_commas_in_words_and_in_other_lists_of_the_document_say_nothing() -> None:
    text = "title: as in [1,2, 3]\nqueries: [[1,2]]\nkeys: [[1, 2]]\nlabels: {queries: [a], keys: ['1,2']}\n"
    problem = read_problem("-", Sources(lambda: io.BytesIO(text.encode())))
    assert problem.request.queries.array.tolist() == [[1, 2]]


@pytest.mark.parametrize(("name", "form"), [("json", "[{}]"), ("yaml", "q: [{}]"), ("csv", "{}")])
def test_large_lists_and_tables_are_looked_at_too(name: str, form: str) -> None:
    row, end = ("[0,67, 0,33]", ", ") if name != "csv" else ("0,67, 0,33", "\n")
    text = form.format(end.join([row] * (LARGE // len(row) + 1)))
    with pytest.raises(InputError) as caught:
        [make() for make in BY_NAME[name].read(text.encode(), "x", Reading()).matrices.values()]
    assert caught.value.what == COULD_BE


def test_a_job_of_a_manifest_is_looked_at_when_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "m.yaml"
    path.write_text("jobs:\n- {name: a, queries: [[0,67, 0,33]], keys: [[1, 2]]}\n")
    (job,) = manifest_jobs(str(path), path.read_bytes()) or []
    assert job.entry is not None
    tree = tree_of(job.entry, str(path))
    assert tree.raw_rows is not None
    cells = tree.raw_rows(("jobs", 0, "queries"))
    assert [[cell.value for cell in row] for row in cells] == [["0", "67", " 0", "33"]]


@pytest.mark.parametrize("text", ["0,67, 0,33", "[0,67, 0,33]"])
def test_numbers_of_a_setting_are_looked_at(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        BY_KEY["sink"].value(text, "--sink")
    assert (caught.value.what, caught.value.hint) == (COULD_BE, CURE)


def test_commas_and_blanks_between_numbers_of_a_setting_are_refused() -> None:
    with pytest.raises(UsageError) as caught:
        BY_KEY["alibi"].value("0,5 0,25", "--alibi")
    assert caught.value.what == "'0,5 0,25' has commas and spaces between its items"
    assert caught.value.hint == "separate all of them by commas"
    assert BY_KEY["alibi"].value("0.5 0.25", "--alibi") == BY_KEY["alibi"].value("0.5, 0.25", "--alibi") == (0.5, 0.25)
