"""What an export is made of: what came of a job, or one part of it, told as a row."""

from typing import Any

import orjson

from runner import results
from runner.expect import SEED, is_seed, mappings
from runner.outcome import Attempt, Kept
from runner.store.rows import JobRow
from runner.value import value

FIXED = 600
"""Bytes that a row takes beside what it says at length."""
Row = dict[str, Any]


@value
class Sample:
    """One row, or one line, or one picture with what is known of it."""

    batch: str
    job: JobRow
    sending: Attempt | None
    """The last one, which brought the outputs; None where nothing of it is asked for."""
    group: str
    """The key that all samples of its request share."""
    outputs: tuple[Kept, ...] = ()
    """Those of the job's that it is about."""
    rejected: "Sample | None" = None
    """A worse answer to the same request."""

    @property
    def output(self) -> Kept | None:
        return self.outputs[0] if self.outputs else None

    def request(self) -> Any:
        """The body as it was sent: with the seed of its last attempt; files stand in it by path and hash."""
        tree = orjson.loads(self.job.body)
        if self.sending is not None and self.sending.seed is not None:
            holder = seeded(tree)
            if holder is not None:
                holder[SEED] = self.sending.seed
        return tree

    def seed(self) -> int | None:
        """The one that was really sent."""
        if self.sending is not None and self.sending.seed is not None:
            return self.sending.seed
        if b'"seed":' not in self.job.body:
            return None
        holder = seeded(orjson.loads(self.job.body))
        return None if holder is None else int(holder[SEED])

    def line(self) -> bytes:
        """All that is on record of it: what does not change this changes no export."""
        told = results.job(self.batch, self.job._replace(outputs=self.outputs), read=orjson.Fragment)
        mark = (self.job.attempt, None if self.sending is None else self.sending.seed)
        worse = None if self.rejected is None else orjson.Fragment(self.rejected.line())
        return orjson.dumps((told, mark, worse))

    def weight(self, *, carries: bool) -> int:
        """About so many bytes it takes where pictures are carried, or are not."""
        values = sum(each.bytes for each in self.outputs if carries or each.path is None)
        return values + FIXED + len(self.job.body) + len(self.job.params) + len(self.job.vars)


def seeded(tree: Any) -> Any:
    """The mapping of a request that holds its seed."""
    return next((each for each in mappings(tree) if is_seed(each.get(SEED))), None)


def row(sample: Sample) -> Row:
    """What is known of a sample, flat but for `params` and `vars`; what it has not is None."""
    job, kept = sample.job, sample.output
    return {
        "id": job.id,
        "key": job.key,
        "batch": sample.batch,
        "endpoint": job.endpoint,
        "served_by": job.served_by,
        "model": job.model,
        "prompt": job.prompt,
        "params": orjson.loads(job.params),
        "vars": orjson.loads(job.vars),
        "sample": job.sample,
        "seed": sample.seed(),
        "request": compact(sample.request()),
        "state": job.state.value,
        **output(kept),
        "usage": None if job.usage is None else job.usage.decode(),
        "cost_usd": results.usd(job.cost_nusd),
        "attempts": job.attempts,
        "cause": job.cause and job.cause.value,
        "message": job.message,
        "http_status": job.http_status,
        "request_id": job.request_id,
        "started_at": results.moment(job.started_at),
        "finished_at": results.moment(job.finished_at),
        "latency_s": results.seconds(job.latency_s),
    }


OUTPUT = (
    "index",
    "kind",
    "mime",
    "bytes",
    "sha256",
    "width",
    "height",
    "finish_reason",
    "revised_prompt",
)


def output(kept: Kept | None) -> Row:
    """Of an output all but what it is."""
    return {name: getattr(kept, name, None) for name in OUTPUT}


def content(kept: Kept | None, kind: str) -> Any:
    """What an output of that kind is: a text, a vector, tool calls as JSON; None where it is of another."""
    if kept is None or kept.kind != kind:
        return None
    return orjson.loads(kept.value or "null") if kind == "embedding" else kept.value


def names(sample: Sample) -> Row:
    """What an expression may ask: the fields of `results.jsonl`, of the output that it is about, the seed."""
    line = results.job(sample.batch, sample.job)
    kept = sample.output
    found = {} if kept is None else results.output(kept)
    return {**dict.fromkeys(ASKED), **line, **found, SEED: sample.seed()}


ASKED = (*OUTPUT, "path", "text", "vector", "tool_calls", SEED)
"""Names that every expression may use beside those of a job."""


def compact(tree: Any) -> str:
    return orjson.dumps(tree).decode()
