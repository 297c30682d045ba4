"""Keeps the write-ahead log short, without the bug that makes checkpoints dangerous.

On SQLite 3.7.0 to 3.51.2 (but for 3.44.6 and 3.50.7) a checkpoint beside a commit of another
connection can damage the file: the WAL-reset bug. Holding the write lock on a second connection
while checkpointing rules that out, so that is the only way in which this package checkpoints.

The log keeps its size while the store is open, since overwriting is quicker than appending; it is
gone when the last connection closes.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Final

from a3s_store.sqlite.connection import WorkConnection

# About a thousand pages of 4096 bytes.
LOG_BYTES: Final = 4 * 1024 * 1024
COMMITS: Final = 100


class LogKeeper:
    """Decides, on the writer's thread after each commit, whether it is time to checkpoint.

    SQLite does not tell how much of the log is in use, and its size says so only while it grows; so
    a checkpoint is due when the log has grown by `LOG_BYTES`, or after `COMMITS` commits into a log
    of that size. `error` is what the last checkpoint failed with, None when it did not: the commit
    before it stands in any case.
    """

    def __init__(self, wal: Path) -> None:
        self._wal = wal
        self._commits = 0
        self._size = 0
        self.error: sqlite3.Error | OSError | None = None

    def after_commit(self, conn: WorkConnection) -> None:
        """Checkpoint if it is due. Raises neither sqlite3.Error nor OSError: see `error`."""
        self._commits += 1
        try:
            size = self.size()
        except OSError as error:
            self.error = error
            return
        often = self._commits >= COMMITS and size >= LOG_BYTES
        if often or size >= self._size + LOG_BYTES:
            self.checkpoint(conn)

    def checkpoint(self, conn: WorkConnection) -> None:
        """Copy the log into the database, unless another process is writing just now."""
        try:
            copied = checkpoint(conn)
            if copied is not None:
                self._commits = 0
                self._size = self.size()
        except (sqlite3.Error, OSError) as error:
            self.error = error
            return
        self.error = None

    def size(self) -> int:
        """Bytes of the log file; 0 when there is none."""
        try:
            return self._wal.stat().st_size
        except FileNotFoundError:
            return 0


def checkpoint(conn: WorkConnection) -> tuple[int, int] | None:
    """Copy the log into the database: (pages in the log, pages copied); None when others write."""
    assert conn.guard is not None, "only the writer checkpoints"
    try:
        conn.guard.execute("BEGIN IMMEDIATE")
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY:
            return None
        raise
    try:
        _, pages, copied = conn.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
    finally:
        conn.guard.execute("ROLLBACK")
    return pages, copied


def has_reset_bug(version: tuple[int, ...] = sqlite3.sqlite_version_info) -> bool:
    """Whether this SQLite release has the WAL-reset bug; a distribution may have patched it."""
    if version[:2] == (3, 44):
        return version < (3, 44, 6)
    if version[:2] == (3, 50):
        return version < (3, 50, 7)
    return (3, 7, 0) <= version < (3, 51, 3)
