"""The lock of a directory: one writer or any number of readers, across processes.

The lock is `flock` on the directory itself, so that no extra file is made. It belongs to an open
file description, so each operation opens the directory anew; it ends with its process, so nothing
has to be cleaned up after a crash. Upstream's engines do not take it: beside one of them, single
files are consistent, but not decisions over several files. It does not work on a network mount that
turns flock into locks of ranges: saving is refused there.

Invariants: 1. an operation holds at most one lock, for its own duration; 2. a wait ends after the
timeout; 3. nothing here runs on an event loop.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from a3s_store.errors import StoreBusyError

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

_FIRST_PAUSE: Final = 0.001
_LONGEST_PAUSE: Final = 0.02


class DirectoryLock:
    """The lock of one directory, for the threads of this process and for other processes.

    Threads take a plain lock first, readers too: otherwise they would poll against each other, and
    continuous readers would starve a writer.
    """

    def __init__(self, directory: Path, timeout: float) -> None:
        self._directory = directory
        self._timeout = timeout
        self._threads = threading.Lock()

    def exclusive(self) -> contextlib.AbstractContextManager[None]:
        """Hold the lock alone inside the block.

        Raises:
            StoreBusyError: others held it until the timeout.
            OSError: the directory cannot be opened.
        """
        return self._hold(exclusive=True)

    def shared(self) -> contextlib.AbstractContextManager[None]:
        """Hold the lock with other readers inside the block; raises as `exclusive` does."""
        return self._hold(exclusive=False)

    @contextlib.contextmanager
    def _hold(self, *, exclusive: bool) -> Iterator[None]:
        deadline = time.monotonic() + self._timeout
        if not self._threads.acquire(timeout=self._timeout):
            raise self._busy()
        try:
            descriptor = _open(self._directory)
            try:
                self._wait(descriptor, deadline, exclusive=exclusive)
                try:
                    yield
                finally:
                    # Closing is not enough: a child forked meanwhile has the descriptor as well.
                    _unlock(descriptor)
            finally:
                os.close(descriptor)
        finally:
            self._threads.release()

    def _wait(self, descriptor: int, deadline: float, *, exclusive: bool) -> None:
        """Poll for the lock: a blocking flock has no timeout, and a library must not set alarms."""
        pause = _FIRST_PAUSE
        while not _try_lock(descriptor, exclusive=exclusive):
            left = deadline - time.monotonic()
            if left <= 0:
                raise self._busy()
            time.sleep(min(pause, left))
            pause = min(2 * pause, _LONGEST_PAUSE)

    def _busy(self) -> StoreBusyError:
        return StoreBusyError(
            f"the directory stayed locked for {self._timeout:g} s",
            where=str(self._directory),
            hint="Another process is using it; try again",
        )


if sys.platform == "win32":
    # A directory cannot be opened there, and locks of a byte of a file are never shared.

    def _open(directory: Path) -> int:
        return os.open(directory / ".lock", os.O_RDWR | os.O_CREAT)

    def _try_lock(descriptor: int, *, exclusive: bool) -> bool:
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except PermissionError:
            return False
        return True

    def _unlock(descriptor: int) -> None:
        msvcrt.locking(descriptor, msvcrt.LK_UNLCK, 1)

else:

    def _open(directory: Path) -> int:
        return os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)

    def _try_lock(descriptor: int, *, exclusive: bool) -> bool:
        mode = fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH
        try:
            fcntl.flock(descriptor, mode | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _unlock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_UN)
