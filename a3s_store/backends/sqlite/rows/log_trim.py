"""Trim the commit log: remove its oldest rows in steps, and note where it begins since then.

The newest rows stay, and all that were committed within some days before the newest one, so that
the newest row itself is never removed and no number is used twice. The time of the newest row is
compared, not the clock: opening a store trims nothing. Plain functions of a connection.
"""

from __future__ import annotations

import sqlite3
from typing import Final

# How many rows one transaction removes: a step is due once there are so many.
ROWS: Final = 64
# In `meta`: the sequence of the first row, once rows were removed.
NAME: Final = "log_first_available"
_DAY_MS: Final = 86_400_000


def is_due(conn: sqlite3.Connection, keep_rows: int, keep_days: int) -> bool:
    """Return whether there are rows for a step."""
    return _next(conn, keep_rows, keep_days) is not None


def step(conn: sqlite3.Connection, keep_rows: int, keep_days: int) -> bool:
    """Remove the oldest rows, in a transaction of the caller; return whether there are more."""
    end = _next(conn, keep_rows, keep_days)
    if end is None:  # another process removed them
        return False
    _remove(conn, end)
    return is_due(conn, keep_rows, keep_days)


def begins(conn: sqlite3.Connection, keep_rows: int, keep_days: int) -> tuple[int, int]:
    """Return the sequence with which the log begins if all is removed that is not kept.

    And how many rows are before it.
    """
    first, newest = conn.execute(
        "SELECT (SELECT min(sequence) FROM commit_log), (SELECT max(sequence) FROM commit_log)"
    ).fetchone()
    if first is None:
        return 1, 0
    (young,) = conn.execute(
        "SELECT sequence FROM commit_log WHERE committed_at_ms >= "
        "(SELECT committed_at_ms FROM commit_log WHERE sequence = ?) - ? "
        "ORDER BY sequence LIMIT 1",
        (newest, keep_days * _DAY_MS),
    ).fetchone()
    begin = max(first, min(young, newest - keep_rows + 1))
    (count,) = conn.execute(
        "SELECT count(*) FROM commit_log WHERE sequence < ?", (begin,)
    ).fetchone()
    return begin, count


def remove_before(conn: sqlite3.Connection, begin: int) -> int:
    """Remove some of the rows before a sequence; return how many. A transaction of the caller's."""
    (end,) = conn.execute(
        "SELECT max(sequence) + 1 FROM "
        "(SELECT sequence FROM commit_log WHERE sequence < ? ORDER BY sequence LIMIT ?)",
        (begin, ROWS),
    ).fetchone()
    return 0 if end is None else _remove(conn, end)


def _remove(conn: sqlite3.Connection, end: int) -> int:
    """Remove the rows before a sequence, with which the log begins from then on."""
    gone = conn.execute("DELETE FROM commit_log WHERE sequence < ?", (end,)).rowcount
    conn.execute("INSERT OR REPLACE INTO meta (name, value) VALUES (?, ?)", (NAME, end))
    return gone


def first_available(conn: sqlite3.Connection) -> int:
    """Return the sequence with which the log begins, as noted when it was trimmed."""
    row = conn.execute("SELECT value FROM meta WHERE name = ?", (NAME,)).fetchone()
    return 1 if row is None else row[0]


def _next(conn: sqlite3.Connection, keep_rows: int, keep_days: int) -> int | None:
    """Return the sequence with which the log begins after a step; None if none is due."""
    first, newest = conn.execute(
        "SELECT (SELECT min(sequence) FROM commit_log), (SELECT max(sequence) FROM commit_log)"
    ).fetchone()
    if first is None or newest - (first + ROWS) + 1 < keep_rows:
        return None
    begins: int = first + ROWS
    (is_kept,) = conn.execute(
        "SELECT max(committed_at_ms) >= "
        "(SELECT committed_at_ms FROM commit_log WHERE sequence = ?) - ? "
        "FROM commit_log WHERE sequence < ?",
        (newest, keep_days * _DAY_MS, begins),
    ).fetchone()
    return None if is_kept else begins
