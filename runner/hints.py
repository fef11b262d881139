"""What an answer says of the provider's limits: what is left of them, and when they are whole again."""

import re
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from math import isnan
from typing import Any, Literal

import orjson

from runner.retry_after import moment, spelled
from runner.value import value

Unit = Literal["requests", "tokens"]

LONGEST_S = 31 * 86_400.0
"""The longest reset that is believed: some quotas are counted by the month."""
EPOCH = 1e9
"""A reset above it is no span but a moment, in seconds since the epoch."""
EPOCH_MS = 1e11
"""Above it, in milliseconds."""
MOST_PARSED = 64 * 1024
"""Bytes of a refusal's body that are looked into."""
DEEPEST = 8
"""Levels of it."""
MOST_ITEMS = 16
"""Items of a list in it."""
NAME = re.compile(r"(?:x-|anthropic-)?rate-?limit-(.+)")
"""`x-ratelimit-remaining-requests`, `anthropic-ratelimit-input-tokens-reset`, `ratelimit-limit`, …"""
NUMBER = re.compile(r"\s*(\d+(?:\.\d+)?)")
"""The first of `100, 100;w=60` counts; the rest is policy."""
MEMBER = re.compile(r'\s*"?([\w.-]+)"?((?:\s*;\s*[a-z]+=[^;,]*)+)')
"""`"default";r=50;t=30`, and a policy's `100;w=60`."""
PAIR = re.compile(r'([a-z]+)\s*=\s*"?([\w.-]+)')
FIELDS = frozenset({"limit", "remaining", "reset"})
FILLERS = frozenset({"after"})
PERIODS: Mapping[str, float] = {
    "second": 1.0,
    "minute": 60.0,
    "hour": 3600.0,
    "day": 86_400.0,
}
"""Words in a header's name that say how long the limit runs; such windows follow the wall clock."""
CODE_FIELDS = frozenset({"code", "type", "reason", "quotaid", "limittype", "scope"})
DAILY = ("perday", "daily")


@value
class Window:
    """One limit as the provider told it: so much is left until it is whole again."""

    name: str
    """Which of the provider's limits it is."""
    unit: Unit
    remaining: float
    reset_s: float
    limit: float | None = None


@value
class Hints:
    """All that one answer told."""

    windows: tuple[Window, ...] = ()
    is_daily: bool = False
    """Whether a refusal's code says that it is the day's quota that is used up."""


NONE = Hints()


@value(kw_only=False)
class Told:
    """The headers that tell of one limit, by their names; empty: there is none."""

    name: str
    """Of the limit."""
    unit: Unit
    remaining: str
    limit: str
    reset: str


def read(headers: Mapping[str, str], body: bytes = b"", *, now: float) -> Hints:
    """Read headers (names in lower case), and the body of a refusal, where some providers repeat them.

    Moments are taken relative to the answer's own `Date`, or to `now` (seconds since the epoch).
    """
    if not body and "ratelimit" not in headers and not limits(tuple(headers)):
        return NONE

    def then() -> float:
        return moment(headers.get("date", "")) or now

    tree = parsed(body)
    found = {**repeated(tree), **headers}
    windows = (*structured(found), *single(found, then))
    return Hints(windows=windows, is_daily=any(map(is_daily, codes(tree, DEEPEST))))


def single(headers: Mapping[str, str], then: Callable[[], float]) -> Iterator[Window]:
    """Limits told in a header each for limit, remaining and reset."""
    for told in limits(tuple(headers)):
        remaining = number(headers[told.remaining])
        reset_s = None if remaining is None else until(headers.get(told.reset), told.name, then)
        if remaining is not None and reset_s is not None:
            limit = number(headers.get(told.limit))
            yield Window(name=told.name, unit=told.unit, remaining=remaining, reset_s=reset_s, limit=limit)


@lru_cache(maxsize=256)
def limits(names: tuple[str, ...]) -> tuple[Told, ...]:
    """Those that headers of these names tell of: nearly all answers of a provider have the same."""
    groups: dict[str, dict[str, str]] = {}
    for name in names:
        group, field = placed(name)
        if field is not None:
            groups.setdefault(group, {})[field] = name
    return tuple(
        Told(group, unit(group), found["remaining"], found.get("limit", ""), found.get("reset", ""))
        for group, found in groups.items()
        if "remaining" in found
    )


