"""An event stream, put together into the answer that it would have been without streaming."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import orjson

from runner import fault
from runner.outcome import Fault, Then
from runner.value import value
from runner.wire import Reply

DONE = b"[DONE]"
COMPLETED = ".completed"
"""How the type of an event ends that carries a whole output, such as `image_generation.completed`."""
GOES_ON = (b" ", b"\t", b"}", b"]")
"""How a line begins that is no field of a stream but more of the JSON before it."""
HEAD = ("id", "created", "model", "object")
"""What an answer says of itself, taken from the first chunk that says it."""


@value(kw_only=False)
class Event:
    """One event as it came."""

    name: str
    lines: tuple[bytes, ...]
    """Its data, less an end marker."""
    is_last: bool = False
    """Whether it has the end marker."""
    is_whole: bool = True
    """False where the stream ended without the empty line that closes it."""

    @property
    def data(self) -> bytes:
        return b"\n".join(self.lines)


def gathered(name: str, lines: list[bytes], *, is_whole: bool = True) -> Event:
    data = tuple(line for line in lines if line.strip() != DONE)
    return Event(name, data, is_last=len(data) < len(lines), is_whole=is_whole)


@dataclass(slots=True)
class Choice:
    """One choice while its deltas come in."""

    content: list[str] = field(default_factory=list)
    refusal: list[str] = field(default_factory=list)
    tool_calls: dict[int, dict[str, Any]] = field(default_factory=dict)
    finish_reason: str | None = None

    def message(self) -> dict[str, Any]:
        said: dict[str, Any] = {"content": "".join(self.content) if self.content else None}
        if self.refusal:
            said["refusal"] = "".join(self.refusal)
        if self.tool_calls:
            said["tool_calls"] = [self.tool_calls[index] for index in sorted(self.tool_calls)]
        return said


@dataclass(slots=True)
class Answer:
    """The answer while its events come in."""

    head: dict[str, Any] = field(default_factory=dict)
    choices: dict[int, Choice] = field(default_factory=dict)
    data: list[Any] = field(default_factory=list)
    ended: bool = False

    @property
    def is_whole(self) -> bool:
        """An end marker, a completed event, or a finish reason for every choice."""
        finished = (choice.finish_reason is not None for choice in self.choices.values())
        return self.ended or (bool(self.choices) and all(finished))

    def choice(self, index: Any) -> Choice:
        """The choice of that index, a new one where it is the first to be heard of."""
        place = index if isinstance(index, int) else 0
        if place not in self.choices:
            self.choices[place] = Choice()
        return self.choices[place]

    @property
    def text(self) -> str:
        return "\n".join("".join(choice.content) for choice in self.choices.values())

    def tree(self) -> dict[str, Any]:
        if self.data:
            return {**self.head, "data": self.data}
        choices = [
            {"index": index, "message": choice.message(), "finish_reason": choice.finish_reason}
            for index, choice in sorted(self.choices.items())
        ]
        return {**self.head, "choices": choices}


def joined(reply: Reply) -> dict[str, Any]:
    """The answer that the stream spells; raises the fault of one that is cut, broken or brings an error."""
    answer = Answer()
    for event in events(reply.body):
        for chunk in chunks(event, reply, answer):
            take(answer, chunk)
        if event.is_last:
            answer.ended = True
            break
    if not answer.is_whole:
        raise early(reply, answer)
    return answer.tree()


def events(body: bytes) -> Iterator[Event]:
    """Split by lines of any length; indented JSON may go on over several."""
    name, lines = "", list[bytes]()
    for line in body.removeprefix(b"\xef\xbb\xbf").splitlines():
        key, _, value = line.partition(b":")
        if not line and lines:
            yield gathered(name, lines)
            name, lines = "", []
        elif key == b"data":
            lines.append(value.removeprefix(b" "))
        elif key == b"event":
            name = value.strip().decode(errors="replace")
        elif lines and line.startswith(GOES_ON):
            lines.append(line)
    if lines:
        yield gathered(name, lines, is_whole=False)


def chunks(event: Event, reply: Reply, answer: Answer) -> list[dict[str, Any]]:
    """The event's JSON objects: one, or one a line where a server leaves out the empty lines between."""
    found = parsed([event.data]) or parsed(event.lines)
    if event.name == "error":
        raise broken(reply, {"error": found[0] if found else event.data.decode(errors="replace")}, answer)
    if found is None:
        raise fault.unreadable(reply, "stream is not JSON") if event.is_whole else early(reply, answer)
    for chunk in found:
        if not isinstance(chunk, dict):
            raise fault.unreadable(reply, "stream is not of JSON objects")
        if not chunk.get("choices") and fault.is_error(chunk):
            raise broken(reply, chunk, answer)
    return found


def parsed(texts: list[bytes] | tuple[bytes, ...]) -> list[Any] | None:
    """Each text's JSON; None where one is none."""
    try:
        return [orjson.loads(text) for text in texts]
    except orjson.JSONDecodeError:
        return None


def take(answer: Answer, chunk: dict[str, Any]) -> None:
    """Add what one chunk brings."""
    for name in HEAD:
        if name in chunk:
            answer.head.setdefault(name, chunk[name])
    if chunk.get("usage"):
        answer.head["usage"] = chunk["usage"]
    if str(chunk.get("type")).endswith(COMPLETED):
        answer.data.append(chunk)
        answer.ended = True
    answer.data += objects(chunk.get("data"))
    for part in objects(chunk.get("choices")):
        add(answer.choice(part.get("index")), part)


def add(choice: Choice, part: dict[str, Any]) -> None:
    """Add a delta to its choice."""
    delta = part.get("delta") or part.get("message") or {"content": part.get("text")}
    if isinstance(delta, dict):
        if isinstance(content := delta.get("content"), str):
            choice.content.append(content)
        if isinstance(refusal := delta.get("refusal"), str):
            choice.refusal.append(refusal)
        for call in objects(delta.get("tool_calls")):
            add_call(choice.tool_calls, call)
    choice.finish_reason = part.get("finish_reason") or choice.finish_reason


def add_call(calls: dict[int, dict[str, Any]], part: dict[str, Any]) -> None:
    """Add a piece of a tool call: its arguments come bit by bit, the rest once, and empty from then on."""
    index = part.get("index")
    call = calls.setdefault(index if isinstance(index, int) else len(calls), {"function": {"arguments": ""}})
    call.update({name: value for name, value in part.items() if value and name not in {"index", "function"}})
    for piece in objects([part.get("function")]):
        function, more = call["function"], str(piece.get("arguments") or "")
        function.update({name: value for name, value in piece.items() if value and name != "arguments"})
        function["arguments"] += more


def objects(value: Any) -> list[dict[str, Any]]:
    """The JSON objects of a list; none of anything else."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def early(reply: Reply, answer: Answer) -> Fault:
    """No end marker: what came of the text is the evidence."""
    return with_text(reply.lost or fault.useless(reply, "stream ended early"), answer)


def broken(reply: Reply, tree: dict[str, Any], answer: Answer) -> Fault:
    """An error in the stream. Once text had come it was paid for, so it is not waited out time after time."""
    error = fault.of_answer(reply, tree) or fault.useless(reply, "error in the stream")
    if answer.text and error.then in {Then.RETRY, Then.WAIT}:
        error = replace(error, then=Then.RETRY, billed=True, useless=True)
    return with_text(error, answer)


def with_text(error: Fault, answer: Answer) -> Fault:
    return replace(error, body=answer.text.encode()[: fault.EVIDENCE] or error.body)
