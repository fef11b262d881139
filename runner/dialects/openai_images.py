"""Images as OpenAI's API makes them: base64 in the answer, or links to fetch them by."""

from typing import Any

from runner.dialects import exchange
from runner.endpoint import Endpoint
from runner.job import Ask, Claim
from runner.wire import Exchange

PATH = "/images/generations"


def body(ask: Ask, _: Endpoint) -> dict[str, Any]:
    prompt = {} if ask.prompt is None else {"prompt": ask.prompt}
    return {**ask.params, "model": ask.model, **prompt}


def converse(claim: Claim, endpoint: Endpoint) -> Exchange:
    call = exchange.paid(claim, endpoint, PATH, claim.body)
    return (yield from exchange.converse(call, claim, endpoint, asked=exchange.asked(claim.body)))
