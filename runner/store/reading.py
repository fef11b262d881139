"""What is in the queue, for people and reports: read in chunks, whatever its size."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from statistics import fmean
from typing import Any

import orjson
from sqlalchemy import ColumnElement, RowMapping, func, select
from sqlalchemy import bindparam as given

from runner.job import Particulars, State
from runner.outcome import Attempt, Cause, Kept
from runner.schema import FAILED, BatchState, attempts, batches, jobs, manifests, outputs, runs
from runner.store.desk import COUNTERS, Desk, Statement
from runner.store.rows import BatchRow, Failure, JobRow, Tally, Usual

STATES = {state.value: state for state in State}
CAUSES: dict[str | None, Cause | None] = {None: None, **{cause.value: cause for cause in Cause}}
CHUNK = 500
"""Jobs in memory at once."""
LATEST = 10_000
"""Sendings that are looked at for what is usual."""

JOB_COLUMNS = tuple(jobs.c[name] for name in JobRow._fields if name != "outputs")
ATTEMPT_COLUMNS = tuple(column for column in attempts.c if column.name not in {"id", "job"})
WIDTH = len(JOB_COLUMNS)
OUTPUT_COLUMNS = tuple(column for column in outputs.c if column.name not in {"id", "job"})
PARTICULARS = Statement(
    select(jobs.c.endpoint, jobs.c.sample, jobs.c.params, jobs.c.vars).where(jobs.c.row == given("job")),
    ("job",),
)
NEWEST_FIRST = (batches.c.updated_at.desc(), batches.c.id.desc())


class Reading(Desk):
    """Readers have connections of their own, and disturb no runner."""

    def batch(self, name: str | None = None, *, unfinished: bool = False) -> BatchRow | None:
        """The batch of that name; where none is given, the one last submitted or run."""
        wanted = select(batches).order_by(*NEWEST_FIRST).limit(1)
        if name is not None:
            wanted = wanted.where(batches.c.name == name)
        if unfinished:
            wanted = wanted.where(batches.c.state != BatchState.FINISHED.value)
        found = self.connection.execute(wanted).mappings().one_or_none()
        return None if found is None else batch_row(found)

    def settings(self, batch_id: int) -> str:
        """What going on with the batch needs of its manifest: a JSON object."""
        return str(
            self.connection.execute(select(batches.c.settings).where(batches.c.id == batch_id)).scalar_one()
        )

    def manifest(self, batch_id: int) -> str:
        """The text of the batch's manifest."""
        text = select(manifests.c.text).where(manifests.c.batch_id == batch_id)
        return str(self.connection.execute(text).scalar_one())

    def runner(self, batch_id: int) -> str | None:
        """Who took the batch up last, if that run has not ended by itself: host and process."""
        last = select(runs.c.worker, runs.c.ended_at).where(runs.c.batch_id == batch_id)
        found = self.connection.execute(last.order_by(runs.c.id.desc()).limit(1)).one_or_none()
        return None if found is None or found.ended_at is not None else str(found.worker)

    def batches(self) -> list[BatchRow]:
        """The newest first."""
        found = self.connection.execute(select(batches).order_by(*NEWEST_FIRST))
        return [batch_row(values) for values in found.mappings()]

    def series(self, pattern: str) -> list[BatchRow]:
        """The batches of a name's pattern, that of the latest night first."""
        found = self.connection.execute(
            select(batches)
            .where(batches.c.pattern == pattern)
            .order_by(batches.c.night.desc(), batches.c.run.desc())
        )
        return [batch_row(values) for values in found.mappings()]

    def tally(self, batch_id: int) -> Tally:
        counters = select(*(batches.c[name] for name in COUNTERS)).where(batches.c.id == batch_id)
        return Tally(**self.connection.execute(counters).mappings().one())

    def jobs(
        self, batch_id: int, *, states: Collection[State] = (), causes: Collection[Cause] = ()
    ) -> Iterator[JobRow]:
        """Jobs in the order of the manifest, those that it no longer has last; none given: of any state."""
        wanted: list[ColumnElement[bool]] = []
        if states:
            wanted.append(jobs.c.state.in_([state.value for state in states]))
        if causes:
            wanted.append(jobs.c.cause.in_([cause.value for cause in causes]))
        for listed in (1, 0):
            yield from self._select(jobs.c.batch_id == batch_id, jobs.c.listed == listed, *wanted)

    def succeeded(self, batch_id: int) -> Iterator[JobRow]:
        """Jobs that have brought something and that the manifest still has, in its order."""
        return self._select(*succeeded_in(batch_id))

    def outputs_succeeded(self, batch_id: int) -> int:
        """How many outputs these have."""
        of_batch = outputs.join(jobs, jobs.c.row == outputs.c.job)
        found = select(func.count()).select_from(of_batch).where(*succeeded_in(batch_id))
        return int(self.connection.execute(found).scalar_one())

    def job(self, batch_id: int, name: str) -> JobRow | None:
        """The job of that id."""
        return self._one((jobs.c.batch_id == batch_id) & (jobs.c.id == name))

    def job_of_key(self, batch_id: int, key: str) -> JobRow | None:
        return self._one((jobs.c.batch_id == batch_id) & (jobs.c.key == key))

    def particulars(self, rows: Sequence[int]) -> dict[int, Particulars]:
        """Of these jobs, by row."""
        return {row: particulars(self.ask(PARTICULARS, row)[0]) for row in rows}

    def history(self, row: int) -> list[Attempt]:
        """All attempts of a job, in their order."""
        record = select(*ATTEMPT_COLUMNS).where(attempts.c.job == row).order_by(attempts.c.id)
        return [attempt(values) for values in self.connection.execute(record).mappings()]

    def usual(self) -> dict[tuple[str, str], Usual]:
        """By endpoint and model, whatever the batch: what the latest answers cost, and how long they took."""
        latest = (
            select(attempts).where(attempts.c.counted == 1).order_by(attempts.c.id.desc()).limit(LATEST)
        ).subquery()
        found = self.connection.execute(
            select(
                jobs.c.endpoint,
                jobs.c.model,
                func.count(),
                func.avg(latest.c.cost_nusd),
                func.avg(latest.c.latency_s),
            )
            .join_from(latest, jobs, latest.c.job == jobs.c.row)
            .where(latest.c.cause.is_(None))
            .group_by(jobs.c.endpoint, jobs.c.model)
        )
        tokens = self._usual_tokens()
        return {
            (endpoint, model): Usual(
                answers=number,
                nusd=nusd and float(nusd),
                latency_s=float(latency_s),
                tokens=tokens.get((endpoint, model)),
            )
            for endpoint, model, number, nusd, latency_s in found
        }

    def _usual_tokens(self) -> dict[tuple[str, str], float]:
        """In the mean of the latest answers that tell, in and out together."""
        told: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
        for endpoint, model, usage in self.connection.execute(
            select(jobs.c.endpoint, jobs.c.model, attempts.c.usage)
            .join_from(attempts, jobs, attempts.c.job == jobs.c.row)
            .where(attempts.c.usage.is_not(None))
            .order_by(attempts.c.id.desc())
            .limit(CHUNK)
        ):
            told[endpoint, model].append(tokens_of(orjson.loads(usage)))
        return {key: fmean(numbers) for key, numbers in told.items() if any(numbers)}

    def failures(self, batch_id: int) -> list[Failure]:
        """Failed and unknown jobs by state and cause, the most frequent first."""
        failed = (FAILED, jobs.c.batch_id == batch_id)
        number = func.count().label("number")
        groups = self.connection.execute(
            select(jobs.c.state, jobs.c.cause, number)
            .where(*failed)
            .group_by(jobs.c.state, jobs.c.cause)
            .order_by(number.desc(), jobs.c.cause)
        ).all()
        return [
            Failure(state=State(state), cause=Cause(cause), count=total, example=example)
            for state, cause, total in groups
            for example in self._first(*failed, jobs.c.state == state, jobs.c.cause == cause)
        ]

    def _first(self, *wanted: ColumnElement[bool]) -> Iterator[JobRow]:
        first = select(jobs.c.row).where(*wanted).order_by(jobs.c.position).limit(1)
        return self._select(jobs.c.row == first.scalar_subquery())

    def _one(self, wanted: ColumnElement[bool]) -> JobRow | None:
        return next(self._first(wanted), None)

    def _select(self, *wanted: ColumnElement[bool]) -> Iterator[JobRow]:
        """In the order of the manifest, with their outputs, a chunk at a time."""
        found = (
            select(*JOB_COLUMNS, *OUTPUT_COLUMNS)
            .join_from(jobs, outputs, outputs.c.job == jobs.c.row, isouter=True)
            .where(*wanted)
            .order_by(jobs.c.position, jobs.c.row, outputs.c.index)
        )
        rows = self.connection.execute(found, execution_options={"yield_per": CHUNK})
        return (job_row(list(same)) for _, same in groupby(rows, key=itemgetter(0)))

    def firsts(self, batch_id: int) -> tuple[int, ...]:
        """The row of the first pending job of each group of the manifest, if it has one."""
        told = select(manifests.c.groups).where(manifests.c.batch_id == batch_id)
        begins = orjson.loads(self.connection.execute(told).scalar_one())
        ends = (*begins[1:], None)
        found = (self._first_pending(batch_id, *each) for each in zip(begins, ends, strict=True))
        return tuple(row for row in found if row is not None)

    def _first_pending(self, batch_id: int, begin: int, end: int | None) -> int | None:
        wanted = select(jobs.c.row).where(
            jobs.c.batch_id == batch_id,
            jobs.c.listed == 1,
            jobs.c.position >= begin,
            jobs.c.state == State.PENDING.value,
        )
        if end is not None:
            wanted = wanted.where(jobs.c.position < end)
        return self.connection.execute(wanted.order_by(jobs.c.position).limit(1)).scalar()

    def models_wanted(self, batch_id: int) -> dict[str, set[str]]:
        """By endpoint: the models of pending jobs."""
        wanted = select(jobs.c.endpoint, jobs.c.model).where(
            jobs.c.batch_id == batch_id, jobs.c.state == State.PENDING.value
        )
        found: dict[str, set[str]] = defaultdict(set)
        for endpoint, model in self.connection.execute(wanted.distinct()):
            found[endpoint].add(model)
        return found

    def bytes_kept(self, batch_id: int) -> int:
        """Of all outputs of a batch."""
        of_batch = outputs.join(jobs, jobs.c.row == outputs.c.job)
        found = select(func.sum(outputs.c.bytes)).select_from(of_batch).where(jobs.c.batch_id == batch_id)
        return int(self.connection.execute(found).scalar() or 0)


