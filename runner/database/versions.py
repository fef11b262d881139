"""Which version of the tables a queue has: told by one row, so that Alembic is loaded only when it is due."""

from importlib import import_module

from sqlalchemy import (
    Column,
    Connection,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    insert,
    inspect,
    select,
)
from sqlalchemy.schema import CreateIndex, CreateTable

from runner.database.errors import QueueError
from runner.schema import VERSION, indexes, metadata

VERSIONS = Table(
    "alembic_version",
    MetaData(),
    Column("version_num", String(32), nullable=False),
    PrimaryKeyConstraint("version_num", name="alembic_version_pkc"),
)
"""Alembic's own table."""


def build(connection: Connection) -> None:
    """All tables of a file at once, as the migrations would leave them."""
    for table in metadata.sorted_tables:
        connection.execute(CreateTable(table))
        for index in indexes(table):
            connection.execute(CreateIndex(index))
    VERSIONS.create(connection)
    connection.execute(insert(VERSIONS).values(version_num=f"{VERSION:04}"))


def found(connection: Connection) -> int:
    """0 where no migration has run."""
    if not inspect(connection).has_table(VERSIONS.name):
        return 0
    return int(connection.execute(select(VERSIONS.c.version_num)).scalar() or 0)


def is_due(version: int) -> bool:
    """Whether a queue of that version has to be migrated; refuses one that is ahead of the program."""
    if version > VERSION:
        raise QueueError(
            f"the queue is at version {version}, this program knows {VERSION}: install a newer runner"
        )
    return version < VERSION


def migrate(connection: Connection) -> None:
    """Within the connection's transaction: all steps, or none."""
    import_module("runner.database.migrating").migrate(connection)
