"""Checkpoint the WAL into the database, avoiding the bug that makes checkpoints dangerous.

On SQLite 3.7.0 to 3.51.2 (but for 3.44.6 and 3.50.7) a checkpoint beside a commit of another
connection can damage the file: the WAL-reset bug. Holding the write lock on a second connection
while checkpointing rules that out, so this package checkpoints in no other way.

The WAL file keeps its size while the store is open, since overwriting is faster than appending;
SQLite removes it when the last connection closes.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from a3s_store.backends.sqlite import transaction
from a3s_store.backends.sqlite.connection import no_room
from a3s_store.backends.sqlite.connection.work_connection import WorkConnection
from a3s_store.backends.sqlite.format import file_link
from a3s_store.backends.sqlite.format.commit_link import CommitLink
from a3s_store.backends.sqlite.format.files_beside import WAL, beside
from a3s_store.errors import CorruptionError

# Bytes of the WAL file that are kept when it is reset: about a thousand pages.
LOG_BYTES: Final = 4 * 1024 * 1024
# Commits into a WAL of full size after which a checkpoint is due again.
COMMITS: Final = 100
# A WAL this long was not reset for a while, since there is always a reader: `throttle_readers`.
LONG: Final = 4 * LOG_BYTES
# Then a checkpoint is tried every `OFTEN` commits, and a reader waits `PAUSE` seconds for each
# `LONG` bytes of WAL, at most `PAUSES` times.
OFTEN: Final = 8
PAUSE: Final = 0.02
PAUSES: Final = 10
# How often a checkpoint tries to be the one after its own commit while others commit too.
_TRIES: Final = 20
# The WAL of an idle store is copied once it has so many commits.
WORTH_COPYING: Final = 16


class WalCheckpointer:
    """Decides, on the writer's thread after callers were told, whether to checkpoint, and does it.

    SQLite does not report how much of the WAL is in use, and its size shows that only while it
    grows; so a checkpoint is due when the WAL has grown by `LOG_BYTES`, or after `COMMITS` commits
    into a WAL of that size. `error`: the error of the last checkpoint, None if it succeeded; the
    commits before it are not affected. `failures`: how many checkpoints failed.
    """

    def __init__(self, database: Path) -> None:
        self._database = database
        self._wal = str(beside(database, WAL))  # a text: each read asks for its size
        self._commits = 0
        self._size = 0
        self.error: sqlite3.Error | OSError | MemoryError | CorruptionError | None = None
        self.failures = 0

    def is_due(self, size: int) -> bool:
        """Count a commit, and return whether to checkpoint now; `size`: bytes of the WAL."""
        self._commits += 1
        often = OFTEN if size >= LONG else COMMITS
        return (size >= LOG_BYTES and self._commits >= often) or size >= self._size + LOG_BYTES

    def checkpoint(self, conn: WorkConnection) -> None:
        """Copy the WAL into the database, unless another process is writing.

        Raises neither sqlite3.Error nor OSError nor MemoryError, but sets `error`.
        """
        try:
            if checkpoint(conn) is not None:
                self._commits = 0
                self._size = self.size()
        except (sqlite3.Error, OSError, MemoryError, CorruptionError) as error:
            self.error = no_room.explain(error, self._database) or error
            self.failures += 1
            return
        self.error = None

    def has_work(self) -> bool:
        """Return whether a checkpoint of an idle store is worth its syncs."""
        return self._commits >= WORTH_COPYING

    def throttle_readers(self) -> None:
        """Sleep for a moment before a read if the WAL is very long; for the reader's thread.

        SQLite resets the WAL only at a commit that finds it copied and without readers. If reads
        follow each other without a pause, in this process or another, that never happens. The
        longer the WAL, the longer the sleep, since slow reads leave fewer free moments.
        """
        try:
            pauses = self.size() // LONG
        except OSError:
            return  # the writer will meet the error, and report it
        if pauses:
            time.sleep(PAUSE * min(pauses, PAUSES))

    def size(self) -> int:
        """Return the bytes of the WAL file; 0 when there is none."""
        try:
            return os.stat(self._wal).st_size  # noqa: PTH116 - as in `kept_files.identity`
        except FileNotFoundError:
            return 0


def follow(conn: sqlite3.Connection, last: CommitLink | None = None) -> CommitLink | None:
    """Write the commit link, as the last statement of a write transaction, and return it.

    `last` is the link of the commit before, None if that is not known. A database in memory has
    no link. Raises sqlite3.Error.
    """
    assert isinstance(conn, WorkConnection), "only the writer writes"
    if not conn.has_wal:
        return None
    return file_link.follow(conn, salt=conn.log_salt(), last=last)


def checkpoint(conn: WorkConnection) -> tuple[int, int] | None:
    """Copy the WAL into the database; return (pages in the WAL, pages copied).

    None when another process is writing. Afterwards the database has the open mark; a clean close,
    by any program, copies the newest commit, which does not have it. Raises sqlite3.Error.
    """
    if not conn.has_wal:
        return 0, 0
    assert conn.turn is not None, "only the writer checkpoints"
    # Otherwise others commit between the mark and the lock, and it is tried again and again.
    with conn.turn.kept():
        copied = _copy_marked(conn)
        unmark(conn)
    return copied


def _copy_marked(conn: WorkConnection) -> tuple[int, int] | None:
    for _ in range(_TRIES):
        # A commit of its own: the first commit in a WAL does not know the WAL's salt yet.
        conn.has_marked = True
        _commit_link(conn, open_mark=True)
        with _guarded(conn) as is_held:
            if not is_held:
                return None
            # Only a WAL that ends with the mark may be copied: then commits after it, also those of
            # other processes, are known to be missing from the database.
            assert conn.guard is not None, "only the writer checkpoints"
            if file_link.read(conn.guard).open_mark:
                _, pages, copied = conn.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
                return pages, copied
    return None


def unmark(conn: WorkConnection) -> None:
    """Commit without the open mark if the newest commit has it. Raises sqlite3.Error."""
    conn.has_marked = conn.has_marked or file_link.read(conn).open_mark
    if conn.has_marked:
        file_link.unmark(conn, salt=conn.log_salt())
        conn.has_marked = False


def copy_plain(conn: WorkConnection) -> tuple[int, int] | None:
    """Copy the WAL without a commit of its own; returns and raises as `checkpoint` does."""
    with _guarded(conn) as is_held:
        if not is_held:
            return None
        _, pages, copied = conn.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        return pages, copied


def _commit_link(conn: WorkConnection, *, open_mark: bool = False) -> None:
    with transaction.write(conn):
        file_link.follow(conn, salt=conn.log_salt(), open_mark=open_mark)


@contextlib.contextmanager
def _guarded(conn: WorkConnection) -> Iterator[bool]:
    """Hold the write lock; False where others held it for longer than the busy timeout."""
    assert conn.guard is not None, "only the writer checkpoints"
    try:
        transaction.lock(conn.guard)
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY:
            yield False
            return
        raise
    try:
        yield True
    finally:
        conn.guard.execute("ROLLBACK")


def read_wal(conn: WorkConnection, path: Path) -> bytes:
    """Return the bytes of the WAL, read while no process writes to it.

    SQLite locks the database and its index, never the WAL, so reading it here drops no lock.

    Raises:
        sqlite3.OperationalError: others went on writing for longer than the busy timeout.
        OSError: the WAL cannot be read.
    """
    if not conn.has_wal:
        return b""
    assert conn.guard is not None, "only the writer has a guard"
    transaction.lock(conn.guard)
    try:
        return path.read_bytes() if path.exists() else b""
    finally:
        conn.guard.execute("ROLLBACK")


def has_reset_bug(version: tuple[int, ...] = sqlite3.sqlite_version_info) -> bool:
    """Return whether this SQLite release has the WAL-reset bug; distributions may patch it."""
    if version[:2] == (3, 44):
        return version < (3, 44, 6)
    if version[:2] == (3, 50):
        return version < (3, 50, 7)
    return (3, 7, 0) <= version < (3, 51, 3)
