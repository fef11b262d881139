"""What a request costs: before it is sent, to reserve it, and after, from what came back."""

from typing import Any

import orjson

from runner.manifest import Endpoint, Price
from runner.outcome import Kept, Usage

NUSD = 1_000_000_000
"""Billionths in a dollar: whole numbers, so that sums of millions of prices are exact."""
BYTES_PER_TOKEN = 3
"""Fewer than most texts have, so that a reserve is rather too large."""
MOST_OUTPUT_TOKENS = 4_096
"""Reserved for an answer whose length the request does not bound."""
BOUNDS = ("max_completion_tokens", "max_tokens", "max_output_tokens")

FREE = Price(request=0.0)
"""What the embedded provider takes."""


def known(endpoint: Endpoint) -> Price | None:
    """The endpoint's price, where there is one."""
    return FREE if endpoint.is_demo else endpoint.price


def reserve(endpoint: Endpoint, body: bytes) -> int | None:
    """The most that a request is likely to cost, in billionths of a dollar; None where no price is known."""
    price = known(endpoint)
    if price is None or price is FREE:
        return None if price is None else 0
    request = orjson.loads(body)
    if not isinstance(request, dict):
        request = {}
    bound = next((request[name] for name in BOUNDS if isinstance(request.get(name), int)), MOST_OUTPUT_TOKENS)
    usd = (
        (price.request or 0.0)
        + images_asked(request) * image_usd(price, request)
        + (price.input or 0.0) * len(body) / BYTES_PER_TOKEN / 1e6
        + (price.output or 0.0) * bound * images_asked(request) / 1e6
    )
    return round(usd * NUSD)


def cost(endpoint: Endpoint, body: bytes, usage: Usage | None, kept: tuple[Kept, ...]) -> int | None:
    """What an answer cost, in billionths of a dollar; where it does not tell, what was reserved."""
    price = known(endpoint)
    if price is None or price is FREE:
        return None if price is None else 0
    if (price.input or price.output) and (usage is None or usage.input_tokens is None):
        return reserve(endpoint, body)
    images = sum(each.kind == "image" for each in kept)
    usd = price.request or 0.0
    if images and (price.image or price.sizes or price.step):
        usd += images * image_usd(price, orjson.loads(body))
    if usage is not None:
        usd += (price.input or 0.0) * (usage.input_tokens or 0) / 1e6
        usd += (price.output or 0.0) * (usage.output_tokens or 0) / 1e6
    return round(usd * NUSD)


def images_asked(request: dict[str, Any]) -> int:
    number = request.get("n", 1)
    return number if isinstance(number, int) and number > 0 else 1


def image_usd(price: Price, request: dict[str, Any]) -> float:
    """One image of the asked size and steps."""
    size = request.get("size") or f"{request.get('width')}x{request.get('height')}"
    steps = request.get("num_steps") or request.get("steps") or 0
    return price.sizes.get(size, price.image or 0.0) + (price.step or 0.0) * steps
