"""The nouns of an attempt: what came back, or why nothing did."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal

from runner.value import value

Kind = Literal["image", "text", "embedding", "tool_calls"]


class Cause(StrEnum):
    """Why an attempt or a job did not succeed."""

    THROTTLED = "throttled"
    UNAVAILABLE = "unavailable"
    TIMED_OUT = "timed_out"
    CONNECTION = "connection"
    REJECTED = "rejected"
    UNAUTHORIZED = "unauthorized"
    NO_CREDIT = "no_credit"
    NOT_FOUND = "not_found"
    BLOCKED = "blocked"
    MALFORMED = "malformed"
    INVALID = "invalid"
    CONFLICT = "conflict"
    INTERRUPTED = "interrupted"
    BUG = "bug"


class Then(StrEnum):
    """What a fault asks for, before the job's own past has its say."""

    RETRY = "retry"
    """Again, with backoff; costs a try."""
    WAIT = "wait"
    """Due later, at the provider's time; costs no try and closes the endpoint until then."""
    FAIL = "fail"
    """Final until a person acts."""
    STOP = "stop"
    """Park the endpoint (or the run); its jobs stay pending."""


@value
class Artifact:
    """One thing a job produced, in memory. Exactly one of `data`, `text`, `vector`, `tool_calls` is set."""

    kind: Kind
    index: int
    data: bytes | None = None
    """The bytes of an image file, as the provider made them."""
    text: str | None = None
    vector: list[float] | None = None
    tool_calls: list[dict[str, Any]] | None = None
    finish_reason: str | None = None
    revised_prompt: str | None = None


@value
class Usage:
    """What the provider says an answer took."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    inference_s: float | None = None
    """Seconds of inference, summed over the images of an answer."""
    raw: Mapping[str, Any] = field(default_factory=dict)
    """The provider's own usage block."""


@value
class Output:
    """A whole answer, read."""

    artifacts: tuple[Artifact, ...]
    usage: Usage | None = None
    body: bytes = b""
    """The answer as it came, less its base64 and vectors (JSON, or the text of an event stream)."""
    message: str | None = None
    """What a person should know although it succeeded, such as `2 of 4 images`."""


@value
class Kept:
    """An artifact where it is kept: a row of the queue. Exactly one of `path`, `value` is set."""

    kind: Kind
    index: int
    path: str | None = None
    """An image's file, relative to the batch's output folder."""
    value: str | None = None
    """A text as it is; a vector or tool calls as JSON."""
    mime: str
    bytes: int
    sha256: str
    width: int | None = None
    height: int | None = None
    finish_reason: str | None = None
    revised_prompt: str | None = None


@value
class Loan:
    """An answer that another batch has had, for a job of the same content."""

    row: int = 0
    """The job that is to have it; 0 where it is not submitted yet."""
    key: str
    stem: str = ""
    attempt: int = 0
    """Its claims so far."""
    is_free: bool = True
    """Whether nothing is expected of it."""
    lender: int
    """The row of the job that has had it."""
    name: str
    """That one's batch and id."""
    folder: str
    """Where that batch's outputs are."""
    outputs: tuple[Kept, ...]


@dataclass(eq=False, kw_only=True)
class Fault(Exception):
    """Why an attempt did not succeed: raised where it is found, a value from there on."""

    cause: Cause
    message: str
    then: Then
    billed: bool = False
    """Whether the provider may charge for it."""
    useless: bool = False
    """An answer came whole but was of no use: sent once more, not to the end of its tries."""
    http_status: int | None = None
    after_s: float | None = None
    """The provider's own wish for the wait, in seconds."""
    request_id: str | None = None
    body: bytes = b""
    """The raw evidence, 64 KB at most."""

    def __str__(self) -> str:
        return f"{self.cause}: {self.message}"


def let_go(error: BaseException) -> None:
    """Take from an exception, and from those it came of, the frames that it came through.

    They hold it, as it holds them, and with it the answer that they were at work on: a circle, which the
    collector alone would find, and it looks seldom. Once an exception has become a value nobody needs them.
    """
    reached = [error]
    while reached:
        met = reached.pop()
        met.__traceback__ = None
        reached += [each for each in (met.__cause__, met.__context__) if each and each.__traceback__]


@value
class Done:
    """The attempt brought an output, and it is kept."""

    kept: tuple[Kept, ...]
    output: Output


@value
class Failed:
    """The attempt ended by a fault."""

    fault: Fault


@value
class Unmet:
    """The attempt brought an output that is not what its job expects; it is kept as evidence."""

    done: Done
    """What it brought, nothing of it kept as an output."""
    cause: Cause
    message: str
    retries: int
    """How often a job may be sent again after such answers."""


@value
class Interrupted:
    """The attempt was cut by ourselves."""

    sent: bool


@value
class Waiting:
    """The provider works on it; the ticket that asks for it is committed. Ask again after a while."""

    seconds: float


Outcome = Done | Unmet | Failed | Interrupted | Waiting


@value
class Attempt:
    """One sending of a job, for the record that is never changed."""

    number: int
    counted: bool
    """False where the claim only went on from a ticket: nothing paid was sent."""
    started_at: float
    """Seconds since the epoch."""
    latency_s: float
    served_by: str
    """The endpoint that it was sent to."""
    billed: bool
    """Whether it was, or may have been, charged for."""
    again: bool
    """Whether it was made after an earlier sending of the job that may have been billed."""
    cost_nusd: int | None = None
    """Billionths of a dollar; None where the price is not known."""
    cause: Cause | None = None
    """None where it brought an output."""
    message: str | None = None
    http_status: int | None = None
    request_id: str | None = None
    seed: int | None = None
    """The fresh seed that it was sent with in place of the request's own."""
    usage: bytes | None = None
    """What the provider says it took: a JSON object."""
    body: bytes = b""
    """The answer less its base64; the raw evidence of an unreadable one (64 KB at most)."""
