"""`runner batches`: all there are."""

from runner.cli.options import Db, Json
from runner.cli.speaking import tell, tell_json


def batches(*, db: Db = "", as_json: Json = False) -> None:
    """List every batch: state, counts, spend, dates."""
    from runner import compose, results
    from runner.report import tables

    with compose.reading(db) as store:
        rows = [compose.as_it_stands(db, store, row) for row in store.batches()]
    if not as_json:
        tell(tables.batches(rows))
    for row in rows if as_json else ():
        tell_json(results.listed(row))
