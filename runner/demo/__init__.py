"""The embedded provider: what `url: demo` and `runner demo` run against, and the tests' fault server."""

from runner.demo.acts import (
    Act,
    Answer,
    Change,
    Close,
    Cut,
    Drip,
    Hang,
    Raw,
    Slow,
    bomb,
    page,
    refused,
    said,
)
from runner.demo.faults import NAMES, BadFaults, Mix, named, parse_faults
from runner.demo.knobs import Knobs
from runner.demo.ledger import Seen, canonical
from runner.demo.painting import Picture, paint
from runner.demo.server import Provider, Script, serve

__all__ = [
    "NAMES",
    "Act",
    "Answer",
    "BadFaults",
    "Change",
    "Close",
    "Cut",
    "Drip",
    "Hang",
    "Knobs",
    "Mix",
    "Picture",
    "Provider",
    "Raw",
    "Script",
    "Seen",
    "Slow",
    "bomb",
    "canonical",
    "named",
    "page",
    "paint",
    "parse_faults",
    "refused",
    "said",
    "serve",
]
