"""The tables of the queue, with CHECK constraints that refuse impossible rows.

Wall times are seconds since the epoch, money is in billionths of a dollar, a flag is 0 or 1.
"""

from collections.abc import Iterable
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    case,
    literal_column,
    text,
)
from sqlalchemy.sql.elements import ColumnElement, Grouping

from runner.job import State
from runner.outcome import Cause

VERSION = 2
"""The newest migration, by number."""

metadata = MetaData(
    naming_convention={
        "pk": "%(table_name)s_pk",
        "fk": "%(table_name)s_%(column_0_name)s_fk",
        "uq": "%(table_name)s_%(column_0_N_name)s_unique",
        "ck": "%(table_name)s_%(constraint_name)s",
    }
)

Key = BigInteger().with_variant(Integer, "sqlite")
"""Only an INTEGER key is SQLite's own row number."""


class BatchState(StrEnum):
    """Where a batch stands. `running` is what its runner last said, even if that was killed since."""

    PENDING = "pending"
    RUNNING = "running"
    STOPPED = "stopped"
    FINISHED = "finished"


def word(value: StrEnum) -> ColumnElement[str]:
    """The value as part of a statement's text, where a partial index is to recognise it."""
    return literal_column(f"'{value.value}'", Text)


def one_of(column: str, values: Iterable[StrEnum]) -> str:
    """As a chain of OR, for SQLite builds a table of an IN of more than two for every row it checks."""
    return " OR ".join(f"{column} = '{value.value}'" for value in values)


def count(name: str) -> Column[int]:
    return Column(name, BigInteger, nullable=False, server_default=text("0"))


def flag(name: str, *, default: int = 0) -> Column[int]:
    return Column(
        name,
        SmallInteger,
        CheckConstraint(f"{name} = 0 OR {name} = 1", name=f"{name}_is_a_flag"),
        nullable=False,
        server_default=text(str(default)),
    )


def required(name: str) -> Column[str]:
    return Column(name, Text, nullable=False)


def none_negative(*columns: str) -> CheckConstraint:
    return CheckConstraint(" AND ".join(f"{column} >= 0" for column in columns), name="counts_from_0")


COUNTED_STATES = tuple(state.value for state in State)
"""Each has a counter of its name in `batches`."""
TALLIED = ("attempts", "outputs", "maybe_billed_twice", "spent_nusd", "late")

