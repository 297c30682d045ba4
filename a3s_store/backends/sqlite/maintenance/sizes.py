"""How many bytes sessions and tables take: sums of lengths, and of pages where SQLite counts them.

Plain functions of a connection. The length of a row is that of all its values as text or bytes.
"""

from __future__ import annotations

import functools
import sqlite3
from collections.abc import Iterator
from typing import Final

from a3s_store.backends.sqlite.rows import statements
from a3s_store.core.collections import COLLECTIONS, SESSION_ROWS, TableLayout
from a3s_store.core.reports import SessionSize

# The rows of a present conversation, one for each position.
_CONVERSATION: Final = (
    "FROM session AS s JOIN branch_segment AS p "
    "ON p.branch_key = s.head_branch AND p.start_seq < s.head_length "
    "JOIN message AS m ON m.branch_key = p.source_branch "
    "AND m.seq >= coalesce(p.source_start, p.start_seq) "
    "AND m.seq < coalesce(p.source_start, p.start_seq) - p.start_seq "
    "+ min(coalesce(p.end_seq, s.head_length), s.head_length) WHERE s.owner_key = :key"
)
# The items in streams that are tied to a session; byte artifacts are such items.
_STREAMS: Final = (
    "FROM stream AS s JOIN stream_item AS i USING (stream_key) WHERE s.owner_key = :key"
)
_OWNERS: Final = (
    "SELECT owner_key, id FROM owner WHERE owner_key > ? AND typeof(id) = 'text' "
    "ORDER BY owner_key LIMIT 256"
)


def length_of(conn: sqlite3.Connection, table: str, alias: str) -> str:
    """Return the SQL for the length of a row of a table; the table's name is one of ours."""
    columns = [row[1] for row in conn.execute(f'PRAGMA table_xinfo("{table}")') if not row[6]]
    lengths = (f'coalesce(length(CAST({alias}."{name}" AS BLOB)), 0)' for name in columns)
    return " + ".join(lengths)


def owners(conn: sqlite3.Connection) -> Iterator[tuple[int, str]]:
    """Yield the key and the id of every owner, read a few hundred at a time."""
    after = 0
    while found := conn.execute(_OWNERS, (after,)).fetchall():
        yield from found
        after = found[-1][0]


class SessionSizes:
    """The sizes of sessions in one file."""

    def __init__(self, conn: sqlite3.Connection) -> None:
        self._conn = conn
        self._length = functools.cache(lambda table, alias: length_of(conn, table, alias))
        self._lists = [
            sql
            for rows in (*SESSION_ROWS.lists.values(), *(one.rows for one in COLLECTIONS))
            for sql in self._lists_under(rows)
        ]
        self._lists.append(f"SELECT sum({self._length('stream_item', 'i')}) {_STREAMS}")

    def _lists_under(self, rows: TableLayout) -> Iterator[str]:
        """Yield statements for the sizes of a table below an owner, and of those below its rows."""
        table = rows.table
        place = "t.owner_key = :key"
        if statements.is_packed(rows):
            place = f"t.{table}_key >= :key << 32 AND t.{table}_key < (:key + 1) << 32"
        yield f"SELECT sum({self._length(table, 't')}) FROM {table} AS t WHERE {place}"
        for inside in rows.lists.values():
            inner = inside.table
            yield (
                f"SELECT sum({self._length(inner, 'i')}) FROM {table} AS t JOIN {inner} AS i "
                f"ON i.{inner}_key >= t.{table}_key << 32 "
                f"AND i.{inner}_key < (t.{table}_key + 1) << 32 WHERE {place}"
            )

    def lists(self, key: int) -> int:
        """Return the length of the lists and streams of an owner, without blobs."""
        found = (self._conn.execute(sql, {"key": key}).fetchone()[0] for sql in self._lists)
        return sum(one or 0 for one in found)

    def session(self, key: int, session_id: str) -> SessionSize:
        """Return the size of a session, or of what is stored without one; 0 for nothing."""
        count, size = self._one(
            f"SELECT count(*), sum({self._length('message', 'm')}) {_CONVERSATION}", key
        )
        (images,) = self._one(
            "SELECT sum(length(data)) FROM blob WHERE blob_key IN (SELECT b.blob_key FROM "
            f"message_blob AS b WHERE b.message_key IN (SELECT m.message_key {_CONVERSATION}) "
            "UNION SELECT blob_key FROM artifact WHERE owner_key = :key "
            f"UNION SELECT i.blob_key {_STREAMS})",
            key,
        )
        own = 0
        for table in ("session", "session_config"):
            sql = f"SELECT sum({self._length(table, 't')}) FROM {table} AS t WHERE owner_key = :key"
            own += self._one(sql, key)[0]
        return SessionSize(
            session_id=session_id, bytes=own + size + images + self.lists(key), messages=count
        )

    def _one(self, sql: str, key: int) -> list[int]:
        return [value or 0 for value in self._conn.execute(sql, {"key": key}).fetchone()]


def keys_of(conn: sqlite3.Connection, session_ids: list[str]) -> list[int]:
    """Return the keys of the owners with these ids, of those that are stored."""
    sql = "SELECT owner_key FROM owner WHERE id = ?"
    found = [conn.execute(sql, (one,)).fetchone() for one in session_ids]
    return [row[0] for row in found if row is not None]
