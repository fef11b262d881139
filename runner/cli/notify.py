"""`runner notify`: word of a batch, sent now."""

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from runner.cli.finding import batch
from runner.cli.options import Batch, Db
from runner.cli.speaking import Refused, say
from runner.cli.working import command

if TYPE_CHECKING:
    from runner.compose import Message
    from runner.store import BatchRow

UNSENT = 1

Test = Annotated[
    bool, typer.Option("--test", help="Use every way, whatever its `on` says, and mark it as a test.")
]


def notify(name: Batch = "", *, test: Test = False, db: Db = "") -> None:
    """Tell those whom the manifest names.

    How the batch stands, by the ways of its `notify`. Exits with 1 where one could not be told.
    """
    import anyio

    from runner import compose
    from runner.settings import Settings

    with compose.reading(db) as store:
        row = batch(store, name)
    settings = Settings.model_validate_json(row.settings)
    if not settings.notify:
        raise Refused(f"{row.name}: its manifest has no `notify`")
    message = word(db, row, is_test=test)
    if test:
        everybody = [notice.model_copy(update={"on": ["always"]}) for notice in settings.notify]
        settings = settings.model_copy(update={"notify": everybody})
    unsent = anyio.run(compose.tell, row.path, settings, message)
    for words in unsent:
        say(words)
    say(f"{len(settings.notify) - len(unsent)} of {len(settings.notify)} ways used")
    if unsent:
        raise typer.Exit(UNSENT)


def word(db: str, row: "BatchRow", *, is_test: bool) -> "Message":
    from runner import morning

    made = morning.sheet(db, row, command(db), at=time.time(), looked_at=0, shows=False)
    message = morning.message(made, morning.judged(0, made))
    return replace(message, title=f"test: {message.title}") if is_test else message
