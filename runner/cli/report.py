"""`runner report`: a batch in numbers and pictures, as one file to look at."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from runner.cli.finding import batch
from runner.cli.options import Batch, Db, Json
from runner.cli.speaking import tell, tell_json
from runner.cli.working import command

if TYPE_CHECKING:
    from runner.compose import Report

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
    from runner import compose
    from runner.report import summary

    with compose.reading(db) as store:
        owner = batch(store, name)
    path = place(target, Path(owner.folder))
    is_page = path.suffix != DATA and (bool(target) or not as_json)
    made = compose.report(db, owner.name, at=time.time(), looked_at=look, shows=is_page)
    numbers = summary.shown(made.facts, command(db))
    if target or not as_json:
        write(path, made, numbers, command(db))
    if as_json:
        tell_json(numbers)
    else:
        tell([str(path)])


def write(path: Path, made: "Report", numbers: dict[str, Any], runner: str) -> None:
    from runner import compose
    from runner.report import page

    if path.suffix == DATA:
        import orjson

        content = orjson.dumps(numbers, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    else:
        content = page.page(made.facts, made.shown, at=path, runner=runner).encode()
    compose.write_whole(path, content)


def place(target: str, folder: Path) -> Path:
    """The file that a path means."""
    path = Path(target) if target else folder
    return path if path.suffix in {PAGE, DATA} and target else path / FILE
