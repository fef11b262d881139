"""`runner grid`: pictures side by side, under what they were made with."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from runner.cli.finding import batch
from runner.cli.options import Batch, Db, Json
from runner.cli.speaking import Refused, say, tell, tell_json

if TYPE_CHECKING:
    from runner.compose import Grid

SUFFIX = ".png"
FILE = "grid.png"

Target = Annotated[
    str,
    typer.Argument(
        metavar="PATH",
        show_default=False,
        help="A file where it ends in .png, else a folder; default: <outputs>-grid.png, beside the outputs.",
    ),
]
Across = Annotated[
    str,
    typer.Option(
        "--x",
        metavar="NAME",
        show_default=False,
        help="What varies across: a parameter, a variable, model, endpoint, sample or prompt. "
        "`params.NAME` and `vars.NAME` say which is meant.",
    ),
]
Down = Annotated[str, typer.Option("--y", metavar="NAME", show_default=False, help="What varies down.")]
Apart = Annotated[
    str, typer.Option("--z", metavar="NAME", show_default=False, help="Draws a sheet for each of its values.")
]
Side = Annotated[
    int | None,
    typer.Option(
        "--cell",
        metavar="PIXELS",
        min=16,
        max=4096,
        show_default=False,
        help="A cell's width; default: 256, or less where there are many.",
    ),
]


def grid(
    name: Batch = "",
    target: Target = "",
    *,
    x: Across,
    y: Down = "",
    z: Apart = "",
    cell: Side = None,
    db: Db = "",
    as_json: Json = False,
) -> None:
    """Draw contact sheets of what varies.

    A cell shows the first picture of its combination, and how many more there are.
    """
    from runner import compose
    from runner.axes import Axes, Unsheeted
    from runner.report.words import many

    with compose.reading(db) as store:
        owner = batch(store, name)
    try:
        made = compose.grid(
            db, owner.name, Axes(x=x, y=y or None, z=z or None), side=cell, path=place(target)
        )
    except Unsheeted as error:
        raise Refused(str(error)) from None
    if made.left_out:
        names, are = ", ".join(filter(None, (x, y, z))), "is" if made.left_out == 1 else "are"
        say(f"{many(made.left_out, 'job')} without {names} {are} left out")
    if as_json:
        tell_json(shown(made))
    else:
        tell(str(each.path) for each in made.sheets)


def place(target: str) -> Path | None:
    """The file that a path means; None: beside the batch's folder."""
    if not target:
        return None
    path = Path(target)
    return path if path.suffix == SUFFIX else path / FILE


def shown(made: "Grid") -> dict[str, Any]:
    return {
        "batch": made.batch,
        "pictures": made.pictures,
        "left_out": made.left_out,
        "sheets": [
            {"path": str(each.path), "value": each.value, "columns": each.columns, "rows": each.rows}
            for each in made.sheets
        ],
    }
