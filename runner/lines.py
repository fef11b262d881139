"""Forms of text that are read line by line: prompts, JSON lines, tables."""

import csv
from collections.abc import Iterable, Iterator
from io import BufferedReader
from typing import Any

import orjson

from runner.problems import Problems
from runner.row import PROMPT, Head, Row
from runner.source import Undecodable, decoded
from runner.value import value

LONGEST_FIELD = 1 << 27
BLOCK = 1 << 20
HIDDEN = tuple(rb"\u00%d" % high for high in (5, 6, 7))
"""How JSON begins letters and `_` that it does not write out."""


def lines(file: BufferedReader, name: str, problems: Problems) -> Iterator[tuple[int, str]]:
    """Line numbers and lines, their ends cut off; stops at what is not text."""
    offset = 0
    for number, line in enumerate(file, 1):
        try:
            text = decoded(line, offset=offset)
        except Undecodable as error:
            problems.add(f"{name}:{number}", str(error))
            return
        offset += len(line)
        yield number, text.removesuffix("\n")


def mentions(file: BufferedReader, keys: Iterable[str]) -> bool:
    """Whether an object in a file of JSON may have one of the keys: much quicker than to read the objects."""
    sought = (*(b'"%b"' % key.encode() for key in keys), *HIDDEN)
    overlap = max(map(len, sought)) - 1
    before = b""
    while block := file.read(BLOCK):
        text = before + block
        if any(word in text for word in sought):
            return True
        before = text[-overlap:]
    return False


def filled_lines(file: BufferedReader) -> int:
    return sum(1 for line in file if not line.isspace())


class Texts:
    """A prompt a line."""

    are_alike = True

    def rows(self, file: BufferedReader, name: str, problems: Problems) -> Iterator[Row]:
        offset = 0
        for number, line in enumerate(file, 1):
            try:
                text = decoded(line, offset=offset)
            except Undecodable as error:
                problems.add(f"{name}:{number}", str(error))
                return
            offset += len(line)
            if text and not text.isspace():
                yield f"{name}:{number}", {PROMPT: text.removesuffix("\n")}

    def count(self, file: BufferedReader, name: str) -> int:
        del name
        return filled_lines(file)

    def head(self, file: BufferedReader, name: str, problems: Problems) -> Head | None:
        del file, problems
        return Head(f"{name}:1", (PROMPT,))


class Objects:
    """A JSON object a line."""

    are_alike = False

    def rows(self, file: BufferedReader, name: str, problems: Problems) -> Iterator[Row]:
        offset = 0
        for number, line in enumerate(file, 1):
            try:
                row = quick(line) or careful(line, offset, f"{name}:{number}", problems)
            except Undecodable as error:
                problems.add(f"{name}:{number}", str(error))
                return
            offset += len(line)
            if row is not None:
                yield f"{name}:{number}", row

    def count(self, file: BufferedReader, name: str) -> int:
        del name
        return filled_lines(file)

    def head(self, file: BufferedReader, name: str, problems: Problems) -> Head | None:
        del problems
        first = next(self.rows(file, name, Problems()), None)
        return None if first is None else Head(first[0], tuple(first[1]))


def quick(line: bytes) -> dict[str, Any] | None:
    """The object of a line that is nothing else."""
    try:
        row = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    return row if isinstance(row, dict) else None


def careful(line: bytes, offset: int, place: str, problems: Problems) -> dict[str, Any] | None:
    """The object of a line that may be blank, or wrong, or begin with a mark; raises `Undecodable`."""
    text = decoded(line, offset=offset).removesuffix("\n")
    if not text or text.isspace():
        return None
    try:
        row = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        problems.add(f"{place}:{error.colno}", f"not JSON: {error.msg.split(':')[0]}")
        return None
    if isinstance(row, dict):
        return row
    problems.add(place, f'a JSON object expected: {{"{PROMPT}": …}}')
    return None


@value(kw_only=False)
class Table:
    """Fields, the first line naming their columns."""

    delimiter: str
    are_alike = True

    def rows(self, file: BufferedReader, name: str, problems: Problems) -> Iterator[Row]:
        reader = self._parsed(file, name, problems)
        columns = header(reader, name, problems)
        for number, fields in reader if columns else ():
            if len(fields) == len(columns):
                yield f"{name}:{number}", dict(zip(columns, fields, strict=True))
            elif fields:
                said = f"{len(fields)} fields, but the header has {len(columns)}"
                problems.add(f"{name}:{number}", said)

    def count(self, file: BufferedReader, name: str) -> int:
        return sum(1 for _ in self.rows(file, name, Problems()))

    def head(self, file: BufferedReader, name: str, problems: Problems) -> Head | None:
        columns = header(self._parsed(file, name, problems), name, problems)
        return Head(f"{name}:1", tuple(columns)) if columns else None

    def _parsed(self, file: BufferedReader, name: str, problems: Problems) -> Iterator[tuple[int, list[str]]]:
        """Line numbers and fields; a row's number is that of its first line."""
        csv.field_size_limit(LONGEST_FIELD)
        source = (line + "\n" for _, line in lines(file, name, problems))
        reader = csv.reader(source, delimiter=self.delimiter, strict=True)
        while True:
            number = reader.line_num + 1
            try:
                yield number, next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                problems.add(f"{name}:{number}", f"not a table: {error}")
                return


def header(reader: Iterator[tuple[int, list[str]]], name: str, problems: Problems) -> list[str]:
    number, columns = next(reader, (1, []))
    columns = [column.strip() for column in columns]
    twice = next((column for column in columns if columns.count(column) > 1), None)
    if twice is not None:
        problems.add(f"{name}:{number}", f"the column {twice!r} stands here twice")
    if not columns:
        problems.add(f"{name}:{number}", "no header: the first line names the columns")
    return columns
