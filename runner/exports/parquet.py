"""Parquet: a row for each output, pictures in the file, typed as the `datasets` library reads it."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson

from runner.exports.columns import Columns, Type
from runner.exports.features import features
from runner.exports.form import Format, Work, numbered, outputs
from runner.exports.placing import fresh
from runner.exports.refusal import Refusal
from runner.exports.sample import Row, Sample
from runner.exports.size import Size
from runner.extras import Missing, library

SUFFIX = ".parquet"
EXTRA = "parquet"
PICTURE = "image.bytes"
GROUP = 10_000
"""Rows of a row group, at most."""
GROUP_BYTES = 32 << 20
"""And bytes: so much of a file is in memory at once."""


def write(paths: Sequence[Path], samples: Iterable[Sample], work: Work) -> None:
    schema = schema_of(work.columns)
    write_table(paths[0], ((row(sample, work), sample.weight(carries=True)) for sample in samples), schema)


def write_table(path: Path, rows: Iterable[tuple[Row, int]], schema: Any) -> None:
    """Rows with their weights, group by group; of pictures neither statistics nor a dictionary is made."""
    arrow, parquet = libraries()
    plain = [leaf for each in schema for leaf in leaves(each.name, each.type) if leaf != PICTURE]
    how = {"compression": dict.fromkeys(plain, "ZSTD") | {PICTURE: "NONE"}}
    with (
        fresh(path) as file,
        parquet.ParquetWriter(file, schema, use_dictionary=plain, write_statistics=plain, **how) as writer,
    ):
        for group in groups(rows):
            writer.write_table(arrow.Table.from_pylist(group, schema=schema))


def leaves(name: str, kind: Any) -> Iterator[str]:
    """The columns that a file really has, by their paths."""
    arrow, _ = libraries()
    if arrow.types.is_struct(kind):
        for index in range(kind.num_fields):
            yield from leaves(f"{name}.{kind.field(index).name}", kind.field(index).type)
    elif arrow.types.is_list(kind):
        yield f"{name}.list.element"
    else:
        yield name


def groups(rows: Iterable[tuple[Row, int]]) -> Iterator[list[Row]]:
    group: list[Row] = []
    weight = 0
    for told, more in rows:
        group.append(told)
        weight += more
        if len(group) >= GROUP or weight >= GROUP_BYTES:
            yield group
            group, weight = [], 0
    if group:
        yield group


def row(sample: Sample, work: Work) -> Row:
    """With times as times: everything else is of its column's type already."""
    told = work.columns.whole(sample)
    for name, kind in work.columns.told:
        if kind is Type.TIME and told[name[0]] is not None:
            told[name[0]] = datetime.fromisoformat(told[name[0]])
    return {**dict(made(sample, work)), **told}


def made(sample: Sample, work: Work) -> Iterator[tuple[str, Any]]:
    kept = sample.output
    for name, kind in work.columns.made:
        if kept is None or kept.kind != name:
            yield name, None
        elif kept.path is not None:
            yield name, {"bytes": work.pictures.read(sample), "path": kept.path.rpartition("/")[2]}
        else:
            yield name, orjson.loads(kept.value or "null") if kind is Type.VECTOR else kept.value


def libraries() -> tuple[Any, Any]:
    """Raises `Refusal` where they are not installed."""
    try:
        return library("pyarrow", EXTRA, why="Parquet"), library("pyarrow.parquet", EXTRA, why="Parquet")
    except Missing as error:
        raise Refusal(str(error)) from error


def schema_of(columns: Columns) -> Any:
    """With the features that make `datasets` show pictures."""
    arrow, _ = libraries()
    types = types_of(arrow)
    fields = [(name, types[kind]) for name, kind in columns.made]
    nested: dict[str, list[tuple[str, Any]]] = {}
    for (name, *inner), kind in columns.told:
        if not inner:
            fields.append((name, types[kind]))
            continue
        if name not in nested:
            fields.append((name, None))
        nested.setdefault(name, []).append((inner[0], types[kind]))
    told = orjson.dumps({"info": {"features": features(columns)}})
    whole = [(name, kind or arrow.struct(nested[name])) for name, kind in fields]
    return arrow.schema(whole, metadata={"huggingface": told})


def types_of(arrow: Any) -> dict[Type, Any]:
    return {
        Type.BOOL: arrow.bool_(),
        Type.INT: arrow.int64(),
        Type.FLOAT: arrow.float64(),
        Type.TEXT: arrow.string(),
        Type.JSON: arrow.string(),
        Type.TIME: arrow.timestamp("ms", tz="UTC"),
        Type.VECTOR: arrow.list_(arrow.float32()),
        Type.PICTURE: arrow.struct([("bytes", arrow.binary()), ("path", arrow.string())]),
    }


FORMAT = Format(
    write=write,
    cut=outputs,
    files=numbered(SUFFIX),
    suffixes=(SUFFIX,),
    size=Size(bytes=500_000_000),
    carries=True,
    features=features,
    has_columns=True,
)
