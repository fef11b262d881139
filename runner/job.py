"""The nouns of the queue: a job, the state it is in, and a claim on it."""

from collections.abc import Mapping
from dataclasses import field
from enum import StrEnum
from typing import Any

from runner.value import value


class State(StrEnum):
    """Where a job stands. `unknown` is a paid request whose answer will never be seen."""

    PENDING = "pending"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    UNKNOWN = "unknown"
    CANCELLED = "cancelled"


@value
class Ask:
    """What a manifest asks of a model once, before a dialect has made a request body of it.

    `params` go on the wire as they are; a `{"file": path, "sha256": hex}` in them stands for the
    base64 of that file. `messages`, where given, replaces `system` and `prompt`.
    """

    model: str
    prompt: str | None = None
    system: str | None = None
    messages: list[dict[str, Any]] | None = None
    params: Mapping[str, Any] = field(default_factory=dict)
    vars: Mapping[str, Any] = field(default_factory=dict)
    body: Mapping[str, Any] | None = None
    """The whole request body, where a batch file brings it: no dialect makes one of the rest."""
    path: str | None = None
    """Where a batch file has it go, such as `/v1/embeddings`."""


@value
class Job:
    """One request to make, as expansion leaves it and the queue keeps it."""

    id: str
    """Unique in its batch: the user's, or derived from `key`."""
    stem: str
    """The name that its files begin with: `id` made safe, told apart from twins in its batch."""
    key: str
    """Hash of endpoint name, dialect, model, canonical body and sample number: 64 hex digits."""
    endpoint: str
    model: str
    prompt: str | None
    params: bytes
    """All request parameters, the matrix's included, without model and prompt: a JSON object."""
    vars: bytes
    """All template variables of the job: a JSON object."""
    sample: int
    """Which occurrence of the same request this is, from 1."""
    body: bytes
    """The canonical request body, a JSON object; files stand in it by path and hash. A batch file's
    is as it stands there: data, in its own order."""
    path: str | None = None
    """Where a batch file has it go, such as `/v1/embeddings`; None: where its dialect sends all."""
    also: tuple[str, ...] = ()
    """Equivalent endpoints that may serve it too; they are no part of `key`."""
    expect: str | None = None
    """What is expected of its answers, by digest: no part of `key` either."""
    reuse: bool = False
    """Whether it may take over what another batch has had: no part of `key` either."""

    @property
    def pool(self) -> str:
        """All endpoints that may serve it, its own first: no name has a space."""
        return " ".join((self.endpoint, *self.also))


@value
class Particulars:
    """What is told of a job in the pictures that it makes, and that sending it does not take."""

    endpoint: str
    """The job's own, whoever serves it."""
    sample: int
    params: bytes
    vars: bytes


@value
class Claim:
    """A job in a worker's hands: what sending it needs, and what its past allows it."""

    row: int
    """The job's row in the queue."""
    id: str
    stem: str
    key: str
    endpoint: str
    """The one that it is to be sent to: the job's own, or an equivalent."""
    model: str
    body: bytes
    attempt: int
    """The number of this claim, from 1: the fence its result is committed behind."""
    tries: int
    """Tries spent before this one; `retry.attempts` bounds them."""
    maybe_billed: int
    """Tries before this one that may have been billed; `retry.maybe_billed` bounds them."""
    useless: int
    """Whole answers before this one that were of no use (unreadable, empty, cut)."""
    unmet: int = 0
    """Answers before this one that were not as expected; `expect.retries` bounds them."""
    variant: int = 0
    """The same since ever, `runner retry` or not: each makes it another request, by a fresh seed."""
    waits: int
    """Refusals for pace (429) in a row before this one."""
    billed_before: bool
    """Whether any earlier sending may have been billed, an interrupted one included."""
    ticket: bytes | None
    """What an earlier claim committed to go on from (JSON); with one, nothing is paid again."""
    also: tuple[str, ...] = ()
    """Other endpoints that may serve the job, unless it has a ticket: that is good at `endpoint` alone."""
    reserve: int | None = None
    """The most that sending it is likely to cost, in billionths of a dollar; from a ticket nothing more."""
    expect: str | None = None
    """What is expected of its answer, by digest; None: nothing but that it can be decoded."""
    path: str | None = None
    """Where a batch file has it go; None: where its dialect sends all."""
    particulars: Particulars | None = None
    """None: its pictures tell nothing of it."""
