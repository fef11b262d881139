"""What a request asks for, read strictly: what a provider would refuse is `Refused`."""

from collections.abc import Mapping
from typing import Any

import orjson
import pybase64

from runner.demo.acts import Answer, refused

Body = Mapping[str, Any]
"""A request's JSON object."""


class Refused(Exception):
    """A request that is not worked on; it carries the answer that says why."""

    def __init__(self, status: int, message: str, code: str | None = None) -> None:
        super().__init__(message)
        self.answer: Answer = refused(status, message, code)


def object_of(data: bytes) -> Body:
    try:
        body = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise Refused(400, f"the body is not JSON: {error}") from error
    if not isinstance(body, dict):
        raise Refused(400, "the body is not a JSON object")
    return body


def text(body: Body, name: str) -> str:
    """A text that must be there and must not be empty."""
    value = body.get(name)
    if not isinstance(value, str) or not value:
        raise Refused(400, f"'{name}' is required and must be a text", "invalid_value")
    return value


def whole(body: Body, name: str, default: int, low: int, high: int) -> int:
    """A whole number within bounds; where it is missing or null, the default."""
    value = body.get(name)
    if value is None:
        return default
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise Refused(400, f"'{name}' must be a whole number from {low} to {high}", "invalid_value")
    return value


def choice(body: Body, name: str, options: tuple[str, ...]) -> str:
    """One of the options; where it is missing or null, the first."""
    value = body.get(name)
    if value is None:
        return options[0]
    if value not in options:
        raise Refused(400, f"'{name}' must be one of {', '.join(options)}", "invalid_value")
    return str(value)


def inputs(body: Body) -> None:
    """Pictures among the parameters must be base64, or a data URI of it."""
    for name in ("image", "mask"):
        value = body.get(name)
        if value is not None and not decodes(value):
            raise Refused(400, f"'{name}' is not base64", "invalid_value")


def decodes(value: object) -> bool:
    if not isinstance(value, str):
        return False
    try:
        pybase64.b64decode(value.rpartition("base64,")[2], validate=True)
    except ValueError:
        return False
    return True
