"""Where the rows of a group of jobs come from: files today; whatever else yields rows fits in here."""

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from runner import rows
from runner.group import JobGroup
from runner.problems import Problems
from runner.row import Head, Row


class Supply(Protocol):
    """Rows, as often as they are asked for."""

    @property
    def is_bare(self) -> bool:
        """Whether its rows are texts that no column was named for."""

    def rows(self, problems: Problems) -> Iterator[Row]:
        """The rows that can be read; what is wrong with the others goes to `problems`."""

    def count(self) -> int:
        """How many rows there are, if all can be read."""

    def marks(self) -> Iterator[str]:
        """What changes with the rows; raises `origin.Unusable`."""

    def heads(self, problems: Problems) -> Iterator[Head]:
        """The columns of the parts that it is made of."""

    def may_have(self, column: str) -> bool:
        """Whether a row may have the column."""


def supply(group: JobGroup, folder: Path) -> Supply | None:
    """The rows of a group of a manifest in `folder`, None where it has none; raises `origin.Unusable`."""
    return None if group.file is None else rows.found(group.file, folder)
