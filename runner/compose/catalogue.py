"""Publicly known prices, filled in where a manifest states none: from `genai-prices`, if it is installed."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

from runner import templates
from runner.endpoint import Endpoint, Price, Rates
from runner.manifest import Manifest

BY_TOKENS = frozenset({"openai-chat", "openai-embeddings"})
"""Dialects whose answers tell all that they are paid for by."""
SOURCE = "genai-prices"


def filled(manifest: Manifest) -> Manifest:
    """The manifest with the prices of models that are known to be sold at an endpoint that has none."""
    found = {name: Price(models=rates) for name, rates in known(manifest).items()}
    endpoints = {
        name: endpoint.model_copy(update={"price": found[name]}) if name in found else endpoint
        for name, endpoint in manifest.endpoints.items()
    }
    return replace(manifest, endpoints=endpoints)


def said(manifest: Manifest, whole: Manifest) -> list[str]:
    """In words, what was filled in."""
    return [
        f"{name}: the price of {model} is from {SOURCE}"
        for name, endpoint in whole.endpoints.items()
        if endpoint.price is not None and endpoint is not manifest.endpoints[name]
        for model in sorted(endpoint.price.models)
    ]


def known(manifest: Manifest) -> dict[str, dict[str, Rates]]:
    """By endpoint and model."""
    found: dict[str, dict[str, Rates]] = {}
    for name, model in models(manifest):
        rates = looked_up(manifest.endpoints[name], model)
        if rates is not None:
            found.setdefault(name, {})[model] = rates
    return found


def models(manifest: Manifest) -> Iterator[tuple[str, str]]:
    """The models that are asked for by name, at endpoints whose prices are wanted."""
    for group in manifest.jobs:
        if group.model is None or templates.is_template(group.model):
            continue
        for name in (manifest.endpoint_of(group), *group.also):
            endpoint = manifest.endpoints[name]
            if endpoint.price is None and endpoint.dialect in BY_TOKENS and not endpoint.is_demo:
                yield name, group.model


def sold(endpoint: Endpoint) -> list[str]:
    """The models that the provider at this URL is known to sell."""
    try:
        from genai_prices.data_snapshot import get_snapshot
    except ImportError:
        return []
    with suppress(LookupError):
        return [model.id for model in get_snapshot().find_provider(None, None, endpoint.url).models]
    return []


def looked_up(endpoint: Endpoint, model: str) -> Rates | None:
    """What the provider at this URL takes for the model; None unless it is one price, whatever the answer."""
    try:
        from genai_prices.data_snapshot import get_snapshot
    except ImportError:
        return None
    with suppress(LookupError):
        _, sold = get_snapshot().find_provider_model(model, None, None, endpoint.url)
        prices = sold.get_prices(datetime.now(UTC))
        into, out = getattr(prices, "input_mtok", None), getattr(prices, "output_mtok", None)
        if isinstance(into, Decimal) and isinstance(out, Decimal | None):
            return Rates(input=float(into), output=None if out is None else float(out))
    return None
