"""Where the rows of a group of jobs come from: files today; whatever else yields rows fits in here."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from runner import rows
from runner.group import JobGroup
from runner.selection import Filter, Selected, Supply, sliced

SELECTING = ("rows", "where", "shuffle", "take")
"""Keys of a job that choose among its rows."""


def supply(
    group: JobGroup, folder: Path, *, night: Mapping[str, Any], sets: Mapping[str, str]
) -> Supply | None:
    """The rows of a group of a manifest in `folder`, None where it has none; raises `origin.Unusable`."""
    if group.file is None:
        return None
    found = rows.found(group.file, folder)
    if all(getattr(group, key) is None for key in SELECTING):
        return found
    return Selected(
        supply=found,
        part=slice(None) if group.rows is None else sliced(group.rows),
        filter=None if group.where is None else Filter(group.where, night, sets),
        seed=group.shuffle,
        most=group.take,
    )
