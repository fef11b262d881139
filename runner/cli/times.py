"""`--until`, as people write it."""

import re
import time
from datetime import datetime

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


def next_time(hour: int, minute: int, now: float) -> float:
    """When the clock shows that time next; a day that is longer or shorter by an hour is heeded."""
    today = time.localtime(now)
    days = ((today.tm_year, today.tm_mon, today.tm_mday + ahead) for ahead in (0, 1))
    times = [time.mktime((*day, hour, minute, 0, 0, 0, -1)) for day in days]
    return next(at for at in times if at > now)
