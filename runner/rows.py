"""Files of prompts, row by row: data, read as a stream, every bad row told with its line."""

import csv
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson

from runner.problems import Problems, meant
from runner.source import Undecodable, decoded

Row = tuple[int, dict[str, Any]]
"""Line number, and values by column."""
PROMPT = "prompt"
"""The column that a line of a text file stands in."""
LONGEST_FIELD = 1 << 27


def rows(path: Path, problems: Problems) -> Iterator[Row]:
    """The rows that can be read; what is wrong with the others goes to `problems`."""
    return READERS[path.suffix.lower()](path, problems)


def count(path: Path) -> int:
    """How many rows there are, for files that can be read."""
    if path.suffix.lower() in {".csv", ".tsv"}:
        return sum(1 for _ in rows(path, Problems()))
    with path.open("rb") as file:
        return sum(1 for line in file if not line.isspace())


def head(path: Path, problems: Problems) -> tuple[int, tuple[str, ...]] | None:
    """The line that shows the columns, and the columns; None where the file has no rows to show them."""
    suffix = path.suffix.lower()
    if suffix == ".txt":
        return 1, (PROMPT,)
    if suffix == ".jsonl":
        first = next(rows(path, Problems()), None)
        return None if first is None else (first[0], tuple(first[1]))
    names = header(parsed(path, problems), path, problems)
    return (1, tuple(names)) if names else None


def refusal(path: Path) -> str | None:
    """Why the file cannot be a file of prompts, in words."""
    if path.suffix.lower() not in READERS:
        return f"{path}: a file of prompts is one of {', '.join(READERS)}"
    try:
        if not path.is_file():
            return f"{path}: {'not a file' if path.exists() else 'no such file'}"
        with path.open("rb"):
            return None
    except (OSError, ValueError) as error:
        return f"{path}: {getattr(error, 'strerror', None) or error}"


def lines(path: Path, problems: Problems) -> Iterator[tuple[int, str]]:
    """Line numbers and lines, their ends cut off; stops at what is not text."""
    offset = 0
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            try:
                text = decoded(line, offset=offset)
            except Undecodable as error:
                problems.add(f"{path}:{number}", str(error))
                return
            offset += len(line)
            yield number, text.removesuffix("\n")


def texts(path: Path, problems: Problems) -> Iterator[Row]:
    for number, line in lines(path, problems):
        if line and not line.isspace():
            yield number, {PROMPT: line}


def objects(path: Path, problems: Problems) -> Iterator[Row]:
    for number, line in lines(path, problems):
        if not line or line.isspace():
            continue
        try:
            row = orjson.loads(line)
        except orjson.JSONDecodeError as error:
            problems.add(f"{path}:{number}:{error.colno}", f"not JSON: {error.msg.split(':')[0]}")
            continue
        if isinstance(row, dict):
            yield number, row
        else:
            problems.add(f"{path}:{number}", f"a JSON object expected: {{{PROMPT!r}: …}}".replace("'", '"'))


def table(path: Path, problems: Problems) -> Iterator[Row]:
    reader = parsed(path, problems)
    names = header(reader, path, problems)
    for number, fields in reader if names else ():
        if len(fields) == len(names):
            yield number, dict(zip(names, fields, strict=True))
        elif fields:
            problems.add(f"{path}:{number}", f"{len(fields)} fields, but the header has {len(names)}")


def parsed(path: Path, problems: Problems) -> Iterator[tuple[int, list[str]]]:
    """Line numbers and fields of a table; a row's number is that of its first line."""
    csv.field_size_limit(LONGEST_FIELD)
    delimiter = "\t" if path.suffix.lower() == ".tsv" else ","
    source = (line + "\n" for _, line in lines(path, problems))
    reader = csv.reader(source, delimiter=delimiter, strict=True)
    while True:
        number = reader.line_num + 1
        try:
            yield number, next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            problems.add(f"{path}:{number}", f"not a table: {error}")
            return


def header(reader: Iterator[tuple[int, list[str]]], path: Path, problems: Problems) -> list[str]:
    number, names = next(reader, (1, []))
    names = [name.strip() for name in names]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        problems.add(f"{path}:{number}", f"the column {twice!r} stands here twice")
    if not names:
        problems.add(f"{path}:{number}", "no header: the first line names the columns")
    return names


def missing(path: Path, number: int, column: str, known: tuple[str, ...]) -> tuple[str, str]:
    """Where and what: a column that a job needs and the row has not."""
    return f"{path}:{number}", f"no column {column!r}{meant(column, known)}"


READERS: dict[str, Callable[[Path, Problems], Iterator[Row]]] = {
    ".txt": texts,
    ".csv": table,
    ".tsv": table,
    ".jsonl": objects,
}
