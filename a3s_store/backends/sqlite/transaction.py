"""Transactions and savepoints: the only module with BEGIN, COMMIT and ROLLBACK.

Invariants: 1. a write takes the write lock at once (BEGIN IMMEDIATE), since a read transaction that
is upgraded would fail without waiting; a writer's connection waits for it by its `turn`; 2. after
any exception, KeyboardInterrupt included, the connection is outside any transaction; 3. ROLLBACK is
executed only while a transaction is open, since SQLite may have rolled back by itself (disk full).
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Iterator
from typing import Protocol, TypeVar

T = TypeVar("T")


class Turn(Protocol):
    """How the writers of several processes wait for the write lock (`connection.queue_lock`)."""

    milliseconds: int

    def run(self, attempt: Callable[[], T]) -> T:
        """Return what `attempt` returns, called again while SQLite reports its lock as busy."""


class Connection(sqlite3.Connection):
    """A connection that waits for the write lock by its `turn`, or as SQLite does without one."""

    turn: Turn | None = None


def lock(conn: sqlite3.Connection, statement: str = "BEGIN IMMEDIATE") -> None:
    """Execute a statement that takes the write lock: BEGIN IMMEDIATE, or VACUUM.

    Raises:
        sqlite3.OperationalError: others held the lock for longer than the busy timeout.
    """
    turn = _turn(conn)
    if turn is None:
        conn.execute(statement).close()
    else:
        turn.run(lambda: conn.execute(statement)).close()


@contextlib.contextmanager
def busy_timeout(conn: sqlite3.Connection, milliseconds: int) -> Iterator[None]:
    """Let the connection wait so long for the write lock while the block runs."""
    turn = _turn(conn)
    if turn is not None:
        before, turn.milliseconds = turn.milliseconds, milliseconds
    else:
        (before,) = conn.execute("PRAGMA busy_timeout").fetchone()
        conn.execute(f"PRAGMA busy_timeout = {milliseconds}").close()
    try:
        yield
    finally:
        if turn is not None:
            turn.milliseconds = before
        else:
            conn.execute(f"PRAGMA busy_timeout = {before}").close()


def _turn(conn: sqlite3.Connection) -> Turn | None:
    return conn.turn if isinstance(conn, Connection) else None


class write:  # noqa: N801 - used as a function; a generator would take each save twice as many calls
    """Run the block in a write transaction: commit when it ends, roll back when it raises.

    If the block changed a row, `last` is called before the commit. Raises sqlite3.Error.
    """

    __slots__ = ("_before", "_conn", "_last")

    def __init__(
        self, conn: sqlite3.Connection, last: Callable[[sqlite3.Connection], object] | None = None
    ) -> None:
        self._conn = conn
        self._last = last

    def __enter__(self) -> None:
        try:
            lock(self._conn)
            self._before = self._conn.total_changes
        except BaseException:
            self._roll_back()
            raise

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is not None:
            self._roll_back()
            return
        try:
            if self._last is not None and self._conn.total_changes != self._before:
                self._last(self._conn)
            self._conn.execute("COMMIT")
        except BaseException:
            self._roll_back()
            raise

    def _roll_back(self) -> None:
        if is_open(self._conn):
            self._conn.execute("ROLLBACK")


@contextlib.contextmanager
def part(conn: sqlite3.Connection) -> Iterator[None]:
    """Run the block in a savepoint of a write transaction, which is rolled back when it raises.

    Raises:
        TakenBackError: SQLite rolled back the whole transaction, or cannot roll back the savepoint
            alone, so the transaction must not be committed. `__cause__` is the block's error.
    """
    conn.execute("SAVEPOINT part")
    try:
        yield
        conn.execute("RELEASE part")
    except BaseException as error:
        try:
            conn.execute("ROLLBACK TO part")
            conn.execute("RELEASE part")
        except sqlite3.Error:
            raise TakenBackError from error
        raise


class TakenBackError(Exception):
    """The whole transaction was rolled back, because of the error in `__cause__`."""


@contextlib.contextmanager
def read(conn: sqlite3.Connection) -> Iterator[None]:
    """Run the block in a read transaction: it sees one snapshot, whatever others commit.

    Inside a transaction, the block sees the snapshot of that one.
    """
    if is_open(conn):
        yield
        return
    conn.execute("BEGIN")
    try:
        yield
    finally:
        if is_open(conn):
            conn.execute("ROLLBACK")


def is_open(conn: sqlite3.Connection) -> bool:
    """Return whether the connection is inside a transaction.

    A call, since type checkers assume that an attribute keeps its value between two reads.
    """
    return conn.in_transaction
