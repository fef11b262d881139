"""Rows of the queue as the JSON objects that users' scripts read."""

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import orjson

from runner.outcome import Attempt, Kept
from runner.price import NUSD
from runner.store.rows import BatchRow, Failure, JobRow, Tally

STATES = ("pending", "running", "succeeded", "failed", "unknown", "cancelled")
MICRO = 1_000_000
THOUSANDTHS = tuple([f".{number:03}Z" for number in range(1000)])
"""How a moment ends."""
VALUES = {"text": "text", "embedding": "vector", "tool_calls": "tool_calls"}
"""The field that holds what an output of each kind is, where it is not a file."""
SELDOM = ("width", "height", "finish_reason", "revised_prompt")
"""What not every output has."""

Read = Callable[[bytes], Any]
"""What is made of a JSON document that the queue keeps: its value, or itself, to be put in as it is."""


def usd(nusd: int | None) -> float | None:
    return None if nusd is None else nusd / NUSD


def seconds(measured: float | None) -> float | None:
    """To the microsecond: further digits are noise. It is none below 0."""
    return None if measured is None else int(measured * MICRO + 0.5) / MICRO


def moment(epoch: float | None) -> str | None:
    """Seconds since the epoch as ISO 8601, UTC, to the millisecond."""
    if epoch is None:
        return None
    whole, thousandths = divmod(int(epoch * 1000), 1000)
    return second(whole) + THOUSANDTHS[thousandths]


@lru_cache(maxsize=1024)
def second(epoch: int) -> str:
    """Many jobs end in the same one."""
    return datetime.fromtimestamp(epoch, UTC).isoformat(timespec="seconds").removesuffix("+00:00")


def job(batch: str, row: JobRow, *, prefix: str = "", read: Read = orjson.loads) -> dict[str, Any]:
    """A line of `results.jsonl`; `prefix` leads from where it stands to the batch's folder."""
    return {
        "id": row.id,
        "key": row.key,
        "batch": batch,
        "endpoint": row.endpoint,
        "model": row.model,
        "prompt": row.prompt,
        "params": read(row.params),
        "vars": read(row.vars),
        "sample": row.sample,
        "state": row.state,
        "outputs": [output(kept, prefix=prefix, read=read) for kept in row.outputs],
        "usage": None if row.usage is None else read(row.usage),
        "cost_usd": usd(row.cost_nusd),
        "attempts": row.attempts,
        "cause": row.cause,
        "message": row.message,
        "http_status": row.http_status,
        "request_id": row.request_id,
        "served_by": row.served_by,
        "started_at": moment(row.started_at),
        "finished_at": moment(row.finished_at),
        "latency_s": seconds(row.latency_s),
    }


def output(kept: Kept, *, prefix: str = "", read: Read = orjson.loads) -> dict[str, Any]:
    """One of a job's outputs; what it does not have is left out."""
    fields: dict[str, Any] = {"index": kept.index, "kind": kept.kind}
    if kept.path is None:
        fields[VALUES[kept.kind]] = value(kept, read)
    else:
        fields["path"] = prefix + kept.path
    fields["mime"] = kept.mime
    fields["bytes"] = kept.bytes
    fields["sha256"] = kept.sha256
    for name in SELDOM:
        told = getattr(kept, name)
        if told is not None:
            fields[name] = told
    return fields


def value(kept: Kept, read: Read) -> Any:
    """A text is kept as it is, a vector and tool calls as JSON."""
    if kept.value is None or kept.kind == "text":
        return kept.value
    return read(kept.value.encode())


def lines(batch: str, rows: Iterable[JobRow], *, prefix: str = "") -> Iterator[bytes]:
    """JSON Lines; what the queue keeps as JSON goes through as it is."""
    for row in rows:
        yield orjson.dumps(
            job(batch, row, prefix=prefix, read=orjson.Fragment), option=orjson.OPT_APPEND_NEWLINE
        )


def status(batch: BatchRow) -> dict[str, Any]:
    """What `runner status --json` prints, and a run as its last line."""
    return {
        "batch": batch.name,
        "state": batch.state.value,
        "reason": batch.reason,
        "jobs": counts(batch.tally),
        "attempts": batch.tally.attempts,
        "outputs": batch.tally.outputs,
        "spent_usd": usd(batch.tally.spent_nusd if batch.priced else None),
        "maybe_billed_twice": batch.tally.maybe_billed_twice,
    }


def counts(tally: Tally) -> dict[str, int]:
    """Jobs by state, with their total."""
    return {"total": tally.total, **{state: getattr(tally, state) for state in STATES}}


def listed(batch: BatchRow) -> dict[str, Any]:
    """What `runner batches --json` prints of each: its status and its dates."""
    return {
        **status(batch),
        "manifest": batch.path,
        "outputs_dir": batch.place,
        "created_at": moment(batch.created_at),
        "updated_at": moment(batch.updated_at),
        "started_at": moment(batch.started_at),
        "finished_at": moment(batch.finished_at),
    }


def shown(batch: str, row: JobRow, history: Iterable[Attempt]) -> dict[str, Any]:
    """What `runner show --json` prints: the job, the body of its request, and every attempt."""
    return {
        **job(batch, row),
        "request": orjson.loads(row.body),
        "history": [attempt(each) for each in history],
    }


def attempt(each: Attempt) -> dict[str, Any]:
    """One sending, as it is on record; `counted` is false where it only went on from an earlier answer."""
    return {
        "attempt": each.number,
        "counted": each.counted,
        "started_at": moment(each.started_at),
        "latency_s": seconds(each.latency_s),
        "served_by": each.served_by,
        "http_status": each.http_status,
        "cause": each.cause,
        "message": each.message,
        "request_id": each.request_id,
        "seed": each.seed,
        "billed": each.billed,
        "again": each.again,
        "cost_usd": usd(each.cost_nusd),
        "usage": None if each.usage is None else orjson.loads(each.usage),
        "body": each.body.decode(errors="replace") or None,
    }


def failure(batch: str, failed: Failure, advice: str) -> dict[str, Any]:
    """What `runner failures --json` prints of each cause."""
    return {
        "state": failed.state.value,
        "cause": failed.cause,
        "count": failed.count,
        "advice": advice,
        "example": job(batch, failed.example),
    }
