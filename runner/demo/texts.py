"""Text answers: chat, plain and streamed, and embeddings; the same request gets the same words."""

import hashlib
import math
import struct
from collections.abc import Iterator, Sequence
from typing import Any

import orjson
import pybase64

from runner.demo.acts import EVENTS, Answer, said
from runner.demo.reading import Body, Refused, choice, text, whole
from runner.demo.studio import Made, Visit
from runner.value import value

DIMENSIONS = 64
ECHO = 160
"""Characters of the prompt that an answer quotes."""
OPENINGS = (
    "It looks like",
    "You ask about",
    "Here is a thought on",
    "Let me tell you of",
    "In short, this is",
)
CLOSINGS = (
    "It was a quiet morning, and the light came in from the east.",
    "Nobody had expected that, least of all those who had planned it.",
    "There are three things to say of it, and the first is the shortest.",
    "Seen from afar it is simple; from near by, it is beautiful.",
    "A second look shows more than the first, as it often does.",
)
PICTURES = frozenset({"image_url", "input_image", "image"})
"""What a part of a message is called that is a picture."""
DONE = b"data: [DONE]\n\n"


@value
class Choice:
    """One of the answers to a chat."""

    index: int
    content: str | None
    tool_calls: list[dict[str, Any]] | None
    finish_reason: str

    def message(self) -> dict[str, Any]:
        calls = {"tool_calls": self.tool_calls} if self.tool_calls else {}
        return {"role": "assistant", "content": self.content, **calls}


def chat(body: Body, visit: Visit) -> Made:
    """`POST /chat/completions`."""
    model = text(body, "model")
    asked = question(body)
    count = whole(body, "n", 1, 1, 16)
    choices = [choose(body, asked, index) for index in range(count)]
    usage = counted(asked, "".join(each.content or "" for each in choices))
    head = {"id": f"chatcmpl-demo-{visit.number}", "created": visit.epoch, "model": model}
    if body.get("stream"):
        return stream(head, choices, usage if wants_usage(body) else None)
    said_choices = [
        {"index": each.index, "message": each.message(), "finish_reason": each.finish_reason}
        for each in choices
    ]
    return said({**head, "object": "chat.completion", "choices": said_choices, "usage": usage})


def question(body: Body) -> str:
    """The words of the last message; its pictures are counted."""
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages or not isinstance(messages[-1], dict):
        raise Refused(400, "'messages' is required and must be a list of messages", "invalid_value")
    content = messages[-1].get("content")
    if isinstance(content, str):
        return content
    return " ".join(part_text(part) for part in content) if isinstance(content, list) else ""


def part_text(part: object) -> str:
    if not isinstance(part, dict):
        raise Refused(400, "a part of 'content' is not an object", "invalid_value")
    return "(a picture)" if part.get("type") in PICTURES else str(part.get("text", ""))


def choose(body: Body, asked: str, index: int) -> Choice:
    if calls := tool_calls(body):
        return Choice(index=index, content=None, tool_calls=calls, finish_reason="tool_calls")
    words = written(asked, index).split(" ")
    limit = whole(body, "max_tokens", len(words), 1, 10**6)
    said_words = " ".join(words[:limit])
    reason = "length" if limit < len(words) else "stop"
    return Choice(index=index, content=shaped(body, said_words), tool_calls=None, finish_reason=reason)


def shaped(body: Body, words: str) -> str:
    """The words in the shape that `response_format` asks for."""
    wanted = body.get("response_format")
    plain = not isinstance(wanted, dict) or wanted.get("type") == "text"
    return words if plain else orjson.dumps({"answer": words}).decode()


def tool_calls(body: Body) -> list[dict[str, Any]]:
    """A call of the first tool, where the request insists on one."""
    tools = body.get("tools")
    if not tools or body.get("tool_choice") in {None, "auto", "none"}:
        return []
    function = {"name": tools[0]["function"]["name"], "arguments": "{}"}
    return [{"index": 0, "id": "call_demo", "type": "function", "function": function}]


