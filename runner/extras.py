"""Libraries that only some manifests need: imported when one does, and told how to install where missing."""

from importlib import import_module
from typing import Any


class Missing(Exception):
    """A library that is not installed; its text says what for, and how to install it."""


def library(module: str, extra: str, *, why: str) -> Any:
    """The module; `extra` is the name under which `runner` lists it. Raises `Missing`."""
    try:
        return import_module(module)
    except ImportError as error:
        name = error.name or module
        raise Missing(f"{why} needs {name}: pip install 'runner[{extra}]'") from error
