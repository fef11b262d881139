"""Whether the migrations lead to the tables that the program has; `python -m migrations.check`."""

import sys
from difflib import unified_diff

from sqlalchemy import Connection, create_engine

from runner.database.migrating import migrate
from runner.database.versions import build


def difference() -> list[str]:
    """What the tables would lose and gain; nothing where both ways make the same."""
    with create_engine("sqlite://").begin() as migrated, create_engine("sqlite://").begin() as built:
        migrate(migrated)
        build(built)
        return list(
            unified_diff(lines(migrated), lines(built), "migrations", "runner/schema.py", lineterm="", n=0)
        )


def lines(connection: Connection) -> list[str]:
    """Every part of every table, whatever their order, and its indexes in theirs."""
    tables = connection.exec_driver_sql("SELECT name, sql FROM sqlite_master WHERE type = 'table'")
    parts = sorted(
        f"{table}: {part.strip(' ,')}" for table, sql in tables for part in sql.replace("\t", "").split("\n")
    )
    made = connection.exec_driver_sql(
        "SELECT sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL ORDER BY tbl_name, rowid"
    )
    return parts + [index for (index,) in made]


if __name__ == "__main__":
    sys.exit("\n".join(difference()) or 0)
