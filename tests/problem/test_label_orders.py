"""Labels of one axis that stand in two orders are refused: rows and columns are paired by position."""

import numpy as np
import pytest

from attncli.errors import ProblemError
from attncli.inputs.request import Labels, Request
from attncli.matrix import Matrix
from attncli.problem.prepare import prepare

HINT = "put them in one order: they are paired by position"
XY, NO_THE, THE_NO, FG, AB = ("x", "y"), ("no", "the"), ("the", "no"), ("f", "g"), ("a", "b")


def matrix(name, rows=None, columns=None):
    return Matrix(np.eye(2), name, row_labels=rows, column_labels=columns)


GIVEN = {"queries": matrix("queries", XY, FG), "keys": matrix("keys", NO_THE, FG)}
OTHER_ORDERS = {  # what is added, and what is said of it
    "values": (
        {"values": matrix("values", THE_NO)},
        "values: its rows are 'the', 'no', and the rows of keys 'no', 'the'",
    ),
    "the columns of a mask": (
        {"mask": matrix("mask", XY, THE_NO)},
        "mask: its columns are 'the', 'no', and the rows of keys 'no', 'the'",
    ),
    "the rows of a bias": (
        {"bias": matrix("bias", XY[::-1], NO_THE)},
        "bias: its rows are 'y', 'x', and the rows of queries 'x', 'y'",
    ),
    "the columns of keys": (
        {"keys": matrix("keys", NO_THE, FG[::-1])},
        "keys: its columns are 'g', 'f', and the columns of queries 'f', 'g'",
    ),
    "the names of keys apart": (
        {"labels": Labels(keys=THE_NO)},
        "keys: its rows are 'no', 'the', and labels: keys 'the', 'no'",
    ),
    "the names of the columns of V apart": (
        {"values": matrix("values", NO_THE, AB), "labels": Labels(values=AB[::-1])},
        "values: its columns are 'a', 'b', and labels: values 'b', 'a'",
    ),
}


@pytest.mark.parametrize(("added", "told"), OTHER_ORDERS.values(), ids=OTHER_ORDERS)
def test_the_same_labels_in_another_order_are_refused(added, told):
    with pytest.raises(ProblemError) as caught:
        prepare(Request(**{**GIVEN, **added}))
    assert str(caught.value) == f"{told}: the same labels in another order"
    assert caught.value.hint == HINT


@pytest.mark.parametrize(
    "added",
    [
        {"values": matrix("values", NO_THE, AB)},
        {"values": matrix("values", ("one", "two"))},
        {"values": matrix("values")},
        {"mask": matrix("mask", XY, NO_THE)},
        {"labels": Labels(keys=("No", "The"))},
        {"keys": matrix("keys", ("a", "a")), "labels": Labels(keys=("a", "a"))},
    ],
)
def test_the_same_order_and_other_labels_are_taken(added):
    assert prepare(Request(**{**GIVEN, **added})).n == 2


def test_expected_numbers_in_another_order_are_not_wrong_ones(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "p.yaml").write_text(
        "queries: {x: [1, 0], y: [0, 1]}\nkeys: [[1, 0], [0, 1]]\nvalues: [[1, 2], [3, 4]]\n"
    )
    (tmp_path / "right.csv").write_text(",a,b\nx,1.6605,2.6605\ny,2.3395,3.3395\n")
    (tmp_path / "other.csv").write_text(",a,b\ny,2.3395,3.3395\nx,1.6605,2.6605\n")
    assert run("check", "p.yaml", "--expect-output", "right.csv").status == 0
    assert run("check", "p.yaml", "--expect-output", "other.csv").err == (
        "error: other.csv: its rows are 'y', 'x', and those of the right output 'x', 'y': the same labels in another "
        f"order\nhint: {HINT}\n"
    )
