"""Transactions and savepoints: the only module with BEGIN, COMMIT and ROLLBACK.

Invariants: 1. a write takes the write lock at once (BEGIN IMMEDIATE), since a read transaction that
is upgraded would fail without waiting; 2. after any exception, KeyboardInterrupt included, the
connection is outside any transaction; 3. ROLLBACK is executed only while a transaction is open,
since SQLite may have rolled back by itself (disk full).
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Iterator


@contextlib.contextmanager
def write(
    conn: sqlite3.Connection, last: Callable[[sqlite3.Connection], object] | None = None
) -> Iterator[None]:
    """Run the block in a write transaction: commit when it ends, roll back when it raises.

    If the block changed a row, `last` is called before the commit. Raises sqlite3.Error.
    """
    conn.execute("BEGIN IMMEDIATE")
    try:
        before = conn.total_changes
        yield
        if last is not None and conn.total_changes != before:
            last(conn)
        conn.execute("COMMIT")
    except BaseException:
        if is_open(conn):
            conn.execute("ROLLBACK")
        raise


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
