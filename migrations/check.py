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
    """Every part of every table and index, whatever their order."""
    made = connection.exec_driver_sql("SELECT tbl_name, sql FROM sqlite_master WHERE sql IS NOT NULL")
    return sorted(
        f"{table}: {part.strip(' ,')}" for table, sql in made for part in sql.replace("\t", "").split("\n")
    )


if __name__ == "__main__":
    sys.exit("\n".join(difference()) or 0)
