from datetime import date
from pathlib import Path

import pytest

from runner import price
from runner.compose.catalogue import filled, said
from runner.manifest import from_mapping

OPENAI = "https://api.openai.com/v1"
BODY = b'{"max_tokens":1000,"model":"gpt-4o-mini"}'


def manifest(model="gpt-4o-mini", **endpoint):
    described = {"dialect": "openai-chat", "url": OPENAI, "key": "${KEY}", **endpoint}
    return from_mapping(
        {
            "name": "animals",
            "endpoints": {"openai": described},
            "jobs": [{"model": model, "prompt": "a fox", "vars": {"size": ["mini"]} if "{" in model else {}}],
        },
        folder=Path(),
        today=date(2026, 11, 25),
    )


def test_a_price_that_is_publicly_known_is_filled_in_and_told():
    stated = manifest()
    whole = filled(stated)
    assert price.span(whole.endpoints["openai"], BODY).most > 0
    assert said(stated, whole) == ["openai: the price of gpt-4o-mini is from genai-prices"]
    assert whole.settings.endpoints["openai"].model_dump(exclude_unset=True)["price"]["models"]


@pytest.mark.parametrize(
    "stated",
    [
        manifest(model="a-model-of-my-own"),
        manifest(url="https://inference.nebulablock.com/v1"),
        manifest(dialect="openai-images"),
        manifest(price={"output": 1.0}),
        manifest(model="gpt-4o-{{ size }}"),
        manifest(url="demo"),
    ],
)
def test_what_is_not_surely_known_stays_as_it_is(stated):
    whole = filled(stated)
    assert whole.endpoints["openai"].price == stated.endpoints["openai"].price
    assert said(stated, whole) == []


def test_another_model_at_an_endpoint_with_prices_of_single_models_is_not_known():
    endpoint = filled(manifest()).endpoints["openai"]
    assert price.span(endpoint, b'{"model":"another"}') is None
    assert price.cost(endpoint, b'{"model":"another"}', None, ()) is None
