"""A batch in numbers as one JSON object: what programs read, and nights are compared by."""

from collections.abc import Mapping
from typing import Any

from runner.facts import Facts, Looks, Part
from runner.job import State
from runner.latency import Latency
from runner.outcome import Cause
from runner.report.advice import told
from runner.results import counts, moment, seconds, usd
from runner.store.rows import Failure
from runner.timeline import Timeline

DIGITS = 6
"""Of rates and of dollars for an output: further ones are noise."""
SLOTS = tuple(state.value for state in State)


def shown(facts: Facts, runner: str) -> dict[str, Any]:
    """`runner` is how the program is called: advice names commands."""
    row = facts.batch
    return {
        "batch": row.name,
        "state": row.state.value,
        "reason": row.reason,
        "made_at": moment(facts.at),
        "started_at": moment(row.started_at),
        "finished_at": moment(row.finished_at),
        "worked_s": seconds(facts.timeline.worked_s),
        "jobs": counts(row.tally),
        "attempts": facts.attempts,
        "maybe_billed_twice": row.tally.maybe_billed_twice,
        "outputs": {kind: {"count": each.outputs, "bytes": each.bytes} for kind, each in facts.kinds.items()},
        "cost_usd": usd(facts.nusd),
        "cost_per_output_usd": rounded(usd_of(facts.nusd_per_output)),
        "tokens": {"input": facts.input_tokens, "output": facts.output_tokens},
        "latency_s": latency(facts.latency),
        "refusals": facts.refusals,
        "causes": dict(facts.causes),
        "rates": rates(facts),
        "failures": [failure(row.name, each, runner) for each in facts.failures],
        "models": [part(each) for each in facts.parts],
        "pictures": pictures(facts.pictures, facts.looks),
        "timeline": timeline(facts.timeline),
    }


def rates(facts: Facts) -> dict[str, float | None]:
    """Shares of all jobs that have ended, and of all sendings."""
    tally = facts.batch.tally
    ended = tally.succeeded + tally.failed + tally.unknown
    return {
        "succeeded": rounded(tally.succeeded / ended if ended else None),
        "refused": rounded(facts.rate(Cause.THROTTLED)),
        "invalid": rounded(facts.rate(Cause.INVALID)),
        "blocked": rounded(facts.rate(Cause.BLOCKED)),
    }


def rounded(number: float | None) -> float | None:
    return None if number is None else round(number, DIGITS)


def usd_of(nusd: float | None) -> float | None:
    return None if nusd is None else nusd / 1e9


def latency(told_of: Latency) -> dict[str, Any]:
    return {
        "answers": told_of.answers,
        "mean": seconds(told_of.mean_s),
        "p50": seconds(told_of.p50_s),
        "p95": seconds(told_of.p95_s),
        "p99": seconds(told_of.p99_s),
        "longest": seconds(told_of.longest_s),
    }


def failure(batch: str, failed: Failure, runner: str) -> dict[str, Any]:
    return {
        "state": failed.state.value,
        "cause": failed.cause.value,
        "count": failed.count,
        "advice": told(batch, failed, runner),
        "example": {
            "id": failed.example.id,
            "message": failed.example.message,
            "http_status": failed.example.http_status,
        },
    }


def part(each: Part) -> dict[str, Any]:
    return {
        "endpoint": each.endpoint,
        "model": each.model,
        "jobs": {"total": sum(each.jobs.values()), **{state: each.jobs.get(state, 0) for state in SLOTS}},
        "attempts": each.attempts,
        "answered": each.answered,
        "causes": dict(each.causes),
        "cost_usd": usd(each.nusd),
        "tokens": {"input": each.input_tokens, "output": each.output_tokens},
        "latency_s": latency(each.latency),
    }


def pictures(number: int, looks: Looks) -> Mapping[str, Any]:
    return {
        "count": number,
        "looked_at": looks.looked_at,
        "unreadable": list(looks.unreadable),
        "flat": list(looks.flat),
        "black": looks.black,
        "duplicates": looks.duplicates,
        "alike": [list(group.paths) for group in looks.alike],
    }


def timeline(told_of: Timeline) -> dict[str, Any]:
    """Steps in which nothing ended are left out."""
    return {
        "step_s": told_of.step_s,
        "steps": [
            {"at": moment(step.at), "answered": step.answered, "refused": step.refused, "failed": step.failed}
            for step in told_of.steps
        ],
    }
