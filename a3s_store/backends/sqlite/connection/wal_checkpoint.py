"""Keeps the write-ahead log short, without the bug that makes checkpoints dangerous.

On SQLite 3.7.0 to 3.51.2 (but for 3.44.6 and 3.50.7) a checkpoint beside a commit of another
connection can damage the file: the WAL-reset bug. Holding the write lock on a second connection
while checkpointing rules that out, so that is the only way in which this package checkpoints.

The log keeps its size while the store is open, since overwriting is quicker than appending; it is
gone when the last connection closes.
"""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from a3s_store.backends.sqlite import transaction
from a3s_store.backends.sqlite.connection import no_room
from a3s_store.backends.sqlite.connection.work_connection import WorkConnection
from a3s_store.backends.sqlite.format import file_link
from a3s_store.backends.sqlite.format.files_beside import WAL, beside
from a3s_store.errors import CorruptionError

# How much of the log is kept as a file when it is begun again: about a thousand pages.
LOG_BYTES: Final = 4 * 1024 * 1024
# Commits into a log of full size after which it is due again.
COMMITS: Final = 100
# A log this long is not being begun again because somebody always reads: see `throttle_readers`.
LONG: Final = 4 * LOG_BYTES
# How often, in commits, a checkpoint is tried then, and how long a reader waits, in seconds: once
# for each `LONG` bytes of log, at most so many times.
OFTEN: Final = 8
PAUSE: Final = 0.02
PAUSES: Final = 10
# How often a checkpoint tries to come right after its own commit while others commit too.
_TRIES: Final = 20
# An idle store's log is copied once it has so many commits.
WORTH_COPYING: Final = 16


class WalCheckpointer:
    """Decides, on the writer's thread once callers are told, whether it is time to checkpoint.

    SQLite does not tell how much of the log is in use, and its size says so only while it grows; so
    a checkpoint is due when the log has grown by `LOG_BYTES`, or after `COMMITS` commits into a log
    of that size. `error` is what the last checkpoint failed with, None when it did not: the commit
    before it stands in any case. `failures` is how many failed.
    """

    def __init__(self, database: Path) -> None:
        self._database = database
        self._wal = beside(database, WAL)
        self._commits = 0
        self._size = 0
        self.error: sqlite3.Error | OSError | MemoryError | CorruptionError | None = None
        self.failures = 0

    def is_due(self) -> bool:
        """Whether to checkpoint, now that something more was committed."""
        self._commits += 1
        try:
            size = self.size()
        except OSError as error:
            self.error = error
            return False
        often = OFTEN if size >= LONG else COMMITS
        return (size >= LOG_BYTES and self._commits >= often) or size >= self._size + LOG_BYTES

    def checkpoint(self, conn: WorkConnection) -> None:
        """Copy the log into the database, unless another process is writing just now.

        Raises neither sqlite3.Error nor OSError nor MemoryError: see `error`.
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
        """Whether a checkpoint of an idle store is worth its syncs."""
        return self._commits >= WORTH_COPYING

    def throttle_readers(self) -> None:
        """On a reader's thread, before it reads: wait a moment if the log is very long.

        The log is begun again only by a commit that finds it copied and nobody reading in it. Where
        reads follow each other without pause, in this process or another, that never happens. The
        longer the log has become the longer this waits: slow reads leave fewer moments free.
        """
        try:
            pauses = self.size() // LONG
        except OSError:
            return  # whoever writes will meet it, and say so
        if pauses:
            time.sleep(PAUSE * min(pauses, PAUSES))

    def size(self) -> int:
        """Bytes of the log file; 0 when there is none."""
        try:
            return self._wal.stat().st_size
        except FileNotFoundError:
            return 0


def follow(conn: sqlite3.Connection) -> None:
    """Write the commit's link: to be the last statement of every transaction of the writer's."""
    assert isinstance(conn, WorkConnection), "only the writer writes"
    file_link.follow(conn, salt=conn.log_salt())


def checkpoint(conn: WorkConnection) -> tuple[int, int] | None:
    """Copy the log into the database: (pages in the log, pages copied); None when others write.

    The database then says that more may come in a log; a clean closing, by whatever program, copies
    the newest commit, which does not say so.
    """
    copied = _copy_marked(conn)
    unmark(conn)
    return copied


def _copy_marked(conn: WorkConnection) -> tuple[int, int] | None:
    for _ in range(_TRIES):
        # A commit of its own: the first one in a log does not know the log's salt yet.
        conn.has_marked = True
        _commit_link(conn, open_mark=True)
        with _guarded(conn) as is_held:
            if not is_held:
                return None
            # Only a log that ends with the mark may be copied: what comes after it, be it another
            # process's, is then known to be missing from the database.
            assert conn.guard is not None, "only the writer checkpoints"
            if file_link.read(conn.guard).open_mark:
                _, pages, copied = conn.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
                return pages, copied
    return None


def unmark(conn: WorkConnection) -> None:
    """Have the newest commit say that nothing comes after it, as all others do."""
    conn.has_marked = conn.has_marked or file_link.read(conn).open_mark
    if conn.has_marked:
        file_link.unmark(conn, salt=conn.log_salt())
        conn.has_marked = False


def copy_plain(conn: WorkConnection) -> tuple[int, int] | None:
    """Copy the log as it is, without a commit: where no more may be written."""
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
    """Keep everybody from writing: False where others are at it for longer than the timeout."""
    assert conn.guard is not None, "only the writer checkpoints"
    try:
        conn.guard.execute("BEGIN IMMEDIATE")
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
    """The bytes of the log while nobody writes to it.

    SQLite locks the database and its index, never the log, so reading it here costs no lock.
    Raises sqlite3.OperationalError when others go on writing for longer than the busy timeout.
    """
    assert conn.guard is not None, "only the writer may keep others from writing"
    conn.guard.execute("BEGIN IMMEDIATE")
    try:
        return path.read_bytes() if path.exists() else b""
    finally:
        conn.guard.execute("ROLLBACK")


def has_reset_bug(version: tuple[int, ...] = sqlite3.sqlite_version_info) -> bool:
    """Whether this SQLite release has the WAL-reset bug; a distribution may have patched it."""
    if version[:2] == (3, 44):
        return version < (3, 44, 6)
    if version[:2] == (3, 50):
        return version < (3, 50, 7)
    return (3, 7, 0) <= version < (3, 51, 3)
