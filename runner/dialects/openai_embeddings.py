"""Embeddings as OpenAI's API makes them: a vector for the prompt."""

from typing import Any

from runner.dialects import exchange
from runner.endpoint import Endpoint
from runner.job import Ask, Claim
from runner.wire import Exchange

PATH = "/embeddings"


def body(ask: Ask, _: Endpoint) -> dict[str, Any]:
    """The request body; `input` among the parameters may take the prompt's place."""
    prompt = {} if ask.prompt is None else {"input": ask.prompt}
    return {**ask.params, "model": ask.model, **prompt}


def converse(claim: Claim, endpoint: Endpoint) -> Exchange:
    call = exchange.paid(claim, endpoint, PATH, claim.body)
    return (yield from exchange.converse(call, claim, endpoint, asked=1))
