"""A row of data with its place, and what the first one of a file tells of all the others."""

from typing import Any

from runner.value import value

Row = tuple[str, dict[str, Any]]
"""Where it stands, `prompts.jsonl:7`, and values by column."""
PROMPT = "prompt"
"""The column that a text without columns stands in."""


@value(kw_only=False)
class Head:
    """Where the columns of a file are shown, and their names."""

    place: str
    columns: tuple[str, ...]
    useless: tuple[str, ...] = ()
    """Columns of bytes, which are no variables."""
