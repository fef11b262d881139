"""`runner pause`: a run sends nothing more until it is told to go on."""

from runner.cli.finding import batch
from runner.cli.options import Batch, Db, Json
from runner.cli.speaking import say, say_waiting, tell, tell_json
from runner.cli.working import command


def pause(name: Batch = "", *, db: Db = "", as_json: Json = False) -> None:
    """Hold a running batch until `resume`, cutting nothing.

    What is in flight is finished.
    """
    from runner import compose

    with compose.writing(db, waiting=say_waiting) as store:
        owner = batch(store, name)
        is_running = compose.is_running(db, store, owner)
        if is_running:
            store.pause(owner.id, paused=True)
    if as_json:
        tell_json({"batch": owner.name, "paused": is_running})
    elif is_running:
        tell([f"{owner.name}: paused; it goes on with: {command(db)} resume {owner.name}"])
    if not is_running:
        say(f"{owner.name}: no runner is at work on it, so nothing is sent")
