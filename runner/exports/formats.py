"""The formats that a batch can be exported to: adding one is a module, and a line here."""

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from runner.exports.form import Format

MODULES: Mapping[str, str] = {
    "jsonl": "lines",
    "csv": "separated",
    "parquet": "parquet",
    "imagefolder": "imagefolder",
    "webdataset": "webdataset",
    "img2dataset": "img2dataset",
    "openai-batch": "openai_batch",
    "joblog": "joblog",
    "chat": "chat",
    "completion": "completion",
    "preference": "preference",
}
"""By name, its module in this package, which is loaded when it is asked for."""


def named(name: str) -> "Format":
    found: Format = import_module(f"runner.exports.{MODULES[name]}").FORMAT
    return found
