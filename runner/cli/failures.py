"""`runner failures`: why jobs failed, and what to do."""

from runner.cli.finding import batch
from runner.cli.options import Batch, Db, Json
from runner.cli.speaking import say, tell, tell_json
from runner.cli.working import command


def failures(name: Batch = "", *, db: Db = "", as_json: Json = False) -> None:
    """Say why jobs failed, and what to do about it."""
    from runner import compose, results
    from runner.report import advice, tables

    with compose.reading(db) as store:
        owner = batch(store, name)
        found = store.failures(owner.id)
    if not found:
        say(f"{owner.name}: no job failed")
    if not as_json:
        tell(tables.failures(owner.name, found, command(db)))
    for each in found if as_json else ():
        tell_json(results.failure(owner.name, each, advice.told(owner.name, each, command(db))))
