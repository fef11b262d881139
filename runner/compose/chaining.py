"""A batch whose rows are what another has brought: text to picture, picture to caption, caption to vector."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from runner import brought, database
from runner.compose.opening import opened
from runner.manifest import Manifest
from runner.origin import Unusable
from runner.problems import Problems, meant, nearest
from runner.row import Head, Row
from runner.store import BatchRow, Store
from runner.value import value

MOST_NAMED = 8
"""Batches that are named where none is spelt alike, the newest first."""


@contextmanager
def chained(db: str, manifest: Manifest) -> Iterator[Manifest]:
    """The manifest, with the queue's other batches within its reach if it takes rows from them.

    They are read over a connection of their own: all of it sees the queue at one moment.
    """
    if all(group.from_batch is None for group in manifest.jobs):
        yield manifest
        return
    with opened(database.named(db)) as store:
        yield replace(manifest, batches=Others(store, manifest.name))


@value(kw_only=False)
class Others:
    """The batches of a queue, but for one."""

    store: Store
    own: str

    def outputs(self, name: str) -> "Outputs":
        """What the batch has brought; raises `Unusable`."""
        if name == self.own:
            raise Unusable(f"{name!r} is this batch itself, which has brought nothing to begin with")
        batch = self.store.batch(name)
        if batch is None:
            known = [each.name for each in self.store.batches() if each.name != self.own]
            known = known if nearest(name, known) else known[:MOST_NAMED]
            raise Unusable(f"there is no batch {name!r} in the queue{meant(name, known)}")
        return Outputs(self.store, batch)


@value(kw_only=False)
class Outputs:
    """The outputs of a batch's succeeded jobs, in the order of its manifest: a supply of rows."""

    store: Store
    batch: BatchRow

    @property
    def is_bare(self) -> bool:
        return False

    def rows(self, _: Problems) -> Iterator[Row]:
        return brought.rows(self.batch, self.store.succeeded(self.batch.id))

    def count(self) -> int:
        return self.store.outputs_succeeded(self.batch.id)

    def marks(self) -> Iterator[str]:
        """Whatever a job of it has brought anew, and whatever its manifest names anew, is counted there."""
        batch, tally = self.batch, self.batch.tally
        counted = (batch.id, batch.submission, tally.succeeded, tally.outputs, tally.attempts)
        yield " ".join((batch.name, batch.folder, *map(str, counted)))

    def heads(self, _: Problems) -> Iterator[Head]:
        """Each row tells for itself which columns it has."""
        return iter(())

    def may_have(self, *_: str) -> bool:
        return True
