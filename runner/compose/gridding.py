"""Contact sheets of a batch: laid out in one pass over its jobs, drawn one after the other."""

import io
from collections.abc import Iterator
from pathlib import Path

from runner import axes, sheet
from runner.axes import Axes, Layout, Unsheeted
from runner.compose.exporting import write_whole
from runner.compose.keeping import outputs
from runner.compose.opening import batch_of, reading
from runner.names import file_stem
from runner.store import BatchRow, Store
from runner.value import value

SUFFIX = ".png"


@value
class Sheet:
    """A sheet that was drawn."""

    path: Path
    value: str | None
    """Of z; None where there is one sheet for all."""
    columns: int
    rows: int


@value
class Grid:
    """What came of drawing a batch."""

    batch: str
    sheets: list[Sheet]
    pictures: int
    left_out: int
    """Jobs without one of the names: they stand on no sheet."""


def grid(db: str, batch: str, wanted: Axes, *, side: int | None = None, path: Path | None = None) -> Grid:
    """Draw them; `path` is a file's, by default beside the batch's folder.

    Raises `Unsheeted` where there is nothing to show or too much, `QueueError`, and `Unwritable`.
    """
    with reading(db) as store:
        row = batch_of(store, batch, db)
        made = laid_out(store, row, wanted)
    target = apart(row, path or Path(f"{row.folder}-grid{SUFFIX}"))
    drawn = [draw(row, made, side, each) for each in targets(made, target)]
    return Grid(batch=batch, sheets=drawn, pictures=made.pictures, left_out=made.left_out)


def laid_out(store: Store, row: BatchRow, wanted: Axes) -> Layout:
    made = axes.layout(store.jobs(row.id), wanted)
    if not made.cells:
        names = axes.known(store.jobs(row.id))
        for name in filter(None, wanted.names):
            axes.check(name, names)
        raise Unsheeted(f"no job has all of {', '.join(filter(None, wanted.names))}. {axes.told(names)}")
    if not made.pictures:
        raise Unsheeted(f"{row.name} has no pictures yet: there is nothing to draw")
    return made


def apart(row: BatchRow, target: Path) -> Path:
    """Raises `Unsheeted` where a sheet could take an output's name."""
    if target.absolute().resolve().is_relative_to(Path(row.folder).resolve()):
        raise Unsheeted(f"{target} is among the outputs of {row.name}: give another path")
    return target


def targets(made: Layout, target: Path) -> Iterator[tuple[Path, tuple[str, str]]]:
    """A file for each value of z; names that would be the same get a number."""
    if made.axes.z is None:
        yield target, made.along(2)[0]
        return
    taken: set[str] = set()
    for key, label in made.along(2):
        name = file_stem(f"{target.stem}-{label}")
        numbered = (f"{name}~{number}" for number in range(1, len(taken) + 1))
        free = next(each for each in (name, *numbered, f"{name}~") if each.casefold() not in taken)
        taken.add(free.casefold())
        yield target.with_name(free + SUFFIX), (key, label)


def draw(row: BatchRow, made: Layout, side: int | None, at: tuple[Path, tuple[str, str]]) -> Sheet:
    path, (key, label) = at
    plan = planned(row.name, made, key, label)
    picture = sheet.drawn(plan, sheet.framed(plan, side), outputs(row).source)
    file = io.BytesIO()
    picture.save(file, "PNG")
    write_whole(path, file.getvalue())
    shown = None if made.axes.z is None else label
    return Sheet(path=path, value=shown, columns=len(plan.across), rows=len(plan.down))


def planned(name: str, made: Layout, key: str, label: str) -> sheet.Plan:
    """The sheet for one value of z."""
    x, y, z = made.axes.names
    words = [f"across: {x}", f"down: {y}" if y else "", f"{z}: {label}" if z else ""]
    return sheet.Plan(
        title=name,
        caption="   ".join(filter(None, words)),
        across=made.along(0),
        down=made.along(1) if y else [(key_of_none(made), "")],
        cells={(a, b): cell for (a, b, c), cell in made.cells.items() if c == key},
    )


def key_of_none(made: Layout) -> str:
    return next(iter(made.values[1]))
