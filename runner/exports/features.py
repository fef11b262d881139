"""The types of columns, as the `datasets` library spells them: in a file's schema and on a card."""

from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Any

from runner.exports.columns import Columns, Type

DTYPES: Mapping[Type, str] = {
    Type.BOOL: "bool",
    Type.INT: "int64",
    Type.FLOAT: "float64",
    Type.TEXT: "string",
    Type.JSON: "string",
    Type.TIME: "timestamp[ms, tz=UTC]",
    Type.VECTOR: "float32",
}
PATH = "path"
"""The column of a picture that stands elsewhere."""
FLAT: Mapping[Type, str] = dict.fromkeys((Type.PICTURE, Type.VECTOR, Type.TIME), "string")
Features = dict[str, Any]


def features(columns: Columns) -> Features:
    """By column; those in `params` and `vars` are features of these."""
    found: Features = {name: feature(kind) for name, kind in columns.made}
    for (name, *inner), kind in columns.told:
        if inner:
            found.setdefault(name, {})[inner[0]] = feature(kind)
        else:
            found[name] = feature(kind)
    return found


def flat(columns: Columns) -> Features:
    """Where pictures are named by their paths, vectors are JSON, and no column holds others."""
    made = ((PATH if kind is Type.PICTURE else name, kind) for name, kind in columns.made)
    told = ((".".join(name), kind) for name, kind in columns.told)
    return {
        name: {"dtype": FLAT.get(kind) or DTYPES[kind], "_type": "Value"} for name, kind in chain(made, told)
    }


def feature(kind: Type) -> Features:
    match kind:
        case Type.PICTURE:
            return {"_type": "Image"}
        case Type.VECTOR:
            return {"feature": {"dtype": DTYPES[kind], "_type": "Value"}, "_type": "Sequence"}
    return {"dtype": DTYPES[kind], "_type": "Value"}


def listed(found: Features) -> Iterator[dict[str, Any]]:
    """As a card lists them."""
    for name, each in found.items():
        match each:
            case {"_type": "Image"}:
                yield {"name": name, "dtype": "image"}
            case {"_type": "Sequence", "feature": {"dtype": dtype}}:
                yield {"name": name, "list": dtype}
            case {"_type": "Value", "dtype": dtype}:
                yield {"name": name, "dtype": dtype}
            case _:
                yield {"name": name, "struct": list(listed(each))}
