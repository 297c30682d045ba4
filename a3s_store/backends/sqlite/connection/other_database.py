"""Reading SQLite databases of other programs: nothing is written, and nothing in them runs."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

_ROWS: Final = 256


class OtherDatabaseError(Exception):
    """The database cannot be read. Used inside this package only."""


class OtherDatabase:
    """A database of another program, open for reading, on any thread but one at a time."""

    def __init__(self, path: Path) -> None:
        """Open the database. Raises OtherDatabaseError."""
        try:
            self._connection = sqlite3.connect(
                f"{path.as_uri()}?mode=ro", uri=True, check_same_thread=False
            )
            # Texts that are not UTF-8 are read, too, and functions in its schema are not called.
            self._connection.text_factory = lambda raw: raw.decode("utf-8", "replace")
            self._connection.execute("PRAGMA trusted_schema = OFF")
            self._connection.execute("PRAGMA query_only = ON")
        except sqlite3.Error as error:
            raise OtherDatabaseError(str(error)) from error

    def has_tables(self, *names: str) -> bool:
        """Return whether these are ordinary tables of it. Raises OtherDatabaseError."""
        query = "SELECT name FROM sqlite_master WHERE type = 'table' AND sql LIKE 'CREATE TABLE%'"
        return {*names} <= {name for (name,) in self.rows(query)}

    def rows(self, query: str, *values: Any) -> Iterator[tuple[Any, ...]]:
        """Yield the rows of a query. Raises OtherDatabaseError."""
        try:
            cursor = self._connection.execute(query, values)
            while found := cursor.fetchmany(_ROWS):
                yield from found
        except sqlite3.Error as error:
            raise OtherDatabaseError(str(error)) from error

    def close(self) -> None:
        """Close the database."""
        self._connection.close()
