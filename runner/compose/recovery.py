"""What an earlier run left behind when it was killed, made good before anything is sent."""

import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from runner.endpoint import Endpoint
from runner.job import Claim
from runner.journal import Entry
from runner.outcome import Kept
from runner.price import NUSD, reserve
from runner.retry import Policy
from runner.sinks import Folder, Found
from runner.store import Judged, Orphan, Store
from runner.value import value
from runner.writer import Writer

AT_ONCE = 2000
"""Attempts that the queue is asked about at once."""
SHOWN = 3
"""Suspects that are named."""


@dataclass(slots=True)
class Recovered:
    """What a start had to make good."""

    behind: int = 0
    """Answers that stood in files and that the queue knew nothing of."""
    adopted: int = 0
    """Outputs that were whole on the disk and in no row yet."""
    interrupted: int = 0
    """Requests that may have been billed and will be sent again."""
    nusd: int = 0
    """What these may have cost."""
    forsaken: int = 0
    """Jobs whose answer an endpoint has that the manifest no longer has."""
    judged: Judged = field(default_factory=Judged)

    def about_the_crash(self) -> Iterator[str]:
        """Which jobs may have ended the runner."""
        suspects, culprit = self.judged.suspects, self.judged.culprit
        if suspects:
            more = f" and {len(suspects) - SHOWN} more" if len(suspects) > SHOWN else ""
            names = ", ".join(suspects[:SHOWN])
            yield f"in flight at two crashes or more, so last to run, and alone: {names}{more}"
        if culprit is not None:
            yield f"{culprit} failed: it ended its runner, the last time while it ran alone"

    def messages(self) -> list[str]:
        """What a person should know of it."""
        said = []
        if self.behind:
            results = f"{self.behind:,} result{'s'[: self.behind > 1]}"
            said.append(f"the queue is behind its outputs by {results}; adopted")
        if self.adopted:
            said.append(f"adopted {self.adopted} finished output{'s' if self.adopted > 1 else ''}")
        if self.interrupted:
            cost = f", up to ${self.nusd / NUSD:.2f} may be billed twice" if self.nusd else ""
            said.append(
                f"recovered {self.interrupted} interrupted request{'s'[: self.interrupted > 1]}{cost}"
            )
        if self.forsaken:
            said.append(
                f"{self.forsaken} job{'s'[: self.forsaken > 1]} taken by an endpoint that the manifest"
                " no longer has: sent again, and may be billed twice"
            )
        return [*said, *self.about_the_crash()]


async def recover(
    writer: Writer[Store],
    batch_id: int,
    folder: Folder,
    policy: Policy,
    endpoints: Mapping[str, Endpoint],
    *,
    trace: str | None,
) -> Recovered:
    """Adopt what is whole, name what is committed, and give back what was in flight.

    `trace`: how the last runner broke, where it was not killed from outside.
    """
    return await Recovery(writer, batch_id, folder, policy, endpoints, trace).run()


