"""Run SQLite's structure checks on the tables of a store."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import Literal

from a3s_store.backends.sqlite.schema import migrate, search_table, verify_schema

Check = Literal["integrity_check", "quick_check"]


def problems(conn: sqlite3.Connection, check: Check, most: int) -> Iterator[str]:
    """Yield the problems that SQLite finds in the structure, at most `most` for each check.

    A file without tables of the user is checked as a whole. Otherwise each table of ours is checked
    alone, since the user's may be large; then unused pages, and pages with two owners, are not
    found. Raises sqlite3.Error.
    """
    if not has_others(conn):
        found = conn.execute(f"PRAGMA {check}({most})").fetchall()
        yield from (text for (text,) in found if text != "ok")
        return
    for table in ("sqlite_schema", *our_tables(conn)):
        found = conn.execute(f"PRAGMA {check}({table})").fetchmany(most)
        yield from (text for (text,) in found if text != "ok")


def our_tables(conn: sqlite3.Connection) -> list[str]:
    """Return the names of the file's tables that are part of a store."""
    (version,) = conn.execute("PRAGMA user_version").fetchone()
    number = version if version in migrate.steps() else migrate.newest()
    made = verify_schema.made_by(migrate.scripts(number))
    there = {name for (name,) in conn.execute(_TABLES).fetchall()}
    return [name for name, (kind, _) in made.items() if kind == "table" and name in there]


def has_others(conn: sqlite3.Connection) -> bool:
    """Return whether the file has tables that are not part of a store."""
    there = {name for (name,) in conn.execute(_TABLES).fetchall()}
    for index in search_table.ALL:
        if index.name in there:
            there -= {index.name, *index.shadows}
    return bool(there - {*our_tables(conn)})


_TABLES = "SELECT name FROM sqlite_schema WHERE type = 'table' AND substr(name, 1, 7) <> 'sqlite_'"
