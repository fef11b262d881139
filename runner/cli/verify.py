"""`runner verify`: whether everything that was paid for is still there."""

from typing import TYPE_CHECKING, Annotated

import typer

from runner.cli.finding import batch
from runner.cli.options import Batch, Db, Json
from runner.cli.speaking import is_asked, say, tell, tell_json
from runner.cli.working import command

if TYPE_CHECKING:
    from runner.verdict import Verdict

WRONG = 1

Repair = Annotated[
    bool,
    typer.Option("--repair", help="Make jobs pending again whose outputs are missing or changed."),
]
Agreed = Annotated[bool, typer.Option("--yes", help="Repair without asking, whatever it will cost.")]


def verify(
    name: Batch = "", *, db: Db = "", repair: Repair = False, yes: Agreed = False, as_json: Json = False
) -> None:
    """Hash every output file again, and check the queue itself.

    Exits with 1 where a file is missing, changed or unknown, or the queue is not sound.
    """
    from runner import compose
    from runner.report import verdicts

    with compose.reading(db) as store:
        owner = batch(store, name)
    found = compose.verify(db, owner.name)
    if not as_json:
        tell(verdicts.lines(found))
    repaired = compose.repair(db, found) if repair and is_meant(found, yes=yes) else None
    if as_json:
        tell_json(verdicts.shown(found, repaired))
    if repaired is not None:
        say(verdicts.mended(repaired))
        if repaired.jobs:
            say(f"send them with: {command(db)} resume {owner.name}")
    if not verdicts.is_well(found, repaired):
        raise typer.Exit(WRONG)


def is_meant(found: "Verdict", *, yes: bool) -> bool:
    """Whether a person agrees to the cost; what costs nothing is not asked about."""
    from runner.report.verdicts import price

    if yes or not found.lost:
        return True
    if is_asked(f"{price(found)}. Repair?"):
        return True
    say(f"{price(found)}; --yes to do it")
    return False
