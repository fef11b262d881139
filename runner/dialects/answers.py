"""What an answer holds, told by its Content-Type and its body, whatever was asked and wherever."""

import math
import struct
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

import msgspec
import orjson
import pybase64

from runner import fault
from runner.dialects import events
from runner.dialects.pictures import sliced
from runner.dialects.usage import usage
from runner.outcome import Artifact, Fault, Usage
from runner.value import value
from runner.wire import Reply

NOUNS = {"image": "images", "text": "texts", "embedding": "embeddings", "tool_calls": "choices"}
FLOAT_BYTES = 4
"""Vectors in base64 are little-endian floats of 32 bits."""


@value(kw_only=False)
class Link:
    """An image that is still to be fetched."""

    url: str
    index: int = 0
    revised_prompt: str | None = None


Items = tuple[Artifact | Link, ...]


@value
class Answer:
    """A whole answer, read: its outputs in order, some of them links as yet."""

    items: Items
    usage: Usage | None
    body: bytes
    """Less its base64 and vectors."""
    message: str | None = None

    @property
    def has_links(self) -> bool:
        return any(isinstance(item, Link) for item in self.items)


@value
class Found:
    """What stands at one place of an answer: outputs, a refusal, or nothing."""

    items: Items = ()
    refusal: str | None = None


NOTHING = Found()


def read(reply: Reply, *, asked: int) -> Answer:
    """The outputs of an answer of status 2xx; raises the fault of one that has none.

    Fewer than `asked` are kept, and said to be fewer.
    """
    if is_picture(reply):
        return Answer(items=(Artifact(kind="image", index=0, data=reply.body),), usage=None, body=b"")
    body = dumped(reply, events.joined(reply)) if reply.is_stream else reply.body
    cut = sliced(body)
    tree = document(reply, cut.rest)
    if not isinstance(tree, dict):
        raise fault.unreadable(reply, "answer is not a JSON object")
    places = places_of(reply, tree)
    found = [whats_in(place, cut.pictures) for place in places]
    items = found[0].items if len(found) == 1 else tuple(item for each in found for item in each.items)
    if not items:
        raise nothing(reply, tree, found)
    return Answer(
        items=numbered(items),
        usage=usage(tree),
        body=without_vectors(reply, tree, cut.rest, zip(places, found, strict=True)),
        message=None if asked == 1 else shortfall(found, asked),
    )


def is_picture(reply: Reply) -> bool:
    """Whether the answer is an image file, as it stands."""
    return bool(reply.body) and reply.headers.get("content-type", "").lower().startswith("image/")


def document(reply: Reply, body: bytes, *, paid: bool = True) -> Any:
    """A JSON document, strictly: no NaN, no endless number, no bottomless nesting, UTF-8 alone."""
    try:
        return orjson.loads(body.removeprefix(b"\xef\xbb\xbf"))
    except orjson.JSONDecodeError as error:
        what = "not JSON" if body.strip() else "empty"
        raise fault.unreadable(reply, f"answer is {what}", paid=paid) from error


def dumped(reply: Reply, tree: Any) -> bytes:
    """The document written anew; a parser reads deeper nesting than it writes."""
    try:
        return orjson.dumps(tree)
    except orjson.JSONEncodeError as error:
        raise fault.unreadable(reply, "answer is nested too deeply") from error


def numbered(items: Items) -> Items:
    """The outputs with their places in the row, from 0."""
    if len(items) == 1:
        return items
    return tuple(replace(item, index=index) for index, item in enumerate(items))


def places_of(reply: Reply, tree: dict[str, Any]) -> list[dict[str, Any]]:
    """The places where outputs may stand, by the provider's own index."""
    full = listed(tree.get("data")) or listed(tree.get("choices"))
    if not full and (not has_lists(tree) or fault.is_error(tree)):
        raise fault.of_answer(reply, tree) or fault.unreadable(reply, "answer holds no outputs")
    places = [place for place in full if isinstance(place, dict)]
    return places if len(places) == 1 else sorted(places, key=place_of)


def has_lists(tree: dict[str, Any]) -> bool:
    """Whether there is a list that outputs would stand in."""
    return isinstance(tree.get("data"), list) or isinstance(tree.get("choices"), list)


def is_object(value: Any) -> bool:
    return isinstance(value, dict)


def place_of(place: Mapping[str, Any]) -> int:
    index = place.get("index")
    return index if isinstance(index, int) else 0


def whats_in(place: dict[str, Any], pictures: Mapping[str, bytes]) -> Found:
    """Read one place: an image, a link to one, a vector, or a choice with its text and tool calls."""
    refusal = refused(place)
    if refusal is not None:
        return Found(refusal=refusal)
    for name, read_field in FIELDS.items():
        if place.get(name) is not None and (items := read_field(place, pictures)):
            return Found(items=items)
    return NOTHING


def refused(place: dict[str, Any]) -> str | None:
    """Why there is nothing to keep at this place, where its content was refused."""
    finish = place.get("finish_reason")
    if finish and isinstance(finish, str) and fault.is_refusal(finish):
        return finish
    message = place.get("message")
    return text_in(message, "refusal") or None if isinstance(message, dict) else None


