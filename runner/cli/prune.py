"""`runner prune`: batches that are over and done with, out of the queue."""

import time
from typing import TYPE_CHECKING, Annotated

import typer

from runner.cli.options import Db, Json
from runner.cli.speaking import say, say_waiting, tell, tell_json
from runner.cli.times import span_of

if TYPE_CHECKING:
    from runner.compose import Terms


def span(text: str) -> str:
    try:
        span_of(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    return text


OlderThan = Annotated[
    str,
    typer.Option(
        "--older-than",
        metavar="SPAN",
        callback=span,
        help="Batches that were finished so long ago: 30d, 12h, 2w.",
    ),
]
Keep = Annotated[
    int,
    typer.Option(
        "--keep", min=0, metavar="N", help="The newest N finished batches of each name's pattern stay."
    ),
]
Outputs = Annotated[
    bool, typer.Option("--outputs", help="Delete their outputs, too, and what else runner has written there.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would go; change nothing.")]
Unknown = Annotated[
    bool, typer.Option("--unknown", help="Batches with jobs that may have been paid for in vain may go.")
]
Unexported = Annotated[
    bool, typer.Option("--unexported", help="Batches whose results.jsonl is missing or out of date may go.")
]


def prune(
    *,
    older_than: OlderThan,
    keep: Keep = 0,
    outputs: Outputs = False,
    dry_run: DryRun = False,
    unknown: Unknown = False,
    unexported: Unexported = False,
    db: Db = "",
    as_json: Json = False,
) -> None:
    """Remove old batches, and give the room back.

    Finished ones alone, and whole; a run may be at work on another meanwhile.
    """
    from runner import compose
    from runner.report import prunes

    terms = compose.Terms(
        before=time.time() - span_of(older_than),
        keep=keep,
        outputs=outputs,
        unknown=unknown,
        unexported=unexported,
    )
    if dry_run:
        foretell(db, terms, as_json=as_json)
        return
    done = compose.prune(db, terms, waiting=say_waiting)
    if as_json:
        tell_json(prunes.shown(done))
    else:
        tell(prunes.lines(done))
    for note in done.notes:
        say(note)


def foretell(db: str, terms: "Terms", *, as_json: bool) -> None:
    """What would go, and what would stay."""
    from runner import compose
    from runner.report import prunes

    found = compose.prunable(db, terms)
    size = compose.outputs_of(db, found) if terms.outputs else 0
    if as_json:
        tell_json(prunes.foreseen(found, size))
    else:
        tell(prunes.foretold(found, size))
