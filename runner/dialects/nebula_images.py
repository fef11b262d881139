"""Nebula Block's image endpoint: JSON images or an event stream of text, whichever comes."""

from typing import Any

import orjson

from runner.dialects import exchange
from runner.endpoint import Endpoint
from runner.job import Ask, Claim
from runner.wire import Exchange

PATH = "/images/generation"
MODEL = "model"
"""The model's field in the body that the queue keeps, whatever it is named on the wire."""


def body(ask: Ask, _: Endpoint) -> dict[str, Any]:
    """The request body; a null parameter stays in it."""
    prompt = {} if ask.prompt is None else {"prompt": ask.prompt}
    return {**ask.params, MODEL: ask.model, **prompt}


def converse(claim: Claim, endpoint: Endpoint) -> Exchange:
    call = exchange.paid(claim, endpoint, PATH, on_the_wire(claim.body, endpoint.model_field))
    return (yield from exchange.converse(call, claim, endpoint, asked=exchange.asked(claim.body)))


def on_the_wire(kept: bytes, model_field: str) -> bytes:
    """The body with its model under the name that this server knows."""
    if model_field == MODEL:
        return kept
    tree = orjson.loads(kept)
    return orjson.dumps({model_field if name == MODEL else name: value for name, value in tree.items()})
