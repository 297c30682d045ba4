"""The statements of our own saves, executed by the plain sqlite3 module on an identical file.

The statements are noted while a store saves the same turns to a copy (`engines/recording.py`); so
they include whatever a save writes beside its values, such as the commit link and the log.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Coroutine, Iterable, Sequence
from pathlib import Path
from typing import Any, Final, TypeAlias

from a3s_store import SqliteSessionStore
from benchmarks.engines.floors import transact
from benchmarks.engines.recording import Recorder, Statement
from benchmarks.ratios.conversations import copied

Turn: TypeAlias = Callable[[SqliteSessionStore], Coroutine[Any, Any, Any]]
# Tables of which a transaction writes one row, however many saves share it.
_ONCE: Final = ("file_link",)


class Raw:
    """A plain connection to a copy of a store's file, and the writes of so many turns."""

    def __init__(self, base: Path, name: str, turns: Iterable[Turn], first: Turn) -> None:
        """Note what the turns write; `first` loads before, so that values are cached."""
        recorder = Recorder(copied(base, f"{name}-recorded.a3s"), "messages")
        self.path = copied(base, f"{name}.a3s")
        recorder.note(first)
        found = [recorder.note(turn) for turn in turns]
        self.turns = [[one for one in statements if one.writes] for statements in found]
        self._conn = recorder.like_the_writer(found[0], self.path)
        recorder.close()
        self._conn.execute("PRAGMA wal_autocheckpoint = 1000").fetchall()

    async def save(self, statements: Sequence[Statement]) -> None:
        """Make one turn durable."""
        transact(self._conn, list(statements))

    def batch(self, count: int) -> list[list[Statement]]:
        """Return the turns in groups that are committed together."""
        groups = [self.turns[at : at + count] for at in range(0, len(self.turns), count)]
        return [_together(group) for group in groups]

    def close(self) -> None:
        """Close the connection."""
        self._conn.close()


def _together(turns: list[list[Statement]]) -> list[Statement]:
    each = [one for turn in turns for one in turn if not _is_once(one)]
    return each + [one for one in turns[-1] if _is_once(one)]


def _is_once(statement: Statement) -> bool:
    return any(f" {table} " in statement.sql for table in _ONCE)


def is_indexed(conn: sqlite3.Connection, sql: str, parameters: Sequence[Any]) -> bool:
    """Return whether a query searches by an index and goes through no whole table."""
    plan = conn.execute(f"EXPLAIN QUERY PLAN {sql}", parameters).fetchall()
    return all("SCAN" not in row[3] for row in plan)
