"""`runner doctor`: what would go wrong, before it does."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from runner.cli.options import Db, Json, Sets
from runner.cli.reading import manifest
from runner.cli.speaking import tell, tell_json

if TYPE_CHECKING:
    from runner.checkup import Finding

ILL = 1

Wanted = Annotated[
    str,
    typer.Argument(
        metavar="MANIFEST", show_default=False, help="The manifest's file; default: what was last submitted."
    ),
]


def doctor(path: Wanted = "", *, db: Db = "", sets: Sets, as_json: Json = False) -> None:
    """Look at what a run needs, and send nothing.

    SQLite, disks, rights, clock, keys, and endpoints, which are connected to, certificates included. Exits
    with 1 where a run would fail.
    """
    from runner import compose
    from runner.checkup import Level

    found = list(compose.examined(db, manifest(path, sets) if path else None))
    is_well = all(each.level is not Level.FAIL for each in found)
    if as_json:
        tell_json({"ok": is_well, "checks": [shown(each) for each in found]})
    else:
        tell(lines(found))
    if not is_well:
        raise typer.Exit(ILL)


def shown(each: "Finding") -> dict[str, Any]:
    return {
        "check": each.check,
        "level": each.level.value,
        "found": each.found,
        "advice": each.advice or None,
    }


def lines(found: "Iterable[Finding]") -> list[str]:
    """A line a check, with what to do where there is something to be done."""
    from runner.report.words import plain

    return [f"{each.level:<4}  {each.check:<8}  {plain(each.found, None)}{advised(each)}" for each in found]


def advised(each: "Finding") -> str:
    from runner.report.words import plain

    return f": {plain(each.advice, None)}" if each.advice else ""
