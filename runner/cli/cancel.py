"""`runner cancel`: what is pending is not to be done."""

import time

from runner.cli.finding import batch
from runner.cli.options import Batch, Db, Json
from runner.cli.speaking import say_waiting, tell, tell_json


def cancel(name: Batch = "", *, db: Db = "", as_json: Json = False) -> None:
    """Cancel pending jobs; what is in flight is finished."""
    from runner import compose

    with compose.writing(db, waiting=say_waiting) as store:
        owner = batch(store, name)
        number = store.cancel(owner.id, now=time.time())
    if as_json:
        tell_json({"batch": owner.name, "cancelled": number})
    else:
        tell([f"{owner.name}: {number:,} cancelled"])
