"""The parts that an engine is put together from, as far as it needs to know them."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from runner.expect import Brought
from runner.expectation import Expect
from runner.job import Claim
from runner.outcome import Attempt, Kept, Output
from runner.picture import Look
from runner.store import Among, Settled
from runner.transport import Sending
from runner.value import value
from runner.wire import Call, Reply


@value(kw_only=False)
class Taken:
    """What a claim brought."""

    claims: Sequence[Claim]
    due_at: Mapping[str, float]
    """By endpoint: when the queue next has a job for it, in seconds since the epoch; inf: it has none."""


class Queue(Protocol):
    """One batch in the queue. Every call is committed when it returns."""

    async def claim(
        self,
        wants: Mapping[str, int],
        skip: Collection[tuple[str, str]],
        fresh_first: Collection[str],
        among: Among,
    ) -> Taken: ...
    async def settle(self, settled: Sequence[Settled]) -> Sequence[bool]: ...
    async def go_on(self, claim: Claim, ticket: bytes, attempt: Attempt) -> Claim: ...
    async def release(self, claims: Sequence[Claim]) -> None: ...
    async def reopen(self, rows: Sequence[int]) -> None: ...
    async def absolve(self, rows: Sequence[int]) -> None: ...
    async def place(self, row: int, kept: tuple[Kept, ...]) -> None: ...
    async def expectation(self, digest: str) -> Expect | None: ...
    async def owner(self, pixels: str, claim: Claim) -> str | None: ...


class Door(Protocol):
    """Sends a call to an endpoint; raises `Fault`."""

    async def send(self, call: Call, sending: Sending) -> Reply: ...


class Sink(Protocol):
    """Keeps outputs: whole before they are committed, under their final names after."""

    @property
    def is_far(self) -> bool: ...
    async def conflict(self, claim: Claim) -> str | None: ...
    async def keep(self, claim: Claim, output: Output) -> tuple[Kept, ...]: ...
    async def look(self, claim: Claim, output: Output, look: Look) -> Sequence[Brought]: ...
    async def store(self, claim: Claim, brought: Sequence[Brought]) -> tuple[Kept, ...]: ...
    async def refuse(self, claim: Claim, brought: Sequence[Brought]) -> Sequence[Path]: ...
    async def set_aside(self, key: str, attempt: int) -> None: ...
    async def name(self, key: str, attempt: int, kept: tuple[Kept, ...]) -> tuple[Kept, ...]: ...
