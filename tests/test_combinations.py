import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.combinations import Grid, combinations


def test_the_last_axis_turns_fastest():
    assert list(combinations({"a": [1, 2], "b": ["x", "y"]})) == [
        {"a": 1, "b": "x"},
        {"a": 1, "b": "y"},
        {"a": 2, "b": "x"},
        {"a": 2, "b": "y"},
    ]
    assert list(combinations({})) == [{}]


AXES = {"fruit": ["apple", "pear"], "animal": ["cat", "dog"]}


@pytest.mark.parametrize(
    ("exclude", "include", "expected"),
    [
        ([{"fruit": "apple", "animal": "cat"}], [], 3),
        ([{"fruit": "apple"}], [], 2),
        ([{"fruit": "apple"}, {"animal": "cat"}], [], 1),
        ([{"fruit": "plum"}], [], 4),
        ([], [{"color": "green"}], 4),
        ([], [{"fruit": "banana"}], 5),
        ([], [{"fruit": "banana"}, {"fruit": "banana", "animal": "cat"}], 6),
        ([{"fruit": "pear"}], [{"fruit": "pear", "animal": "cat"}], 3),
    ],
)
def test_exclude_and_include_count_as_in_ci(exclude, include, expected):
    grid = Grid(axes=AXES, exclude=exclude, include=include)
    assert len(list(grid)) == grid.count() == expected


def test_include_adds_and_overwrites_only_what_was_added_as_in_ci():
    include = [
        {"color": "green"},
        {"color": "pink", "animal": "cat"},
        {"fruit": "apple", "shape": "circle"},
        {"fruit": "banana"},
        {"fruit": "banana", "animal": "cat"},
    ]
    assert list(Grid(axes=AXES, include=include)) == [
        {"fruit": "apple", "animal": "cat", "color": "pink", "shape": "circle"},
        {"fruit": "apple", "animal": "dog", "color": "green", "shape": "circle"},
        {"fruit": "pear", "animal": "cat", "color": "pink"},
        {"fruit": "pear", "animal": "dog", "color": "green"},
        {"fruit": "banana"},
        {"fruit": "banana", "animal": "cat"},
    ]


def test_without_axes_there_is_one_combination_of_nothing():
    assert list(Grid()) == [{}]
    assert Grid().count() == 1
    assert list(Grid(include=[{"a": 1}])) == [{"a": 1}]


values = st.integers(0, 2)
axes = st.dictionaries(
    st.sampled_from("abc"), st.lists(values, min_size=1, max_size=3, unique=True), max_size=3
)
patterns = st.lists(st.dictionaries(st.sampled_from("abcd"), values, min_size=1, max_size=3), max_size=4)


@given(axes, patterns, patterns)
def test_counting_is_making_without_the_work(axes, exclude, include):
    grid = Grid(axes=axes, exclude=exclude, include=include)
    assert grid.count() == sum(1 for _ in grid)


def test_m6_an_absurd_matrix_is_counted_at_once():
    axes = {name: list(range(2000)) for name in "abc"}
    exclude = [{"a": 1, "b": 2}, {"c": 5}]
    assert Grid(axes=axes, exclude=exclude).count() == (2000 * 2000 - 1) * 1999
