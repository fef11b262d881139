"""Texts with marks in them, and trees of such texts: told apart, and filled in.

A text without marks costs a look; Jinja2 is loaded for the first that has some.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from runner.filling import NONE, BadTemplate, Incomparable, Names, Values

if TYPE_CHECKING:
    from runner.sandbox import Condition

__all__ = [
    "NONE",
    "BadTemplate",
    "Incomparable",
    "Names",
    "Values",
    "condition",
    "is_static",
    "is_template",
    "names",
    "render",
    "texts",
]

MARKS = ("{{", "{%", "{#")

Way = tuple[str | int, ...]
"""The way to a text in a tree: `("messages", 0, "content")`."""


def is_template(text: str) -> bool:
    return "{" in text and any(mark in text for mark in MARKS)


def texts(tree: Any, way: Way = ()) -> Iterator[tuple[Way, str]]:
    """Every text of a tree, with the way to it."""
    match tree:
        case str():
            yield way, tree
        case dict():
            for key, value in tree.items():
                yield from texts(value, (*way, key))
        case list():
            for index, value in enumerate(tree):
                yield from texts(value, (*way, index))


def is_static(tree: Any) -> bool:
    """Whether filling the tree in would leave it as it is."""
    return not any(is_template(text) for _, text in texts(tree))


def render(tree: Any, values: Values) -> Any:
    """The tree with every text in it filled in; raises `BadTemplate`."""
    match tree:
        case str():
            return filled(tree, values) if is_template(tree) else tree
        case dict():
            return {key: render(value, values) for key, value in tree.items()}
        case list():
            return [render(value, values) for value in tree]
        case _:
            return tree


def filled(template: str, values: Values) -> Any:
    from runner import sandbox

    return sandbox.filled(template, values)


def names(template: str) -> Names:
    """The variables of a template; raises `BadTemplate` where it is not one."""
    if not is_template(template):
        return NONE
    from runner import sandbox

    return sandbox.names(template)


def condition(expression: str) -> "Condition":
    """What an expression without braces says of values; raises `BadTemplate` where it is not one."""
    if is_template(expression):
        raise BadTemplate("an expression stands without braces: score > 0.5")
    from runner import sandbox

    return sandbox.condition(expression)
