"""The batch or job that a person means."""

from difflib import get_close_matches
from typing import TYPE_CHECKING

from runner.cli.speaking import Refused

if TYPE_CHECKING:
    from runner.store import BatchRow, JobRow, Store


def batch(store: "Store", name: str) -> "BatchRow":
    """The batch of that name, the newest where none is given."""
    row = store.batch(name or None)
    if row is not None:
        return row
    if not name:
        raise Refused("no batch here yet: `runner run MANIFEST` makes one")
    raise Refused(f"no batch '{name}'.{suggestion(name, [each.name for each in store.batches()])}")


def suggestion(name: str, names: list[str]) -> str:
    near = get_close_matches(name, names, 1)
    if near:
        return f" Did you mean '{near[0]}'?"
    return f" There is: {', '.join(names[:10])}" if names else ""


def job(store: "Store", name: str) -> tuple["BatchRow", "JobRow"]:
    """`ID` in the newest batch, or `BATCH/ID`; an id may have slashes of its own."""
    newest = batch(store, "")
    if row := store.job(newest.id, name):
        return newest, row
    for batch_name, identifier in splits(name):
        owner = store.batch(batch_name)
        if owner is not None and (row := store.job(owner.id, identifier)):
            return owner, row
    raise Refused(
        f"no job '{name}' in batch '{newest.name}': `runner jobs` lists them; BATCH/ID names others"
    )


def splits(name: str) -> list[tuple[str, str]]:
    parts = name.split("/")
    return [("/".join(parts[:cut]), "/".join(parts[cut:])) for cut in range(1, len(parts))]
