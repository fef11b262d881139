"""Retry-After in all its spellings."""

from datetime import UTC, datetime
from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.retry_after import LONGEST_S, retry_after

NOW = datetime(2026, 11, 23, 2, 0, 0, tzinfo=UTC).timestamp()
OWN_DATE = "Mon, 23 Nov 2026 05:00:00 GMT"
"""What a server three hours ahead of us takes for now."""


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "17"}, 17.0),
        ({"retry-after": " 2.5 "}, 2.5),
        ({"retry-after": "0.2"}, 0.2),
        ({"retry-after": "3\x1f"}, 3.0),
        ({"retry-after": "Mon, 23 Nov 2026 02:14:00 GMT"}, 840.0),
        ({"retry-after": "Monday, 23-Nov-26 02:14:00 GMT"}, 840.0),
        ({"retry-after": "Mon Nov 23 02:14:00 2026"}, 840.0),
        ({"retry-after": "2026-11-23T02:14:00Z"}, 840.0),
        ({"retry-after": "Mon, 23 Nov 2026 05:00:30 GMT", "date": OWN_DATE}, 30.0),
        ({"retry-after": "30", "date": OWN_DATE}, 30.0),
        ({"retry-after-ms": "1500"}, 1.5),
        ({"retry-after-ms": "1500", "retry-after": "60"}, 1.5),
        ({"retry-after-ms": "soon", "retry-after": "60"}, 60.0),
        ({"retry-after": "6m0s"}, 360.0),
        ({"retry-after": "1h0.5s"}, 3600.5),
        ({"retry-after": "20ms"}, 0.02),
        ({"retry-after": "999999999999"}, LONGEST_S),
        ({"retry-after": "1" * 400}, LONGEST_S),
        ({"retry-after": "Mon, 23 Nov 2099 02:14:00 GMT"}, LONGEST_S),
        ({"retry-after": "0"}, None),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "1_000"}, None),
        ({"retry-after": ""}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "Mon, 99 Nov 2026 02:14:00 GMT"}, None),
        ({"retry-after": "Mon, 23 Nov 2026 01:00:00 GMT"}, None),
        ({}, None),
    ],
)
def test_n17_a_header_says_how_long(headers, seconds):
    found = retry_after(headers, None, now=NOW)
    assert found == (None if seconds is None else pytest.approx(seconds))


@pytest.mark.parametrize(
    ("tree", "seconds"),
    [
        ({"code": 429, "data": {"retryAfter": 17}}, 17.0),
        ({"code": 429, "data": {"retryAfter": 0.2}}, 0.2),
        ({"error": {"message": "slow down", "retry_after": "17"}}, 17.0),
        ({"error": {"retry_after_ms": 250}}, 0.25),
        ({"error": {"details": [{"@type": "RetryInfo", "retryDelay": "17s"}]}}, 17.0),
        ({"retry-after-seconds": 3}, 3.0),
        ({"retryAfter": True}, None),
        ({"retryAfter": {"seconds": 3}}, None),
        ({"retryAfter": 10**400}, None),
        ({"note": "retry after 5"}, None),
        ([], None),
        ("retry after 5", None),
    ],
)
def test_n17_a_body_alone_says_how_long(tree, seconds):
    assert retry_after({}, tree, now=NOW) == seconds


def test_n17_a_header_wins_over_the_body():
    assert retry_after({"retry-after": "3"}, {"retryAfter": 17}, now=NOW) == 3.0


def test_a_date_needs_some_now():
    headers = {"retry-after": "Mon, 23 Nov 2026 05:00:30 GMT"}
    assert retry_after(headers, None, now=None) is None
    assert retry_after(headers | {"date": OWN_DATE}, None, now=None) == 30.0


@given(st.text(max_size=80), st.text(max_size=40))
def test_nothing_that_a_header_holds_breaks_it(text, date):
    found = retry_after({"retry-after": text, "date": date}, None, now=NOW)
    assert found is None or 0 < found <= LONGEST_S


PIECES = ["Mon", "Nov", "23", ",", "-", ":", "GMT", "2026", "02:14", "+0000", "(", ")", "9" * 11, "\\"]


@given(st.lists(st.sampled_from(PIECES), max_size=9))
def test_nothing_that_looks_like_a_date_breaks_it(parts):
    found = retry_after({"retry-after": " ".join(parts)}, None, now=NOW)
    assert found is None or 0 < found <= LONGEST_S


FIELDS = st.sampled_from(["retryAfter", "retry_after_ms", "error", ""])
leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
trees = st.deferred(lambda: leaves | st.lists(trees, max_size=3) | st.dictionaries(FIELDS, trees, max_size=3))


@given(trees)
def test_n17_nothing_that_a_body_holds_breaks_it(tree):
    found = retry_after({}, tree, now=NOW)
    assert found is None or 0 < found <= LONGEST_S


@given(st.integers(0, 2**32), st.integers(1, int(LONGEST_S)), st.none() | st.floats(0, 2.0**32))
def test_p10_n17_a_date_counts_from_the_answers_own_whatever_our_clock_says(theirs, wait, ours):
    headers = {"date": formatdate(theirs, usegmt=True), "retry-after": formatdate(theirs + wait, usegmt=True)}
    assert retry_after(headers, None, now=ours) == wait
