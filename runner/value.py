"""Values: frozen, and as quick to make as a tuple.

A frozen dataclass pays for its walls whenever one is made, and half a millisecond when its class is; a dozen
values are made for every job, and a hundred classes at every start. Here it is msgspec's C that makes them.
"""

from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, dataclass, fields
from functools import partial
from typing import Any, TypeVar, cast, dataclass_transform, overload

import msgspec

T = TypeVar("T")

OWN = frozenset({"__dict__", "__weakref__", "__annotations__", "__dataclass_params__", "__match_args__"})
"""What a class has that is made anew."""


@overload
def value(cls: type[T], /) -> type[T]: ...
@overload
def value(*, kw_only: bool) -> Callable[[type[T]], type[T]]: ...


@dataclass_transform(frozen_default=True, kw_only_default=True)
def value(cls: type[T] | None = None, /, *, kw_only: bool = True) -> type[T] | Callable[[type[T]], type[T]]:
    """A class of slots and keyword arguments, or by `kw_only=False` of plain ones.

    A change is a new value, by `dataclasses.replace`.
    """
    make = partial(made, kw_only=kw_only)
    return make if cls is None else make(cls)


def made(cls: type[T], *, kw_only: bool) -> type[T]:
    """The class, made anew."""
    told: Any = dataclass(init=False, repr=False, eq=False, kw_only=kw_only)(cls)
    stated = fields(told)
    names = {each.name for each in stated}
    rest = {name: each for name, each in vars(cls).items() if name not in names | OWN}
    struct = msgspec.defstruct(
        cls.__name__,
        [(each.name, each.type, default(each)) for each in stated],
        namespace=rest,
        module=cls.__module__,
        kw_only=kw_only,
        frozen=True,
    )
    return cast("type[T]", struct)


def default(stated: Field[Any]) -> Any:
    """What a field is that is not given."""
    given: Mapping[str, Any] = {"default": stated.default, "default_factory": stated.default_factory}
    return msgspec.field(**{name: each for name, each in given.items() if each is not MISSING})