batches = Table(
    "batches",
    metadata,
    Column("id", Key, primary_key=True),
    required("name"),
    Column("path", Text),
    Column("sets", LargeBinary, nullable=False),
    required("fingerprint"),
    required("settings"),
    required("folder"),
    flag("priced"),
    required("pattern"),
    required("night"),
    Column("run", Integer, nullable=False),
    Column("submission", Integer, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("updated_at", Double, nullable=False),
    Column("started_at", Double),
    Column("finished_at", Double),
    required("state"),
    Column("reason", Text),
    flag("paused"),
    Column("why", Text),
    count("total"),
    *(count(name) for name in (*COUNTED_STATES, *TALLIED)),
    UniqueConstraint("name"),
    CheckConstraint(one_of("state", BatchState), name="state_is_known"),
    CheckConstraint("reason IS NULL OR state = 'stopped'", name="only_a_stopped_batch_has_a_reason"),
    CheckConstraint("why IS NULL OR state = 'running'", name="only_a_running_batch_waits"),
    CheckConstraint("(finished_at IS NOT NULL) = (state = 'finished')", name="only_finished_has_an_end"),
    CheckConstraint("state <> 'finished' OR pending + running = 0", name="nothing_is_left_when_finished"),
    CheckConstraint(f"total = {' + '.join(COUNTED_STATES)}", name="every_job_is_counted_once"),
    CheckConstraint("submission >= 1", name="submissions_count_from_1"),
    CheckConstraint("run >= 1", name="runs_count_from_1"),
    none_negative("total", *COUNTED_STATES, *TALLIED),
)

manifests = Table(
    "manifests",
    metadata,
    Column("batch_id", Key, ForeignKey(batches.c.id), primary_key=True),
    required("text"),
    Column("groups", LargeBinary, nullable=False),
)
"""What may be as large as the batch: its own row is written anew by every transaction of a run."""

jobs = Table(
    "jobs",
    metadata,
    Column("row", Key, primary_key=True),
    Column("batch_id", Key, ForeignKey(batches.c.id), nullable=False),
    Column("position", BigInteger, nullable=False),
    required("id"),
    required("stem"),
    required("key"),
    flag("listed", default=1),
    flag("withdrawn"),
    flag("called_off"),
    required("endpoint"),
    required("pool"),
    Column("lane", Text),
    required("model"),
    Column("sample", BigInteger, nullable=False),
    required("state"),
    Column("due_at", Double),
    count("attempt"),
    count("attempts"),
    count("tries"),
    count("maybe_billed"),
    count("useless"),
    count("unmet"),
    count("variant"),
    count("waits"),
    count("crashes"),
    flag("billed_before"),
    Column("worker", Text),
    Column("claimed_at", Double),
    Column("lease_until", Double),
    Column("cause", Text),
    Column("message", Text),
    Column("http_status", Integer),
    Column("request_id", Text),
    Column("served_by", Text),
    Column("cost_nusd", BigInteger),
    Column("started_at", Double),
    Column("finished_at", Double),
    Column("latency_s", Double),
    Column("usage", LargeBinary),
    Column("ticket", LargeBinary),
    Column("expect", Text),
    Column("path", Text),
    Column("prompt", Text),
    Column("params", LargeBinary, nullable=False),
    Column("vars", LargeBinary, nullable=False),
    Column("body", LargeBinary, nullable=False),
    CheckConstraint(one_of("state", State), name="state_is_known"),
    CheckConstraint("(due_at IS NOT NULL) = (state = 'pending')", name="only_pending_jobs_are_due"),
    CheckConstraint("(worker IS NOT NULL) = (state = 'running')", name="only_running_jobs_have_a_worker"),
    CheckConstraint(
        "(worker IS NULL) = (claimed_at IS NULL) AND (worker IS NULL) = (lease_until IS NULL)",
        name="a_claim_is_whole",
    ),
    CheckConstraint(
        "(finished_at IS NULL) = (state = 'pending' OR state = 'running')", name="only_ended_jobs_have_an_end"
    ),
    CheckConstraint("state <> 'succeeded' OR cause IS NULL", name="success_has_no_cause"),
    CheckConstraint(
        "cause IS NOT NULL OR (state <> 'failed' AND state <> 'unknown')", name="failure_has_a_cause"
    ),
    CheckConstraint(f"cause IS NULL OR {one_of('cause', Cause)}", name="cause_is_known"),
    CheckConstraint("state <> 'succeeded' OR ticket IS NULL", name="success_needs_no_ticket"),
    CheckConstraint(
        "lane IS NOT NULL OR (worker IS NULL AND ticket IS NULL)", name="claims_and_tickets_have_a_lane"
    ),
    CheckConstraint(
        "withdrawn = 0 OR (listed = 0 AND state = 'cancelled')", name="only_cancelled_jobs_are_withdrawn"
    ),
    CheckConstraint("attempts <= attempt", name="every_sending_was_a_claim"),
    CheckConstraint("maybe_billed <= tries AND useless <= tries", name="tries_are_counted"),
    CheckConstraint("unmet <= variant", name="every_unmet_answer_makes_a_variant"),
    CheckConstraint("sample >= 1 AND length(key) = 64", name="identity_is_whole"),
    none_negative(
        "position", "attempt", "attempts", "tries", "maybe_billed", "useless", "unmet", "waits", "crashes"
    ),
    Index("jobs_key_unique", "batch_id", "key", unique=True),
    Index("jobs_id_unique", "batch_id", "id", unique=True),
    Index("jobs_in_order", "batch_id", "listed", "position"),
)
NAMED_APART = jobs.c.stem != jobs.c.id
"""Files are called otherwise than their job."""

PENDING = jobs.c.state == word(State.PENDING)
RUNNING = jobs.c.state == word(State.RUNNING)
FAILED = (jobs.c.state == word(State.FAILED)) | (jobs.c.state == word(State.UNKNOWN))
WAITS_IN = case((jobs.c.ticket.is_(None), jobs.c.pool), else_=jobs.c.lane)
"""The endpoints that a job may be claimed for: `pool`, or with a ticket the one that gave it."""


def partial(name: str, *columns: ColumnElement[Any], of: ColumnElement[bool]) -> Index:
    """An index over those jobs alone: it stays as small as they are few.

    A server's is made by the migrations: to name its condition here would load that dialect at every start.
    """
    return Index(name, *columns, sqlite_where=of)


partial("jobs_pending", jobs.c.batch_id, Grouping(WAITS_IN), jobs.c.due_at, jobs.c.position, of=PENDING)
partial("jobs_named_apart", jobs.c.batch_id, jobs.c.stem, of=NAMED_APART)
partial("jobs_running", jobs.c.batch_id, of=RUNNING)
partial("jobs_failed", jobs.c.batch_id, jobs.c.state, jobs.c.cause, jobs.c.position, of=FAILED)


def indexes(table: Table) -> list[Index]:
    """In the order to make them in: of two that would do SQLite takes the newer, so the smaller come last."""
    return sorted(table.indexes, key=lambda index: (is_partial(index), not index.unique, index.name))


def is_partial(index: Index) -> bool:
    return index.dialect_options["sqlite"]["where"] is not None


SOLE_WRITER = "sole_writer"
"""The execution option of connections that none writes beside: they may put indexes aside for a while."""

attempts = Table(
    "attempts",
    metadata,
    Column("id", Key, primary_key=True),
    Column("job", Key, ForeignKey(jobs.c.row), nullable=False),
    Column("number", BigInteger, nullable=False),
    flag("counted"),
    Column("started_at", Double, nullable=False),
    Column("latency_s", Double, nullable=False),
    required("served_by"),
    flag("billed"),
    flag("again"),
    Column("cost_nusd", BigInteger),
    Column("cause", Text),
    Column("message", Text),
    Column("http_status", Integer),
    Column("request_id", Text),
    Column("seed", BigInteger),
    Column("usage", LargeBinary),
    Column("body", LargeBinary, nullable=False),
    UniqueConstraint("job", "number", "counted"),
    CheckConstraint("number >= 1 AND latency_s >= 0", name="numbers_count_from_1"),
    CheckConstraint("cost_nusd IS NULL OR cost_nusd >= 0", name="cost_is_not_negative"),
    CheckConstraint(f"cause IS NULL OR {one_of('cause', Cause)}", name="cause_is_known"),
)

outputs = Table(
    "outputs",
    metadata,
    Column("id", Key, primary_key=True),
    Column("job", Key, ForeignKey(jobs.c.row), nullable=False),
    Column("index", Integer, nullable=False),
    required("kind"),
    Column("path", Text),
    Column("value", Text),
    required("mime"),
    Column("bytes", BigInteger, nullable=False),
    required("sha256"),
    Column("width", Integer),
    Column("height", Integer),
    Column("finish_reason", Text),
    Column("revised_prompt", Text),
    UniqueConstraint("job", "index"),
    CheckConstraint(
        "kind = 'image' OR kind = 'text' OR kind = 'embedding' OR kind = 'tool_calls'", name="kind_is_known"
    ),
    CheckConstraint("(path IS NULL) <> (value IS NULL)", name="is_kept_in_one_place"),
    CheckConstraint("(path IS NOT NULL) = (kind = 'image')", name="only_images_are_files"),
    CheckConstraint("(width IS NULL) = (height IS NULL)", name="size_is_whole"),
    CheckConstraint("length(sha256) = 64", name="is_hashed"),
    none_negative('"index"', "bytes"),
)

pictures = Table(
    "pictures",
    metadata,
    Column("batch_id", Key, ForeignKey(batches.c.id), primary_key=True),
    Column("pixels", Text, primary_key=True),
    Column("job", Key, ForeignKey(jobs.c.row), nullable=False),
    CheckConstraint("length(pixels) = 64", name="is_a_hash"),
    Index("pictures_of_job", "job"),
)

renames = Table(
    "renames",
    metadata,
    Column("id", Key, primary_key=True),
    Column("batch_id", Key, ForeignKey(batches.c.id), nullable=False),
    Column("job", Key, ForeignKey(jobs.c.row), nullable=False),
    required("old"),
    required("new"),
    CheckConstraint("old <> new", name="names_differ"),
    Index("renames_of_batch", "batch_id"),
    Index("renames_of_job", "job"),
)

runs = Table(
    "runs",
    metadata,
    Column("id", Key, primary_key=True),
    Column("batch_id", Key, ForeignKey(batches.c.id), nullable=False),
    required("worker"),
    Column("started_at", Double, nullable=False),
    Column("ended_at", Double),
    Column("reason", Text),
    CheckConstraint("reason IS NULL OR ended_at IS NOT NULL", name="only_ended_runs_have_a_reason"),
    Index("runs_of_batch", "batch_id"),
)

accounts = Table(
    "accounts",
    metadata,
    Column("id", Text, primary_key=True),
    Column("closed_until", Double),
    Column("why", Text),
    CheckConstraint("length(id) = 64", name="is_a_hash"),
    CheckConstraint("why IS NULL OR closed_until IS NOT NULL", name="only_closed_accounts_say_why"),
)

LIMITS = ("requests_per_minute", "tokens_per_minute", "requests_per_day")
"""What people set of an endpoint beside its concurrency."""

lanes = Table(
    "lanes",
    metadata,
    Column("batch_id", Key, ForeignKey(batches.c.id), primary_key=True),
    Column("name", Text, primary_key=True),
    Column("account", Text, ForeignKey(accounts.c.id), nullable=False),
    Column("concurrency", Text),
    *(Column(name, BigInteger) for name in LIMITS),
    CheckConstraint(
        " AND ".join(f"({name} IS NULL OR {name} >= 1)" for name in LIMITS),
        name="limits_let_something_through",
    ),
)

ledger = Table(
    "ledger",
    metadata,
    Column("account", Text, ForeignKey(accounts.c.id), primary_key=True),
    Column("minute", BigInteger, primary_key=True),
    count("requests"),
    count("spent_nusd"),
    none_negative("requests", "spent_nusd"),
)
