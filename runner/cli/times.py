"""Times and spans of time, as people write them."""

import re
import time
from datetime import datetime

SPAN = re.compile(r"(\d{1,6})\s?([mhdw])")
UNIT_S = {"m": 60, "h": 3600, "d": 86_400, "w": 604_800}
CLOCK = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)")


def moment_of(text: str, now: float) -> float:
    """Seconds since the epoch of a time of day, the next such in the local zone, or of an ISO 8601 time.

    Raises ValueError, its text for people.
    """
    if match := CLOCK.fullmatch(text.strip()):
        return next_time(int(match[1]), int(match[2]), now)
    try:
        return datetime.fromisoformat(text.strip()).astimezone().timestamp()
    except ValueError:
        raise ValueError(f"'{text}' is neither a time such as 06:00 nor an ISO one") from None


def span_of(text: str) -> int:
    """Seconds; raises ValueError, its text for people."""
    match = SPAN.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"'{text}' is no span of time such as 30d, 12h or 2w")
    return int(match[1]) * UNIT_S[match[2]]


def next_time(hour: int, minute: int, now: float) -> float:
    """When the clock shows that time next, though a day be longer or shorter by an hour."""
    today = time.localtime(now)
    days = ((today.tm_year, today.tm_mon, today.tm_mday + ahead) for ahead in (0, 1))
    return next(at for day in days for at in shown((*day, hour, minute)) if at > now)


def shown(moment: tuple[int, int, int, int, int]) -> list[float]:
    """When the clock shows that: twice where it is set back, and where it leaps over it an hour later."""
    summer, winter = (time.mktime((*moment, 0, 0, 0, is_summer)) for is_summer in (1, 0))
    exact = [at for at in (summer, winter) if time.localtime(at)[3:5] == moment[3:]]
    return exact or [time.mktime((*moment, 0, 0, 0, -1))]
