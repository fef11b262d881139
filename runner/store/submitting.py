"""A manifest becomes a batch, or changes the one of its name."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import orjson
from sqlalchemy import Row, insert, select, update

from runner.job import Job, State
from runner.schema import BatchState, batches, manifests
from runner.store.ledger import Ledger
from runner.store.loading import Loading
from runner.store.merging import chunks, stored_by_key
from runner.store.rows import Change, NewBatch, Submitted


def idle(_: Job) -> None:
    """Nobody hears of it."""


class Submitting(Loading, Ledger):
    """Jobs are streamed: a million of them need no more memory than a thousand."""

    def submit(self, batch: NewBatch, jobs: Iterable[Job], *, now: float) -> Submitted:
        """Add what the batch has not, keep what it has, withdraw what is not done and not in `jobs`.

        Keys and ids are unique among `jobs`. A known job is told by its key, wherever it stands; an id that
        another job has is taken from that.
        """
        known = self.connection.execute(
            select(batches.c.id, batches.c.total).where(batches.c.name == batch.name)
        ).one_or_none()
        batch_id = self._begin(batch, now) if known is None else self._describe(known.id, batch, now)
        self.assign(batch_id, batch.accounts)
        change = self.merge(batch_id, jobs, now=now) if known and known.total else self.load(batch_id, jobs)
        self.finish_if_done(batch_id, now=now)
        return Submitted(batch_id=batch_id, change=change, renames=len(self.renames(batch_id)))

    def group(self, batch_id: int, begins: Sequence[int]) -> None:
        """Keep the positions that the manifest's groups begin at."""
        kept = update(manifests).where(manifests.c.batch_id == batch_id).values(groups=orjson.dumps(begins))
        self.connection.execute(kept)

    def compare(self, name: str, jobs: Iterable[Job], to_do: Callable[[Job], None] = idle) -> Change:
        """What `submit` would do; nothing is written. `to_do` hears of each job that a run would send."""
        batch = self.connection.execute(
            select(batches.c.id, batches.c.pending, batches.c.failed).where(batches.c.name == name)
        ).one_or_none()
        total = kept = undone = 0
        for chunk in chunks(jobs):
            total += len(chunk)
            keys = [job.key for _, job in chunk]
            stored = {} if batch is None else stored_by_key(self, batch.id, keys)
            kept += sum(not job.withdrawn for job in stored.values())
            undone += sum(job.state in {State.PENDING, State.FAILED} for job in stored.values())
            for _, job in chunk:
                if job.key not in stored or is_to_do(stored[job.key]):
                    to_do(job)
        withdrawn = batch.pending + batch.failed - undone if batch else 0
        return Change(new=total - kept, kept=kept, withdrawn=withdrawn)

    def _begin(self, batch: NewBatch, now: float) -> int:
        begun = insert(batches).values(
            **described(batch),
            submission=1,
            state=BatchState.PENDING.value,
            created_at=now,
            updated_at=now,
        )
        batch_id = int(self.connection.execute(begun.returning(batches.c.id)).scalar_one())
        self.connection.execute(insert(manifests).values(batch_id=batch_id, text=batch.text, groups=b"[]"))
        return batch_id

    def _describe(self, batch_id: int, batch: NewBatch, now: float) -> int:
        """The batch is what its manifest says now."""
        self.connection.execute(
            update(batches)
            .where(batches.c.id == batch_id)
            .values(**described(batch), submission=batches.c.submission + 1, updated_at=now)
        )
        told = update(manifests).where(manifests.c.batch_id == batch_id).values(text=batch.text)
        self.connection.execute(told)
        return batch_id


def is_to_do(stored: Row[Any]) -> bool:
    return bool(stored.withdrawn) or stored.state in {State.PENDING, State.RUNNING}


def described(batch: NewBatch) -> dict[str, Any]:
    return {
        "name": batch.name,
        "path": batch.path,
        "sets": orjson.dumps(dict(batch.sets)),
        "fingerprint": batch.fingerprint,
        "settings": batch.settings,
        "folder": batch.folder,
        "priced": int(batch.priced),
        "pattern": batch.pattern,
        "night": batch.night,
        "run": batch.run,
    }
