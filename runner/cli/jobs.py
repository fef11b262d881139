"""`runner jobs`: a line a job."""

from runner.cli.finding import batch
from runner.cli.options import Batch, Causes, Db, Json, States
from runner.cli.speaking import tell, tell_lines


def jobs(name: Batch = "", *, db: Db = "", states: States, causes: Causes, as_json: Json = False) -> None:
    """List the jobs of a batch, a line each."""
    from runner import compose, results
    from runner.report import tables

    with compose.reading(db) as store:
        owner = batch(store, name)
        rows = store.jobs(owner.id, states=states, causes=causes)
        if as_json:
            tell_lines(results.lines(owner.name, rows))
        else:
            tell(tables.jobs(rows))
