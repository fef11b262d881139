"""Chat completions as OpenAI's API makes them, plain or streamed (`stream: true` among the parameters)."""

from typing import Any

from runner.dialects import exchange
from runner.endpoint import Endpoint
from runner.job import Ask, Claim
from runner.wire import Exchange

PATH = "/chat/completions"


def body(ask: Ask, _: Endpoint) -> dict[str, Any]:
    return {**ask.params, "model": ask.model, "messages": messages(ask)}


def messages(ask: Ask) -> list[dict[str, Any]]:
    """The messages as given in full, else what the system and the user say."""
    if ask.messages is not None:
        return ask.messages
    said = (("system", ask.system), ("user", ask.prompt))
    return [{"role": role, "content": text} for role, text in said if text is not None]


def converse(claim: Claim, endpoint: Endpoint) -> Exchange:
    call = exchange.paid(claim, endpoint, PATH, claim.body)
    return (yield from exchange.converse(call, claim, endpoint, asked=exchange.asked(claim.body)))
