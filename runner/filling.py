"""What a template asks for, and why it cannot be read or filled in."""

from collections.abc import Mapping
from typing import Any

from runner.value import value

Values = Mapping[str, Any]


class BadTemplate(Exception):
    """A template that cannot be read or filled in; its text says why."""


class Incomparable(BadTemplate):
    """Values of types that an operator of the template does not know."""


@value(kw_only=False)
class Names:
    """The variables that templates use."""

    used: frozenset[str] = frozenset()
    needed: frozenset[str] = frozenset()
    """Those of them that must have a value; `{{ style | default("") }}` needs none."""

    def __or__(self, other: "Names") -> "Names":
        return Names(self.used | other.used, self.needed | other.needed)


NONE = Names()
