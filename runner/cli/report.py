"""`runner report`: a batch in numbers and pictures, as one file to look at."""

import time
from pathlib import Path
from typing import Annotated

import typer

from runner.cli.finding import batch
from runner.cli.options import Batch, Db, Json
from runner.cli.speaking import tell, tell_json
from runner.cli.working import command

FILE = "report.html"
PAGE, DATA = ".html", ".json"

Target = Annotated[
    str,
    typer.Argument(
        metavar="PATH",
        show_default=False,
        help="A file where it ends in .html or .json, else a folder; default: report.html with the outputs.",
    ),
]
Look = Annotated[
    int,
    typer.Option(
        "--look",
        min=0,
        metavar="N",
        help="Look at N pictures at most for flat and similar ones, evenly chosen; each is decoded.",
    ),
]


def report(
    name: Batch = "", target: Target = "", *, look: Look = 1_000, db: Db = "", as_json: Json = False
) -> None:
    """Write a page of numbers, charts and pictures.

    One file that loads nothing. With --json the same numbers are printed, and a file is written only where
    PATH is given.
    """
    from runner import compose, morning

    with compose.reading(db) as store:
        owner = batch(store, name)
    path = place(target, Path(owner.folder))
    is_page = path.suffix != DATA and (bool(target) or not as_json)
    made = morning.sheet(db, owner, command(db), at=time.time(), looked_at=look, shows=is_page)
    if target or not as_json:
        compose.write_whole(path, made.json() if path.suffix == DATA else made.html(path, command(db)))
    if as_json:
        tell_json(made.numbers)
    else:
        tell([str(path)])


def place(target: str, folder: Path) -> Path:
    """The file that a path means."""
    path = Path(target) if target else folder
    return path if path.suffix in {PAGE, DATA} and target else path / FILE
