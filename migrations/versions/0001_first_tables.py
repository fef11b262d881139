"""The first tables."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.schema import SchemaItem
from sqlalchemy.sql.naming import conv

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

Items = Sequence[SchemaItem]

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
STATES = " OR ".join(
    f"state = '{state}'" for state in ("pending", "running", "succeeded", "failed", "unknown", "cancelled")
)
CAUSES = "cause IS NULL OR " + " OR ".join(
    f"cause = '{cause}'"
    for cause in (
        "throttled",
        "unavailable",
        "timed_out",
        "connection",
        "rejected",
        "unauthorized",
        "no_credit",
        "not_found",
        "blocked",
        "malformed",
        "invalid",
        "conflict",
        "interrupted",
        "bug",
    )
)
WAITS_IN = "CASE WHEN (ticket IS NULL) THEN pool ELSE lane END"


def check(condition: str, name: str) -> sa.CheckConstraint:
    return sa.CheckConstraint(condition, name=conv(name))


def none_negative(columns: str) -> str:
    return " AND ".join(f"{column} >= 0" for column in columns.split())


def required(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=False)


def count(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), nullable=False, server_default=sa.text("0"))


def flag(name: str, table: str, *, default: int = 0) -> sa.Column[int]:
    return sa.Column(
        name,
        sa.SmallInteger(),
        check(f"{name} = 0 OR {name} = 1", f"{table}_{name}_is_a_flag"),
        nullable=False,
        server_default=sa.text(str(default)),
    )


BATCHES: Items = (
    sa.Column("id", KEY, nullable=False),
    required("name"),
    sa.Column("path", sa.Text()),
    required("text"),
    sa.Column("sets", sa.LargeBinary(), nullable=False),
    required("fingerprint"),
    required("settings"),
    required("folder"),
    flag("priced", "batches"),
    required("pattern"),
    required("night"),
    sa.Column("run", sa.Integer(), nullable=False),
    sa.Column("submission", sa.Integer(), nullable=False),
    sa.Column("groups", sa.LargeBinary(), nullable=False),
    sa.Column("created_at", sa.Double(), nullable=False),
    sa.Column("updated_at", sa.Double(), nullable=False),
    sa.Column("started_at", sa.Double()),
    sa.Column("finished_at", sa.Double()),
    required("state"),
    sa.Column("reason", sa.Text()),
    flag("paused", "batches"),
    sa.Column("why", sa.Text()),
    count("total"),
    count("pending"),
    count("running"),
    count("succeeded"),
    count("failed"),
    count("unknown"),
    count("cancelled"),
    count("attempts"),
    count("outputs"),
    count("maybe_billed_twice"),
    count("spent_nusd"),
    count("late"),
    sa.UniqueConstraint("name", name=conv("batches_name_unique")),
    check(
        "state = 'pending' OR state = 'running' OR state = 'stopped' OR state = 'finished'",
        "batches_state_is_known",
    ),
    check("reason IS NULL OR state = 'stopped'", "batches_only_a_stopped_batch_has_a_reason"),
    check("why IS NULL OR state = 'running'", "batches_only_a_running_batch_waits"),
    check("(finished_at IS NOT NULL) = (state = 'finished')", "batches_only_finished_has_an_end"),
    check("state <> 'finished' OR pending + running = 0", "batches_nothing_is_left_when_finished"),
    check(
        "total = pending + running + succeeded + failed + unknown + cancelled",
        "batches_every_job_is_counted_once",
    ),
    check("submission >= 1", "batches_submissions_count_from_1"),
    check("run >= 1", "batches_runs_count_from_1"),
    check(
        none_negative(
            "total pending running succeeded failed unknown cancelled "
            "attempts outputs maybe_billed_twice spent_nusd late"
        ),
        "batches_counts_from_0",
    ),
    sa.PrimaryKeyConstraint("id", name=conv("batches_pk")),
)

JOBS: Items = (
    sa.Column("row", KEY, nullable=False),
    sa.Column("batch_id", KEY, nullable=False),
    sa.Column("position", sa.BigInteger(), nullable=False),
    required("id"),
    required("stem"),
    required("key"),
    flag("listed", "jobs", default=1),
    flag("withdrawn", "jobs"),
    flag("called_off", "jobs"),
    required("endpoint"),
    required("pool"),
    sa.Column("lane", sa.Text()),
    required("model"),
    sa.Column("sample", sa.BigInteger(), nullable=False),
    required("state"),
    sa.Column("due_at", sa.Double()),
    count("attempt"),
    count("attempts"),
    count("tries"),
    count("maybe_billed"),
    count("useless"),
    count("unmet"),
    count("variant"),
    count("waits"),
    count("crashes"),
    flag("billed_before", "jobs"),
    sa.Column("worker", sa.Text()),
    sa.Column("claimed_at", sa.Double()),
    sa.Column("lease_until", sa.Double()),
    sa.Column("cause", sa.Text()),
    sa.Column("message", sa.Text()),
    sa.Column("http_status", sa.Integer()),
    sa.Column("request_id", sa.Text()),
    sa.Column("served_by", sa.Text()),
    sa.Column("cost_nusd", sa.BigInteger()),
    sa.Column("started_at", sa.Double()),
    sa.Column("finished_at", sa.Double()),
    sa.Column("latency_s", sa.Double()),
    sa.Column("usage", sa.LargeBinary()),
    sa.Column("ticket", sa.LargeBinary()),
    sa.Column("expect", sa.Text()),
    sa.Column("path", sa.Text()),
    sa.Column("prompt", sa.Text()),
    sa.Column("params", sa.LargeBinary(), nullable=False),
    sa.Column("vars", sa.LargeBinary(), nullable=False),
    sa.Column("body", sa.LargeBinary(), nullable=False),
    check(STATES, "jobs_state_is_known"),
    check("(due_at IS NOT NULL) = (state = 'pending')", "jobs_only_pending_jobs_are_due"),
    check("(worker IS NOT NULL) = (state = 'running')", "jobs_only_running_jobs_have_a_worker"),
    check(
        "(worker IS NULL) = (claimed_at IS NULL) AND (worker IS NULL) = (lease_until IS NULL)",
        "jobs_a_claim_is_whole",
    ),
    check(
        "(finished_at IS NULL) = (state = 'pending' OR state = 'running')", "jobs_only_ended_jobs_have_an_end"
    ),
    check("state <> 'succeeded' OR cause IS NULL", "jobs_success_has_no_cause"),
    check("cause IS NOT NULL OR (state <> 'failed' AND state <> 'unknown')", "jobs_failure_has_a_cause"),
    check(CAUSES, "jobs_cause_is_known"),
    check("state <> 'succeeded' OR ticket IS NULL", "jobs_success_needs_no_ticket"),
    check("lane IS NOT NULL OR (worker IS NULL AND ticket IS NULL)", "jobs_claims_and_tickets_have_a_lane"),
    check("withdrawn = 0 OR (listed = 0 AND state = 'cancelled')", "jobs_only_cancelled_jobs_are_withdrawn"),
    check("attempts <= attempt", "jobs_every_sending_was_a_claim"),
    check("maybe_billed <= tries AND useless <= tries", "jobs_tries_are_counted"),
    check("unmet <= variant", "jobs_every_unmet_answer_makes_a_variant"),
    check("sample >= 1 AND length(key) = 64", "jobs_identity_is_whole"),
    check(
        none_negative("position attempt attempts tries maybe_billed useless unmet waits crashes"),
        "jobs_counts_from_0",
    ),
    sa.PrimaryKeyConstraint("row", name=conv("jobs_pk")),
    sa.ForeignKeyConstraint(["batch_id"], ["batches.id"], name=conv("jobs_batch_id_fk")),
)

RUNS: Items = (
    sa.Column("id", KEY, nullable=False),
    sa.Column("batch_id", KEY, nullable=False),
    required("worker"),
    sa.Column("started_at", sa.Double(), nullable=False),
    sa.Column("ended_at", sa.Double()),
    sa.Column("reason", sa.Text()),
    check("reason IS NULL OR ended_at IS NOT NULL", "runs_only_ended_runs_have_a_reason"),
    sa.PrimaryKeyConstraint("id", name=conv("runs_pk")),
    sa.ForeignKeyConstraint(["batch_id"], ["batches.id"], name=conv("runs_batch_id_fk")),
)

ATTEMPTS: Items = (
    sa.Column("id", KEY, nullable=False),
    sa.Column("job", KEY, nullable=False),
    sa.Column("number", sa.BigInteger(), nullable=False),
    flag("counted", "attempts"),
    sa.Column("started_at", sa.Double(), nullable=False),
    sa.Column("latency_s", sa.Double(), nullable=False),
    required("served_by"),
    flag("billed", "attempts"),
    flag("again", "attempts"),
    sa.Column("cost_nusd", sa.BigInteger()),
    sa.Column("cause", sa.Text()),
    sa.Column("message", sa.Text()),
    sa.Column("http_status", sa.Integer()),
    sa.Column("request_id", sa.Text()),
    sa.Column("seed", sa.BigInteger()),
    sa.Column("usage", sa.LargeBinary()),
    sa.Column("body", sa.LargeBinary(), nullable=False),
    sa.UniqueConstraint("job", "number", "counted", name=conv("attempts_job_number_counted_unique")),
    check("number >= 1 AND latency_s >= 0", "attempts_numbers_count_from_1"),
    check("cost_nusd IS NULL OR cost_nusd >= 0", "attempts_cost_is_not_negative"),
    check(CAUSES, "attempts_cause_is_known"),
    sa.PrimaryKeyConstraint("id", name=conv("attempts_pk")),
    sa.ForeignKeyConstraint(["job"], ["jobs.row"], name=conv("attempts_job_fk")),
)

OUTPUTS: Items = (
    sa.Column("id", KEY, nullable=False),
    sa.Column("job", KEY, nullable=False),
    sa.Column("index", sa.Integer(), nullable=False),
    required("kind"),
    sa.Column("path", sa.Text()),
    sa.Column("value", sa.Text()),
    required("mime"),
    sa.Column("bytes", sa.BigInteger(), nullable=False),
    required("sha256"),
    sa.Column("width", sa.Integer()),
    sa.Column("height", sa.Integer()),
    sa.Column("finish_reason", sa.Text()),
    sa.Column("revised_prompt", sa.Text()),
    sa.UniqueConstraint("job", "index", name=conv("outputs_job_index_unique")),
    check(
        "kind = 'image' OR kind = 'text' OR kind = 'embedding' OR kind = 'tool_calls'",
        "outputs_kind_is_known",
    ),
    check("(path IS NULL) <> (value IS NULL)", "outputs_is_kept_in_one_place"),
    check("(path IS NOT NULL) = (kind = 'image')", "outputs_only_images_are_files"),
    check("(width IS NULL) = (height IS NULL)", "outputs_size_is_whole"),
    check("length(sha256) = 64", "outputs_is_hashed"),
    check('"index" >= 0 AND bytes >= 0', "outputs_counts_from_0"),
    sa.PrimaryKeyConstraint("id", name=conv("outputs_pk")),
    sa.ForeignKeyConstraint(["job"], ["jobs.row"], name=conv("outputs_job_fk")),
)

PICTURES: Items = (
    sa.Column("batch_id", KEY, nullable=False),
    required("pixels"),
    sa.Column("job", KEY, nullable=False),
    check("length(pixels) = 64", "pictures_is_a_hash"),
    sa.PrimaryKeyConstraint("batch_id", "pixels", name=conv("pictures_pk")),
    sa.ForeignKeyConstraint(["batch_id"], ["batches.id"], name=conv("pictures_batch_id_fk")),
    sa.ForeignKeyConstraint(["job"], ["jobs.row"], name=conv("pictures_job_fk")),
)

RENAMES: Items = (
    sa.Column("id", KEY, nullable=False),
    sa.Column("batch_id", KEY, nullable=False),
    sa.Column("job", KEY, nullable=False),
    required("old"),
    required("new"),
    check("old <> new", "renames_names_differ"),
    sa.PrimaryKeyConstraint("id", name=conv("renames_pk")),
    sa.ForeignKeyConstraint(["batch_id"], ["batches.id"], name=conv("renames_batch_id_fk")),
    sa.ForeignKeyConstraint(["job"], ["jobs.row"], name=conv("renames_job_fk")),
)

ACCOUNTS: Items = (
    sa.Column("id", sa.Text(), nullable=False),
    sa.Column("closed_until", sa.Double()),
    sa.Column("why", sa.Text()),
    check("length(id) = 64", "accounts_is_a_hash"),
    check("why IS NULL OR closed_until IS NOT NULL", "accounts_only_closed_accounts_say_why"),
    sa.PrimaryKeyConstraint("id", name=conv("accounts_pk")),
)

LANES: Items = (
    sa.Column("batch_id", KEY, nullable=False),
    required("name"),
    required("account"),
    sa.Column("concurrency", sa.Text()),
    sa.Column("requests_per_minute", sa.BigInteger()),
    sa.Column("tokens_per_minute", sa.BigInteger()),
    sa.Column("requests_per_day", sa.BigInteger()),
    check(
        "(requests_per_minute IS NULL OR requests_per_minute >= 1) AND "
        "(tokens_per_minute IS NULL OR tokens_per_minute >= 1) AND "
        "(requests_per_day IS NULL OR requests_per_day >= 1)",
        "lanes_limits_let_something_through",
    ),
    sa.PrimaryKeyConstraint("batch_id", "name", name=conv("lanes_pk")),
    sa.ForeignKeyConstraint(["batch_id"], ["batches.id"], name=conv("lanes_batch_id_fk")),
    sa.ForeignKeyConstraint(["account"], ["accounts.id"], name=conv("lanes_account_fk")),
)

LEDGER: Items = (
    required("account"),
    sa.Column("minute", sa.BigInteger(), nullable=False),
    count("requests"),
    count("spent_nusd"),
    check(none_negative("requests spent_nusd"), "ledger_counts_from_0"),
    sa.PrimaryKeyConstraint("account", "minute", name=conv("ledger_pk")),
    sa.ForeignKeyConstraint(["account"], ["accounts.id"], name=conv("ledger_account_fk")),
)


TABLES = {
    "batches": BATCHES,
    "jobs": JOBS,
    "attempts": ATTEMPTS,
    "outputs": OUTPUTS,
    "pictures": PICTURES,
    "renames": RENAMES,
    "runs": RUNS,
    "accounts": ACCOUNTS,
    "lanes": LANES,
    "ledger": LEDGER,
}
UNIQUE = {"jobs_id_unique": ("jobs", ("batch_id", "id")), "jobs_key_unique": ("jobs", ("batch_id", "key"))}
INDEXES = {
    "jobs_in_order": ("jobs", ("batch_id", "listed", "position"), None),
    "jobs_failed": (
        "jobs",
        ("batch_id", "state", "cause", "position"),
        "state = 'failed' OR state = 'unknown'",
    ),
    "jobs_named_apart": ("jobs", ("batch_id", "stem"), "stem != id"),
    "jobs_pending": (
        "jobs",
        ("batch_id", sa.text(f"({WAITS_IN})"), "due_at", "position"),
        "state = 'pending'",
    ),
    "jobs_running": ("jobs", ("batch_id",), "state = 'running'"),
    "pictures_of_job": ("pictures", ("job",), None),
    "renames_of_batch": ("renames", ("batch_id",), None),
    "renames_of_job": ("renames", ("job",), None),
    "runs_of_batch": ("runs", ("batch_id",), None),
}


def upgrade() -> None:
    for name, items in TABLES.items():
        op.create_table(name, *items)
    for name, (table, columns) in UNIQUE.items():
        op.create_index(name, table, columns, unique=True)
    for name, (table, columns, those) in INDEXES.items():
        where = None if those is None else sa.text(those)
        op.create_index(name, table, columns, sqlite_where=where, postgresql_where=where)


def downgrade() -> None:
    for name in reversed(TABLES):
        op.drop_table(name)
