"""Answers as parts of a conversation: what was said before them, and who says them."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import orjson

from runner.attachments import attached
from runner.exports.form import with_outputs
from runner.exports.refusal import Refusal
from runner.exports.sample import Sample
from runner.outcome import Fault, Kept

Message = dict[str, Any]
WORDS = frozenset({"text", "tool_calls"})


def choices(sample: Sample) -> Iterable[Sample]:
    """A sample for each answer: the text and the tool calls of one choice belong together."""
    return [with_outputs(sample, *kept) for kept in together(sample.outputs)]


def together(outputs: Sequence[Kept]) -> Iterator[list[Kept]]:
    """What follows a text, is of the same end and is no text, is a part of the same choice."""
    said = [kept for kept in outputs if kept.kind in WORDS]
    choice: list[Kept] = []
    for kept in said:
        if choice and kept.kind == "tool_calls" and is_text_of(choice[-1], kept):
            yield [*choice, kept]
            choice = []
            continue
        if choice:
            yield choice
        choice = [kept]
    if choice:
        yield choice


def is_text_of(text: Kept, calls: Kept) -> bool:
    return text.kind == "text" and text.finish_reason == calls.finish_reason


def before(sample: Sample) -> list[Message]:
    """What was said before the answer; files are in it as they were sent. Raises `Refusal`."""
    try:
        request = attached(sample.request(), under="")
    except Fault as error:
        raise Refusal(f"{sample.job.id}: {error.message}") from error
    said = request.get("messages")
    if not isinstance(said, list):
        return [{"role": "user", "content": sample.job.prompt or ""}]
    system = request.get("system")
    return [{"role": "system", "content": system}, *said] if isinstance(system, str) else said


def answer(sample: Sample) -> Message:
    """What the model said."""
    said: Message = {"role": "assistant", "content": None}
    for kept in sample.outputs:
        if kept.kind == "text":
            said["content"] = kept.value
        else:
            said["tool_calls"] = orjson.loads(kept.value or "[]")
    return said


def tools(sample: Sample) -> list[Any] | None:
    """Those that the model could call."""
    found = sample.request().get("tools") if b'"tools":' in sample.job.body else None
    return found if isinstance(found, list) else None


def words_of(message: Message) -> str:
    """The text of a message, whatever else is in it."""
    content = message.get("content")
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    return "\n".join(
        part["text"] for part in parts if isinstance(part, dict) and isinstance(part.get("text"), str)
    )
