"""The whole life of a transaction: nobody else says BEGIN, COMMIT or ROLLBACK.

Invariants: 1. a write takes the write lock at once (BEGIN IMMEDIATE): a read that is upgraded
would fail without waiting; 2. whatever is raised inside, KeyboardInterrupt included, the
connection is outside any transaction afterwards; 3. SQLite may have rolled back by itself (disk
full), so ROLLBACK is said only where a transaction is still open.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Iterator


@contextlib.contextmanager
def write(
    conn: sqlite3.Connection, last: Callable[[sqlite3.Connection], object] | None = None
) -> Iterator[None]:
    """Commit what the block does, all of it or nothing.

    Where it changed a row, `last` is called before the commit.
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
    """Inside a write transaction: keep what the block does if it ends well, else none of it.

    When SQLite took back the whole transaction, or cannot take back this part alone, the error is
    raised inside `TakenBackError`: the transaction must not be committed then.
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
    """An error after which nothing of the transaction is left; `__cause__` says which."""


@contextlib.contextmanager
def read(conn: sqlite3.Connection) -> Iterator[None]:
    """Let the block see one moment of the file, whatever others commit meanwhile.

    Inside a transaction that is the moment of that one.
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
    """Whether the connection is inside a transaction.

    A call and not the attribute: type checkers take an attribute for unchanged between two looks.
    """
    return conn.in_transaction
