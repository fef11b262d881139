"""The columns of a table of samples, and their types: found in one pass over all of them.

What stands in `params` and `vars` is of any type. One that all rows agree on is kept (whole numbers give
way to fractions); where they do not agree, the column is of JSON texts.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from runner.exports.sample import Row, Sample, compact, row
from runner.value import value


class Type(StrEnum):
    """What a column holds."""

    BOOL = "bool"
    INT = "int"
    FLOAT = "float"
    TEXT = "text"
    TIME = "time"
    VECTOR = "vector"
    JSON = "json"
    """Any value, as JSON text."""
    PICTURE = "picture"


PLAIN: Mapping[type, Type] = {bool: Type.BOOL, int: Type.INT, float: Type.FLOAT, str: Type.TEXT}
NUMBERS = frozenset({Type.INT, Type.FLOAT})
LARGEST = 2**63 - 1
NESTED = ("params", "vars")
MOST_NESTED = 500
"""Columns that one of `NESTED` may make; more are one column of JSON texts."""
CONTENT: Mapping[str, tuple[str, Type]] = {
    "image": ("image", Type.PICTURE),
    "text": ("text", Type.TEXT),
    "embedding": ("embedding", Type.VECTOR),
    "tool_calls": ("tool_calls", Type.TEXT),
}
"""By kind of output, the column that holds what it is."""
FIXED: Mapping[str, Type] = {
    **dict.fromkeys(("sample", "index", "bytes", "width", "height", "attempts", "http_status"), Type.INT),
    **dict.fromkeys(("cost_usd", "latency_s"), Type.FLOAT),
    **dict.fromkeys(("started_at", "finished_at"), Type.TIME),
}
"""The columns that are of no text; `seed` is what it turns out to be."""
SEED = "seed"

Name = tuple[str, ...]
"""`("id",)`, or `("params", "width")`."""


def type_of(value: Any) -> Type | None:
    """None: nothing, which is of every type."""
    if value is None:
        return None
    found = PLAIN.get(type(value), Type.JSON)
    return Type.JSON if found is Type.INT and abs(value) > LARGEST else found


def common(one: Type | None, other: Type | None) -> Type | None:
    if one is other or other is None:
        return one
    if one is None:
        return other
    return Type.FLOAT if {one, other} == NUMBERS else Type.JSON


@value(kw_only=False)
class Columns:
    """A table's columns, known."""

    told: tuple[tuple[Name, Type], ...] = ()
    """All but those of what was made."""
    made: tuple[tuple[str, Type], ...] = ()
    """The columns of what was made."""
    steady: frozenset[Name] = frozenset()
    """Those that every sample has something in."""
    sparse: frozenset[Name] = frozenset()
    """Those that some have something in, and some have not."""

    def cells(self, sample: Sample) -> Iterator[tuple[Name, Any]]:
        """A value of its type for every column but those of what was made."""
        values = row(sample)
        for name, kind in self.told:
            value = values[name[0]]
            yield name, typed(value.get(name[1]) if len(name) > 1 else value, kind)

    def whole(self, sample: Sample) -> Row:
        """The cells as one row."""
        made: Row = {}
        for name, cell in self.cells(sample):
            put(made, name, cell)
        return made

    def even(self, sample: Sample) -> Row:
        """The row for readers that guess types from the first ones: no column lacks anything anywhere.

        What some sample lacks stands together in `more`, as JSON text.
        """
        even: Row = {}
        more: Row = {}
        for name, cell in self.cells(sample):
            if name in self.steady:
                put(even, name, cell)
            elif name in self.sparse:
                put(more, name, cell)
        return {**even, "more": compact(more)} if self.sparse else even


@dataclass(slots=True)
class Noted:
    """What was seen of the samples so far."""

    names: tuple[str, ...] = ()
    nested: dict[str, dict[str, Type | None]] = field(default_factory=lambda: {name: {} for name in NESTED})
    wide: set[str] = field(default_factory=set)
    """Those of `NESTED` that would make too many columns."""
    seed: Type | None = None
    kinds: set[str] = field(default_factory=set)
    having: set[Name] = field(default_factory=set)
    lacking: set[Name] = field(default_factory=set)

    def note(self, sample: Sample) -> None:
        """Learn from one more sample."""
        values = row(sample)
        for group in NESTED:
            if group not in self.wide:
                self._note_nested(group, values[group])
        empty = {(name,) for name, value in values.items() if value is None}
        self.lacking |= empty
        self.having |= {(name,) for name in values} - empty
        self.seed = common(self.seed, type_of(values[SEED]))
        self.kinds.update(kept.kind for kept in sample.outputs[:1])
        self.names = self.names or tuple(values)

    def _note_nested(self, group: str, values: Mapping[str, Any]) -> None:
        known = self.nested[group]
        if len(known.keys() | values.keys()) > MOST_NESTED:
            self.wide.add(group)
            known.clear()
            return
        if self.names and known.keys() != values.keys():
            self.lacking.update((group, name) for name in known.keys() ^ values.keys())
        for name, cell in values.items():
            known[name] = common(known.get(name), type_of(cell))
            (self.lacking if cell is None else self.having).add((group, name))

    def columns(self) -> Columns:
        told = tuple(self._told())
        named = {name for name, _ in told}
        return Columns(
            told=told,
            made=tuple(column for kind, column in CONTENT.items() if kind in self.kinds),
            steady=frozenset(named & self.having - self.lacking),
            sparse=frozenset(named & self.having & self.lacking),
        )

    def _told(self) -> Iterator[tuple[Name, Type]]:
        for name in self.names:
            if name in NESTED and name not in self.wide:
                yield from (((name, inner), kind or Type.TEXT) for inner, kind in self.nested[name].items())
            elif name in NESTED:
                yield (name,), Type.JSON
            else:
                yield (name,), (self.seed or Type.INT) if name == SEED else FIXED.get(name, Type.TEXT)


def put(into: Row, name: Name, value: Any) -> None:
    if len(name) == 1:
        into[name[0]] = value
    else:
        into.setdefault(name[0], {})[name[1]] = value


def typed(value: Any, kind: Type) -> Any:
    if value is None:
        return None
    if kind is Type.JSON:
        return compact(value)
    return float(value) if kind is Type.FLOAT else value
