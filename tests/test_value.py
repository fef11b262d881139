import sys
from dataclasses import field, fields, replace

import pytest

from runner.value import value


@value
class Point:
    """Somewhere."""

    x: int
    y: int = 0
    names: list[str] = field(default_factory=list)

    @property
    def is_on_axis(self):
        return self.y == 0

    @classmethod
    def at(cls, text):
        return cls(x=int(text))


def test_a_value_is_made_by_keywords_and_compared_by_what_it_holds():
    point = Point(x=1)
    assert (point.x, point.y, point.names, point.is_on_axis) == (1, 0, [], True)
    assert point == Point.at("1") != Point(x=1, y=2)
    assert repr(point) == "Point(x=1, y=0, names=[])"
    assert Point(x=1).names is not point.names
    for wrong in ({}, {"x": 1, "z": 2}):
        with pytest.raises(TypeError):
            Point(**wrong)
    with pytest.raises(TypeError):
        Point(1)
    with pytest.raises(AttributeError):
        point.z = 3


def test_a_change_is_a_new_value():
    point = Point(x=1)
    assert replace(point, y=2) == Point(x=1, y=2)
    assert point.y == 0
    assert [each.name for each in fields(Point)] == ["x", "y", "names"]


def test_it_is_told_by_its_shape():
    match Point(x=3, y=4):
        case Point(x=3, y=other):
            assert other == 4
        case _:
            pytest.fail("not told")


def test_making_one_calls_no_function_of_python():
    calls = []
    sys.setprofile(lambda frame, event, _: calls.append(frame.f_code.co_name) if event == "call" else None)
    try:
        Point(x=1, y=2)
    finally:
        sys.setprofile(None)
    assert calls == []
