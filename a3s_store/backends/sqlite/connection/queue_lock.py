"""Take SQLite's write lock in turn with the writers of other processes.

A process that has just committed takes the write lock again at once, while SQLite's own wait sleeps
for up to 100 ms between two attempts: beside a busy process others waited for more than a second.
So a writer first locks `NAME-queue`, an empty file beside the database, then polls SQLite's lock in
short steps, and unlocks the queue as soon as it has that lock. Only the first of the queue polls
SQLite's lock, so a process that has just committed is behind it.

Invariants: 1. the queue is fair waiting and never safety: where it cannot be locked, writers poll
SQLite's lock without it; 2. a writer waits for both locks together no longer than its busy timeout,
and then has SQLite's own error; 3. nothing is read from or written to the file, and a file that is
not an empty regular file of the database's owner is left alone.

The system releases the queue when its holder dies. A holder that is stopped is passed after
`PASSED_AFTER` seconds. On Windows the file is locked by `msvcrt.locking`, which was never run.
"""

from __future__ import annotations

import contextlib
import os
import random
import sqlite3
import stat
import sys
import time
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, TypeVar

from a3s_store.backends.sqlite.format import files_beside
from a3s_store.backends.sqlite.format.files_beside import QUEUE, WAL, beside

T = TypeVar("T")

# Seconds between two attempts to lock the queue, drawn at random so that no writer is always late.
_QUEUE_POLL: Final = (0.0003, 0.0009)
# The same for SQLite's lock without the queue.
_LONE_POLL: Final = (0.0002, 0.0008)
# The same for the first of the queue.
_FIRST_POLL: Final = 0.0001
# A wait that has lasted long polls in steps of this share of it, which costs less CPU.
_SHARE: Final = 1 / 50
_LONGEST_POLL: Final = 0.005
# Seconds after which a holder of the queue counts as stopped.
PASSED_AFTER: Final = 0.25
_FLAGS: Final = (
    os.O_RDWR
    | os.O_CREAT
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_BINARY", 0)
)


class QueueLock:
    """The place of one writer in the queue; its connections share it, on one thread.

    `milliseconds` is the busy timeout, `handle` the open file (None: there is none to queue for),
    `is_first` whether this writer has the lock. Locks belong to the open file, so several stores of
    one process queue too.
    """

    def __init__(self, database: Path, milliseconds: int) -> None:
        self.milliseconds = milliseconds
        self._database = database
        self._pid = os.getpid()
        self.handle = _open(database)
        # Whether the queue was last held for so long that its holder may be stopped.
        self._is_passed = False
        self.is_first = False
        self._keeps = 0
        _OPEN.add(self)

    def run(self, attempt: Callable[[], T]) -> T:
        """Return what `attempt` returns, called again while SQLite reports its lock as busy.

        Raises:
            sqlite3.OperationalError: the lock was busy for longer than the timeout.
        """
        begun = time.monotonic()
        deadline = begun + self.milliseconds / 1000
        if not self._lock() and self.handle is not None and not self._is_passed:
            self._queue_up(min(deadline, begun + PASSED_AFTER))
        try:
            while True:
                try:
                    return attempt()
                except sqlite3.OperationalError as error:
                    now = time.monotonic()
                    if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or now >= deadline:
                        raise
                pause = _FIRST_POLL if self.is_first else random.uniform(*_LONE_POLL)
                pause = max(pause, min((now - begun) * _SHARE, _LONGEST_POLL))
                time.sleep(min(pause, deadline - now))
                self._lock()
        finally:
            self._unlock()

    @contextlib.contextmanager
    def kept(self) -> Iterator[None]:
        """Stay first from the first transaction of the block to its end: no other comes between."""
        self._keeps += 1
        try:
            yield
        finally:
            self._keeps -= 1
            self._unlock()

    def close(self) -> None:
        """Close the file, and remove it where SQLite has removed the WAL; twice is fine.

        To be called once the connections are closed. A forked child removes nothing.
        """
        if self.handle is None:
            return
        self.forget()
        if self._pid == os.getpid() and not os.path.lexists(beside(self._database, WAL)):
            files_beside.remove_queue(self._database)

    def forget(self) -> None:
        """Close the file without unlocking it: a forked child must not hold the parent's place."""
        handle, self.handle = self.handle, None
        if handle is not None:
            with contextlib.suppress(OSError):
                os.close(handle)

    def _queue_up(self, until: float) -> None:
        """Wait until this writer is the first of the queue, or until that time."""
        while not self._lock():
            if self.handle is None or time.monotonic() >= until:
                self._is_passed = True
                return
            time.sleep(random.uniform(*_QUEUE_POLL))

    def _lock(self) -> bool:
        """Lock the queue unless another has it; return whether this writer is the first now."""
        handle = self.handle
        if self.is_first or handle is None:
            return self.is_first
        try:
            if os.fstat(handle).st_nlink == 0:  # the last to close removed it meanwhile
                self.forget()
                handle = self.handle = _open(self._database)
                if handle is None:
                    return False
            _lock(handle)
        except BlockingIOError:
            return False
        except OSError:  # this file system has no such locks
            self.forget()
            return False
        self._is_passed = False
        self.is_first = True
        return True

    def _unlock(self) -> None:
        if self.is_first and not self._keeps:
            self.is_first = False
            if self.handle is not None:
                with contextlib.suppress(OSError):
                    _unlock(self.handle)


def _open(database: Path) -> int | None:
    """Open or create the file; None where it cannot be used."""
    path = beside(database, QUEUE)
    try:
        owner = database.stat()
        is_new = not os.path.lexists(path)
        # Looked at before it is opened: closing another name of the database would drop its locks.
        if not is_new and not _is_ours(path.lstat(), owner):
            return None
        handle = os.open(path, _FLAGS, 0o600)  # not inherited by programs that are started
    except OSError:
        return None
    try:
        if is_new and sys.platform != "win32" and os.geteuid() == 0:
            os.fchown(handle, owner.st_uid, owner.st_gid)
        if _is_ours(os.fstat(handle), owner):
            if sys.platform != "win32":
                os.fchmod(handle, 0o600)  # a umask may take away what the owner needs
            return handle
    except OSError:
        pass
    os.close(handle)
    return None


def _is_ours(info: os.stat_result, database: os.stat_result) -> bool:
    """Return whether this is an empty file of the database's owner with one name."""
    return (
        stat.S_ISREG(info.st_mode)
        and info.st_size == 0
        and info.st_nlink == 1
        and info.st_uid == database.st_uid
    )


if sys.platform == "win32":
    import errno
    import msvcrt

    def _lock(handle: int) -> None:
        try:
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        except OSError as error:
            if error.errno in (errno.EACCES, errno.EDEADLOCK):
                raise BlockingIOError from None
            raise

    def _unlock(handle: int) -> None:
        msvcrt.locking(handle, msvcrt.LK_UNLCK, 1)
else:
    import fcntl

    def _lock(handle: int) -> None:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def _unlock(handle: int) -> None:
        fcntl.flock(handle, fcntl.LOCK_UN)


_OPEN: weakref.WeakSet[QueueLock] = weakref.WeakSet()


def _after_fork() -> None:
    for lock in list(_OPEN):
        lock.forget()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
