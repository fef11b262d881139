"""The driver's own cursor: a tenth of what SQLAlchemy's way through a statement takes, with its errors."""

from typing import Any

from sqlalchemy import Connection
from sqlalchemy.engine.interfaces import DBAPICursor
from sqlalchemy.exc import DBAPIError


def executed(connection: Connection, text: str, values: Any = (), *, many: bool = False) -> DBAPICursor:
    """The cursor after a statement as the driver reads it, run once or for each of many rows.

    Raises `DBAPIError`, which tells nothing of the values. The transaction is the caller's.
    """
    cursor = connection.connection.cursor()
    driver = connection.dialect.loaded_dbapi
    try:
        (cursor.executemany if many else cursor.execute)(text, values)
    except driver.Error as error:
        raise DBAPIError.instance(
            text, None, error, driver.Error, dialect=connection.dialect, hide_parameters=True
        ) from error
    return cursor