def succeeded_in(batch_id: int) -> tuple[ColumnElement[bool], ...]:
    return jobs.c.batch_id == batch_id, jobs.c.listed == 1, jobs.c.state == State.SUCCEEDED.value


def batch_row(values: RowMapping) -> BatchRow:
    columns: dict[str, Any] = dict(values)
    tally = Tally(**{name: columns.pop(name) for name in COUNTERS})
    columns |= {
        "sets": orjson.loads(columns["sets"]),
        "priced": bool(columns["priced"]),
        "paused": bool(columns["paused"]),
        "state": BatchState(columns["state"]),
    }
    return BatchRow(**columns, tally=tally)


def particulars(values: Sequence[Any]) -> Particulars:
    """From the columns of `PARTICULARS`."""
    endpoint, sample, params, variables = values
    return Particulars(endpoint=endpoint, sample=sample, params=params, vars=variables)


def kept_row(values: Sequence[Any]) -> Kept:
    """From the columns of `OUTPUT_COLUMNS`."""
    index, kind, path, value, mime, size, sha256, width, height, finish_reason, revised_prompt = values
    return Kept(
        index=index,
        kind=kind,
        path=path,
        value=value,
        mime=mime,
        bytes=size,
        sha256=sha256,
        width=width,
        height=height,
        finish_reason=finish_reason,
        revised_prompt=revised_prompt,
    )


def job_row(same: Sequence[Sequence[Any]]) -> JobRow:
    """From its columns with those of each of its outputs."""
    first = same[0]
    row, listed, state, cause = first[:4]
    kept = tuple([kept_row(each[WIDTH:]) for each in same if each[WIDTH] is not None])
    return JobRow._make((row, bool(listed), STATES[state], CAUSES[cause], *first[4:WIDTH], kept))


def attempt(values: RowMapping | dict[str, Any]) -> Attempt:
    columns: dict[str, Any] = dict(values)
    columns |= {name: bool(columns[name]) for name in ("counted", "billed", "again")}
    columns["cause"] = columns["cause"] and Cause(columns["cause"])
    return Attempt(**columns)


def tokens_of(usage: Mapping[str, Any]) -> int:
    """What a recorded usage tells of tokens, in and out together."""
    return sum(usage.get(name) or 0 for name in ("input_tokens", "output_tokens"))
