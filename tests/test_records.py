"""Records behave as the frozen dataclasses that they are to readers and type checkers."""

from __future__ import annotations

import pickle
from dataclasses import fields, replace

import pytest

from attncli.records import record


@record
class Point:
    """Two numbers."""

    x: int
    y: int = 0


@record(kw_only=True)
class Named:
    """One name."""

    name: str


def test_a_record_has_its_fields_and_defaults():
    assert [field.name for field in fields(Point)] == ["x", "y"]
    assert (Point(1).x, Point(1).y) == (1, 0)


def test_equal_fields_make_equal_records_of_one_class():
    assert Point(1, 2) == Point(1, 2)
    assert Point(1, 2) != Point(2, 1)
    assert Point(1) != Named(name="x")
    assert len({Point(1), Point(1), Point(2)}) == 2


def test_a_record_is_replaced_and_shown_by_name():
    assert repr(replace(Point(1), y=5)) == "Point(x=1, y=5)"


def test_a_record_survives_the_way_to_another_process():
    assert pickle.loads(pickle.dumps(Point(3, 4))) == Point(3, 4)


def test_a_field_that_is_not_there_cannot_be_set():
    with pytest.raises(AttributeError):
        Point(1).z = 3


def test_a_keyword_record_takes_no_places():
    with pytest.raises(TypeError):
        Named("x")
