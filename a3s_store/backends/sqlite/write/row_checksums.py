"""Make the row checksums that rows of an older schema lack, a little at a time.

Each value is verified by its digest first: a damaged row must not get a valid checksum, so it keeps
none, and loads go on to verify it by its digest. The schema step that adds the columns leaves a row
in `meta`, which says up to which row of which table this was done. It changes in the transaction of
each step, and goes with the last one, so that a step that was interrupted is repeated.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from typing import Final

from a3s_store.backends.sqlite.errors import corruption_named
from a3s_store.backends.sqlite.rows import list_rows
from a3s_store.backends.sqlite.rows.statements import Statements, statements
from a3s_store.core.checksums import list_row_checksum
from a3s_store.core.collections import CHECKPOINTS, COLLECTIONS, SESSION_ROWS, TableLayout
from a3s_store.errors import CodecError, CorruptionError

NAME: Final = "rows_without_checksum"
# How long a step holds the write lock, and how many rows are read at once.
SECONDS: Final = 0.005
_ROWS: Final = 64


def is_needed(conn: sqlite3.Connection) -> bool:
    """Return whether rows of an older schema may lack their checksums."""
    return conn.execute("SELECT 1 FROM meta WHERE name = ?", (NAME,)).fetchone() is not None


def step(conn: sqlite3.Connection, seconds: float = SECONDS) -> bool:
    """Make the checksums of some rows, in a transaction of the caller; return whether any is left.

    At least one row is done, whatever its size.
    """
    until = time.monotonic() + seconds
    row = conn.execute("SELECT value FROM meta WHERE name = ?", (NAME,)).fetchone()
    if row is None:
        return False
    tables = [*_tables()]
    names = [sql.rows.table for sql in tables]
    name, _, key = str(row[0]).partition(" ")
    done = names.index(name) if name in names else 0
    last = int(key or -(2**63)) if name in names else -(2**63)
    for sql in tables[done:]:
        while (found := _fill(conn, sql, last, until)) is not None:
            last = found
            if time.monotonic() >= until:
                conn.execute(
                    "UPDATE meta SET value = ? WHERE name = ?", (f"{sql.rows.table} {last}", NAME)
                )
                return True
        last = -(2**63)
    conn.execute("DELETE FROM meta WHERE name = ?", (NAME,))
    return False


def _tables() -> Iterator[Statements]:
    """Yield the statements of each table of a list, in the order of the registry."""
    for rows in (SESSION_ROWS, *(kind.rows for kind in CHECKPOINTS)):
        yield from _inside(rows)
    for collection in COLLECTIONS:
        yield statements(collection.rows, "owner_key")
        yield from _inside(collection.rows)


def _inside(rows: TableLayout) -> Iterator[Statements]:
    parent = "owner_key" if rows is SESSION_ROWS else f"{rows.table}_key"
    for part in rows.lists.values():
        yield statements(part, parent)


def _fill(conn: sqlite3.Connection, sql: Statements, after: int, until: float) -> int | None:
    """Make the checksums of the next rows of a table; return the last key, None at the end."""
    keys = conn.execute(
        f"SELECT {sql.key} FROM {sql.rows.table} WHERE {sql.key} > ? ORDER BY {sql.key} LIMIT ?",
        (after, _ROWS),
    ).fetchall()
    last: int | None = None
    for (last,) in keys:
        checksum = _checksum(conn, sql, last)
        if checksum is not None:
            conn.execute(
                f"UPDATE {sql.rows.table} SET checksum = ? WHERE {sql.key} = ?", (checksum, last)
            )
        if time.monotonic() >= until:
            break
    return last


def _checksum(conn: sqlite3.Connection, sql: Statements, key: int) -> int | None:
    """Return the checksum that a row lacks; None where it has one or is damaged."""
    try:
        with corruption_named():
            row = conn.execute(
                f"SELECT {', '.join(sql.selected)} FROM {sql.rows.table} WHERE {sql.key} = ?",
                (key,),
            ).fetchone()
            if row[sql.proven] is not None:
                return None
            list_rows.value_of(conn, sql, row)
            return list_row_checksum(sql.checked(row))
    except (CorruptionError, CodecError):
        return None
