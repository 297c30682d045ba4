"""The connection class of the package."""

from __future__ import annotations

import ctypes
import os
import sqlite3
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from a3s_store.backends.sqlite import transaction
from a3s_store.backends.sqlite.connection import fork_gate, kept_files
from a3s_store.backends.sqlite.connection.queue_lock import QueueLock
from a3s_store.backends.sqlite.format import file_link
from a3s_store.backends.sqlite.format.row_salt import RowSalt
from a3s_store.backends.sqlite.schema import migrate
from a3s_store.errors import StoreError

if TYPE_CHECKING:
    import tempfile

R = TypeVar("R")


class WorkConnection(transaction.Connection):
    """A connection of the package, with the state of the file that it has open.

    `closed` is set once it is closed. `guard` is a second connection that takes the write lock
    during a checkpoint; with `is_pinned` it is never closed, see `pin`.
    """

    closed: threading.Event
    file: tuple[int, int]
    guard: WorkConnection | None = None
    turn: QueueLock | None = None
    migrated: migrate.Migrated | None = None
    # Returns the first salt of the WAL as it is now, 0 where it is unknown.
    log_salt: Callable[[], int] = staticmethod(lambda: 0)
    is_pinned: bool = False
    # False: a database in memory, which has neither a WAL nor commit links.
    has_wal: bool = True
    row_salt: RowSalt | None = None
    # Whether messages are verified against their chain hashes as they are read.
    prove_chain: bool = False
    # Whether the newest commit may have the open mark. If the last connection copied that commit
    # and removed the WAL, the file would look as if its WAL were lost.
    has_marked: bool = False
    # False: no process has the file open, and it is read without locks.
    takes_locks: bool = True
    # The folder of the copy that this connection reads, if it reads a copy.
    folder: tempfile.TemporaryDirectory[str] | None = None
    _handle: int | None = None
    _stamp: tuple[int, int]

    def pin(self) -> None:
        """Have SQLite neither copy nor remove the WAL when this process closes the file.

        SQLite does that when the last connection closes, so `guard`, which has read, never closes.
        """
        if self.guard is not None and not self.is_pinned:
            self.is_pinned = True
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(self.guard))

    def _unmark(self) -> None:
        try:
            file_link.unmark(self, salt=self.log_salt())
        except (sqlite3.Error, StoreError, OSError, MemoryError):
            self.pin()

    def watch_for_changes(self, handle: int) -> None:
        """Have `is_current` compare time and size of this file, which is read without locks."""
        self.takes_locks = False
        self._handle = handle
        self._stamp = self._now()

    def is_current(self) -> bool:
        """Return whether the file is unchanged, so that all reads so far saw one state of it."""
        return self._handle is None or self._stamp == self._now()

    def _now(self) -> tuple[int, int]:
        assert self._handle is not None
        info = os.fstat(self._handle)
        return info.st_mtime_ns, info.st_size

    def set_busy_timeout(self, milliseconds: int) -> None:
        """Set how long statements wait for the locks of others."""
        if self.turn is not None:
            self.turn.milliseconds = milliseconds
        else:
            self.execute(f"PRAGMA busy_timeout = {milliseconds}").close()

    def take_turns(self, turn: QueueLock) -> None:
        """Wait for the write lock in the queue of all processes, and no longer as SQLite does."""
        self.turn = turn
        self.execute("PRAGMA busy_timeout = 0").close()

    def close(self) -> None:
        with fork_gate.inside():
            if self.has_marked and not self.is_pinned:
                self._unmark()
            if self.guard is not None and not self.is_pinned:
                self.guard.turn = None  # it is closed with this connection
                self.guard.close()
            super().close()
            if self.turn is not None:
                self.turn.close()
            self.closed.set()
        if self.folder is not None:
            self.folder.cleanup()
        kept_files.release()


class ChangedError(Exception):
    """A file that is read without locks was changed meanwhile."""


def of_one_moment(run: Callable[[WorkConnection], R], conn: WorkConnection) -> R:
    """Return what `run` returns. Raises ChangedError if the file changed while it was read."""
    try:
        found = run(conn)
    except Exception:
        if conn.is_current():
            raise
        raise ChangedError from None
    if not conn.is_current():
        raise ChangedError
    return found
