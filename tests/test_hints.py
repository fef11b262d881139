"""What answers tell of limits, in the spellings of many providers."""

from datetime import UTC, datetime

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.hints import LONGEST_S, NONE, read

NOW = datetime(2026, 11, 23, 2, 0, 0, tzinfo=UTC).timestamp()
DATE = {"date": "Mon, 23 Nov 2026 05:00:00 GMT"}
"""The clock of a server three hours ahead of ours."""


def seen(headers, body=b""):
    return [
        (each.unit, each.limit, each.remaining, each.reset_s) for each in read(headers, body, now=NOW).windows
    ]


def named(pattern, limit, remaining, reset):
    """Three headers, `{}` in whose names stands for what they tell."""
    values = {"limit": limit, "remaining": remaining, "reset": reset}
    return {pattern.format(field): value for field, value in values.items()}


@pytest.mark.parametrize(
    ("headers", "windows"),
    [
        (named("x-ratelimit-{}-requests", "1200", "1199", "50ms"), [("requests", 1200, 1199, 0.05)]),
        (named("x-ratelimit-{}-requests", "60", "0", "6m0s"), [("requests", 60, 0, 360)]),
        (named("x-ratelimit-{}-tokens", "150000", "149000", "1.5s"), [("tokens", 150000, 149000, 1.5)]),
        (
            named("anthropic-ratelimit-requests-{}", "50", "49", "2026-11-23T02:00:30Z"),
            [("requests", 50, 49, 30)],
        ),
        (
            named("anthropic-ratelimit-requests-{}", "50", "49", "2026-11-23T05:00:30Z") | DATE,
            [("requests", 50, 49, 30)],
        ),
        (
            named("anthropic-ratelimit-input-tokens-{}", "80000", "70000", "2026-11-23T02:00:12Z"),
            [("tokens", 80000, 70000, 12)],
        ),
        (named("ratelimit-{}", "100", "50", "5"), [("requests", 100, 50, 5)]),
        (named("ratelimit-{}", "100, 100;w=60", "50", "5"), [("requests", 100, 50, 5)]),
        (named("x-ratelimit-{}", "5000", "4999", str(int(NOW) + 90)), [("requests", 5000, 4999, 90)]),
        (named("x-ratelimit-{}", "5000", "4999", f"{int(NOW) + 90}000"), [("requests", 5000, 4999, 90)]),
        (named("x-rate-limit-{}", "300", "299", "30"), [("requests", 300, 299, 30)]),
        (
            {"x-ratelimit-remaining": "3", "x-ratelimit-reset-after": "1.25"},
            [("requests", None, 3, 1.25)],
        ),
        (
            {"x-ratelimit-limit-minute": "60", "x-ratelimit-remaining-minute": "59"},
            [("requests", 60, 59, 60)],
        ),
        (named("x-ratelimit-{}-requests-day", "1000", "900", "79200"), [("requests", 1000, 900, 79200)]),
        ({"ratelimit": "limit=100, remaining=50, reset=5"}, [("requests", 100, 50, 5)]),
        (
            {"ratelimit": '"default";r=50;t=30', "ratelimit-policy": '"default";q=100;w=60'},
            [("requests", 100, 50, 30)],
        ),
        (
            {
                "ratelimit": '"perminute";r=5;t=30, "tpm";r=900;t=20',
                "ratelimit-policy": '"perminute";q=10;w=60, "tpm";q=1000;w=60;qu="tokens"',
            },
            [("requests", 10, 5, 30), ("tokens", 1000, 900, 20)],
        ),
        (
            named("x-ratelimit-{}-requests", "60", "59", "1s")
            | named("x-ratelimit-{}-tokens", "9", "8", "2s"),
            [("requests", 60, 59, 1), ("tokens", 9, 8, 2)],
        ),
        (named("x-ratelimit-{}-requests", "60", "59", "1" * 300), [("requests", 60, 59, LONGEST_S)]),
        (named("x-ratelimit-{}-requests", "60", "59", "999999999"), [("requests", 60, 59, LONGEST_S)]),
        (named("x-ratelimit-{}-requests", "60", "59", "2020-01-01T00:00:00Z"), [("requests", 60, 59, 0)]),
        (named("x-ratelimit-{}-requests", "60", "59", "soon"), []),
        (named("x-ratelimit-{}-requests", "60", "many", "5"), []),
        ({"x-ratelimit-limit-requests": "60"}, []),
        ({"content-type": "application/json"}, []),
    ],
)
def test_headers_tell_what_is_left(headers, windows):
    assert seen(headers) == [
        (unit, limit, remaining, pytest.approx(reset_s)) for unit, limit, remaining, reset_s in windows
    ]


def test_a_body_may_repeat_the_headers_of_the_provider_behind():
    headers = {
        "X-RateLimit-Limit": "20",
        "X-RateLimit-Remaining": "0",
        "X-RateLimit-Reset": f"{int(NOW) + 17}000",
    }
    body = orjson.dumps({"error": {"code": 429, "message": "no", "metadata": {"headers": headers}}})
    assert seen({}, body) == [("requests", 20, 0, 17)]


@pytest.mark.parametrize(
    ("tree", "is_daily"),
    [
        ({"error": {"details": [{"violations": [{"quotaId": "GenerateRequestsPerDayPerProject"}]}]}}, True),
        ({"error": {"code": "daily_limit_exceeded"}}, True),
        (
            {"error": {"details": [{"violations": [{"quotaId": "GenerateRequestsPerMinutePerProject"}]}]}},
            False,
        ),
        ({"error": {"code": "rate_limit_exceeded", "message": "daily limit reached"}}, False),
        ({"error": {"type": "your daily limit"}}, False),
        (["daily"], False),
    ],
)
def test_a_code_tells_the_days_quota_from_the_minutes(tree, is_daily):
    assert read({}, orjson.dumps(tree), now=NOW).is_daily is is_daily


@pytest.mark.parametrize("body", [b"", b"not JSON", b"[1, 2", b"{}" + b" " * 70_000])
def test_a_body_that_says_nothing_is_no_hint(body):
    assert read({}, body, now=NOW) == NONE


VALUES = st.text(alphabet='0123456789.;=,"rtwqTZ:-+ hmsun', max_size=40)
NAMES = st.sampled_from(
    [
        "ratelimit",
        "ratelimit-policy",
        "date",
        *named("x-ratelimit-{}-requests", "", "", ""),
        "x-ratelimit-limit",
    ]
)


@given(st.dictionaries(NAMES, VALUES | st.text(max_size=20)), st.binary(max_size=40))
def test_nothing_that_an_answer_holds_breaks_it(headers, body):
    for window in read(headers, body, now=NOW).windows:
        assert 0 <= window.reset_s <= LONGEST_S
        assert 0 <= window.remaining < float("inf")
