"""Lines of a batch file: each body goes to its own url of OpenAI's API, and tells what its answer holds."""

from collections.abc import Callable, Mapping
from typing import Any

import orjson

from runner import batchurl
from runner.dialects import answers, exchange, moderations, responses
from runner.dialects.answers import Answer
from runner.endpoint import Endpoint
from runner.job import Ask, Claim
from runner.wire import Exchange

READERS: Mapping[str, Callable[..., Answer]] = {
    batchurl.RESPONSES: responses.read,
    batchurl.MODERATIONS: moderations.read,
}
"""Who reads an answer of a url; the others' are told by what is in them."""
LISTED: Mapping[str, str] = {
    batchurl.EMBEDDINGS: "input",
    batchurl.MODERATIONS: "input",
    batchurl.COMPLETIONS: "prompt",
}
"""Where a request may have a list of things, each with an answer of its own."""


def body(ask: Ask, _: Endpoint) -> dict[str, Any]:
    """The body as the file brings it."""
    return dict(ask.body or {})


def converse(claim: Claim, endpoint: Endpoint) -> Exchange:
    url = claim.path or batchurl.CHAT
    call = exchange.paid(claim, endpoint, batchurl.path_at(endpoint.url, url), claim.body)
    read = READERS.get(url, answers.read)
    return (yield from exchange.converse(call, claim, endpoint, asked=asked(url, claim.body), read=read))


def asked(url: str, request: bytes) -> int:
    """How many outputs a request asks for: for each thing in its list, where it has one, its `n`."""
    number = 1 if url == batchurl.RESPONSES else exchange.asked(request)
    if url not in LISTED:
        return number
    things = orjson.loads(request).get(LISTED[url])
    is_list = isinstance(things, list) and bool(things) and not isinstance(things[0], int | dict)
    return number * len(things) if is_list else number
