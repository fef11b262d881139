"""A manifest into the queue: expanded whole, in one transaction, or not at all."""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from runner import address, crash, journal
from runner.account import account
from runner.compose import catalogue
from runner.compose.chaining import chained
from runner.compose.exporting import NAME
from runner.compose.nights import numbered
from runner.compose.opening import batch_of, reading, writing
from runner.compose.reusing import Reused, name_all, take_over
from runner.database import QueueError, silently
from runner.dialects import DIALECTS
from runner.expand import count, expand
from runner.job import Job
from runner.manifest import Manifest, fingerprint
from runner.names import folder_name
from runner.sinks import EVIDENCE, PENDING, Waiting
from runner.store import NewBatch, Store
from runner.value import value

MANY = 100_000
"""New jobs from which on a person is asked first."""


class TooMany(Exception):
    """A manifest makes more jobs than are begun without a word."""

    def __init__(self, jobs: int) -> None:
        super().__init__(f"{jobs:,} jobs, more than {MANY:,}: say --yes if that is meant")
        self.jobs = jobs


@value
class Submission:
    """What submitting a manifest changed in its batch."""

    batch: str
    new: int
    kept: int
    withdrawn: int
    reused: int = 0
    """How many of its jobs have taken over what other batches have had."""
    unchanged: bool
    """Whether manifest and files are as they were, so that nothing had to be expanded."""
    notes: tuple[str, ...] = ()
    """What a person should know of it."""


def submit(
    db: str, manifest: Manifest, *, yes: bool, adopt: bool = False, waiting: Callable[[], None] = silently
) -> Submission:
    """Expand into the queue; sends nothing. `adopt`: beside the outputs of a lost queue, too.

    Raises `ManifestError`, `TooMany`, `QueueError`.
    """
    with writing(db, waiting=waiting) as store, chained(db, numbered(store, manifest)) as whole:
        done, reused = submitted(store, db, whole, yes=yes, adopt=adopt)
    if reused:
        crash.point("taken over")
        with reading(db) as store:
            batch = batch_of(store, done.batch, db)
        name_all(db, batch, reused)
    return done


def submitted(
    store: Store, db: str, manifest: Manifest, *, yes: bool, adopt: bool
) -> tuple[Submission, Sequence[int]]:
    """What it changed, and the rows of the jobs that have taken something over."""
    mark = fingerprint(manifest)
    known = store.batch(manifest.name)
    wishes = any(map(manifest.reuses, manifest.jobs))
    if known is not None and known.fingerprint == mark and not (wishes and known.tally.pending):
        return Submission(batch=manifest.name, new=0, kept=known.tally.total, withdrawn=0, unchanged=True), ()
    if known is None and not adopt:
        refuse_lost(outputs_folder(manifest), db)
    if not yes and (jobs := count(manifest)) > MANY + (known.tally.total if known else 0):
        raise TooMany(jobs)
    return merge(store, manifest, mark, wishes=wishes)


def refuse_lost(folder: Path, db: str) -> None:
    """A batch that the queue knows nothing of has no outputs, or its queue is lost: they are paid for."""
    traces = (EVIDENCE, journal.NAME, NAME)
    if has_paid(folder / PENDING) or any(os.path.lexists(folder / trace) for trace in traces):
        raise QueueError(
            f"{folder} has outputs of this batch, and {db} knows nothing of it: put their queue back "
            f"(--db names another), begin another that adopts its pictures by `runner submit --adopt` (texts "
            f"were in the lost queue alone), give the batch another name, or begin anew after "
            f"`mv {folder} {folder}.old`"
        )


def has_paid(pending: Path) -> bool:
    """Whether pictures wait there that a sending has brought; those of none are another batch's, borrowed."""
    if not pending.is_dir():
        return os.path.lexists(pending)
    waiting = [Waiting.parse(each.name) for each in pending.iterdir()]
    return not waiting or any(each is None or each.attempt for each in waiting)


def merge(store: Store, manifest: Manifest, mark: str, *, wishes: bool) -> tuple[Submission, Sequence[int]]:
    priced = catalogue.filled(manifest)
    begins: list[int] = []
    jobs = expanded(priced, begins)
    wished = store.wishing(jobs) if wishes else jobs
    done = store.submit(new_batch(priced, mark), wished, now=time.time())
    store.group(done.batch_id, begins)
    change = done.change
    reused = take_over(store, batch_of(store, manifest.name, "the queue")) if wishes else Reused()
    submission = Submission(
        batch=manifest.name,
        new=change.new,
        kept=change.kept,
        withdrawn=change.withdrawn,
        reused=len(reused.rows),
        unchanged=False,
        notes=(*catalogue.said(manifest, priced), *reused.notes()),
    )
    return submission, reused.rows


def expanded(manifest: Manifest, begins: list[int] | None = None) -> Iterator[Job]:
    """The manifest's jobs, each body made by its dialect; `begins` takes how many come before each group."""
    bodies = {name: dialect.body for name, dialect in DIALECTS.items()}
    before = 0

    def group_begins() -> None:
        if begins is not None:
            begins.append(before)

    may_end = crash.armed("expanding")
    for job in expand(manifest, bodies, group_begins):
        if may_end:
            crash.point("expanding")
        before += 1
        yield job


def new_batch(manifest: Manifest, mark: str) -> NewBatch:
    endpoints = manifest.settings.endpoints.values()
    return NewBatch(
        name=manifest.name,
        path=None if manifest.path is None else str(Path(manifest.path).absolute()),
        text=manifest.text,
        sets=manifest.sets,
        fingerprint=mark,
        settings=manifest.settings.model_dump_json(exclude_unset=True),
        folder=str(outputs_folder(manifest)),
        accounts={name: account(each) for name, each in manifest.settings.endpoints.items()},
        pattern=manifest.pattern,
        night=manifest.night.today.isoformat(),
        run=manifest.night.run,
        priced=all(endpoint.is_demo or endpoint.price is not None for endpoint in endpoints),
    )


def outputs_folder(manifest: Manifest) -> Path:
    """Where the batch's files go: relative to the manifest, under the batch's name."""
    return (manifest.folder / address.folder(manifest.settings.outputs.dir)).absolute() / folder_name(
        manifest.name
    )
