"""Files of rows: data, read as a stream, every bad row told with its place."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from io import BufferedReader
from pathlib import Path, PurePosixPath
from typing import Protocol

from runner.columnar import Arrow, Parquet
from runner.extras import Missing, library
from runner.lines import Objects, Table, Texts, mentions
from runner.listing import Listing
from runner.origin import Origin, Remote, Unusable, origins
from runner.problems import Problems
from runner.row import Head, Row
from runner.streams import PACKINGS, ZSTD, unpacked, words
from runner.value import value


class Form(Protocol):
    """How the rows of a file are written."""

    @property
    def are_alike(self) -> bool:
        """Whether every row has the columns of the head."""

    def rows(self, file: BufferedReader, name: str, problems: Problems) -> Iterator[Row]:
        """The rows that can be read; what is wrong with the others goes to `problems`."""

    def count(self, file: BufferedReader, name: str) -> int:
        """How many rows there are, if all can be read."""

    def head(self, file: BufferedReader, name: str, problems: Problems) -> Head | None:
        """The columns; None where there are no rows to show them."""


TEXTUAL: Mapping[str, Form] = {
    ".txt": Texts(),
    ".csv": Table(","),
    ".tsv": Table("\t"),
    ".jsonl": Objects(),
    ".ndjson": Objects(),
    ".json": Listing(),
}
"""Forms that may be packed."""
FORMS: Mapping[str, Form] = {
    **TEXTUAL,
    ".parquet": Parquet(),
    ".arrow": Arrow(),
    ".feather": Arrow(),
}
NEEDED: Mapping[str, tuple[str, str]] = {
    **dict.fromkeys(FORMS.keys() - TEXTUAL.keys(), ("pyarrow", "parquet")),
    ".zst": (ZSTD, "zstd"),
}
"""By the end of a file's name, the library that reads it, and the extra that brings the library."""


@value(kw_only=False)
class RowFile:
    """One file of rows."""

    origin: Origin
    form: Form
    packing: str

    @property
    def is_bare(self) -> bool:
        """Whether its rows are texts that no column was named for."""
        return isinstance(self.form, Texts)

    def rows(self, problems: Problems) -> Iterator[Row]:
        row: Row | None = None
        try:
            with self.opened() as file:
                for row in self.form.rows(file, self.origin.name, problems):
                    yield row
        except OSError as error:
            if row is None:
                problems.add(self.origin.name, f"cannot be read: {words(error)}")
            else:
                problems.add(row[0], f"cannot be read after this row: {words(error)}")

    def count(self) -> int:
        """What cannot be read has no rows; reading them tells why."""
        with suppress(OSError), self.opened() as file:
            return self.form.count(file, self.origin.name)
        return 0

    def head(self, problems: Problems) -> Head | None:
        try:
            with self.opened() as file:
                return self.form.head(file, self.origin.name, problems)
        except OSError as error:
            problems.add(self.origin.name, f"cannot be read: {words(error)}")
            return None

    def may_have(self, *columns: str) -> bool:
        """Whether a row may have one of the columns."""
        if self.form.are_alike:
            head = self.head(Problems())
            return head is not None and not {*columns}.isdisjoint(head.columns)
        with suppress(OSError), self.opened() as file:
            return mentions(file, columns)
        return False

    @contextmanager
    def opened(self) -> Iterator[BufferedReader]:
        with self.origin.opened() as file, unpacked(file, self.packing) as whole:
            yield whole


@value(kw_only=False)
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

    def marks(self) -> Iterator[str]:
        """What changes with the files' content; raises `Unusable`."""
        for each in self.files:
            try:
                yield f"{each.origin.name} {each.origin.mark()}"
            except OSError as error:
                raise Unusable(f"{each.origin.name}: cannot be read: {words(error)}") from error

    def heads(self, problems: Problems) -> Iterator[Head]:
        """Of every file that has one."""
        return (head for each in self.files if (head := each.head(problems)) is not None)

    def may_have(self, *columns: str) -> bool:
        """Whether a row may have one of the columns."""
        return any(each.may_have(*columns) for each in self.files)


def found(written: str, folder: Path) -> RowFiles:
    """The files that a manifest in `folder` means; raises `Unusable`."""
    try:
        return RowFiles(tuple(row_file(origin) for origin in origins(written, folder)))
    except Missing as error:
        raise Unusable(str(error)) from error


def row_file(origin: Origin) -> RowFile:
    """The file, read by what its name ends in; raises `Unusable`, `Missing`."""
    name = origin.name.lower().partition("?")[0] if isinstance(origin, Remote) else origin.name.lower()
    path = PurePosixPath(name)
    suffix = path.suffix
    packing = suffix if suffix in PACKINGS else ""
    form = TEXTUAL.get(PurePosixPath(path.stem).suffix) if packing else FORMS.get(suffix)
    if suffix in NEEDED:
        library(*NEEDED[suffix], why=origin.name)
    if form is None:
        packed = f"all but the last three may be packed: {', '.join(PACKINGS)}"
        raise Unusable(f"{origin.name}: a file of prompts is one of {', '.join(FORMS)}; {packed}")
    return RowFile(origin, form, packing)
