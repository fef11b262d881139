"""When something starts by itself: a time of day, on some days of the week, in one zone of the world."""

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from itertools import count, islice
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from runner.value import value

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
WEEK = frozenset(range(7))
CLOCK = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)")


@value
class Timetable:
    """Starts at `at`; where `until` is given, nothing is begun from then on, if need be on the next day."""

    at: time
    days: frozenset[int] = WEEK
    """From 0, a Monday."""
    until: time | None = None
    zone: ZoneInfo | None = None
    """None: the machine's own."""

    def starts(self, now: datetime) -> Iterator[datetime]:
        """Those after `now`, without end. A time that the clock leaps over comes an hour later."""
        today = now.astimezone(self.zone).date()
        for ahead in count(-1):
            day = today + timedelta(days=ahead)
            start = self._on(day)
            if day.weekday() in self.days and start > now:
                yield start

    def _on(self, day: date) -> datetime:
        naive = datetime.combine(day, self.at)
        placed = naive.astimezone() if self.zone is None else naive.replace(tzinfo=self.zone)
        return placed.astimezone(UTC).astimezone(self.zone)

    def window(self) -> timedelta | None:
        """How long there is from a start to the end of its time, by a clock that is not changed in it."""
        if self.until is None:
            return None
        minutes = (self.until.hour - self.at.hour) * 60 + self.until.minute - self.at.minute
        return timedelta(minutes=minutes % (24 * 60))


def next_starts(timetable: Timetable, now: datetime, number: int) -> list[datetime]:
    return list(islice(timetable.starts(now), number))


def clock(text: str) -> time:
    """A time of day; raises ValueError, its text for people."""
    match = CLOCK.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"'{text}' is no time of day such as 02:00")
    return time(int(match[1]), int(match[2]))


def weekdays(text: str) -> frozenset[int]:
    """Days such as `mon-fri`, `sat,sun` or `fri-mon`; raises ValueError, its text for people."""
    return frozenset(day for part in text.lower().split(",") for day in span(part.strip()))


def span(part: str) -> Iterator[int]:
    begin, dash, end = part.partition("-")
    ends = (begin, end if dash else begin)
    if any(each not in DAYS for each in ends):
        raise ValueError(f"'{part}' is no day of the week: mon, tue, wed, thu, fri, sat, sun, or mon-fri")
    first, last = map(DAYS.index, ends)
    return ((first + step) % 7 for step in range((last - first) % 7 + 1))


def zone(name: str) -> ZoneInfo:
    """By its name, such as `Europe/Berlin`; raises ValueError, its text for people."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"no time zone is named '{name}': one is Europe/Berlin, another UTC") from None
