"""What a provider saw, and what it was paid for: the count from outside."""

import asyncio
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import orjson

from runner.value import value


@value
class Seen:
    """One request as it came in."""

    at: float
    """Seconds on the monotonic clock."""
    method: str
    path: str
    """With its query."""
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes

    @property
    def json(self) -> Any:
        return orjson.loads(self.body)


@dataclass(slots=True, kw_only=True)
class Ledger:
    """Counts always; requests and what was paid for each body only where `record` is set."""

    record: bool = False
    requests: list[Seen] = field(default_factory=list)
    sent: int = 0
    """POSTs: what a client may have to pay for."""
    billed: int = 0
    """Of these, the ones it was charged for."""
    paid: Counter[str] = field(default_factory=Counter)
    """How often each request body was charged for, by `canonical`."""
    answered: Counter[int] = field(default_factory=Counter)
    """Answers by HTTP status; 499: connections that ended in another way."""
    in_flight: int = 0
    peak: int = 0
    """The most that were in flight at once."""

    stirred: asyncio.Event | None = None
    """What those wait for who want to know of the next change."""

    @contextmanager
    def flight(self) -> Iterator[None]:
        self.in_flight += 1
        self.peak = max(self.peak, self.in_flight)
        try:
            yield
        finally:
            self.in_flight -= 1
            self.stir()

    def saw(self, seen: Seen) -> None:
        self.sent += seen.method == "POST"
        if self.record:
            self.requests.append(seen)
        self.stir()

    def bill(self, seen: Seen) -> None:
        self.billed += 1
        if self.record:
            self.paid[canonical(seen.body)] += 1
        self.stir()

    def stir(self) -> None:
        """Wakes everybody who waits for a change."""
        if self.stirred is not None:
            self.stirred.set()
            self.stirred = None

    async def change(self) -> None:
        """Returns after the next change."""
        self.stirred = self.stirred or asyncio.Event()
        await self.stirred.wait()


def canonical(body: bytes) -> str:
    """A JSON body with sorted keys, so that equal requests are equal texts; others as they are."""
    try:
        return orjson.dumps(orjson.loads(body), option=orjson.OPT_SORT_KEYS).decode()
    except orjson.JSONDecodeError:
        return body.decode(errors="replace")