def picture(place: dict[str, Any], pictures: Mapping[str, bytes]) -> Items:
    data = pictures.get(str(place["b64_json"]))
    if data is None:
        return ()
    return (Artifact(kind="image", index=0, data=data, revised_prompt=text_in(place, "revised_prompt")),)


def link(place: dict[str, Any], pictures: Mapping[str, bytes]) -> Items:
    url = text_in(place, "url")
    if not url:
        return ()
    if url in pictures:
        return picture({**place, "b64_json": url}, pictures)
    return (Link(url=url, revised_prompt=text_in(place, "revised_prompt")),)


def vector(place: dict[str, Any], _: Mapping[str, bytes]) -> Items:
    numbers = floats(place["embedding"])
    return (Artifact(kind="embedding", index=0, vector=numbers),) if numbers else ()


def floats(value: Any) -> list[float] | None:
    """A vector from a list of numbers or from base64; None where it is neither, or not finite."""
    if isinstance(value, list):
        return value if are_numbers(value) else None
    try:
        data = pybase64.b64decode(value, validate=True)
        numbers = list(struct.unpack(f"<{len(data) // FLOAT_BYTES}f", data))
    except (TypeError, ValueError, struct.error):
        return None
    return numbers if all(map(math.isfinite, numbers)) else None


def are_numbers(values: list[Any]) -> bool:
    """Asked of msgspec, which looks at a thousand in 5 us."""
    try:
        msgspec.convert(values, list[float])
    except msgspec.ValidationError:
        return False
    return True


def choice(place: dict[str, Any], _: Mapping[str, bytes]) -> Items:
    """One choice of a chat: its text and its tool calls; beside these an empty text is none."""
    message, finish = place["message"], text_in(place, "finish_reason")
    if not isinstance(message, dict) or finish == "error":
        return ()
    calls = [call for call in listed(message.get("tool_calls")) if isinstance(call, dict)]
    content = content_of(message.get("content"))
    texts = () if content is None else (Artifact(kind="text", index=0, text=content, finish_reason=finish),)
    if not calls:
        return texts
    called = Artifact(kind="tool_calls", index=0, tool_calls=calls, finish_reason=finish)
    return (*texts, called) if content else (called,)


def completion(place: dict[str, Any], pictures: Mapping[str, bytes]) -> Items:
    """A choice of a completion without chat: its text stands by itself."""
    return choice({**place, "message": {"content": place["text"]}}, pictures)


FIELDS: Mapping[str, Callable[[dict[str, Any], Mapping[str, bytes]], Items]] = {
    "message": choice,
    "b64_json": picture,
    "url": link,
    "embedding": vector,
    "text": completion,
}
"""The field that tells what stands at a place, and who reads it."""


def content_of(value: Any) -> str | None:
    """A message's text, which may come in parts; None where it has none, which is not the empty text."""
    if isinstance(value, str):
        return value
    texts = [part["text"] for part in listed(value) if is_object(part) and isinstance(part.get("text"), str)]
    return "".join(texts) if texts else None


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def text_in(place: Mapping[str, Any], name: str) -> str | None:
    value = place.get(name)
    return value if isinstance(value, str) else None


def nothing(reply: Reply, tree: dict[str, Any], found: list[Found]) -> Fault:
    """Why an answer has no outputs: refused, an error, or simply empty."""
    refusal = next((each.refusal for each in found if each.refusal), None)
    if refusal is not None:
        return fault.blocked(reply, f"refused: {fault.one_line(refusal, fault.MOST_WORDS)}")
    return errors(reply, tree) or fault.useless(reply, "no outputs in the answer")


def errors(reply: Reply, tree: dict[str, Any]) -> Fault | None:
    """The error that the answer, or one of its places, brings."""
    places = [tree, *listed(tree.get("data")), *listed(tree.get("choices"))]
    return next((error for place in places if (error := fault.of_answer(reply, place))), None)


def shortfall(found: list[Found], asked: int) -> str | None:
    """What to say where fewer outputs came than were asked for."""
    came = [each for each in found if each.items]
    if len(came) >= asked:
        return None
    first = came[0].items[0]
    noun = NOUNS["image" if isinstance(first, Link) else first.kind]
    refused = sum(each.refusal is not None for each in found)
    return f"{len(came)} of {asked} {noun}" + (f", {refused} refused" if refused else "")


def without_vectors(
    reply: Reply, tree: dict[str, Any], body: bytes, read_of: Iterable[tuple[dict[str, Any], Found]]
) -> bytes:
    """The answer with the length of each vector in its place; as it is where it has none."""
    lengths = [
        (place, len(item.vector))
        for place, found in read_of
        for item in found.items
        if isinstance(item, Artifact) and item.vector is not None
    ]
    for place, length in lengths:
        place["embedding"] = f"<{length} numbers>"
    return dumped(reply, tree) if lengths else body
