"""Which rows become jobs, and in which order: a slice, then a filter, then a shuffle, then so many."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import field
from itertools import islice
from typing import Any, Protocol

from runner import templates
from runner.cell import Cell
from runner.problems import Problems
from runner.row import Head, Row
from runner.shuffling import shuffled
from runner.templates import BadTemplate, Incomparable
from runner.value import value

SLICE = re.compile(r"(-?\d*):(-?\d*)(?::(\d*))?", re.ASCII)
"""`100:200`, as Python has it: start, stop and step."""


class Supply(Protocol):
    """Rows, as often as they are asked for."""

    @property
    def is_bare(self) -> bool:
        """Whether its rows are texts that no column was named for."""

    def rows(self, problems: Problems) -> Iterator[Row]:
        """The rows that can be read; what is wrong with the others goes to `problems`."""

    def count(self) -> int:
        """How many rows there are, if all can be read."""

    def marks(self) -> Iterator[str]:
        """What changes with the rows; raises `origin.Unusable`."""

    def heads(self, problems: Problems) -> Iterator[Head]:
        """The columns of the parts that it is made of."""

    def may_have(self, *columns: str) -> bool:
        """Whether a row may have one of the columns."""


def sliced(text: str) -> slice:
    """The slice that is written so; raises `ValueError`."""
    match = SLICE.fullmatch(text)
    if match is None:
        raise ValueError("rows are chosen as in Python, from 0: 100:200, '100:', ':200'")
    start, stop, step = (int(part) if part else None for part in match.groups())
    if step == 0:
        raise ValueError("a step of 0 leads nowhere")
    return slice(start, stop, step)


@value(kw_only=False)
class Filter:
    """An expression over a row's columns that says whether the row is kept."""

    expression: str
    night: Mapping[str, Any]
    """Variables that are always there: columns beat them."""
    sets: Mapping[str, str]
    """Variables given by `--set`: they beat all others."""

    def kept(self, rows: Iterator[Row], problems: Problems) -> Iterator[Row]:
        holds = templates.condition(self.expression)
        for row in rows:
            place, values = row
            known = {**self.night, **values, **self.sets}
            seen = {name: comparable(known[name]) for name in holds.names.used if name in known}
            try:
                said = holds(seen)
            except Incomparable as error:
                if not any(value is None or value == "" for value in seen.values()):
                    problems.add(place, f"where: {error}")
                continue
            except BadTemplate as error:
                problems.add(place, f"where: {error}")
                continue
            if said is True:
                yield row
            elif said:
                problems.add(place, f"where: {str(said)[:40]!r} is neither true nor false: compare it")


def comparable(value: Any) -> Any:
    return Cell(value) if isinstance(value, str) else value


@value
class Selected:
    """Some rows of a supply."""

    supply: Supply
    part: slice = field(default_factory=lambda: slice(None))
    filter: Filter | None = None
    seed: int | None = None
    most: int | None = None

    @property
    def is_bare(self) -> bool:
        return self.supply.is_bare

    def rows(self, problems: Problems) -> Iterator[Row]:
        rows = self._kept(problems)
        if self.seed is not None:
            return shuffled(rows, self.seed, self.most, problems)
        return islice(rows, self.most)

    def count(self) -> int:
        if self.filter is not None:
            return sum(1 for _ in islice(self._kept(Problems()), self.most))
        count = len(range(*self.part.indices(self.supply.count())))
        return count if self.most is None else min(count, self.most)

    def marks(self) -> Iterator[str]:
        return self.supply.marks()

    def heads(self, problems: Problems) -> Iterator[Head]:
        return self.supply.heads(problems)

    def may_have(self, *columns: str) -> bool:
        return self.supply.may_have(*columns)

    def _kept(self, problems: Problems) -> Iterator[Row]:
        part = self.part
        if any(end is not None and end < 0 for end in (part.start, part.stop)):
            part = slice(*part.indices(self.supply.count()))
        rows = islice(self.supply.rows(problems), part.start, part.stop, part.step)
        return rows if self.filter is None else self.filter.kept(rows, problems)
