"""The full-text index of messages: FTS5 over words that `core.search` makes.

The index is derived from the rows of `message` and stays behind them: an idle writer adds messages
in the order of their keys, some at a time, and `search_state` has the last key that was added, the
*watermark*. So a save does not touch it. Messages above the watermark are compared one by one.
When indexed rows are removed, so are their words, in the same transaction; words of removed rows
stay in the file until segments are merged (`optimize`, for erase).

No row in `search_state`, or one of another version of the words: there is no index that could be
used; what there is of one is dropped when the next one is begun. That is also how an index in which
FTS5 finds damage is given up: a deletion never fails because of it.

Invariants: 1. the index has exactly the rows up to the watermark; 2. nothing here is proof that a
message is missing or there: `read.search` compares each hit with its message.
Plain functions of a connection, each inside a transaction that its caller opened.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterable
from typing import Any, Final

from a3s_store.backends.sqlite.schema import search_table
from a3s_store.backends.sqlite.schema.search_table import NAME
from a3s_store.core.row_values import parse_own
from a3s_store.core.search.texts import searched
from a3s_store.core.search.words import VERSION
from a3s_store.errors import SearchUnavailableError

# From how many messages behind on an idle writer catches up, so that a turn is no segment.
BEHIND: Final = 256
# The most messages, and about the most bytes of content, that one transaction adds.
ROWS: Final = 64
_BYTES: Final = 512 * 1024
# The pages that a merge may write, and how many merges follow each addition.
_MERGE_PAGES: Final = 16
_MERGES: Final = 2
# No insert merges segments by itself: it would hold the lock for up to a second.
_SETTINGS: Final = (("automerge", 0), ("crisismerge", 1999), ("rank", "bm25(1.0, 0.5, 0.0)"))
# Errors of a damaged index, or of a SQLite that does not have the module.
_BROKEN: Final = {sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_FORMAT}

_COLUMNS: Final = "message_key, branch_key, CAST(role AS BLOB), CAST(content AS BLOB)"


def is_available(conn: sqlite3.Connection) -> bool:
    """Return whether this SQLite can search."""
    found = conn.execute(
        "SELECT 1 FROM pragma_module_list WHERE name = ?", (search_table.MODULE,)
    ).fetchone()
    return found is not None


def require(conn: sqlite3.Connection) -> None:
    """Raise SearchUnavailableError where this SQLite cannot search."""
    if not is_available(conn):
        raise SearchUnavailableError(
            f"this Python's SQLite {sqlite3.sqlite_version} has no full-text search (FTS5)",
            hint="Use a Python whose SQLite was built with FTS5",
        )


def is_broken(error: sqlite3.Error) -> bool:
    """Return whether an error may be one of the index alone."""
    code = getattr(error, "sqlite_errorcode", None)
    return code is not None and code & 0xFF in _BROKEN


def watermark(conn: sqlite3.Connection) -> int | None:
    """Return the key of the last message in the index; None where there is none to be used."""
    row = conn.execute(
        "SELECT watermark FROM search_state WHERE words_version = ?", (VERSION,)
    ).fetchone()
    return None if row is None else int(row[0])


def is_used(conn: sqlite3.Connection) -> bool:
    """Return whether there is an index with a message in it, which this SQLite can use."""
    return bool(watermark(conn)) and is_available(conn)


def behind(conn: sqlite3.Connection) -> int:
    """Return about how many messages are not in the index."""
    (last,) = conn.execute("SELECT coalesce(max(message_key), 0) FROM message").fetchone()
    return int(last) - (watermark(conn) or 0)


def count(conn: sqlite3.Connection) -> int:
    """Return how many messages are in the index."""
    done = watermark(conn) or 0
    (found,) = conn.execute(
        "SELECT count(*) FROM message WHERE message_key <= ?", (done,)
    ).fetchone()
    return int(found)


# -- Adding ---------------------------------------------------------------------------------------


def step(conn: sqlite3.Connection) -> bool:
    """Add the next messages, and merge a little; return whether there is more to do."""
    if not is_available(conn):
        return False
    done = watermark(conn)
    if done is None:
        done = _begin(conn)
    rows = []
    size = 0
    for row in conn.execute(
        f"SELECT {_COLUMNS} FROM message WHERE message_key > ? ORDER BY message_key LIMIT ?",
        (done, ROWS),
    ):
        rows.append(row)
        size += len(row[-1])
        if size > _BYTES:
            break
    conn.executemany(
        f"INSERT INTO {NAME} (rowid, text, parts, scope) VALUES (?, ?, ?, ?)", map(_entry, rows)
    )
    if rows:
        _put_watermark(conn, rows[-1][0])
    before = conn.total_changes
    for _ in range(_MERGES):
        conn.execute(f"INSERT INTO {NAME} ({NAME}, rank) VALUES ('merge', ?)", (_MERGE_PAGES,))
    # A merge with nothing to do changes one row.
    has_merged = conn.total_changes - before > _MERGES
    return len(rows) == ROWS or size > _BYTES or has_merged


def _begin(conn: sqlite3.Connection) -> int:
    """Make an empty index in place of the one there may be; return its watermark."""
    drop(conn)
    conn.execute(search_table.SQL)
    for setting, value in _SETTINGS:
        conn.execute(f"INSERT INTO {NAME} ({NAME}, rank) VALUES (?, ?)", (setting, value))
    _put_watermark(conn, 0)
    return 0


def _put_watermark(conn: sqlite3.Connection, key: int) -> None:
    conn.execute("INSERT OR REPLACE INTO search_state VALUES (?, ?)", (VERSION, key))


def exists(conn: sqlite3.Connection) -> bool:
    """Return whether the file has an index, of whatever state."""
    found = conn.execute(
        "SELECT 1 FROM sqlite_schema WHERE name = ? AND sql = ?", (NAME, search_table.SQL)
    ).fetchone()
    return found is not None


def drop(conn: sqlite3.Connection) -> None:
    """Remove the index."""
    give_up(conn)
    if not exists(conn):
        return
    try:
        conn.execute(f"DROP TABLE {NAME}")
    except sqlite3.Error as error:
        if not is_broken(error):
            raise
        _empty(conn)
        conn.execute(f"DROP TABLE {NAME}")


def _empty(conn: sqlite3.Connection) -> None:
    """Give an index that FTS5 does not open the content of an empty one."""
    with contextlib.closing(sqlite3.connect(":memory:")) as new:
        new.execute(search_table.SQL)
        for table in search_table.SHADOWS:
            rows = new.execute(f"SELECT * FROM {table}").fetchall()
            conn.execute(f"DELETE FROM {table}")
            for row in rows:
                marks = ", ".join("?" * len(row))
                conn.execute(f"INSERT INTO {table} VALUES ({marks})", row)


def give_up(conn: sqlite3.Connection) -> None:
    """Note that the index is not to be used."""
    conn.execute("DELETE FROM search_state")


def _entry(row: tuple[Any, ...]) -> tuple[int, str, str, str]:
    """Return what the index has of a message."""
    key, branch, role, content = row
    text = searched(content_of(content))
    return key, text.words, text.parts, f"{_branch_word(branch)} {_role_word(role.decode())}"


def content_of(stored: bytes) -> Any:
    """Return the JSON in a column `content`; None where it is damaged."""
    try:
        return parse_own(stored)
    except ValueError:
        return None


def _branch_word(branch: int) -> str:
    return f"b{branch}"


def _role_word(role: str) -> str:
    return f"r{role.encode(errors='replace').hex()}"


# -- Removing -------------------------------------------------------------------------------------


def remove(conn: sqlite3.Connection, branch: int, start: int, end: int) -> bool:
    """Remove the words of these rows of a branch, before the rows; True if any was indexed.

    If so, the caller removes the rows and then calls `lower`.
    """
    done = watermark(conn)
    if not done:
        return False
    rows = conn.execute(
        f"SELECT {_COLUMNS} FROM message "
        "WHERE branch_key = ? AND seq >= ? AND seq < ? AND message_key <= ?",
        (branch, start, end, done),
    ).fetchall()
    try:
        conn.executemany(
            f"INSERT INTO {NAME} ({NAME}, rowid, text, parts, scope) VALUES ('delete', ?, ?, ?, ?)",
            map(_entry, rows),
        )
    except sqlite3.Error as error:
        if not is_broken(error):
            raise
        give_up(conn)
        return False
    return bool(rows)


def lower(conn: sqlite3.Connection) -> None:
    """Lower the watermark to the last message, since a key above that is used again."""
    conn.execute(
        "UPDATE search_state SET watermark = "
        "min(watermark, (SELECT coalesce(max(message_key), 0) FROM message))"
    )


def optimize(conn: sqlite3.Connection) -> None:
    """Merge all segments into one, which has no words of removed rows; one long statement."""
    if not exists(conn):
        return
    try:
        conn.execute(f"INSERT INTO {NAME} ({NAME}) VALUES ('optimize')")
    except sqlite3.Error as error:
        if not is_broken(error):
            raise
        drop(conn)


# -- Queries --------------------------------------------------------------------------------------


def expression(texts: str, branches: Iterable[int] | None, roles: Iterable[str] | None) -> str:
    """Return the FTS5 query for an expression about texts, in rows of these branches and roles."""
    scopes = [
        " OR ".join(f'"{word}"' for word in words)
        for words in (
            None if branches is None else map(_branch_word, branches),
            None if roles is None else map(_role_word, roles),
        )
        if words is not None
    ]
    return " AND ".join(
        [f"({{text parts}} : ({texts}))", *(f"(scope : ({words}))" for words in scopes)]
    )


def newest(conn: sqlite3.Connection, wanted: str, below: int, most: int) -> list[int]:
    """Return the keys of messages for which a query holds, below a key, the highest first."""
    rows = conn.execute(
        f"SELECT rowid FROM {NAME} WHERE {NAME} MATCH ? AND rowid < ? ORDER BY rowid DESC LIMIT ?",
        (wanted, below, most),
    ).fetchall()
    return [key for (key,) in rows]


def has(conn: sqlite3.Connection, wanted: str, key: int) -> bool:
    """Return whether a query holds for a message, by the index."""
    found = conn.execute(
        f"SELECT 1 FROM {NAME} WHERE {NAME} MATCH ? AND rowid = ?", (wanted, key)
    ).fetchone()
    return found is not None


def words_of(conn: sqlite3.Connection, key: int) -> str:
    """Return the words of a message; none where it is not stored."""
    row = conn.execute(f"SELECT {_COLUMNS} FROM message WHERE message_key = ?", (key,)).fetchone()
    return "" if row is None else _entry(row)[1]


def ranked(conn: sqlite3.Connection, wanted: str, most: int) -> list[tuple[float, int]]:
    """Return scores and keys of the newest messages for which a query holds, the best first."""
    oldest = conn.execute(
        f"SELECT rowid FROM {NAME} WHERE {NAME} MATCH ? ORDER BY rowid DESC LIMIT 1 OFFSET ?",
        (wanted, most - 1),
    ).fetchone()
    rows = conn.execute(
        f"SELECT -rank, rowid FROM {NAME} WHERE {NAME} MATCH ? AND rowid >= ?",
        (wanted, 0 if oldest is None else oldest[0]),
    ).fetchall()
    return sorted(rows, reverse=True)
