"""Where the rows of a group of jobs come from: files today; whatever else yields rows fits in here."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from runner import rows
from runner.group import JobGroup
from runner.selection import Filter, Selected, Supply, sliced

SELECTING = ("rows", "where", "shuffle", "take")
"""Keys of a job that choose among its rows."""


def supply(group: JobGroup, folder: Path, given: Mapping[str, Any]) -> Supply | None:
    """The rows of a group of a manifest in `folder`, None where it has none; raises `origin.Unusable`.

    `given` are the variables that are there without rows.
    """
    if group.file is None:
        return None
    found = rows.found(group.file, folder)
    return found if all(getattr(group, key) is None for key in SELECTING) else selected(found, group, given)


def selected(found: Supply, group: JobGroup, given: Mapping[str, Any]) -> Supply:
    return Selected(
        supply=found,
        part=slice(None) if group.rows is None else sliced(group.rows),
        filter=None if group.where is None else Filter(group.where, given),
        seed=group.shuffle,
        most=group.take,
    )
