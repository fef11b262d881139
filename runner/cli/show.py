"""`runner show`: everything that is known of a job."""

from typing import Annotated

import typer

from runner.cli import finding
from runner.cli.options import Db, Json
from runner.cli.speaking import tell, tell_json

JobName = Annotated[
    str, typer.Argument(metavar="JOB", help="ID in the newest batch, or BATCH/ID.", show_default=False)
]


def show(name: JobName, *, db: Db = "", as_json: Json = False) -> None:
    """Show a job: its request, every attempt, its outputs."""
    from runner import compose, results
    from runner.report import tables

    with compose.reading(db) as store:
        owner, row = finding.job(store, name)
        history = store.history(row.row)
    if as_json:
        tell_json(results.shown(owner.name, row, history))
    else:
        tell(tables.job(owner, row, history))
