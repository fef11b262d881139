"""Rows of the queue for tests that want one: every field has a value, and each can be another."""

from dataclasses import replace
from typing import Any

from runner.job import State
from runner.outcome import Attempt, Cause, Kept
from runner.schema import BatchState
from runner.store import BatchRow, Failure, JobRow, Tally

AT = 1_795_399_200.123
"""2026-11-23T02:00:00.123Z."""


def tally(**counts: int) -> Tally:
    names = ("pending", "running", "succeeded", "failed", "unknown", "cancelled")
    counters = ("attempts", "outputs", "maybe_billed_twice", "spent_nusd", "late")
    given = {name: counts.get(name, 0) for name in (*names, *counters)}
    return Tally(total=counts.get("total", sum(given[name] for name in names)), **given)


def batch(**fields: Any) -> BatchRow:
    row = BatchRow(
        id=1,
        name="animals",
        path="/home/ann/animals.yaml",
        sets={},
        fingerprint="f",
        settings='{"endpoints":{"nebula":{}}}',
        folder="/home/ann/outputs/animals",
        priced=True,
        pattern="animals",
        night="2026-11-23",
        run=1,
        submission=1,
        created_at=AT,
        updated_at=AT,
        started_at=None,
        finished_at=None,
        state=BatchState.PENDING,
        reason=None,
        paused=False,
        why=None,
        tally=tally(),
    )
    return replace(row, **fields)


def job(**fields: Any) -> JobRow:
    row = JobRow(
        row=1,
        id="fox",
        stem="fox",
        key="a" * 64,
        listed=True,
        endpoint="nebula",
        model="sdxl",
        prompt="a red fox",
        params=b'{"width":64,"negative_prompt":null}',
        vars=b'{"animal":"red fox"}',
        sample=1,
        body=b'{"model":"sdxl","prompt":"a red fox","width":64}',
        state=State.SUCCEEDED,
        due_at=None,
        attempt=1,
        attempts=1,
        tries=0,
        cause=None,
        message=None,
        http_status=200,
        request_id="req-1",
        served_by="nebula",
        cost_nusd=3_800_000,
        usage=b'{"inference_s":13.36}',
        started_at=AT,
        finished_at=AT + 1,
        latency_s=0.5,
    )
    return row._replace(**fields)


def kept(**fields: Any) -> Kept:
    picture = Kept(
        kind="image",
        index=0,
        path="fox.png",
        mime="image/png",
        bytes=1234,
        sha256="b" * 64,
        width=64,
        height=48,
    )
    return replace(picture, **fields)


def text(value: str, **fields: Any) -> Kept:
    words = Kept(
        kind="text", index=0, value=value, mime="text/plain", bytes=len(value.encode()), sha256="c" * 64
    )
    return replace(words, **fields)


def attempt(**fields: Any) -> Attempt:
    sending = Attempt(
        number=1,
        counted=True,
        started_at=AT,
        latency_s=0.5,
        served_by="nebula",
        billed=True,
        again=False,
        cost_nusd=3_800_000,
        http_status=200,
        request_id="req-1",
    )
    return replace(sending, **fields)


def failure(**fields: Any) -> Failure:
    example = job(state=State.FAILED, cause=Cause.BLOCKED, message="not allowed", http_status=400)
    return replace(Failure(state=State.FAILED, cause=Cause.BLOCKED, count=2, example=example), **fields)
