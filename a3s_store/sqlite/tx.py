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
from typing import TypeVar

C = TypeVar("C", bound=sqlite3.Connection)
R = TypeVar("R")


@contextlib.contextmanager
def write(conn: sqlite3.Connection) -> Iterator[None]:
    """Commit what the block does, all of it or nothing."""
    conn.execute("BEGIN IMMEDIATE")
    try:
        yield
        conn.execute("COMMIT")
    except BaseException:
        if conn.in_transaction:
            conn.execute("ROLLBACK")
        raise


@contextlib.contextmanager
def read(conn: sqlite3.Connection) -> Iterator[None]:
    """Let the block see one moment of the file, whatever others commit meanwhile."""
    conn.execute("BEGIN")
    try:
        yield
    finally:
        if conn.in_transaction:
            conn.execute("ROLLBACK")


def writing(apply: Callable[[C], R]) -> Callable[[C], R]:
    """A function that does the same in one write transaction."""

    def job(conn: C) -> R:
        with write(conn):
            return apply(conn)

    return job
