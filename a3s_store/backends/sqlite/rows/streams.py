"""Rows of streams: SQL and checksums; their items are in `stream_items`.

Plain functions of a connection, each inside a transaction that its caller opened.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from a3s_store.backends.sqlite.rows.stream_items import PART as PART
from a3s_store.core.checksums import list_row_checksum
from a3s_store.core.corruption import NOT_WRITTEN, CorruptRowError
from a3s_store.core.streams.planning import StreamState
from a3s_store.core.streams.requests import after_prefix

_STREAM: Final = (
    "stream_key, name, owner_key, next_seq, changed_at_ms, commit_sequence, metadata, row_checksum"
)


class StreamRow(NamedTuple):
    """A verified row of a stream."""

    key: int
    name: str
    owner_key: int | None
    next: int
    changed_at_ms: int
    sequence: int
    metadata: str | None

    def state(self, session_id: str | None) -> StreamState:
        """Return the stream as conditions see it."""
        return StreamState(
            next=self.next,
            sequence=self.sequence,
            changed_at_ms=self.changed_at_ms,
            metadata=self.metadata,
            session_id=session_id,
        )


def find(conn: sqlite3.Connection, name: str) -> StreamRow | None:
    """Return the row of a stream, or None. Raises CorruptRowError."""
    row = conn.execute(f"SELECT {_STREAM} FROM stream WHERE name = ?", (name,)).fetchone()
    return None if row is None else verified(row)


def last_change(conn: sqlite3.Connection, name: str) -> int:
    """Return the number of the last change of a stream, 0 without one. Raises CorruptRowError."""
    row = find(conn, name)
    return 0 if row is None else row.sequence


def with_key(conn: sqlite3.Connection, stream_key: int) -> StreamRow | None:
    """Return the row with a key, or None. Raises CorruptRowError."""
    row = conn.execute(
        f"SELECT {_STREAM} FROM stream WHERE stream_key = ?", (stream_key,)
    ).fetchone()
    return None if row is None else verified(row)


def named(conn: sqlite3.Connection, prefix: str) -> list[StreamRow]:
    """Return the streams whose names begin with a text, by name. Raises CorruptRowError."""
    return [*behind(conn, prefix, None, -1)]


def behind(
    conn: sqlite3.Connection, prefix: str, after: str | None, limit: int
) -> Iterator[StreamRow]:
    """Yield streams with a prefix whose names are behind one, by name. Raises CorruptRowError."""
    end = after_prefix(prefix)
    rows = conn.execute(
        f"SELECT {_STREAM} FROM stream WHERE name >= max(:prefix, '\x01') "
        + ("" if after is None else "AND name > :after ")
        + ("" if end is None else "AND name < :end ")
        + "ORDER BY name LIMIT :limit",
        {"prefix": prefix, "after": after, "end": end, "limit": limit},
    )
    return map(verified, rows.fetchall())


def verified(row: tuple[Any, ...]) -> StreamRow:
    """Return a row of the columns of a stream. Raises CorruptRowError."""
    *columns, checksum = row
    if list_row_checksum(tuple(columns)) != checksum:
        raise CorruptRowError(NOT_WRITTEN, PART)
    return StreamRow(*columns)


def add(conn: sqlite3.Connection, name: str) -> StreamRow:
    """Add a stream without content; `write` has to follow."""
    made = StreamRow(0, name, None, 0, 0, 0, None)
    cursor = conn.execute(
        f"INSERT INTO stream ({_STREAM}) VALUES (NULL, ?, ?, ?, ?, ?, ?, 0)", made[1:]
    )
    assert cursor.lastrowid is not None
    return made._replace(key=cursor.lastrowid)


def write(conn: sqlite3.Connection, row: StreamRow) -> None:
    """Change the row of a stream, but not its name and its session."""
    conn.execute(
        "UPDATE stream SET next_seq = ?, changed_at_ms = ?, commit_sequence = ?, "
        "metadata = ?, row_checksum = ? WHERE stream_key = ?",
        (*row[3:], list_row_checksum(tuple(row)), row.key),
    )


def tie(conn: sqlite3.Connection, row: StreamRow) -> None:
    """Write the session of a row, which is in an index; `write` has to follow."""
    conn.execute("UPDATE stream SET owner_key = ? WHERE stream_key = ?", (row.owner_key, row.key))


def rename(conn: sqlite3.Connection, row: StreamRow, name: str) -> None:
    """Give a stream another name, and take its metadata and its session away."""
    row = row._replace(name=name, owner_key=None, metadata=None)
    conn.execute("UPDATE stream SET name = ? WHERE stream_key = ?", (name, row.key))
    tie(conn, row)
    write(conn, row)


def remove(conn: sqlite3.Connection, stream_key: int) -> bool:
    """Remove the row of a stream without items; return whether there was one."""
    return conn.execute("DELETE FROM stream WHERE stream_key = ?", (stream_key,)).rowcount == 1


def session_of(conn: sqlite3.Connection, owner_key: int | None) -> str | None:
    """Return the id of the session that a stream is tied to."""
    if owner_key is None:
        return None
    row = conn.execute("SELECT id FROM owner WHERE owner_key = ?", (owner_key,)).fetchone()
    return None if row is None else row[0]


def of_session(conn: sqlite3.Connection, session_id: str) -> list[StreamRow]:
    """Return the streams that are tied to a session, by name.

    They are to be removed, so that damaged rows are returned, too.
    """
    found = conn.execute(
        f"SELECT {_STREAM} FROM stream WHERE owner_key = "
        "(SELECT owner_key FROM owner WHERE id = ?) ORDER BY name",
        (session_id,),
    ).fetchall()
    return [StreamRow(*columns) for *columns, _ in found]


def count(conn: sqlite3.Connection, stream_key: int, now_ms: int, start: int = 0) -> int:
    """Return how many items a stream has from a `seq` on, counted in an index.

    Expired ones are left out.
    """
    (found,) = conn.execute(
        "SELECT (SELECT count(*) FROM stream_item WHERE stream_key = :key AND seq >= :start) - "
        "(SELECT count(*) FROM stream_item INDEXED BY stream_item_by_expiry "
        "WHERE expires_at_ms <= :now AND stream_key = :key AND seq >= :start)",
        {"key": stream_key, "now": now_ms, "start": start},
    ).fetchone()
    return int(found)
