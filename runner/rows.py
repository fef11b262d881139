"""Files of rows: data, read as a stream, every bad row told with its place."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

from runner.lines import Objects, Table, Texts
from runner.problems import Problems
from runner.row import Head, Row


class Unusable(Exception):
    """A file that cannot be one of rows; its text says which and why."""


class Form(Protocol):
    """How the rows of a file are written."""

    @property
    def are_alike(self) -> bool:
        """Whether every row has the columns of the head."""

    def rows(self, file: BinaryIO, name: str, problems: Problems) -> Iterator[Row]:
        """The rows that can be read; what is wrong with the others goes to `problems`."""

    def count(self, file: BinaryIO, name: str) -> int:
        """How many rows there are, if all can be read."""

    def head(self, file: BinaryIO, name: str, problems: Problems) -> Head | None:
        """The columns; None where there are no rows to show them."""


FORMS: Mapping[str, Form] = {
    ".txt": Texts(),
    ".csv": Table(","),
    ".tsv": Table("\t"),
    ".jsonl": Objects(),
}


@dataclass(frozen=True, slots=True)
class RowFile:
    """One file of rows."""

    path: Path
    form: Form

    @property
    def name(self) -> str:
        """As it is called in messages."""
        return str(self.path)

    @property
    def is_bare(self) -> bool:
        """Whether its rows are texts that no column was named for."""
        return isinstance(self.form, Texts)

    def rows(self, problems: Problems) -> Iterator[Row]:
        with self.path.open("rb") as file:
            yield from self.form.rows(file, self.name, problems)

    def count(self) -> int:
        with self.path.open("rb") as file:
            return self.form.count(file, self.name)

    def head(self, problems: Problems) -> Head | None:
        with self.path.open("rb") as file:
            return self.form.head(file, self.name, problems)


@dataclass(frozen=True, slots=True)
class RowFiles:
    """The rows of files, one file after the other."""

    files: tuple[RowFile, ...]

    @property
    def is_bare(self) -> bool:
        return all(each.is_bare for each in self.files)

    def rows(self, problems: Problems) -> Iterator[Row]:
        for each in self.files:
            yield from each.rows(problems)

    def count(self) -> int:
        return sum(each.count() for each in self.files)

    def heads(self, problems: Problems) -> Iterator[Head]:
        """Of every file that has one."""
        return (head for each in self.files if (head := each.head(problems)) is not None)

    def may_have(self, column: str) -> bool:
        """Whether a row may have the column."""
        return any(
            not each.form.are_alike
            or ((head := each.head(Problems())) is not None and column in head.columns)
            for each in self.files
        )


def found(written: str, folder: Path) -> RowFiles:
    """The files that a manifest in `folder` means; raises `Unusable`."""
    return RowFiles((readable(folder / written),))


def readable(path: Path) -> RowFile:
    form = FORMS.get(path.suffix.lower())
    if form is None:
        raise Unusable(f"{path}: a file of prompts is one of {', '.join(FORMS)}")
    try:
        if not path.is_file():
            raise Unusable(f"{path}: {'not a file' if path.exists() else 'no such file'}")
        with path.open("rb"):
            return RowFile(path, form)
    except (OSError, ValueError) as error:
        raise Unusable(f"{path}: {getattr(error, 'strerror', None) or error}") from error
