"""`runner submit`: a manifest into the queue."""

from typing import TYPE_CHECKING

from runner.cli.options import (
    Adopt,
    Concurrency,
    Date,
    Db,
    Json,
    KeyEnv,
    Manifest,
    Model,
    Sets,
    Url,
    Yes,
)
from runner.cli.reading import Server, manifest
from runner.cli.speaking import is_asked, say_waiting, tell, tell_json

if TYPE_CHECKING:
    from runner import compose
    from runner.manifest import Manifest as Wanted


def submit(
    path: Manifest,
    *,
    db: Db = "",
    sets: Sets,
    date: Date = None,
    yes: Yes = False,
    adopt: Adopt = False,
    url: Url = "",
    key_env: KeyEnv = "",
    model: Model = "",
    concurrency: Concurrency = "",
    as_json: Json = False,
) -> None:
    """Expand a manifest into the queue; send nothing."""
    server = Server(url, key_env, model, concurrency)
    done = submitted(db, manifest(path, sets, server, night=date), yes=yes, adopt=adopt)
    if as_json:
        tell_json(
            {
                "batch": done.batch,
                "new": done.new,
                "kept": done.kept,
                "withdrawn": done.withdrawn,
                **({"reused": done.reused} if done.reused else {}),
            },
        )
    else:
        tell([words(done), *done.notes])


def submitted(db: str, wanted: "Wanted", *, yes: bool, adopt: bool = False) -> "compose.Submission":
    """Submit, and where there are very many new jobs, ask the person at the terminal first."""
    from runner import compose

    try:
        return compose.submit(db, wanted, yes=yes, adopt=adopt, waiting=say_waiting)
    except compose.TooMany as many:
        if not is_asked(f"{many}. Take them all?"):
            raise
    return compose.submit(db, wanted, yes=True, adopt=adopt, waiting=say_waiting)


def words(done: "compose.Submission") -> str:
    if done.unchanged:
        return f"{done.batch}: unchanged, {done.kept:,} kept"
    return f"{done.batch}: {done.new:,} new, {done.kept:,} kept, {done.withdrawn:,} withdrawn"
