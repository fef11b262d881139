"""The same as the command line, from code: read a manifest, work on it, take the jobs as they finish."""

from collections.abc import AsyncIterator, Generator, Mapping, Sequence
from datetime import UTC, date, datetime
from math import inf
from pathlib import Path
from typing import Any

import anyio
from anyio.streams.memory import MemoryObjectSendStream

from runner import manifest as manifests
from runner.compose import Ended, RunOptions, batch_of, predecessors, reading, submit, work
from runner.job import State
from runner.manifest import Manifest
from runner.morning import after
from runner.outcome import Cause, Kept
from runner.store import BatchRow, Settled, Tally
from runner.value import value


@value
class Finished:
    """A job that has ended in this run; more of it is in the queue, and in `results.jsonl`."""

    id: str
    key: str
    state: State
    outputs: tuple[Kept, ...]
    cause: Cause | None
    message: str | None


def load(
    source: str | Path | Mapping[str, Any],
    *,
    sets: Mapping[str, str] | None = None,
    today: date | None = None,
) -> Manifest:
    """A manifest from its file, or from a mapping of the same shape, whose paths are relative to the folder.

    `sets` are template variables, `today` is `{{ date }}` (default: now, in UTC). Raises `ManifestError`.
    """
    day = today or datetime.now(UTC).date()
    if isinstance(source, Mapping):
        return manifests.from_mapping(dict(source), folder=Path.cwd(), sets=sets or {}, today=day)
    return manifests.load(Path(source), sets=sets or {}, today=day)


def run(
    manifest: Manifest | str | Path | Mapping[str, Any],
    *,
    db: str | Path = "runner.db",
    limit: int | None = None,
    max_cost_usd: float | None = None,
    until: datetime | None = None,
    waits: bool = True,
    yes: bool = False,
) -> "Run":
    """Submit the manifest and work on it: `async for` brings jobs as they finish, `await` the tally.

    Raises `ManifestError`, `QueueError`, `TooMany` and `Busy`, when it is awaited. Signals are heeded only
    where the event loop runs in the main thread.
    """
    options = RunOptions(
        limit=limit,
        max_cost_usd=max_cost_usd,
        until=None if until is None else until.timestamp(),
        waits=waits,
    )
    return Run(manifest if isinstance(manifest, Manifest) else load(manifest), str(db), options, yes=yes)


class Run:
    """A run that begins when it is awaited or iterated."""

    def __init__(self, manifest: Manifest, db: str, options: RunOptions, *, yes: bool) -> None:
        self._manifest = manifest
        self._db = db
        self._options = options
        self._yes = yes
        self.ended: Ended | None = None
        """Tally and exit status, once it is over."""

    def __await__(self) -> Generator[Any, None, Tally]:
        return self._tally().__await__()

    async def _tally(self) -> Tally:
        ended = await self._work(lambda _: None)
        return ended.tally

    async def _work(self, heard: Any) -> Ended:
        before, batch = await anyio.to_thread.run_sync(self._submit)
        options = self._options
        for name in before:
            ended = await self._one(name, options, heard)
            options = ended.left
            if ended.signalled is not None:
                return ended
        return await self._one(batch, options, heard)

    async def _one(self, name: str, options: RunOptions, heard: Any) -> Ended:
        begun = await anyio.to_thread.run_sync(self._row, name)
        ended = await work(self._db, name, options, Silent(), heard=heard)
        self.ended = await after(begun, ended)
        return self.ended

    def _row(self, name: str) -> BatchRow:
        with reading(self._db) as store:
            return batch_of(store, name, self._db)

    def _submit(self) -> tuple[tuple[str, ...], str]:
        """What is to be finished first, and the batch itself."""
        batch = submit(self._db, self._manifest, yes=self._yes).batch
        return predecessors(self._db, self._manifest, batch).carried, batch

    async def __aiter__(self) -> AsyncIterator[Finished]:
        send, receive = anyio.create_memory_object_stream[Finished](inf)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._send_all, send)
            async with receive:
                async for finished in receive:
                    yield finished

    async def _send_all(self, send: MemoryObjectSendStream[Finished]) -> None:
        def heard(settled: Sequence[Settled]) -> None:
            for each in settled:
                if each.settlement.state is not State.PENDING:
                    send.send_nowait(finished(each))

        with send:
            await self._work(heard)


class Silent:
    """A watcher that says nothing."""

    def began(self, tally: Tally) -> None: ...
    def moved(self, tally: Tally, why: str | None) -> None: ...
    def said(self, message: str) -> None: ...


def finished(settled: Settled) -> Finished:
    return Finished(
        id=settled.claim.id,
        key=settled.claim.key,
        state=settled.settlement.state,
        outputs=settled.kept,
        cause=settled.settlement.cause,
        message=settled.settlement.message,
    )
