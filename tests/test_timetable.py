import subprocess
from datetime import UTC, datetime, time, timedelta
from shutil import which
from zoneinfo import ZoneInfo

import pytest

from runner.starts.systemd import calendar
from runner.timetable import WEEK, Timetable, clock, next_starts, weekdays, zone

BERLIN = ZoneInfo("Europe/Berlin")
WEDNESDAY = datetime(2026, 11, 25, 12, tzinfo=UTC)
NIGHTLY = Timetable(at=time(2), zone=BERLIN)


def shown(starts):
    return [f"{start.astimezone(UTC):%a %m-%d %H:%M}" for start in starts]


@pytest.mark.parametrize(
    ("timetable", "now", "starts"),
    [
        (NIGHTLY, WEDNESDAY, ["Thu 11-26 01:00", "Fri 11-27 01:00"]),
        (Timetable(at=time(23, 30), zone=ZoneInfo("UTC")), WEDNESDAY, ["Wed 11-25 23:30", "Thu 11-26 23:30"]),
        (
            Timetable(at=time(2), zone=BERLIN, days=weekdays("mon")),
            WEDNESDAY,
            ["Mon 11-30 01:00", "Mon 12-07 01:00"],
        ),
        # the hour that the clock leaps over, and the one that it shows twice
        (
            Timetable(at=time(2, 30), zone=BERLIN),
            datetime(2026, 3, 28, 12, tzinfo=UTC),
            ["Sun 03-29 01:30", "Mon 03-30 00:30"],
        ),
        (
            Timetable(at=time(2, 30), zone=BERLIN),
            datetime(2026, 10, 24, 12, tzinfo=UTC),
            ["Sun 10-25 00:30", "Mon 10-26 01:30"],
        ),
    ],
)
def test_starts_come_at_their_time_of_day(timetable, now, starts):
    assert shown(next_starts(timetable, now, 2)) == starts


def test_a_start_that_is_now_is_over():
    now = datetime(2026, 11, 26, 1, tzinfo=UTC)
    assert shown(next_starts(NIGHTLY, now, 1)) == ["Fri 11-27 01:00"]


@pytest.mark.skipif(which("systemd-analyze") is None, reason="systemd is not installed")
@pytest.mark.parametrize("days", [WEEK, weekdays("mon-fri"), weekdays("sat,sun")])
def test_systemd_reckons_the_same_starts(days):
    timetable = Timetable(at=time(2), days=days, zone=BERLIN)
    said = subprocess.run(
        [
            "systemd-analyze",
            "calendar",
            "--iterations=8",
            "--base-time=2026-10-22 12:00:00 UTC",
            calendar(timetable),
        ],
        capture_output=True,
        text=True,
        check=True,
        env={"TZ": "UTC"},
    ).stdout
    told = [line.split(": ", 1)[1] for line in said.splitlines() if "UTC" in line and "From" not in line]
    own = next_starts(timetable, datetime(2026, 10, 22, 12, tzinfo=UTC), 8)
    assert told[-8:] == [f"{start.astimezone(UTC):%a %Y-%m-%d %H:%M:%S UTC}" for start in own]


@pytest.mark.parametrize(
    ("at", "until", "hours"), [((2, 0), (6, 0), 4), ((23, 30), (4, 0), 4.5), ((2, 0), None, None)]
)
def test_a_window_may_reach_over_midnight(at, until, hours):
    timetable = Timetable(at=time(*at), until=None if until is None else time(*until))
    assert timetable.window() == (None if hours is None else timedelta(hours=hours))


@pytest.mark.parametrize(
    ("text", "days"),
    [("mon", {0}), ("mon-fri", {0, 1, 2, 3, 4}), ("Sat, sun", {5, 6}), ("fri-mon", {4, 5, 6, 0})],
)
def test_days_are_read(text, days):
    assert weekdays(text) == days


@pytest.mark.parametrize(
    ("read", "text", "words"),
    [
        (clock, "24:00", "'24:00' is no time of day such as 02:00"),
        (clock, "2am", "'2am' is no time of day"),
        (weekdays, "monday", "'monday' is no day of the week: mon, tue"),
        (weekdays, "mon-fri-sun", "'mon-fri-sun' is no day of the week"),
        (weekdays, "", "'' is no day"),
        (zone, "Berlin", "no time zone is named 'Berlin'"),
        (zone, "../etc/passwd", "no time zone is named"),
    ],
)
def test_what_is_none_is_refused_in_words(read, text, words):
    with pytest.raises(ValueError, match=words.replace("(", r"\(")):
        read(text)
