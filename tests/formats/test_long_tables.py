"""Tables in long form, a line per cell: what `-f long` writes is read back, and half of one is refused."""

from __future__ import annotations

import io
import random

import numpy as np
import pytest

from attncli.errors import InputError
from attncli.formats import BY_NAME
from attncli.inputs.sources import Sources
from attncli.matrix import Matrix, Reading
from attncli.numbers.json_rows import LARGE

CASES = [
    ("row,col,value\n0,0,1.5\n0,1,2\n1,0,3\n1,1,4\n", [[1.5, 2], [3, 4]], None, None),
    ("i j value\n1 1 1.5\n1 2 2\n2 1 3\n2 2 4\n", [[1.5, 2], [3, 4]], None, None),
    ("Query,Key,Weight\ncat,the,1\ncat,a,2\ndog,the,3\ndog,a,4\n", [[1, 2], [3, 4]], ("cat", "dog"), ("the", "a")),
    ("query;column;value\n0;x;1,5\n1;x;2,25\n", [[1.5], [2.25]], None, ("x",)),
    ("query,value\n0,1.5\n1,2\n", [1.5, 2], None, None),
    ("row,value\n1,1.5\n2,2\n", [1.5, 2], None, None),
    ("head,query,value\n0,0,1.5\n1,0,2\n", [[1.5], [2]], None, None),
    ("head,query,key,weight\n0,0,0,1\n1,0,0,2\n", [[[1]], [[2]]], None, None),
    ("axis0,axis1,query,key,score\n0,0,0,0,1\n0,1,0,0,2\n", [[[[1]], [[2]]]], None, None),
]


def _read(text: str, reading: Reading | None = None) -> Matrix:
    return BY_NAME["csv"].read(text.encode(), "q.csv", reading or Reading()).matrices[""]()


@pytest.mark.parametrize(("text", "numbers", "rows", "columns"), CASES)
def test_a_table_in_long_form_is_what_it_holds(text, numbers, rows, columns) -> None:
    header, *lines = text.splitlines()
    random.Random(text).shuffle(lines)
    for mixed in (text, "\n".join([header, *lines])) if rows is None and columns is None else (text,):
        matrix = _read(mixed, Reading(keep_text=True))
        assert matrix.array.tolist() == numbers
        assert (matrix.row_labels, matrix.column_labels) == (rows, columns)
        assert [float(cell) for cell in matrix.texts or ()] == np.ravel(numbers).tolist()
        names = header.replace(",", " ").replace(";", " ").split()
        shape = " × ".join(map(str, np.shape(numbers)))
        assert matrix.notes == (f"q.csv: in long form ({', '.join(names)}), read as {shape}",)


@pytest.mark.parametrize("labels", ["", ", labels: {queries: [a, 'b,c'], keys: [x, y, z]}"])
@pytest.mark.parametrize("name", ["weights", "scores", "output", "keys", "lse"])
@pytest.mark.parametrize("lead", [False, True])
def test_what_long_writes_is_read_back(run, tmp_path, labels: str, name: str, lead: bool) -> None:
    random_ = np.random.default_rng(7)
    q, k, v = (random_.normal(size=shape).tolist() for shape in ((2, 2), (3, 2), (3, 4)))
    problem = f"{{q: {[q] if lead else q}, k: {[k] if lead else k}, v: {[v] if lead else v}{labels}}}"
    options = ("--show", name, "-f")
    (tmp_path / "r.csv").write_text(run("run", problem, *options, "long").out)
    (tmp_path / "r.json").write_text(run("run", problem, *options, "json").out)
    back = Sources(io.BytesIO).matrix(str(tmp_path / "r.csv"), role=name)
    due = Sources(io.BytesIO).matrix(f"{tmp_path / 'r.json'}:{name}", role=name)
    assert back.array.tolist() == due.array.tolist()
    if labels:
        assert back.row_labels == (("x", "y", "z") if name == "keys" else ("a", "b,c"))


@pytest.mark.parametrize(
    ("text", "where", "what"),
    [
        (
            "row,col,value\n0,0,1\n0,1,2\n1,0,3\n",
            "q.csv",
            "a table in long form (row, col, value) with 3 of its 2 × 2 cells",
        ),
        ("i,j,value\n0,0,1\n5,0,2\n", "q.csv", "a table in long form (i, j, value) with 2 of its 6 × 1 cells"),
        ("row,col,value\n0,0,1\n0,0,2\n", "q.csv: line 3, column 1", "the cell '0', '0' is also in line 2"),
        ("query,key,weight\na,b,x\n", "q.csv: line 2, column 3", "'x' is not a number"),
        ("query,key,weight\na,,1\n", "q.csv: line 2, column 2", "the cell is empty"),
    ],
)
def test_half_a_long_form_is_refused(text: str, where: str, what: str) -> None:
    with pytest.raises(InputError) as caught:
        _read(text)
    assert (caught.value.where, caught.value.what) == (where, what)
    assert caught.value.hint


@pytest.mark.parametrize(
    "text",
    [
        "query,key,value\n0.5,0,1\n1,0.25,2\n",  # features that are called so
        "value,row,col\n0,0,1\n",
        "row,col,value\n0.5,0,1\n0,1,2\n",
        "a,b,value\n0,0,1\n",
    ],
)
def test_other_columns_are_those_of_a_matrix(text: str) -> None:
    assert _read(text).array.shape == (len(text.splitlines()) - 1, 3)


def test_a_large_table_in_long_form_is_not_a_table_of_two_columns() -> None:
    lines = [f"w{row},{column},{row / 7}" for row in range(4000) for column in range(2)]
    text = "query,column,value\n" + "\n".join(lines) + "\n"
    assert len(text) > LARGE
    matrix = _read(text)
    assert matrix.array.shape == (4000, 2)
    assert matrix.array[-1].tolist() == [3999 / 7] * 2
