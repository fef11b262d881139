"""The page of what can go wrong: each of its rows is held to by a test, or says why it cannot be."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "reliability.md").read_text()
ROWS = dict(re.findall(r"^### ([A-Z]\d+) · .*\n((?:(?!#).*\n)*)", PAGE, re.MULTILINE))
TESTS = {
    name
    for path in Path(__file__).parent.rglob("test_*.py")
    for name in re.findall(r"def (test_\w+)", path.read_text())
}
ALL = [
    f"{group}{number}"
    for group, last in (("P", 13), ("S", 11), ("N", 19), ("M", 9), ("X", 7))
    for number in range(1, last + 1)
]
NAMED = re.compile(r"test((?:_[pmnsx]\d+)+)(?:_to_([pmnsx]\d+))?_")


def rows_of(test):
    """The rows that a test is named after: `test_p1_p3_…`, `test_p5_to_p8_…`."""
    match = NAMED.match(test)
    if match is None:
        return set()
    named = match[1].upper().split("_")[1:]
    group, first = named[-1][0], int(named[-1][1:])
    last = int(match[2][1:]) if match[2] else first
    return {*named, *(f"{group}{number}" for number in range(first, last + 1))}


def test_the_page_has_every_row_in_order():
    assert list(ROWS) == ALL


@pytest.mark.parametrize("row", ALL)
def test_a_row_has_a_test_of_its_name_or_says_why_it_has_none(row):
    cited = set(re.findall(r"`(test_\w+)`", ROWS[row]))
    assert cited <= TESTS, "cites tests that are not there"
    is_excused = re.search(r"\*Not tested here:\*\s+\w", ROWS[row]) is not None
    assert is_excused != bool(cited), "either tests or a reason"
    assert is_excused or any(row in rows_of(test) for test in cited)


def test_no_row_says_that_it_has_no_test_and_has_one():
    excused = {row for row, text in ROWS.items() if "*Not tested here:*" in text}
    assert [test for test in TESTS if rows_of(test) & excused] == []


def test_every_test_is_named_after_rows_that_there_are():
    assert {row for test in TESTS for row in rows_of(test)} <= {*ALL}
