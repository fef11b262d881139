"""What a batch has brought, as rows for the jobs of another: one for each output of a job that succeeded."""

from collections.abc import Iterable, Iterator
from typing import Any

import orjson

from runner import results
from runner.outcome import Kept
from runner.row import PROMPT, Row
from runner.store.rows import BatchRow, JobRow

OWN = frozenset({"id", "key", "text", "path", "index", "kind", "model", PROMPT, "params", "output"})
"""Columns that tell of the output itself: none is handed on from the batch before, as variables are."""
TOLD = frozenset({"index", "kind", "text", "path", "vector", "tool_calls"})
"""What stands in a column of its own, or is too long for one."""


def rows(batch: BatchRow, jobs: Iterable[JobRow]) -> Iterator[Row]:
    for job in jobs:
        shared = {
            **{name: value for name, value in orjson.loads(job.vars).items() if name not in OWN},
            "key": job.key,
            "model": job.model,
            PROMPT: job.prompt,
            "params": orjson.loads(job.params),
        }
        for kept in job.outputs:
            yield f"{batch.name}/{job.id}", {**shared, "id": id_of(job, kept), **columns(batch, kept)}


def id_of(job: JobRow, kept: Kept) -> str:
    """The job's id, with the output's number where it made several, as its files are called."""
    return job.id if len(job.outputs) == 1 else f"{job.id}-{kept.index}"


def columns(batch: BatchRow, kept: Kept) -> dict[str, Any]:
    """What an output does not have is no column of its row."""
    path = {} if kept.path is None else {"path": f"{batch.place}/{kept.path}"}
    text = {"text": kept.value} if kept.kind == "text" else {}
    more = {name: value for name, value in results.output(kept).items() if name not in TOLD}
    return {"index": kept.index, "kind": kept.kind, **text, **path, "output": more}
