"""Expressions over what came of a job: which of it is wanted, and which answer is the better one."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from runner import sandbox
from runner.exports.refusal import Refusal
from runner.exports.sample import ASKED, Sample, names
from runner.filling import BadTemplate
from runner.problems import meant

JOB = (
    "id",
    "key",
    "batch",
    "endpoint",
    "model",
    "prompt",
    "params",
    "vars",
    "sample",
    "state",
    "outputs",
    "usage",
    "cost_usd",
    "attempts",
    "cause",
    "message",
    "http_status",
    "request_id",
    "served_by",
    "started_at",
    "finished_at",
    "latency_s",
)
KNOWN = (*JOB, *ASKED)


@dataclass(frozen=True)
class Condition:
    """`width > 512 and finish_reason == 'stop'`; raises `Refusal` where it is none."""

    option: str
    """Where it was given, for messages."""
    text: str

    def __post_init__(self) -> None:
        for name in sorted(self.used() - set(KNOWN)):
            raise Refusal(f"{self}: there is no {name!r}{meant(name, KNOWN)}")
        if isinstance(sandbox.compiled(self.template), sandbox.Text):
            raise Refusal(f"{self}: that is not one expression")

    def __str__(self) -> str:
        return f"{self.option} {self.text!r}"

    def used(self) -> frozenset[str]:
        try:
            return sandbox.names(self.template).used
        except BadTemplate as error:
            raise Refusal(f"{self}: {error}") from error

    @cached_property
    def template(self) -> str:
        return f"{{{{ {self.text} }}}}"

    def of(self, sample: Sample) -> Any:
        try:
            return sandbox.filled(self.template, names(sample))
        except BadTemplate as error:
            raise Refusal(f"{self}: {error}, at {sample.job.id}") from error

    def holds(self, sample: Sample) -> bool:
        return bool(self.of(sample))
