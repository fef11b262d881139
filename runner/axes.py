"""A batch laid out along names whose values vary: which values there are, and what stands in each cell."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

import orjson

from runner.job import State
from runner.store.rows import JobRow
from runner.value import value

COLUMNS = ("model", "endpoint", "sample", "prompt")
"""Names of every job, beside its `params` and `vars`."""
MOST_VALUES = 256
"""Of one name: a sheet with more of them shows nothing."""
MOST_CELLS = 20_000
"""Of all sheets together: they are in memory while the batch is read."""
ABSENT = object()
"""A job has no such name."""


class Unsheeted(Exception):
    """No sheet can be made of it; the text says why, and what can."""


@value
class Axes:
    """The names along a sheet's width and height, and of what there is a sheet for each; None: no such."""

    x: str
    y: str | None = None
    z: str | None = None

    @property
    def names(self) -> tuple[str | None, ...]:
        return self.x, self.y, self.z


@dataclass(slots=True)
class Cell:
    """The jobs of one combination: the first picture of them, or how the first of them ended."""

    job: str
    ended: str
    """The state of the first job, with its cause where it has one; of no use where there is a picture."""
    path: str | None = None
    size: tuple[int, int] = (1, 1)
    pictures: int = 0

    def note(self, row: JobRow) -> None:
        shown = [kept for kept in row.outputs if kept.path is not None]
        if shown and self.path is None:
            self.job, self.path = row.id, shown[0].path
            self.size = shown[0].width or 1, shown[0].height or 1
        self.pictures += len(shown)


Place = tuple[str, str, str]
"""The values at a cell, along x, y and z: as JSON, so that any value can be looked up."""


@dataclass(slots=True)
class Layout:
    """What is known of a batch's cells."""

    axes: Axes
    values: tuple[dict[str, Any], dict[str, Any], dict[str, Any]] = field(
        default_factory=lambda: ({}, {}, {})
    )
    """Along x, y and z in the order of the manifest: each value by its JSON."""
    cells: dict[Place, Cell] = field(default_factory=dict)
    left_out: int = 0
    """Jobs without one of the names."""

    def note(self, row: JobRow) -> None:
        found = [None if name is None else facet(row, name) for name in self.axes.names]
        if ABSENT in found:
            self.left_out += 1
            return
        keys = [written(each) for each in found]
        for name, known, key, each in zip(self.axes.names, self.values, keys, found, strict=True):
            known.setdefault(key, each)
            if len(known) > MOST_VALUES:
                raise Unsheeted(f"'{name}' has more than {MOST_VALUES} values: no sheet can show them")
        place = keys[0], keys[1], keys[2]
        self.cells.setdefault(place, Cell(row.id, ended(row))).note(row)
        if len(self.cells) > MOST_CELLS:
            raise Unsheeted(f"more than {MOST_CELLS:,} combinations: no sheet can show them")

    @property
    def pictures(self) -> int:
        return sum(cell.pictures for cell in self.cells.values())

    def along(self, axis: int) -> list[tuple[str, str]]:
        """Key and label of each value: numbers by size, other values as they first come."""
        known = self.values[axis]
        numeric = all(isinstance(each, int | float) for each in known.values())
        ordered = sorted(known.items(), key=lambda item: item[1]) if numeric else list(known.items())
        return [(key, label(each)) for key, each in ordered]


def layout(rows: Iterable[JobRow], axes: Axes) -> Layout:
    """Raises `Unsheeted` where there are too many values, as soon as it is known."""
    made = Layout(axes)
    for row in rows:
        made.note(row)
    return made


def facet(row: JobRow, name: str) -> Any:
    """What a job has by that name: of its own, then of its parameters, then of its variables.

    `params.NAME` and `vars.NAME` say which.
    """
    if name in COLUMNS:
        return getattr(row, name)
    place, _, rest = name.partition(".")
    match place:
        case "params" | "vars" if rest:
            return orjson.loads(getattr(row, place)).get(rest, ABSENT)
        case _:
            return orjson.loads(row.params).get(name, orjson.loads(row.vars).get(name, ABSENT))


def ended(row: JobRow) -> str:
    """`failed: blocked`, `pending`."""
    if row.state is State.SUCCEEDED:
        return "no picture"
    return str(row.state) if row.cause is None else f"{row.state}: {row.cause}"


def written(thing: Any) -> str:
    return orjson.dumps(thing, option=orjson.OPT_SORT_KEYS).decode()


def label(thing: Any) -> str:
    return thing if isinstance(thing, str) else written(thing)


def known(rows: Iterable[JobRow]) -> dict[str, int]:
    """Each name that jobs have, and how many values it has, `MOST_VALUES` at most."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    for row in rows:
        for name, thing in facets(row):
            if len(found[name]) < MOST_VALUES:
                found[name].add(written(thing))
    return {name: len(values) for name, values in found.items()}


def facets(row: JobRow) -> Iterator[tuple[str, Any]]:
    yield from ((name, getattr(row, name)) for name in COLUMNS)
    yield from orjson.loads(row.params).items()
    yield from orjson.loads(row.vars).items()


def check(name: str, names: Mapping[str, int]) -> None:
    """Raise `Unsheeted` where no job has the name, with those that vary."""
    if name in names or name.partition(".")[2] in names:
        return
    near = get_close_matches(name, names, 1)
    meant = f" Did you mean '{near[0]}'?" if near else ""
    raise Unsheeted(f"no job has '{name}'.{meant} {told(names)}")


def told(names: Mapping[str, int]) -> str:
    """`What varies: style (2), guidance_scale (3)`."""
    varying = {name: number for name, number in names.items() if number > 1}
    if not varying:
        return "Nothing varies in this batch"
    counted = (f"{name} ({number}{'+' * (number >= MOST_VALUES)})" for name, number in varying.items())
    return f"What varies: {', '.join(counted)}"
