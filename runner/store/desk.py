"""Statements that are built once and run often, at the price of the driver's own calls."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection, Integer, Select, UpdateBase, literal_column, null, update
from sqlalchemy import bindparam as given
from sqlalchemy.engine import Dialect
from sqlalchemy.engine.interfaces import DBAPICursor
from sqlalchemy.sql.compiler import SQLCompiler

from runner.cursor import executed
from runner.schema import COUNTED_STATES, TALLIED, BatchState, batches, word
from runner.store.rows import Values

ZERO = literal_column("0", Integer)
ONE = literal_column("1", Integer)
"""Numbers that are part of a statement's text."""

Parameters = Values | Mapping[str, Any]


@dataclass(frozen=True, slots=True, eq=False)
class Statement:
    """A statement whose parameters come as tuples, in the order of `names`."""

    core: UpdateBase | Select[Any]
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Tapered:
    """A statement whose rows are as long as they need to be: SQLite's driver is slow with None."""

    build: Callable[[Sequence[str]], UpdateBase]
    """The statement with these of its parameters, without the others."""
    names: tuple[str, ...]
    """Those that are seldom needed last."""


@lru_cache
def cut(statement: Tapered, length: int) -> Statement:
    """The statement for rows of a length."""
    names = statement.names[:length]
    return Statement(statement.build(names), names)


def tapered(values: Values, *rest: Any) -> Values:
    """A row without the part of `rest` that is None to its end."""
    if rest.count(None) == len(rest):
        return values
    while rest[-1] is None:
        rest = rest[:-1]
    return values + rest


def blob(content: bytes | None) -> bytearray | None:
    """Ready for SQLite's driver, which looks at length for a way to adapt any other bytes."""
    return None if content is None else bytearray(content)


@lru_cache
def compiled(statement: Statement, dialect: Dialect) -> tuple[str, Callable[[Values], Parameters] | None]:
    """The driver's text, and what makes its parameters of ours; None where they are the same."""
    text = statement.core.compile(dialect=dialect)
    names = statement.names
    if not isinstance(text, SQLCompiler) or text.params.keys() != set(names):
        raise TypeError(f"{names} are not the parameters of {text}")
    if text.positiontup is None:
        return str(text), lambda values: dict(zip(names, values, strict=True))
    if tuple(text.positiontup) == names:
        return str(text), None
    return str(text), itemgetter(*map(names.index, text.positiontup))


COUNTERS = ("total", *COUNTED_STATES, *TALLIED)
COUNT = Statement(
    update(batches)
    .where(batches.c.id == given("batch"))
    .values({name: batches.c[name] + given(f"more_{name}") for name in COUNTERS}),
    (*(f"more_{name}" for name in COUNTERS), "batch"),
)
FINISHED = batches.c.state == word(BatchState.FINISHED)
REVIVE = Statement(
    update(batches)
    .where(FINISHED, batches.c.id == given("batch"))
    .values(state=word(BatchState.PENDING), finished_at=null()),
    ("batch",),
)
FINISH = Statement(
    update(batches)
    .where(batches.c.id == given("batch"), batches.c.state != word(BatchState.RUNNING), ~FINISHED)
    .where(batches.c.pending + batches.c.running == ZERO)
    .values(state=word(BatchState.FINISHED), reason=null(), finished_at=given("at")),
    ("at", "batch"),
)


class Desk:
    """One connection to the queue. The transaction is the caller's."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    def run(self, statement: Statement, *values: Any) -> int:
        """How many rows it changed."""
        return self._executed(statement, values).rowcount

    def ask(self, statement: Statement, *values: Any) -> Sequence[Values]:
        """The rows that it finds, or returns of those that it changed."""
        return self._executed(statement, values).fetchall()

    def run_many(self, statement: Statement, rows: Sequence[Values]) -> int:
        """How many rows it changed, all in all."""
        if not rows:
            return 0
        text, arrange = compiled(statement, self.connection.dialect)
        return self._said(text, [*map(arrange, rows)] if arrange else rows, many=True).rowcount

    @contextmanager
    def trial(self, refused: type[Exception]) -> Iterator[None]:
        """What is done in it is undone where it raises that; any other error undoes the whole transaction."""
        self._said("SAVEPOINT trial", ())
        try:
            yield
        except refused:
            self._said("ROLLBACK TO SAVEPOINT trial", ())
            self._said("RELEASE SAVEPOINT trial", ())
            raise
        self._said("RELEASE SAVEPOINT trial", ())

    def _executed(self, statement: Statement, values: Values) -> DBAPICursor:
        text, arrange = compiled(statement, self.connection.dialect)
        return self._said(text, arrange(values) if arrange else values)

    def _said(self, text: str, values: Any, *, many: bool = False) -> DBAPICursor:
        if not self.connection.in_transaction():
            self.connection.begin()
        return executed(self.connection, text, values, many=many)

    def run_tapered(self, statement: Tapered, rows: Iterable[Values]) -> int:
        """How many rows it changed, all in all."""
        alike: defaultdict[int, list[Values]] = defaultdict(list)
        for values in rows:
            alike[len(values)].append(values)
        return sum(self.run_many(cut(statement, length), some) for length, some in alike.items())

    def count(self, batch_id: int, **more: int) -> None:
        """Add to the counters of a batch; one that has work again is not finished any more."""
        if more.get("pending", 0) > 0:
            self.run(REVIVE, batch_id)
        self.run(COUNT, *(more.get(name, 0) for name in COUNTERS), batch_id)

    def finish_if_done(self, batch_id: int, *, now: float) -> None:
        """A batch whose last jobs were taken from it is finished, unless its runner has yet to say so."""
        self.run(FINISH, now, batch_id)
