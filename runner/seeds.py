"""Seeds that hang on what they are for: `{derive: true}` among a job's parameters stands for a number.

It is that of the first 32 bits of the key that the job would have if its seed were those words themselves.
"""

from collections.abc import Iterator
from typing import Any

from runner.source import Loc

DERIVE = "derive"
DIGITS = 8
"""Hex digits of a key: numbers from 0 to 4294967295."""


def is_derived(tree: Any) -> bool:
    return isinstance(tree, dict) and tree.keys() == {DERIVE}


def found(tree: Any, loc: Loc = ()) -> Iterator[tuple[Loc, Any]]:
    """Where a seed is to be derived, and what is said of it there: true, or it is none."""
    if is_derived(tree):
        yield (*loc, DERIVE), tree[DERIVE]
    elif isinstance(tree, dict):
        for key, value in tree.items():
            yield from found(value, (*loc, key))
    elif isinstance(tree, list):
        for index, value in enumerate(tree):
            yield from found(value, (*loc, index))


def derived(key: str) -> int:
    return int(key[:DIGITS], 16)


def filled(tree: Any, seed: int) -> Any:
    """The tree with the seed wherever one is to be derived."""
    match tree:
        case dict() if is_derived(tree):
            return seed
        case dict():
            return {key: filled(value, seed) for key, value in tree.items()}
        case list():
            return [filled(value, seed) for value in tree]
        case _:
            return tree
