"""`runner run`: the main job."""

from typing import TYPE_CHECKING, Annotated

import typer

from runner.cli.options import Db, Json, Limit, MaxCost, NoWait, Sets, Until, Yes
from runner.cli.reading import manifest
from runner.cli.speaking import say
from runner.cli.submit import submitted, words
from runner.cli.working import deadline_of, options, work

if TYPE_CHECKING:
    from runner.compose import Ended, RunOptions
    from runner.manifest import Manifest

Manifests = Annotated[
    list[str],
    typer.Argument(
        metavar="MANIFEST", show_default=False, help="Manifests' files, taken one after the other."
    ),
]


def run(
    paths: Manifests,
    *,
    db: Db = "",
    sets: Sets,
    limit: Limit = None,
    max_cost: MaxCost = None,
    until: Until = "",
    no_wait: NoWait = False,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Submit manifests and work until nothing is left.

    Stopped or killed, it goes on when it is run again; what is paid for is not sent again.
    """
    deadline = deadline_of(until)
    say(f"reading {', '.join(paths)}")
    bounds = options(limit=limit, max_cost=max_cost, deadline=deadline, no_wait=no_wait)
    statuses = [0]
    left = [manifest(path, sets, is_run=True) for path in paths]
    while left:
        ended = run_one(db, left.pop(0), bounds, yes=yes, as_json=as_json)
        statuses.append(ended.exit_status)
        if ended.signalled is not None and left:
            statuses.append(ended.signalled)
            break
        if ended.db != db:
            break
    raise typer.Exit(max(statuses))


def run_one(db: str, wanted: "Manifest", bounds: "RunOptions", *, yes: bool, as_json: bool) -> "Ended":
    done = submitted(db, wanted, yes=yes)
    for line in (words(done), *done.notes):
        say(line)
    return work(db, done.batch, bounds, as_json=as_json)
