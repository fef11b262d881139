from pathlib import Path

import pytest
from queues import NOW, job, submit
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from migrations import check
from runner import database
from runner.schema import metadata
from runner.store import Store


@pytest.fixture
def connection(tmp_path: Path):
    """A queue with one batch of one pending job."""
    queue = database.named(tmp_path / "runner.db")
    queue.prepare()
    with queue.writing().connect() as opened, opened.begin():
        submit(Store(opened), [job("a fox")])
        yield opened


def test_migrations_lead_to_the_tables_that_the_program_has():
    assert check.difference() == []


@pytest.mark.parametrize(
    "change",
    [
        "DROP INDEX jobs_running",
        "ALTER TABLE runs ADD COLUMN host TEXT",
        "ALTER TABLE runs RENAME COLUMN reason TO why",
    ],
)
def test_a_difference_between_two_queues_is_found(connection, change):
    before = check.lines(connection)
    assert check.lines(connection) == before
    connection.exec_driver_sql(change)
    assert check.lines(connection) != before


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ("due_at = NULL", "only_pending_jobs_are_due"),
        ("state = 'succeeded', finished_at = 1", "only_pending_jobs_are_due"),
        ("state = 'done'", "state_is_known"),
        ("state = 'running', due_at = NULL", "only_running_jobs_have_a_worker"),
        ("worker = 'w', claimed_at = 1, lease_until = 2", "only_running_jobs_have_a_worker"),
        ("state = 'running', due_at = NULL, worker = 'w'", "a_claim_is_whole"),
        ("finished_at = 1", "only_ended_jobs_have_an_end"),
        ("state = 'cancelled', due_at = NULL", "only_ended_jobs_have_an_end"),
        ("state = 'failed', due_at = NULL, finished_at = 1", "failure_has_a_cause"),
        ("state = 'succeeded', due_at = NULL, finished_at = 1, cause = 'bug'", "success_has_no_cause"),
        ("state = 'succeeded', due_at = NULL, finished_at = 1, ticket = 'x'", "success_needs_no_ticket"),
        ("cause = 'weather'", "cause_is_known"),
        ("withdrawn = 1", "only_cancelled_jobs_are_withdrawn"),
        ("attempts = 1", "every_sending_was_a_claim"),
        ("maybe_billed = 1", "tries_are_counted"),
        ("crashes = -1", "counts_from_0"),
        ("listed = 2", "listed_is_a_flag"),
        ("key = 'short'", "identity_is_whole"),
        ("sample = 0", "identity_is_whole"),
        ("batch_id = 9", "FOREIGN KEY"),
    ],
)
def test_impossible_jobs_are_refused(connection, change, rule):
    with pytest.raises(IntegrityError, match=rule):
        connection.execute(text(f"UPDATE jobs SET {change}"))


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ("pending = 2", "every_job_is_counted_once"),
        ("pending = -1, running = 2", "counts_from_0"),
        ("state = 'finished', finished_at = 1", "nothing_is_left_when_finished"),
        ("state = 'sleeping'", "state_is_known"),
        ("reason = 'budget'", "only_a_stopped_batch_has_a_reason"),
        ("finished_at = 1", "only_finished_has_an_end"),
        ("submission = 0", "submissions_count_from_1"),
        ("paused = 7", "paused_is_a_flag"),
    ],
)
def test_impossible_batches_are_refused(connection, change, rule):
    with pytest.raises(IntegrityError, match=rule):
        connection.execute(text(f"UPDATE batches SET {change}"))


OUTPUT = {
    "job": 1,
    "index": 0,
    "kind": "image",
    "path": "fox.png",
    "mime": "image/png",
    "bytes": 9,
    "sha256": "c" * 64,
}


@pytest.mark.parametrize(
    ("fields", "rule"),
    [
        ({"path": None}, "is_kept_in_one_place"),
        ({"value": "text"}, "is_kept_in_one_place"),
        ({"kind": "text"}, "only_images_are_files"),
        ({"kind": "film"}, "kind_is_known"),
        ({"width": 64}, "size_is_whole"),
        ({"sha256": "c"}, "is_hashed"),
        ({"index": -1}, "counts_from_0"),
        ({"job": 7}, "FOREIGN KEY"),
    ],
)
def test_impossible_outputs_are_refused(connection, fields, rule):
    outputs = metadata.tables["outputs"].insert()
    connection.execute(outputs.values(OUTPUT | {"index": 1}))
    with pytest.raises(IntegrityError, match=rule):
        connection.execute(outputs.values(OUTPUT | fields))


ATTEMPT = {"job": 1, "number": 1, "started_at": NOW, "latency_s": 1.0, "served_by": "nebula", "body": b""}


@pytest.mark.parametrize(
    ("fields", "rule"),
    [
        ({"number": 0}, "numbers_count_from_1"),
        ({"latency_s": -1.0}, "numbers_count_from_1"),
        ({"cost_nusd": -1}, "cost_is_not_negative"),
        ({"cause": "weather"}, "cause_is_known"),
        ({"billed": 3}, "billed_is_a_flag"),
        ({"number": 2}, "UNIQUE"),
    ],
)
def test_impossible_attempts_are_refused(connection, fields, rule):
    attempts = metadata.tables["attempts"].insert()
    connection.execute(attempts.values(ATTEMPT | {"number": 2}))
    with pytest.raises(IntegrityError, match=rule):
        connection.execute(attempts.values(ATTEMPT | fields))
