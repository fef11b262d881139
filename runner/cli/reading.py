"""A manifest's file as the manifest it holds."""

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from runner.manifest import Manifest


def manifest(
    name: str, sets: list[str], *, night: datetime | None = None, is_run: bool = False
) -> "Manifest":
    """With `key=value` texts for its templates, and a date: by default today's in UTC.

    For a run the variables of the environment that it refers to have to be there.
    """
    from runner.manifest import load
    from runner.redaction import read_environment

    path = Path(name)
    given = dict(each.split("=", 1) for each in sets)
    environ = read_environment(path.parent, os.environ) if is_run else None
    return load(path, sets=given, today=(night or datetime.now(UTC)).date(), environ=environ)
