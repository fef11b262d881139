"""Values of a variable that stand in a file: read into the list that they might have been written as."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from runner import rows
from runner.group import JobGroup, PromptRow, ValueFile, Variables
from runner.origin import Unusable
from runner.problems import Problems, meant
from runner.rows import RowFiles
from runner.source import Loc


def files(group: JobGroup) -> Iterator[tuple[Loc, ValueFile]]:
    """The files of values that a group names, and the way to each."""
    yield from of_variables(group.vars, ("vars",))
    for row, prompt in enumerate(group.prompts or ()):
        if isinstance(prompt, PromptRow):
            yield from of_variables(prompt.vars, ("prompts", row, "vars"))


def of_variables(variables: Variables, loc: Loc) -> Iterator[tuple[Loc, ValueFile]]:
    return (((*loc, name), each) for name, each in variables.items() if isinstance(each, ValueFile))


def inlined(group: JobGroup, folder: Path) -> JobGroup:
    """The group with its variables' values in it; raises `Unusable`."""
    if next(files(group), None) is None:
        return group
    prompts = group.prompts and [with_values(prompt, folder) for prompt in group.prompts]
    return group.model_copy(update={"vars": listed(group.vars, folder), "prompts": prompts})


def with_values(prompt: str | PromptRow, folder: Path) -> str | PromptRow:
    if isinstance(prompt, str):
        return prompt
    return prompt.model_copy(update={"vars": listed(prompt.vars, folder)})


def listed(variables: Variables, folder: Path) -> Variables:
    return {
        name: read(each, folder, Problems()) if isinstance(each, ValueFile) else each
        for name, each in variables.items()
    }


def read(given: ValueFile, folder: Path, problems: Problems) -> list[Any]:
    """The values of its column, what is wrong with single rows told to `problems`; raises `Unusable`."""
    found = rows.found(given.file, folder)
    column = given.column or only_column(given.file, found)
    values: list[Any] = []
    for place, columns in found.rows(problems):
        if column in columns:
            values.append(columns[column])
        else:
            problems.add(place, f"no column {column!r}{meant(column, tuple(columns))}")
    if not values and not problems:
        raise Unusable(f"{given.file}: no row, where each is to be a value")
    return values


def only_column(written: str, found: RowFiles) -> str:
    names = sorted(set[str]().union(*(head.columns for head in found.heads(Problems()))))
    if len(names) > 1:
        raise Unusable(f"{written}: which column? Write {{file: …, column: …}}; known: {', '.join(names)}")
    return names[0] if names else ""