def written(asked: str, index: int = 0) -> str:
    """A few words about the question, always the same for it."""
    chance = digest(asked)[index % 8] + index
    opening, closing = OPENINGS[chance % len(OPENINGS)], CLOSINGS[chance // 5 % len(CLOSINGS)]
    return f"{opening} “{asked[:ECHO]}”. {closing} (A demo answer.)"


def digest(words: str) -> bytes:
    return hashlib.blake2b(words.encode(errors="replace"), digest_size=8).digest()


def counted(asked: str, answered: str) -> dict[str, int]:
    spent, made = len(asked) // 4 + 1, len(answered) // 4 + 1
    return {"prompt_tokens": spent, "completion_tokens": made, "total_tokens": spent + made}


def wants_usage(body: Body) -> bool:
    options = body.get("stream_options")
    return isinstance(options, dict) and bool(options.get("include_usage"))


def stream(head: dict[str, Any], choices: Sequence[Choice], usage: dict[str, int] | None) -> Answer:
    """The same answer in events, a word each."""
    head = {**head, "object": "chat.completion.chunk"}
    events = [event({**head, "choices": [delta]}) for each in choices for delta in deltas(each)]
    if usage:
        events.append(event({**head, "choices": [], "usage": usage}))
    return Answer(body=b"".join(events) + DONE, type=EVENTS)


def deltas(made: Choice) -> Iterator[dict[str, Any]]:
    """The pieces of one choice, the end with its reason last."""
    first = {"role": "assistant", "tool_calls": made.tool_calls} if made.tool_calls else {"role": "assistant"}
    yield {"index": made.index, "delta": first, "finish_reason": None}
    for word in pieces(made.content or ""):
        yield {"index": made.index, "delta": {"content": word}, "finish_reason": None}
    yield {"index": made.index, "delta": {}, "finish_reason": made.finish_reason}


def pieces(words: str) -> list[str]:
    """The words with the blanks before them: joined they are the text again."""
    first, *others = words.split(" ")
    return [first, *(f" {word}" for word in others)]


def nebula_stream(model: str, prompt: str, epoch: int) -> Answer:
    """Chat chunks as Nebula's page shows them: a role with the first, no finish reason, `[DONE]`."""
    head = {
        "id": f"chatcmpl-{digest(prompt).hex()}",
        "created": epoch,
        "model": model,
        "object": "chat.completion.chunk",
    }
    words: list[dict[str, str]] = [{"content": word} for word in pieces(written(prompt))]
    words[0]["role"] = "assistant"
    events = [event({**head, "choices": [{"index": 0, "delta": delta}]}) for delta in words]
    return Answer(body=b"".join(events) + DONE, type=EVENTS)


def event(value: dict[str, Any]) -> bytes:
    return b"data: " + orjson.dumps(value) + b"\n\n"


def embeddings(body: Body, _visit: Visit) -> Made:
    """`POST /embeddings`: a vector that hangs on nothing but the input."""
    model = text(body, "model")
    given = body.get("input")
    if not given or not isinstance(given, str | list):
        raise Refused(400, "'input' is required and must be a text or a list", "invalid_value")
    items = given if isinstance(given, list) and not isinstance(given[0], int) else [given]
    size = whole(body, "dimensions", DIMENSIONS, 1, 4096)
    packed = choice(body, "encoding_format", ("float", "base64")) == "base64"
    data = [
        {
            "object": "embedding",
            "index": index,
            "embedding": packed_or_plain(vector(item, size), packed=packed),
        }
        for index, item in enumerate(items)
    ]
    spent = sum(len(str(item)) // 4 + 1 for item in items)
    usage = {"prompt_tokens": spent, "total_tokens": spent}
    return said({"object": "list", "model": model, "data": data, "usage": usage})


def vector(item: object, size: int) -> list[float]:
    """A unit vector drawn from the hash of the input, of 32-bit floats' precision."""
    noise = hashlib.shake_128(str(item).encode(errors="replace")).digest(2 * size)
    numbers = [number + 0.5 for number in struct.unpack(f"<{size}h", noise)]
    length = math.sqrt(sum(number * number for number in numbers))
    return [round(number / length, 7) for number in numbers]


def packed_or_plain(numbers: list[float], *, packed: bool) -> str | list[float]:
    if not packed:
        return numbers
    return pybase64.b64encode_as_string(struct.pack(f"<{len(numbers)}f", *numbers))