@value(kw_only=False)
class Recovery:
    """One batch, and what it takes to make it good."""

    writer: Writer[Store]
    batch_id: int
    folder: Folder
    policy: Policy
    endpoints: Mapping[str, Endpoint]
    trace: str | None

    async def run(self) -> Recovered:
        await self._finish_renames()
        recovered = Recovered(behind=await self._catch_up())
        left = await self.writer.do(lambda store: store.orphans(self.batch_id))
        orphans = {(orphan.claim.key, orphan.claim.attempt): orphan for orphan in left}
        for found in await self.folder.recover():
            orphan = orphans.get((found.key, found.attempt))
            if orphan is not None and await self._adopted(found, orphan):
                recovered.adopted += 1
                del orphans[found.key, found.attempt]
            else:
                await self._place(found, is_orphan=orphan is not None)
        recovered.interrupted, recovered.nusd = await self._give_back(list(orphans.values()))
        recovered.judged = await self.writer.do(
            lambda store: store.judge_crash(self.batch_id, left, trace=self.trace, now=time.time())
        )
        recovered.forsaken = await self.writer.do(
            lambda store: store.give_up_tickets(self.batch_id, self.endpoints.keys(), now=time.time())
        )
        return recovered

    async def _finish_renames(self) -> None:
        """Files of jobs that got other names when the manifest was last submitted."""
        for rename in await self.writer.do(lambda store: store.renames(self.batch_id)):
            path = await self.folder.rename(rename.old, rename.new)
            await self.writer.do(partial(Store.renamed, rename=rename, path=path))

    def price(self, claim: Claim) -> int | None:
        """The most that sending a claim is likely to have cost, in billionths of a dollar."""
        endpoint = self.endpoints.get(claim.endpoint)
        return None if endpoint is None else reserve(endpoint, claim.body)

    async def _catch_up(self) -> int:
        """Answers that the queue has forgotten, for its log was lost or it is a new one; returns how many."""
        tally = await self.writer.do(lambda store: store.tally(self.batch_id))
        behind = 0
        if tally.pending + tally.running:
            async for attempts in self.folder.named_before(AT_ONCE):
                behind += await self._caught_up([*attempts])
            for found in await self.folder.recover():
                behind += await self._remembered(found)
        return behind

    async def _caught_up(self, attempts: Sequence[Sequence[Entry]]) -> int:
        """By the journal: pictures that have had their names."""
        undone = await self._undone({entries[0].key for entries in attempts})
        behind = 0
        for entries in attempts:
            orphan = undone.get(entries[0].key)
            kept = None if orphan is None else await self.folder.claimed(orphan.claim, entries)
            if orphan is not None and kept is not None:
                await self._make_up(undone.pop(orphan.claim.key), entries[0].attempt, kept)
                behind += 1
        return behind

    async def _remembered(self, found: Found) -> bool:
        """By its pictures' first names: an attempt of which the queue has never heard."""
        orphan = (await self._undone({found.key})).get(found.key)
        if orphan is None or found.attempt <= orphan.claim.attempt or not found.whole:
            return False
        kept = await self.folder.adopt(orphan.claim, found)
        if kept is None:
            return False
        await self._make_up(orphan, found.attempt, kept)
        await self._name(found, orphan.claim.row, kept)
        return True

    async def _undone(self, keys: Collection[str]) -> dict[str, Orphan]:
        return await self.writer.do(lambda store: store.undone(self.batch_id, keys))

    async def _make_up(self, orphan: Orphan, attempt: int, kept: tuple[Kept, ...]) -> None:
        cost = self.price(orphan.claim)
        await self.writer.do(
            lambda store: store.make_up(orphan, attempt, kept, cost_nusd=cost, now=time.time())
        )

    async def _adopted(self, found: Found, orphan: Orphan) -> bool:
        """Whether the pictures are whole and sound, and now the job's output."""
        kept = await self.folder.adopt(orphan.claim, found) if found.whole else None
        if kept is None:
            return False
        cost = self.price(orphan.claim)
        await self.writer.do(lambda store: store.adopt(orphan, kept, cost_nusd=cost, now=time.time()))
        await self._name(found, orphan.claim.row, kept)
        return True

    async def _place(self, found: Found, *, is_orphan: bool) -> None:
        """Committed pictures get their names; nobody's, and those that are not whole, are evidence."""
        row = await self.writer.do(lambda store: store.job_of_key(self.batch_id, found.key))
        if row is not None and row.came_by(found.attempt) and not is_orphan:
            await self._name(found, row.row, row.outputs)
        else:
            await self.folder.set_aside(found.key, found.attempt)

    async def _name(self, found: Found, row: int, kept: tuple[Kept, ...]) -> None:
        named = await self.folder.name(found.key, found.attempt, kept)
        if named != kept:
            await self.writer.do(lambda store: store.place_outputs(row, named))
            await self.folder.name(found.key, found.attempt, named)

    async def _give_back(self, orphans: list[Orphan]) -> tuple[int, int]:
        """Send what was in flight again; how many of it may have been billed, and for how much."""
        interrupted = await self.writer.do(
            lambda store: store.recover(orphans, self.policy, cost=self.price, now=time.time())
        )
        return interrupted, sum(self.price(each.claim) or 0 for each in orphans if each.claim.ticket is None)
