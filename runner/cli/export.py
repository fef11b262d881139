"""`runner export`: results of a batch as a file."""

from pathlib import Path
from typing import Annotated

import typer

from runner.cli.finding import batch
from runner.cli.options import Batch, Db, Json
from runner.cli.speaking import tell, tell_json

SUFFIX = ".jsonl"
FILE = "results.jsonl"

Target = Annotated[
    str,
    typer.Argument(
        metavar="PATH",
        show_default=False,
        help="A file where it ends in .jsonl, else a folder; default: beside the outputs.",
    ),
]


def export(name: Batch = "", target: Target = "", *, db: Db = "", as_json: Json = False) -> None:
    """Write results.jsonl, a line a job that is not pending."""
    from runner import compose

    with compose.reading(db) as store:
        owner = batch(store, name)
    written = compose.results(db, owner.name, place(target))
    if as_json:
        tell_json({"batch": owner.name, "path": str(written)})
    else:
        tell([str(written)])


def place(target: str) -> Path | None:
    """The file that a path means; None: where a run would write it."""
    if not target:
        return None
    path = Path(target)
    return path if path.suffix == SUFFIX else path / FILE
