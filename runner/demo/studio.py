"""Pictures that were ordered: to be painted into an answer, or to be fetched from a shelf later."""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from runner.demo.acts import Answer
from runner.demo.painting import Picture
from runner.value import value

T = TypeVar("T")
SHELF = 20_000
"""Pictures that can still be fetched; the oldest make room, so that memory does not grow with a batch."""


@value
class Order:
    """An answer that needs pictures painted first."""

    pictures: tuple[Picture, ...]
    frame: Callable[[list[bytes]], Answer]
    """Puts the painted files, in their order, into the answer."""


@dataclass(slots=True, kw_only=True)
class Prediction:
    """A job that is asked for until it is ready."""

    model: str
    files: tuple[str, ...]
    text: str
    polls: int = 0
    """How often it has been asked for."""


@dataclass(slots=True)
class Shelf(Generic[T]):
    """The newest things under their names."""

    things: OrderedDict[str, T] = field(default_factory=OrderedDict)

    def put(self, name: str, thing: T) -> str:
        self.things[name] = thing
        if len(self.things) > SHELF:
            self.things.popitem(last=False)
        return name

    def find(self, name: str) -> T | None:
        return self.things.get(name)


@value
class Visit:
    """What an answer may know besides the request's body."""

    number: int
    """The running number of the request, which makes two pictures of one prompt differ."""
    epoch: int
    url: str
    """The provider's own address, for links."""
    polls: int
    """How often a prediction says `processing` before it is ready."""
    pictures: Shelf[Picture]
    predictions: Shelf[Prediction]
    models: Sequence[str] = ()
    """Those that there are; none: any, and well-known ones are listed."""
    balance: float = 12.34
    """Dollars left of the account."""


Made = Answer | Order
