"""A manifest's file as the manifest it holds."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from runner.manifest import Manifest


def manifest(path: str, sets: list[str]) -> "Manifest":
    """With `key=value` texts for its templates, and today's date in UTC."""
    from runner.manifest import load

    given = dict(each.split("=", 1) for each in sets)
    return load(Path(path), sets=given, today=datetime.now(UTC).date())
