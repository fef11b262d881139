"""One batch of the queue, as a run sees it: every call is one function for the writer's next transaction."""

import time
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from functools import partial
from math import inf

from runner.engine.parts import Taken
from runner.expectation import Expect
from runner.job import Claim
from runner.outcome import Attempt, Kept
from runner.settings import Settings
from runner.store import Among, Settled, Store
from runner.writer import Writer

LEASE_S = 900.0
"""How long a claim is another's to respect where a queue is shared; longer than any attempt."""


class BatchQueue:
    """Claims, settlements and tickets of one batch, committed when a call returns."""

    def __init__(self, writer: Writer[Store], batch_id: int, *, worker: str, tells: bool = False) -> None:
        self._writer = writer
        self._batch_id = batch_id
        self._worker = worker
        self._tells = tells
        """Whether pictures tell of their jobs."""

    async def claim(
        self,
        wants: Mapping[str, int],
        skip: Collection[tuple[str, str]],
        fresh_first: Collection[str],
        among: Among,
    ) -> Taken:
        return await self._writer.do(partial(self._take, wants, skip, fresh_first, among))

    def _take(
        self,
        wants: Mapping[str, int],
        skip: Collection[tuple[str, str]],
        fresh_first: Collection[str],
        among: Among,
        store: Store,
    ) -> Taken:
        claims = store.claim(
            self._batch_id,
            wants,
            now=time.time(),
            worker=self._worker,
            lease_s=LEASE_S,
            skip_models=skip,
            fresh_first=fresh_first,
            among=among,
        )
        if self._tells and claims:
            told = store.particulars([claim.row for claim in claims])
            claims = [replace(claim, particulars=told[claim.row]) for claim in claims]
        got = Counter(claim.endpoint for claim in claims)
        due_at = {
            name: 0.0 if 0 < wanted == got[name] else self._next_due(store, name, skip, among)
            for name, wanted in wants.items()
        }
        return Taken(claims, due_at)

    def _next_due(
        self, store: Store, endpoint: str, skip: Collection[tuple[str, str]], among: Among
    ) -> float:
        due_at = store.next_due(self._batch_id, endpoint, skip_models=skip, among=among)
        return inf if due_at is None else due_at

    async def settle(self, settled: Sequence[Settled]) -> Sequence[bool]:
        return await self._writer.do(lambda store: store.settle(self._batch_id, settled, now=time.time()))

    async def go_on(self, claim: Claim, ticket: bytes, attempt: Attempt) -> Claim:
        """Commit a ticket and the sending that brought it; the claim goes on from it with all its tries."""
        go_on = await self._writer.do(lambda store: store.ticket(self._batch_id, claim, ticket, attempt))
        return go_on or replace(claim, ticket=ticket, reserve=0)

    async def release(self, claims: Sequence[Claim]) -> None:
        await self._writer.do(lambda store: store.release(self._batch_id, claims))

    async def reopen(self, rows: Sequence[int]) -> None:
        await self._writer.do(lambda store: store.reopen(self._batch_id, rows, now=time.time()))

    async def expectation(self, digest: str) -> Expect | None:
        """What jobs that were submitted since the run began expect; None: no job of the manifest does."""
        settings = await self._writer.do(lambda store: store.settings(self._batch_id))
        return Settings.model_validate_json(settings).expect.get(digest)

    async def owner(self, pixels: str, claim: Claim) -> str | None:
        return await self._writer.do(lambda store: store.owner(self._batch_id, pixels, claim.row))

    async def absolve(self, rows: Sequence[int]) -> None:
        await self._writer.do(lambda store: store.absolve(rows))

    async def place(self, row: int, kept: tuple[Kept, ...]) -> None:
        """Outputs that had to take other names than planned."""
        await self._writer.do(lambda store: store.place_outputs(row, kept))
