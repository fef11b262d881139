"""`runner retry`: failed jobs once more."""

import time
from enum import StrEnum
from typing import Annotated

import typer

from runner.cli.finding import batch
from runner.cli.options import Batch, Causes, Db, Json
from runner.cli.speaking import Refused, say, say_waiting, tell, tell_json
from runner.cli.working import command


class Retried(StrEnum):
    """The states that a job can be retried from."""

    FAILED = "failed"
    UNKNOWN = "unknown"


States = Annotated[
    list[Retried],
    typer.Option(
        "--state",
        metavar="STATE",
        default_factory=list,
        show_default=False,
        help="Only jobs in this state (failed, unknown); may be given again.",
    ),
]
Ids = Annotated[
    list[str],
    typer.Option(
        "--job",
        metavar="ID",
        default_factory=list,
        show_default=False,
        help="Only this job; may be given again.",
    ),
]


def retry(
    name: Batch = "", *, db: Db = "", states: States, causes: Causes, ids: Ids, as_json: Json = False
) -> None:
    """Make failed or unknown jobs pending again."""
    from runner import compose
    from runner.job import State

    chosen = [State(state.value) for state in states or list(Retried)]
    with compose.writing(db, waiting=say_waiting) as store:
        owner = batch(store, name)
        for each in ids:
            if store.job(owner.id, each) is None:
                raise Refused(f"no job '{each}' in batch '{owner.name}': `runner jobs` lists them")
        number = store.retry(owner.id, states=chosen, causes=causes, ids=ids, now=time.time())
        is_running = compose.is_running(db, store, owner)
    if as_json:
        tell_json({"batch": owner.name, "retried": number})
    else:
        tell([f"{owner.name}: {number:,} pending again"])
    if number and is_running:
        say("its runner sends them")
    elif number:
        say(f"send them with: {command(db)} resume {owner.name}")
