"""How long a provider asks us to wait: Retry-After in all its spellings, in headers and in bodies."""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import Any

LONGEST_S = 86_400.0
"""The longest wait that a provider is believed: limits are counted by the day at most."""
LONGEST_TEXT = 64
"""Characters that a spelling may have."""
DEEPEST = 4
"""Levels of an error's body that are looked into."""
MOST_ITEMS = 16
"""Items of a list in an error's body that are looked into."""
UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001, "us": 1e-6, "ns": 1e-9}
DURATION = re.compile(r"(?:\d+(?:\.\d+)?(?:ms|us|ns|h|m|s))+")
"""As Go writes it: `6m0s`, `20ms`."""
NUMBER = re.compile(r"[-+]?\d+(?:\.\d*)?")
PART = re.compile(r"(\d+(?:\.\d+)?)(ms|us|ns|h|m|s)")
BODY_FIELDS: Mapping[str, float] = {
    "retryafter": 1.0,
    "retryafters": 1.0,
    "retryafterseconds": 1.0,
    "retryin": 1.0,
    "retrydelay": 1.0,
    "retryafterms": 0.001,
    "retryaftermilliseconds": 0.001,
}
"""Names of fields in an error body, only their letters in lower case, and the unit of a bare number there."""


def retry_after(headers: Mapping[str, str], tree: Any, *, now: float | None) -> float | None:
    """Seconds from now, above zero and a day at most; None where none are asked for, or nothing sensible.

    `tree` is the body. A date is taken relative to the reply's own `Date`, so a wrong clock does no harm;
    without one it is taken relative to `now` (seconds since the epoch).
    """
    dated = moment(headers.get("date", ""))
    then = now if dated is None else dated
    spellings = [
        (headers.get("retry-after-ms"), 0.001),
        (headers.get("retry-after"), 1.0),
        *in_body(tree, DEEPEST),
    ]
    wishes = (spelled(value, unit, then) for value, unit in spellings)
    return next((min(wish, LONGEST_S) for wish in wishes if wish is not None and wish > 0), None)


def in_body(tree: Any, depth: int) -> Iterator[tuple[Any, float]]:
    """Values of the fields that may hold a wait, the outermost first, with the unit of a bare number."""
    if not depth:
        return
    if isinstance(tree, list):
        for item in tree[:MOST_ITEMS]:
            yield from in_body(item, depth - 1)
    if isinstance(tree, dict):
        for name, value in tree.items():
            unit = BODY_FIELDS.get("".join(filter(str.isalpha, name)).lower())
            if unit is not None:
                yield value, unit
        for value in tree.values():
            yield from in_body(value, depth - 1)


def spelled(value: Any, unit: float, now: float | None) -> float | None:
    """Seconds of a number, a duration or a date; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    text = value.strip() if isinstance(value, str) else ""
    if not isinstance(value, str) or NUMBER.fullmatch(text):
        return number(text or value, unit)
    text = text[:LONGEST_TEXT]
    if DURATION.fullmatch(text):
        return sum(float(number) * UNITS[name] for number, name in PART.findall(text))
    at = moment(text)
    return None if at is None or now is None else at - now


def number(value: float | str, unit: float) -> float | None:
    """Seconds; None for an integer that is too large for any clock."""
    try:
        return float(value) * unit
    except OverflowError:
        return None


@lru_cache(maxsize=256)
def moment(text: str) -> float | None:
    """Seconds since the epoch of an HTTP date (any of its three forms) or an ISO 8601 one.

    Told to the second, by many answers each.
    """
    for read in (parsedate_to_datetime, datetime.fromisoformat):
        try:
            date = read(text)
        except (ValueError, OverflowError):
            continue
        return (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()
    return None
