"""A job as a line of the output or error file that OpenAI's batch API would have for it."""

import re
import struct
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import orjson
import pybase64

from runner.job import State
from runner.outcome import Attempt, Kept
from runner.store.rows import JobRow
from runner.value import value

KINDS: Mapping[str, str] = {
    **dict.fromkeys(("b64_json", "url", "result"), "image"),
    "embedding": "embedding",
}
"""By the field of an answer, what kind of output the queue takes out there."""
GAP = re.compile(r"<(?:image \d+: \d+ bytes|\d+ numbers)>")
"""What it leaves there."""
UNSENT: Mapping[State, str] = {
    State.CANCELLED: "batch_cancelled",
    State.PENDING: "batch_expired",
    State.RUNNING: "batch_expired",
}
"""The codes of jobs that nothing became of."""
OK = 200
DIGITS = 32
"""Of its key that a line is called by."""
BASE64 = b'"encoding_format":"base64"'

Read = Callable[[Kept], bytes]
"""The content of a picture's file."""


@value(kw_only=False)
class Line:
    """One line, and whether it belongs into the file of errors."""

    data: bytes
    is_error: bool


@value(kw_only=False)
class Gap:
    """Where something was taken out of an answer."""

    place: dict[str, Any]
    field: str

    @property
    def kind(self) -> str:
        return KINDS[self.field]

    @property
    def index(self) -> int:
        """The provider's own."""
        index = self.place.get("index")
        return index if isinstance(index, int) else 0


def line(job: JobRow, sending: Attempt | None, read: Read) -> Line:
    """The line of a job; `sending` is its last one, with its body, `read` brings the pictures."""
    if job.state is State.SUCCEEDED and sending is not None:
        return Line(written(job, response(sending, answer(job, sending, read)), None), is_error=False)
    if sending is None or sending.http_status is None or job.state in UNSENT:
        return Line(written(job, None, error(job)), is_error=True)
    told = response(sending, refusal(job, sending))
    is_told_by_status = sending.http_status // 100 != OK // 100
    return Line(written(job, told, None if is_told_by_status else error(job)), is_error=True)


def written(job: JobRow, told: Mapping[str, Any] | None, why: Mapping[str, Any] | None) -> bytes:
    return orjson.dumps(
        {"id": f"batch_req_{job.key[:DIGITS]}", "custom_id": job.id, "response": told, "error": why},
        option=orjson.OPT_APPEND_NEWLINE,
    )


def response(sending: Attempt, body: Any) -> dict[str, Any]:
    """One that went on from a ticket has no status of its own: it was paid for."""
    return {"status_code": sending.http_status or OK, "request_id": sending.request_id or "", "body": body}


def error(job: JobRow) -> dict[str, str]:
    """Why there is no answer, or none that counts."""
    code = UNSENT.get(job.state) or job.cause or job.state
    return {"code": str(code), "message": job.message or f"the job is {job.state}"}


def refusal(job: JobRow, sending: Attempt) -> dict[str, Any]:
    """An error's body as it came; in the words of the queue where it is no JSON."""
    told = {"message": job.message, "type": job.cause, "param": None, "code": job.cause}
    return document(sending.body) or {"error": told}


def answer(job: JobRow, sending: Attempt, read: Read) -> dict[str, Any]:
    """The body as it came, pictures and vectors back in their places."""
    tree = document(sending.body)
    if tree is None:
        return bare(job, sending, read)
    for kind in {kept.kind for kept in job.outputs} & {"image", "embedding"}:
        places = sorted((gap for gap in gaps(tree) if gap.kind == kind), key=lambda gap: gap.index)
        outputs = of_kind(job, kind)
        for gap, kept in zip(places, outputs, strict=True) if len(places) == len(outputs) else ():
            gap.place[gap.field] = content(job, kept, gap.field, read)
    return tree


def bare(job: JobRow, sending: Attempt, read: Read) -> dict[str, Any]:
    """For an answer that was a picture and nothing else."""
    pictures = [{"b64_json": base64(read(kept))} for kept in of_kind(job, "image")]
    return {"created": int(sending.started_at), "data": pictures}


def document(body: bytes) -> dict[str, Any] | None:
    try:
        tree = orjson.loads(body.removeprefix(b"\xef\xbb\xbf"))
    except orjson.JSONDecodeError:
        return None
    return tree if isinstance(tree, dict) else None


def gaps(tree: Any) -> Iterator[Gap]:
    """In the order in which they stand there."""
    if isinstance(tree, dict):
        for name, value in tree.items():
            if name in KINDS and isinstance(value, str) and GAP.fullmatch(value):
                yield Gap(tree, name)
            else:
                yield from gaps(value)
    elif isinstance(tree, list):
        for each in tree:
            yield from gaps(each)


def of_kind(job: JobRow, kind: str) -> list[Kept]:
    return sorted((kept for kept in job.outputs if kept.kind == kind), key=lambda kept: kept.index)


def content(job: JobRow, kept: Kept, field: str, read: Read) -> Any:
    """What was taken out, as the provider wrote it."""
    if kept.kind == "image":
        text = base64(read(kept))
        return f"data:{kept.mime};base64,{text}" if field == "url" else text
    numbers = (kept.value or "[]").encode()
    if BASE64 not in job.body:
        return orjson.Fragment(numbers)
    floats = orjson.loads(numbers)
    return base64(struct.pack(f"<{len(floats)}f", *floats))


def base64(data: bytes) -> str:
    return pybase64.b64encode_as_string(data)
