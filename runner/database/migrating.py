"""Alembic, driven from inside the program: slow to import, so only when a migration is due."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection

PACKAGE = Path(__file__).parents[1]
PLACES = (PACKAGE / "migrations", PACKAGE.parent / "migrations")
"""In an installed package, and in a checkout."""


def migrate(connection: Connection, folder: Path | None = None) -> None:
    """Run what the queue has not had, within the connection's transaction."""
    scripts = folder or next(place for place in PLACES if (place / "env.py").exists())
    config = Config()
    config.set_main_option("script_location", str(scripts).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
