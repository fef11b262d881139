"""Messages as Anthropic's API makes them: content in blocks, the system's words beside the talk."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from runner import batchurl, fault
from runner.dialects import answers, exchange
from runner.dialects.answers import Answer
from runner.dialects.usage import usage
from runner.endpoint import Endpoint
from runner.job import Ask, Claim
from runner.outcome import Artifact
from runner.wire import Exchange, Reply

VERSION_HEADER = "anthropic-version"
VERSION = "2023-06-01"
MOST_TOKENS = 4096
"""`max_tokens` has to be given; where the manifest does not, this is."""
REFUSED = "refusal"


def body(ask: Ask, _: Endpoint) -> dict[str, Any]:
    system = {} if ask.system is None else {"system": ask.system}
    return {"max_tokens": MOST_TOKENS, **ask.params, "model": ask.model, "messages": messages(ask), **system}


def messages(ask: Ask) -> list[dict[str, Any]]:
    return [{"role": "user", "content": ask.prompt}] if ask.messages is None else ask.messages


def converse(claim: Claim, endpoint: Endpoint) -> Exchange:
    path = batchurl.path_at(endpoint.url, batchurl.MESSAGES)
    call = exchange.paid(claim, endpoint, path, claim.body)
    if VERSION_HEADER not in {name.lower() for name in endpoint.headers}:
        call = replace(call, headers={**call.headers, VERSION_HEADER: VERSION})
    return (yield from exchange.converse(call, claim, endpoint, asked=1, read=read))


def read(reply: Reply, *, asked: int) -> Answer:
    """The outputs of an answer; raises the fault of one that has none. `asked` is always 1."""
    tree = answers.document(reply, reply.body)
    content = tree.get("content") if isinstance(tree, dict) else None
    if not isinstance(content, list):
        raise fault.of_answer(reply, tree) or fault.unreadable(reply, "answer holds no content")
    finish = answers.text_in(tree, "stop_reason")
    if finish == REFUSED:
        raise fault.blocked(reply, "refused: the answer's stop_reason is refusal")
    items = tuple(blocks([block for block in content if isinstance(block, dict)], finish))
    if len(items) < asked:
        raise fault.useless(reply, "no outputs in the answer")
    return Answer(items=answers.numbered(items), usage=usage(tree), body=reply.body)


def blocks(content: list[dict[str, Any]], finish: str | None) -> Iterator[Artifact]:
    """Its text, all blocks together, and its tool calls; no block at all is an empty text."""
    texts = [text for block in content if (text := answers.text_in(block, "text")) is not None]
    calls = [block for block in content if block.get("type") == "tool_use"]
    if texts or not content:
        yield Artifact(kind="text", index=0, text="".join(texts), finish_reason=finish)
    if calls:
        yield Artifact(kind="tool_calls", index=0, tool_calls=calls, finish_reason=finish)
