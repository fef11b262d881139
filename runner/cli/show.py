"""`runner show`: everything that is known of a job, or what a picture's file tells of it."""

from typing import Annotated

import typer

from runner.cli import carried, finding
from runner.cli.options import Db, Json
from runner.cli.speaking import tell, tell_json

JobName = Annotated[
    str,
    typer.Argument(
        metavar="JOB|FILE",
        help="ID in the newest batch, or BATCH/ID; or a picture's file, that tells of its request.",
        show_default=False,
    ),
]


def show(name: JobName, *, db: Db = "", as_json: Json = False) -> None:
    """Show a job: its request, every attempt, its outputs.

    Of a picture's file the request that it carries: no queue is needed for that.
    """
    from runner import compose, results
    from runner.report import tables

    if carried.is_picture(name):
        told = carried.told(name)
        if as_json:
            tell_json(told.model_dump(mode="json", exclude_unset=True))
        else:
            tell(tables.picture(told))
        return
    with compose.reading(db) as store:
        owner, row = finding.job(store, name)
        history = store.history(row.row)
    if as_json:
        tell_json(results.shown(owner.name, row, history))
    else:
        tell(tables.job(owner, row, history))
