"""What a request costs: before it is sent, to reserve it, and after, from what came back."""

from collections.abc import Sequence
from typing import Any

import orjson

from runner.endpoint import Endpoint, Price, Rates
from runner.outcome import Artifact, Kept, Usage
from runner.value import value

NUSD = 1_000_000_000
"""Billionths in a dollar: whole numbers, so that sums of millions of prices are exact."""
MILLION = 1_000_000
BYTES_PER_TOKEN = 3
"""Fewer than most texts have, so that what is told beforehand is rather too much."""
LEAST_BYTES_PER_TOKEN = 1
"""No text has fewer, so that a reserve reaches."""
MOST_OUTPUT_TOKENS = 4_096
"""Reserved for an answer whose length the request does not bound."""
BOUNDS = ("max_completion_tokens", "max_tokens", "max_output_tokens")

FREE = Price(request=0.0)
"""What the embedded provider takes."""


@value
class Span:
    """Between what a request may cost, in billionths of a dollar: the same where no answer can change it."""

    least: int
    most: int


def known(endpoint: Endpoint) -> Price | None:
    """The endpoint's price, where there is one that tells something."""
    if endpoint.is_demo:
        return FREE
    price = endpoint.price
    return price if price is not None and (is_priced(price) or price.models) else None


def rates(price: Price, request: dict[str, Any]) -> Rates:
    """What holds for the request's model."""
    return price.models.get(str(request.get("model")), price)


def span(endpoint: Endpoint, body: bytes, bytes_per_token: int = BYTES_PER_TOKEN) -> Span | None:
    """What a request is likely to cost, from an empty answer to the longest; None where that is not known."""
    stated = known(endpoint)
    if stated is None or stated is FREE:
        return None if stated is None else Span(least=0, most=0)
    request = read(body)
    price = rates(stated, request)
    if not is_priced(price):
        return None
    images = image_usd(price, request) if has_image_price(price) else 0.0
    if images is None:
        return None
    number = images_asked(request)
    fixed = (price.request or 0.0) + number * images
    prompt = (price.input or 0.0) * len(body) / bytes_per_token / MILLION
    answers = (price.output or 0.0) * number * output_tokens(request) / MILLION
    return Span(least=nusd(fixed), most=nusd(fixed + prompt + answers))


def reserve(endpoint: Endpoint, body: bytes) -> int | None:
    """The most that a request is likely to cost, in billionths of a dollar; None where that is not known."""
    found = span(endpoint, body, LEAST_BYTES_PER_TOKEN)
    return None if found is None else found.most


def cost(
    endpoint: Endpoint, body: bytes, usage: Usage | None, brought: Sequence[Artifact | Kept]
) -> int | None:
    """What an answer cost, in billionths of a dollar; where it does not tell, what was reserved."""
    stated = known(endpoint)
    if stated is None or stated is FREE:
        return None if stated is None else 0
    price = rates(stated, read(body)) if stated.models else stated
    if not is_priced(price):
        return None
    tokens, number = tokens_usd(price, usage), len([each for each in brought if each.kind == "image"])
    if tokens is None or not (number or has_more_than_image_price(price)):
        return reserve(endpoint, body)
    images = image_usd(price, read(body)) if number and has_image_price(price) else 0.0
    return None if images is None else nusd((price.request or 0.0) + number * images + tokens)


def tokens_usd(price: Rates, usage: Usage | None) -> float | None:
    """The tokens of an answer; None where they cost something and it does not tell them."""
    if price.input is None and price.output is None:
        return 0.0
    if usage is None or (usage.input_tokens is None and usage.output_tokens is None):
        return None
    into, out = usage.input_tokens or 0, usage.output_tokens or 0
    return ((price.input or 0.0) * into + (price.output or 0.0) * out) / MILLION


def image_usd(price: Rates, request: dict[str, Any]) -> float | None:
    """One image of the asked size and steps; None where the price does not tell that of such an image."""
    size = request.get("size") or f"{request.get('width')}x{request.get('height')}"
    by_size = price.sizes.get(size, price.image)
    steps = request.get("num_steps") or request.get("steps")
    by_steps = price.step * steps if price.step is not None and isinstance(steps, int | float) else None
    if by_size is None and by_steps is None:
        return None
    return (by_size or 0.0) + (by_steps or 0.0)


def has_more_than_image_price(price: Rates) -> bool:
    return price.input is not None or price.output is not None or price.request is not None


def has_image_price(price: Rates) -> bool:
    return price.image is not None or price.step is not None or bool(price.sizes)


def is_priced(price: Rates) -> bool:
    """Whether the price tells anything at all."""
    return has_more_than_image_price(price) or has_image_price(price)


def images_asked(request: dict[str, Any]) -> int:
    """How many answers a request wants."""
    number = request.get("n", 1)
    return number if isinstance(number, int) and number > 0 else 1


def output_tokens(request: dict[str, Any]) -> int:
    """The most that one answer may have."""
    bound = stated_bound(request)
    return MOST_OUTPUT_TOKENS if bound is None else bound


def stated_bound(request: dict[str, Any]) -> int | None:
    """The most tokens that the request lets one answer have; None where it does not say."""
    for name in BOUNDS:
        bound = request.get(name)
        if isinstance(bound, int):
            return bound
    return None


def likely_tokens(body: bytes) -> float | None:
    """What a request takes of a limit by tokens, if its answer is as long as it may be; None: not bounded."""
    request = read(body)
    bound = stated_bound(request)
    return None if bound is None else len(body) / BYTES_PER_TOKEN + images_asked(request) * bound


def read(body: bytes) -> dict[str, Any]:
    request = orjson.loads(body)
    return request if isinstance(request, dict) else {}


def nusd(usd: float) -> int:
    return round(usd * NUSD)
