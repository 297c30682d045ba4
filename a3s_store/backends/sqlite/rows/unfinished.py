"""Branches whose messages are removed or added in several transactions, between which others save.

The table `unfinished` notes them. Kind `delete`: what was left of rows that no head needs, removed
in steps; the last step removes the note. After a crash a later writer goes on. A row that a head
needs is never removed, whatever the table says: each step looks again, so several processes may do
the same steps.

Any other kind is the name of a save that adds rows no head names yet. Rows of such a branch, and
those of others that it shares, count as needed (`message_log.needed`). The save's last transaction
removes the note; until then each one renews its time. Steps remove the rows of a save that is made
no more: its name tells in which process it was. Where that cannot be found out, as in another
container, the save counts as ended after `_ALIVE_MS` without a renewal. A save that was taken for
ended notices that its note is gone.
Plain functions of a connection, each inside a transaction that its caller opened.
"""

from __future__ import annotations

import itertools
import sqlite3
import weakref
from collections.abc import Callable, Iterable
from typing import Final

from a3s_store.backends.sqlite.rows import message_log
from a3s_store.core import processes
from a3s_store.core.clock import system_clock

# The most messages that one transaction removes.
ROWS: Final = 128
_DELETE: Final = "delete"
# The beginning of the names of deleted streams that have items left (`deleted_streams`), and the
# condition that finds them, with its values.
DELETED_STREAMS: Final = "\0\0"
IS_DELETED: Final = "name >= ? AND name < ?"
DELETED_NAMES: Final = (DELETED_STREAMS, "\0\x01")
_ALIVE_MS: Final = 60_000
# The names of the saves of this process that are being made.
_SAVES: Final[weakref.WeakValueDictionary[str, Save]] = weakref.WeakValueDictionary()
_NUMBERS: Final = itertools.count(1)


# -- Rows to remove -------------------------------------------------------------------------------


def collect(conn: sqlite3.Connection, branches: Iterable[int], now_ms: int) -> bool:
    """Remove rows that no head needs, as `message_log.collect`; return whether some are left.

    Those are noted, for `step`.
    """
    limit = ROWS
    for source in sorted(message_log.release(conn, branches)):
        gone = message_log.trim(conn, source, limit)
        limit = 0 if gone is None else limit - gone
        if gone is None:
            _note(conn, source, _DELETE, now_ms)
    return limit == 0 and exists(conn)


def step(conn: sqlite3.Connection) -> bool:
    """Remove some of the rows that are left; return whether there are more."""
    return _step(conn, is_over=_is_over)


def finish(conn: sqlite3.Connection) -> None:
    """Remove all rows that are left, in this one transaction; saves in progress begin again."""
    while _step(conn, is_over=lambda kind, at_ms: True):
        pass


def exists(conn: sqlite3.Connection) -> bool:
    """Return whether rows are left, those of deleted streams too, or being added."""
    noted = conn.execute("SELECT 1 FROM unfinished LIMIT 1").fetchone()
    return noted is not None or deleted_stream(conn) is not None


def deleted_stream(conn: sqlite3.Connection) -> int | None:
    """Return the key of a deleted stream that has items left, None without one."""
    row = conn.execute(
        f"SELECT stream_key FROM stream WHERE {IS_DELETED} LIMIT 1", DELETED_NAMES
    ).fetchone()
    return None if row is None else row[0]


def _step(conn: sqlite3.Connection, is_over: Callable[[str, int], bool]) -> bool:
    limit = ROWS
    noted = conn.execute(
        "SELECT branch_key, kind, started_at_ms FROM unfinished ORDER BY branch_key"
    ).fetchall()
    for source, kind, at_ms in noted:
        if kind != _DELETE:
            if not is_over(kind, at_ms):
                continue
            _drop_save(conn, source, at_ms)
            return True
        gone = message_log.trim(conn, source, limit)
        if gone is None:
            return True
        conn.execute("DELETE FROM unfinished WHERE branch_key = ?", (source,))
        limit -= gone
    return False


def _note(conn: sqlite3.Connection, branch: int, kind: str, at_ms: int) -> None:
    conn.execute(
        "INSERT OR IGNORE INTO unfinished (branch_key, kind, started_at_ms) VALUES (?, ?, ?)",
        (branch, kind, at_ms),
    )


# -- Rows that a save adds ------------------------------------------------------------------------


class Save:
    """A save of this process that adds rows to a branch of its own, until `end` or it is freed."""

    def __init__(self) -> None:
        self._name = f"save {processes.own_token()} {next(_NUMBERS)}"
        _SAVES[self._name] = self

    def end(self) -> None:
        """Have the rows removed if they were not named."""
        _SAVES.pop(self._name, None)

    def note(self, conn: sqlite3.Connection, branch: int) -> None:
        """Note the branch."""
        _note(conn, branch, self._name, system_clock())

    def renew(self, conn: sqlite3.Connection, branch: int) -> bool:
        """Renew the note's time; False where it is gone: the save was taken for ended."""
        sql = "UPDATE unfinished SET started_at_ms = ? WHERE branch_key = ? AND kind = ?"
        return conn.execute(sql, (system_clock(), branch, self._name)).rowcount == 1

    def finish(self, conn: sqlite3.Connection, branch: int) -> bool:
        """Remove the note, for the rows get a head in this transaction; returns as `renew`."""
        sql = "DELETE FROM unfinished WHERE branch_key = ? AND kind = ?"
        return conn.execute(sql, (branch, self._name)).rowcount == 1


def is_being_added(conn: sqlite3.Connection, branch: int) -> bool:
    """Return whether the branch is that of a save, whose rows may be missing yet."""
    sql = "SELECT 1 FROM unfinished WHERE branch_key = ? AND kind <> ?"
    return conn.execute(sql, (branch, _DELETE)).fetchone() is not None


def _drop_save(conn: sqlite3.Connection, branch: int, at_ms: int) -> None:
    """Have the rows of a save that is not made any more removed by the next steps."""
    conn.execute("UPDATE unfinished SET kind = ? WHERE branch_key = ?", (_DELETE, branch))
    for source in message_log.release(conn, [branch]):
        _note(conn, source, _DELETE, at_ms)


def _is_over(name: str, at_ms: int) -> bool:
    """Return whether a save is made no more, by its name and when its note was renewed."""
    token = name.split(" ")[1] if name.count(" ") == 2 else ""
    if token == processes.own_token():
        return name not in _SAVES
    state = processes.state_of(token)
    if state == "elsewhere":
        return abs(system_clock() - at_ms) > _ALIVE_MS
    return state == "ended"
