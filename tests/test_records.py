"""Records behave as the frozen dataclasses that they are to readers and type checkers."""

from __future__ import annotations

import dataclasses
import pickle
from dataclasses import field, fields

import pytest

from attncli.records import record, replace


@record
class Point:
    """Two numbers."""

    x: int
    y: int = 0


@record(kw_only=True)
class Named:
    """One name."""

    name: str


@record(frozen=False)
class Counted:
    """A name and what was counted under it; the sum is made from it."""

    name: str
    counts: dict[str, int] = field(default_factory=dict)
    total: int = field(default=0)

    def __post_init__(self) -> None:
        self.total += sum(self.counts.values())


def test_a_record_has_its_fields_and_defaults():
    assert [each.name for each in fields(Point)] == ["x", "y"]
    assert (Point(1).x, Point(1).y) == (1, 0)


def test_equal_fields_make_equal_records_of_one_class():
    assert Point(1, 2) == Point(1, 2)
    assert Point(1, 2) != Point(2, 1)
    assert Point(1) != Named(name="x")
    assert len({Point(1), Point(1), Point(2)}) == 2


def test_a_record_is_replaced_and_shown_by_name():
    for change in (replace, dataclasses.replace):
        assert repr(change(Point(1), y=5)) == "Point(x=1, y=5)"
        assert repr(change(Named(name="a"), name="b")) == "Named(name='b')"


def test_a_record_survives_the_way_to_another_process():
    assert pickle.loads(pickle.dumps(Point(3, 4))) == Point(3, 4)


def test_a_field_that_is_not_there_cannot_be_set():
    with pytest.raises(AttributeError):
        Point(1).z = 3


def test_a_keyword_record_takes_no_places():
    with pytest.raises(TypeError):
        Named("x")


@pytest.mark.parametrize("arguments", [(), (1, 2, 3)], ids=["too few", "too many"])
def test_a_record_takes_as_many_values_as_it_has_fields(arguments):
    with pytest.raises(TypeError, match=r"^Point.__init__\(\) "):
        Point(*arguments)


def test_a_field_without_the_name_of_one_is_refused():
    with pytest.raises(TypeError, match="'z'"):
        replace(Point(1), z=2)


def test_every_record_gets_a_default_of_its_own_from_a_factory():
    first, second = Counted("a"), Counted("b")
    first.counts["c"] = 1
    assert (first.counts, second.counts) == ({"c": 1}, {})


def test_a_record_is_finished_after_its_fields_are_set():
    assert Counted("a", {"b": 2, "c": 3}).total == 5
    assert Counted("a", {"b": 2}, total=1).total == 3


def test_a_record_that_may_change_equals_only_itself():
    one = Counted("a")
    assert one in [one]
    assert one != Counted("a")
    assert len({one, Counted("a")}) == 2


@pytest.mark.parametrize("count", range(30))
def test_each_field_of_a_long_record_has_its_own_value(count):
    names = {f"field_{number}": "int" for number in range(count)}
    made = record(type("Long", (), {"__annotations__": names, "__module__": __name__}))
    values = range(count)
    assert [getattr(made(*values), name) for name in names] == list(values)
    assert made(**dict(zip(names, values, strict=True))) == made(*values)


@pytest.mark.parametrize(
    "members",
    [
        {"__annotations__": {"x": "list[int]"}, "x": []},
        {"__annotations__": {"x": "int", "y": "int"}, "x": 1},
    ],
    ids=["a default that can be changed", "a field without a default after one with a default"],
)
def test_what_dataclasses_refuse_is_refused(members):
    with pytest.raises((TypeError, ValueError)):
        dataclasses.dataclass(type("Wrong", (), dict(members)))
    with pytest.raises(TypeError, match=r"^Wrong: "):
        record(type("Wrong", (), dict(members)))


def test_a_dataclass_can_extend_a_record():
    @dataclasses.dataclass
    class Placed(Counted):
        place: str = "here"

    made = Placed("a", {"b": 2}, place="there")
    assert (made.name, made.total, made.place) == ("a", 2, "there")
    assert [each.name for each in fields(made)] == ["name", "counts", "total", "place"]
