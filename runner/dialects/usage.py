"""What a provider says that an answer took."""

from collections.abc import Iterator, Mapping
from typing import Any, TypeGuard

from runner.outcome import Usage

INPUT_TOKENS = ("prompt_tokens", "input_tokens")
OUTPUT_TOKENS = ("completion_tokens", "output_tokens")
NUMBERS = frozenset({int, float})
"""What a number of JSON is read as; a truth value is none."""
MOST_TOKENS = 1_000_000_000
"""More than any request takes: a price is not made of a greater number."""


def usage(tree: dict[str, Any]) -> Usage | None:
    """What the provider says it took; None where it says nothing."""
    block = tree.get("usage")
    raw = block if isinstance(block, dict) else {}
    inference_s = seconds(tree)
    if not raw and inference_s is None:
        return None
    return Usage(
        input_tokens=count(raw, INPUT_TOKENS),
        output_tokens=count(raw, OUTPUT_TOKENS),
        inference_s=inference_s,
        raw=raw,
    )


def count(block: Mapping[str, Any], names: tuple[str, ...]) -> int | None:
    """The first of these fields that holds a count of tokens that can be believed."""
    for name in names:
        value = block.get(name)
        if is_number(value) and 0 <= value <= MOST_TOKENS:
            return int(value)
    return None


def seconds(tree: dict[str, Any]) -> float | None:
    """Inference time, summed over the places of an answer."""
    if "timings" not in tree and "data" not in tree:
        return None
    times = [time for time in timings(tree) if is_number(time) and time >= 0]
    return float(sum(times)) if times else None


def timings(tree: dict[str, Any]) -> Iterator[Any]:
    places = tree.get("data")
    for place in [tree, *(places if isinstance(places, list) else ())]:
        if isinstance(place, dict) and isinstance(place.get("timings"), dict):
            yield place["timings"].get("inference")


def is_number(value: Any) -> TypeGuard[float]:
    return type(value) in NUMBERS
