"""A text of a row that compares with numbers as the number it looks like, as tables have no other values."""

import re
from typing import Any

NUMBER = re.compile(r"\s*[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?\s*", re.ASCII)
WHOLE = re.compile(r"\s*[-+]?\d{1,300}\s*", re.ASCII)


class Cell(str):
    """A text like any other, until it is compared with a number, or with another that looks like one."""

    __slots__ = ()
    __hash__ = str.__hash__

    def __eq__(self, other: object) -> bool:
        if isinstance(other, bool):
            return self.casefold() == str(other).casefold()
        if compares(self, other) and NUMBER.fullmatch(self):
            return bool(number(self) == number(other))
        return str.__eq__(self, other) is True

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __lt__(self, other: Any) -> bool:
        return number(self) < number(other) if compares(self, other) else str.__lt__(self, other)

    def __le__(self, other: Any) -> bool:
        return number(self) <= number(other) if compares(self, other) else str.__le__(self, other)

    def __gt__(self, other: Any) -> bool:
        return number(self) > number(other) if compares(self, other) else str.__gt__(self, other)

    def __ge__(self, other: Any) -> bool:
        return number(self) >= number(other) if compares(self, other) else str.__ge__(self, other)


def compares(cell: Cell, other: object) -> bool:
    """Whether the two are to be compared as numbers."""
    if isinstance(other, Cell):
        return bool(NUMBER.fullmatch(cell) and NUMBER.fullmatch(other))
    return isinstance(other, int | float)


def number(value: Any) -> Any:
    """The number that a value is or looks like; raises TypeError."""
    if not isinstance(value, str):
        return value
    if not NUMBER.fullmatch(value):
        raise TypeError(f"{value[:40]!r} is no number")
    return int(value) if WHOLE.fullmatch(value) else float(value)
