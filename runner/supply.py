"""Where the rows of a group of jobs come from: files, or what another batch has brought."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from runner import rows, templates
from runner.group import JobGroup
from runner.origin import Unusable
from runner.selection import Filter, Selected, Supply, sliced

SELECTING = ("rows", "where", "shuffle", "take")
"""Keys of a job that choose among its rows."""


class Batches(Protocol):
    """The other batches of the queue."""

    def outputs(self, name: str) -> Supply:
        """What the batch of that name has brought; raises `Unusable`."""


class NoBatches:
    """Those of a queue that is not there yet."""

    def outputs(self, name: str) -> Supply:
        raise Unusable(f"there is no batch {name!r}: there is no queue yet")


NONE = NoBatches()


def supply(
    group: JobGroup,
    folder: Path,
    *,
    night: Mapping[str, Any],
    sets: Mapping[str, str],
    batches: Batches = NONE,
) -> Supply | None:
    """The rows of a group of a manifest in `folder`, None where it has none; raises `origin.Unusable`."""
    if group.file is not None:
        found: Supply = rows.found(group.file, folder)
    elif group.from_batch is not None:
        found = batches.outputs(named(group.from_batch, {**night, **sets}))
    else:
        return None
    if all(getattr(group, key) is None for key in SELECTING):
        return found
    return Selected(
        supply=found,
        part=slice(None) if group.rows is None else sliced(group.rows),
        filter=None if group.where is None else Filter(group.where, night, sets),
        seed=group.shuffle,
        most=group.take,
    )


def named(template: str, given: Mapping[str, Any]) -> str:
    """The batch that is meant."""
    try:
        return str(templates.render(template, given))
    except templates.BadTemplate as error:
        raise Unusable(str(error)) from error
