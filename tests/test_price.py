import orjson
import pytest

from runner import price
from runner.endpoint import Endpoint
from runner.outcome import Kept, Usage


def endpoint(**changes):
    return Endpoint.model_validate(
        {"dialect": "openai-chat", "url": "https://api.example.com/v1", "key": "${KEY}", **changes}
    )


def kept(kind, number):
    return tuple(
        Kept(kind=kind, index=index, value="", mime="", bytes=0, sha256="0" * 64) for index in range(number)
    )


def body(**request):
    return orjson.dumps(request)


PICTURE = body(prompt="fox", width=1024, height=768, num_steps=20)


@pytest.mark.parametrize(
    ("prices", "request_body", "usd"),
    [
        ({"image": 0.0038}, PICTURE, 0.0038),
        ({"image": 0.04}, body(prompt="fox", n=3), 0.12),
        ({"sizes": {"1024x768": 0.05}}, PICTURE, 0.05),
        ({"sizes": {"512x512": 0.02}, "image": 0.04}, body(prompt="fox", size="512x512"), 0.02),
        ({"sizes": {"512x512": 0.02}, "image": 0.04}, PICTURE, 0.04),
        ({"step": 0.0001}, PICTURE, 0.002),
        ({"image": 0.01, "step": 0.0001}, PICTURE, 0.012),
        ({"request": 0.5}, body(prompt="fox"), 0.5),
        ({"output": 10.0}, body(max_tokens=1_000), 0.01),
        ({"output": 10.0}, body(prompt="fox"), 0.04096),
        ({"input": 3.0}, b'{"prompt":"' + b"x" * 87 + b'"}', 0.0003),
    ],
)
def test_what_a_request_may_cost_is_reserved(prices, request_body, usd):
    assert price.reserve(endpoint(price=prices), request_body) == round(usd * price.NUSD)


@pytest.mark.parametrize(
    ("prices", "request_body"),
    [
        (None, PICTURE),
        ({}, PICTURE),
        ({"sizes": {"512x512": 0.02}}, PICTURE),
        ({"step": 0.001}, body(prompt="fox")),
    ],
)
def test_what_is_not_known_is_none_and_never_nought(prices, request_body):
    at = endpoint(price=prices)
    assert price.span(at, request_body) is None
    assert price.reserve(at, request_body) is None
    assert price.cost(at, request_body, None, kept("image", 1)) is None


def test_the_embedded_provider_costs_nothing():
    demo = endpoint(url="demo", price={"request": 1.0})
    assert price.reserve(demo, PICTURE) == 0
    assert price.cost(demo, PICTURE, None, ()) == 0


def test_a_reserve_reaches_from_an_empty_answer_to_the_longest():
    found = price.span(endpoint(price={"request": 0.001, "output": 10.0}), body(max_tokens=1_000))
    assert (found.least, found.most) == (1_000_000, 11_000_000)
    fixed = price.span(endpoint(price={"image": 0.04}), PICTURE)
    assert fixed.least == fixed.most == 40_000_000


@pytest.mark.parametrize(
    ("prices", "usage", "outputs", "usd"),
    [
        ({"image": 0.04}, None, kept("image", 2), 0.08),
        ({"image": 0.04, "request": 0.01}, None, kept("image", 1), 0.05),
        (
            {"input": 3.0, "output": 15.0},
            Usage(input_tokens=1_000, output_tokens=200),
            kept("text", 1),
            0.006,
        ),
        ({"input": 0.02}, Usage(input_tokens=1_000), kept("embedding", 1), 0.00002),
        ({"request": 0.5}, None, kept("text", 1), 0.5),
    ],
)
def test_what_came_back_settles_the_cost(prices, usage, outputs, usd):
    assert price.cost(endpoint(price=prices), PICTURE, usage, outputs) == round(usd * price.NUSD)


@pytest.mark.parametrize("usage", [None, Usage(inference_s=3.0)])
def test_an_answer_that_does_not_tell_its_tokens_costs_what_was_reserved(usage):
    at, asked = endpoint(price={"input": 3.0, "output": 15.0}), body(max_tokens=100)
    assert price.cost(at, asked, usage, kept("text", 1)) == price.reserve(at, asked) > 0


def test_an_answer_without_the_picture_that_has_the_price_costs_what_was_reserved():
    at = endpoint(price={"image": 0.04})
    assert price.cost(at, PICTURE, None, kept("text", 1)) == 40_000_000


def test_sums_of_prices_are_exact():
    at = endpoint(price={"image": 0.0038})
    assert sum(price.reserve(at, PICTURE) for _ in range(100_000)) == 380 * price.NUSD
