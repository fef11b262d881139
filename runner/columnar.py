"""Parquet and Arrow: columns, read batch by batch, as rows of what JSON can say."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, time, timedelta
from decimal import Decimal
from io import BufferedReader
from math import isfinite
from typing import Any

from runner.extras import library
from runner.problems import Problems
from runner.row import Head, Row
from runner.streams import words

MOST_ROWS = 1024
"""Rows of a batch."""
MOST_BYTES = 1 << 22
"""Bytes of a batch, as far as a file tells beforehand."""
BUFFER = 1 << 18
FILE = b"ARROW1"
"""How an Arrow file begins; a stream begins otherwise."""


def arrow(module: str = "pyarrow") -> Any:
    return library(module, "parquet", why="Parquet")


@contextmanager
def translated() -> Iterator[None]:
    """Whatever pyarrow says of a file, as an OSError."""
    try:
        yield
    except (arrow().ArrowException, ArithmeticError, LookupError, ValueError) as error:
        raise OSError(words(error)) from error


class Parquet:
    """Columns of a Parquet file."""

    are_alike = True

    def rows(self, file: BufferedReader, name: str, problems: Problems) -> Iterator[Row]:
        with translated():
            reader = self._reader(file)
            names, _ = sorted_out(reader.schema_arrow, name, problems)
            batches = reader.iter_batches(batch_rows(reader.metadata), columns=names, use_threads=False)
            yield from rows(batches if names else (), names, name)

    def count(self, file: BufferedReader, name: str) -> int:
        del name
        with translated():
            return int(self._reader(file).metadata.num_rows)

    def head(self, file: BufferedReader, name: str, problems: Problems) -> Head | None:
        with translated():
            return Head(f"{name}:row 0", *sorted_out(self._reader(file).schema_arrow, name, problems))

    @staticmethod
    def _reader(file: BufferedReader) -> Any:
        return arrow("pyarrow.parquet").ParquetFile(file, buffer_size=BUFFER, pre_buffer=False)


def batch_rows(metadata: Any) -> int:
    """How many rows a batch may have that is not to be too large."""
    groups = [metadata.row_group(at) for at in range(metadata.num_row_groups)]
    widest = max((group.total_byte_size // max(group.num_rows, 1) for group in groups), default=1)
    return min(MOST_ROWS, max(1, MOST_BYTES // max(widest, 1)))


class Arrow:
    """Columns of an Arrow file or stream, which Feather's second version is too."""

    are_alike = True

    def rows(self, file: BufferedReader, name: str, problems: Problems) -> Iterator[Row]:
        with translated():
            reader = self._reader(file)
            names, _ = sorted_out(reader.schema, name, problems)
            sliced = (
                batch.slice(at, MOST_ROWS).select(names)
                for batch in batches(reader)
                for at in range(0, batch.num_rows, MOST_ROWS)
            )
            yield from rows(sliced if names else (), names, name)

    def count(self, file: BufferedReader, name: str) -> int:
        del name
        with translated():
            return sum(batch.num_rows for batch in batches(self._reader(file)))

    def head(self, file: BufferedReader, name: str, problems: Problems) -> Head | None:
        with translated():
            return Head(f"{name}:row 0", *sorted_out(self._reader(file).schema, name, problems))

    @staticmethod
    def _reader(file: BufferedReader) -> Any:
        ipc = arrow("pyarrow.ipc")
        return ipc.open_file(file) if file.peek(len(FILE)).startswith(FILE) else ipc.open_stream(file)


def batches(reader: Any) -> Iterator[Any]:
    """Those of a file are numbered, those of a stream come one by one."""
    if hasattr(reader, "get_batch"):
        return (reader.get_batch(at) for at in range(reader.num_record_batches))
    return iter(reader)


def sorted_out(schema: Any, name: str, problems: Problems) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The columns that can be variables, and those that hold bytes."""
    names = list(schema.names)
    twice = next((each for each in names if names.count(each) > 1), None)
    if twice is not None:
        problems.add(name, f"there are two columns {twice!r}")
        return (), ()
    useless = tuple(field.name for field in schema if holds_bytes(field.type))
    usable = tuple(each for each in names if each not in useless)
    if not usable:
        problems.add(name, f"no column but of bytes: {', '.join(useless)}" if useless else "no columns")
    return usable, useless


def holds_bytes(kind: Any) -> bool:
    """Whether values of a type are or have what JSON cannot say."""
    types = arrow().types
    if getattr(kind, "storage_type", None) is not None and kind.extension_name != "arrow.uuid":
        return holds_bytes(kind.storage_type)
    if types.is_dictionary(kind):
        return holds_bytes(kind.value_type)
    is_bytes = (types.is_binary, types.is_large_binary, types.is_fixed_size_binary, types.is_binary_view)
    return (
        any(test(kind) for test in is_bytes)
        or types.is_interval(kind)
        or any(holds_bytes(kind.field(at).type) for at in range(kind.num_fields))
    )


def rows(batches: Any, names: tuple[str, ...], name: str) -> Iterator[Row]:
    number = 0
    for batch in batches:
        for values in zip(*map(cells, batch.columns), strict=True):
            yield f"{name}:row {number}", dict(zip(names, values, strict=True))
            number += 1


def cells(column: Any) -> list[Any]:
    """A column's values, as JSON has them."""
    types, kind = arrow().types, column.type
    if types.is_string(kind) or types.is_integer(kind) or types.is_boolean(kind):
        return list(column.to_pylist())
    wanted = exact(kind)
    fitting = column if wanted == kind else column.cast(wanted, safe=False)
    return [plain(value) for value in fitting.to_pylist(maps_as_pydicts="strict")]


def exact(kind: Any) -> Any:
    """The type in which Python can hold the values of a type: time in microseconds, and of zones in UTC."""
    pa = arrow()
    types = pa.types
    if types.is_timestamp(kind):
        return pa.timestamp("us", "UTC" if kind.tz else None)
    if types.is_duration(kind):
        return pa.duration("us")
    if types.is_time64(kind):
        return pa.time64("us")
    if types.is_struct(kind):
        return pa.struct([field.with_type(exact(field.type)) for field in kind])
    if types.is_list(kind):
        return pa.list_(kind.value_field.with_type(exact(kind.value_type)))
    return kind


def plain(value: Any) -> Any:
    """A value of Python as JSON has it."""
    match value:
        case str() | int() | None:
            return value
        case float():
            return value if isfinite(value) else None
        case dict():
            return {str(key): plain(each) for key, each in value.items()}
        case list():
            return [plain(each) for each in value]
        case _:
            return scalar(value)


def scalar(value: Any) -> Any:
    """What JSON has no type for: times in ISO 8601, spans in seconds, decimals as numbers, else text."""
    match value:
        case date() | time():
            return value.isoformat()
        case timedelta():
            return value.total_seconds()
        case Decimal():
            return float(value) if value.as_tuple().exponent else int(value)
        case _:
            return str(value)