def placed(name: str) -> tuple[str, str | None]:
    """Which limit a header tells of, and what of it: `limit`, `remaining` or `reset`."""
    match = NAME.fullmatch(name)
    words = match[1].split("-") if match else []
    group = "-".join(word for word in words if word not in FIELDS and word not in FILLERS)
    return group, next((word for word in words if word in FIELDS), None)


def structured(headers: Mapping[str, str]) -> Iterator[Window]:
    """Limits told in one `RateLimit` header: `"default";r=50;t=30`, or `limit=100, remaining=50, reset=5`."""
    text = headers.get("ratelimit")
    if text is None:
        return
    policies = members(headers.get("ratelimit-policy", ""))
    known = members(text) or {"": dict(PAIR.findall(text))}
    for name, pairs in known.items():
        policy = policies.get(name, {})
        remaining = number(pairs.get("r") or pairs.get("remaining"))
        reset_s = number(pairs.get("t") or pairs.get("reset") or policy.get("w"))
        if remaining is not None and reset_s is not None:
            limit = number(pairs.get("limit") or policy.get("q"))
            of = unit(name + policy.get("qu", ""))
            yield Window(name=f"ratelimit {name}", unit=of, remaining=remaining, reset_s=reset_s, limit=limit)


def members(text: str) -> dict[str, dict[str, str]]:
    """The members of a structured list, by name, with their parameters."""
    return {name: dict(PAIR.findall(parameters)) for name, parameters in MEMBER.findall(text)}


def unit(name: str) -> Unit:
    return "tokens" if "token" in name else "requests"


def number(text: str | None) -> float | None:
    """The number that a value begins with."""
    if text is None:
        return None
    if text.isdecimal() and text.isascii():
        return float(text)
    match = NUMBER.match(text)
    return None if match is None else float(match[1])


def until(text: str | None, group: str, then: Callable[[], float]) -> float | None:
    """Seconds to a reset: of a span, a moment, or the end of the period that the name tells."""
    if text is None:
        period = next((PERIODS[word] for word in group.split("-") if word in PERIODS), None)
        return None if period is None else period - then() % period
    span = spanned(text)
    if span is None:
        span = spelled(text, 1.0, then())
    if span is None or isnan(span):
        return None
    if span > EPOCH:
        span = span / (1000.0 if span > EPOCH_MS else 1.0) - then()
    return min(max(span, 0.0), LONGEST_S)


@lru_cache(maxsize=1024)
def spanned(text: str) -> float | None:
    """Seconds of a number or a duration: few are told, and often."""
    return spelled(text, 1.0, None)


def parsed(body: bytes) -> Any:
    """A refusal's body as JSON; None where it is none."""
    try:
        return orjson.loads(body) if 0 < len(body) <= MOST_PARSED else None
    except orjson.JSONDecodeError:
        return None


def repeated(tree: Any, depth: int = DEEPEST) -> dict[str, str]:
    """Headers that stand in a body: those of the provider behind the one that answered."""
    if not isinstance(tree, dict) or not depth:
        return {}
    headers = tree.get("headers")
    if isinstance(headers, dict):
        return {str(name).lower(): str(value) for name, value in headers.items()}
    return next((found for value in tree.values() if (found := repeated(value, depth - 1))), {})


def codes(tree: Any, depth: int) -> Iterator[str]:
    """What a body says for machines."""
    if isinstance(tree, list) and depth:
        for item in tree[:MOST_ITEMS]:
            yield from codes(item, depth - 1)
    if isinstance(tree, dict) and depth:
        for name, value in tree.items():
            if isinstance(value, str) and letters(name) in CODE_FIELDS:
                yield value
            yield from codes(value, depth - 1)


def is_daily(code: str) -> bool:
    return " " not in code and any(part in letters(code) for part in DAILY)


def letters(text: str) -> str:
    return "".join(filter(str.isalpha, text)).lower()
