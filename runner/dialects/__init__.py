"""How each kind of API is spoken: a table of dialects, each a file beside it.

A dialect does no I/O: its exchange yields what it wants done. Who does it has a clock, and asks
`fault.of_reply` before it sends a reply back in; a dialect asks again, so no error passes for an answer.
"""

from collections.abc import Callable, Mapping
from typing import Any

from runner.dialects import (
    anthropic_messages,
    json_http,
    nebula_images,
    openai_batch,
    openai_chat,
    openai_embeddings,
    openai_images,
)
from runner.endpoint import Endpoint
from runner.job import Ask, Claim
from runner.value import value
from runner.wire import Exchange


@value
class Dialect:
    """One kind of API."""

    name: str
    body: Callable[[Ask, Endpoint], dict[str, Any]]
    """The canonical request body, which the job's key is made of; files stand in it by path and hash."""
    converse: Callable[[Claim, Endpoint], Exchange]
    """The conversation about one job, whose body has its files by now. Raises `Fault`."""
    files: bool
    """Whether its outputs may be files, whose names are then checked before anything is sent."""


DIALECTS: Mapping[str, Dialect] = {
    name: Dialect(name=name, body=spoken.body, converse=spoken.converse, files=files)
    for name, spoken, files in (
        ("nebula-images", nebula_images, True),
        ("openai-images", openai_images, True),
        ("openai-chat", openai_chat, False),
        ("openai-embeddings", openai_embeddings, False),
        ("openai-batch", openai_batch, True),
        ("anthropic-messages", anthropic_messages, False),
        ("json-http", json_http, True),
    )
}
