"""Values that travel: frozen for whoever writes code, and as quick to make as a tuple.

A frozen dataclass pays for its walls whenever one is made, an open one for its keyword arguments; a dozen are
made for every job. Here the type checker is the wall, and it is msgspec's C that makes them.
"""

from collections.abc import Mapping
from dataclasses import MISSING, Field, dataclass, fields
from typing import Any, TypeVar, cast, dataclass_transform

import msgspec

T = TypeVar("T")

OWN = frozenset({"__dict__", "__weakref__", "__annotations__", "__dataclass_params__", "__match_args__"})
"""What a class has that is made anew."""


@dataclass_transform(frozen_default=True, kw_only_default=True)
def value(cls: type[T]) -> type[T]:
    """A class of slots and keyword arguments; a change is a new value, by `dataclasses.replace`."""
    told: Any = dataclass(init=False, repr=False, eq=False, kw_only=True)(cls)
    stated = fields(told)
    names = {each.name for each in stated}
    rest = {name: each for name, each in vars(cls).items() if name not in names | OWN}
    made = msgspec.defstruct(
        cls.__name__,
        [(each.name, each.type, default(each)) for each in stated],
        namespace=rest,
        module=cls.__module__,
        kw_only=True,
    )
    return cast("type[T]", made)


def default(stated: Field[Any]) -> Any:
    """What a field is that is not given."""
    given: Mapping[str, Any] = {"default": stated.default, "default_factory": stated.default_factory}
    return msgspec.field(**{name: each for name, each in given.items() if each is not MISSING})
