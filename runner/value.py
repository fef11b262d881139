"""Values that travel: frozen for whoever writes code, and as quick to make as any object.

A frozen dataclass pays for its walls each time one is made, four times the price of an open one; a dozen are
made for every job. Here the type checker is the wall: it refuses an assignment, and the program pays nothing.
"""

from dataclasses import dataclass
from typing import TypeVar, dataclass_transform

T = TypeVar("T")


@dataclass_transform(frozen_default=True, kw_only_default=True)
def value(cls: type[T]) -> type[T]:
    """A dataclass with slots and keyword arguments; a change is a new value, by `dataclasses.replace`."""
    return dataclass(slots=True, kw_only=True)(cls)
