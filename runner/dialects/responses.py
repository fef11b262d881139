"""What an answer of OpenAI's responses API holds: its text, its tool calls, its pictures."""

from collections.abc import Iterator, Mapping
from typing import Any

from runner import fault
from runner.dialects import answers
from runner.dialects.answers import Answer
from runner.dialects.pictures import decoded
from runner.dialects.usage import usage
from runner.outcome import Artifact, Fault
from runner.wire import Reply

FINISHED = frozenset({"completed", "incomplete"})
PICTURE = "image_generation_call"

Items = list[dict[str, Any]]


def read(reply: Reply, *, asked: int) -> Answer:
    """The outputs of an answer; raises the fault of one that has none. `asked` is always 1."""
    tree = answers.document(reply, reply.body)
    items = answers.listed(tree.get("output")) if isinstance(tree, dict) else None
    if items is None:
        raise fault.unreadable(reply, "answer is not a JSON object")
    items = [item for item in items if isinstance(item, dict)]
    pictures = dict(drawn(items))
    artifacts = (
        *said(tree, items),
        *(Artifact(kind="image", index=0, data=data) for data in pictures.values()),
    )
    if len(artifacts) < asked:
        raise nothing(reply, tree, items)
    return Answer(
        items=answers.numbered(artifacts),
        usage=usage(tree),
        body=answers.dumped(reply, without(tree, pictures)) if pictures else reply.body,
    )


def said(tree: Mapping[str, Any], items: Items) -> Iterator[Artifact]:
    """Its text, all messages together, and the calls that wait for a result."""
    finish = reason(tree)
    texts = [part["text"] for part in parts(items) if isinstance(part.get("text"), str)]
    calls = [item for item in items if "call_id" in item and "output" not in item]
    if texts and tree.get("status", "completed") in FINISHED:
        yield Artifact(kind="text", index=0, text="".join(texts), finish_reason=finish)
    if calls:
        yield Artifact(kind="tool_calls", index=0, tool_calls=calls, finish_reason=finish)


def reason(tree: Mapping[str, Any]) -> str | None:
    """Why it ended: what kept it incomplete, else its status."""
    details = tree.get("incomplete_details")
    return (answers.text_in(details, "reason") if isinstance(details, dict) else None) or answers.text_in(
        tree, "status"
    )


def parts(items: Items) -> Iterator[dict[str, Any]]:
    """The parts of its messages."""
    for item in items:
        if item.get("type") == "message":
            yield from (part for part in answers.listed(item.get("content")) if isinstance(part, dict))


def drawn(items: Items) -> Iterator[tuple[str, bytes]]:
    """The pictures, by their base64."""
    for item in items:
        if item.get("type") == PICTURE and (text := answers.text_in(item, "result")):
            yield text, decoded(text.encode())


def without(tree: dict[str, Any], pictures: Mapping[str, bytes]) -> dict[str, Any]:
    """The answer with a marker in each picture's place."""
    markers = {
        text: f"<image {number}: {len(data)} bytes>"
        for number, (text, data) in enumerate(pictures.items(), 1)
    }
    items = [
        {**item, "result": markers[item["result"]]} if item.get("result") in markers else item
        for item in tree["output"]
    ]
    return {**tree, "output": items}


def nothing(reply: Reply, tree: dict[str, Any], items: Items) -> Fault:
    """Why it has no outputs: refused, an error, not finished, or simply empty."""
    refusal = next((text for part in parts(items) if (text := answers.text_in(part, "refusal"))), None)
    finish = reason(tree)
    if refusal is not None or (finish is not None and fault.is_refusal(finish)):
        return fault.blocked(reply, f"refused: {fault.one_line(refusal or str(finish), fault.MOST_WORDS)}")
    return fault.of_answer(reply, tree) or fault.useless(reply, f"no outputs in the answer ({finish})")
