"""A time limit for checks, since a file may have been made to keep them busy for hours."""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Callable, Iterator
from typing import Final

# Many times the time that an intact file needs on a slow machine.
_LEAST: Final = 600.0
_BYTES_A_SECOND: Final = 200_000
# How many instructions of SQLite's virtual machine run between two looks at the clock.
_STEPS: Final = 50_000


class OutOfTimeError(Exception):
    """A check reached its time limit, or was stopped."""


class TimeLimit:
    """A limit of some seconds from now; `stop`, once it returns true, ends the check earlier."""

    def __init__(self, seconds: float, stop: Callable[[], bool] | None = None) -> None:
        """Begin now."""
        self.seconds = seconds
        self._until = time.monotonic() + seconds
        self._stop = stop

    def is_over(self) -> bool:
        """Return whether the check has to end."""
        return time.monotonic() > self._until or (self._stop is not None and self._stop())

    def check(self) -> None:
        """Raise OutOfTimeError when the limit is reached."""
        if self.is_over():
            raise OutOfTimeError

    @contextlib.contextmanager
    def over(self, conn: sqlite3.Connection) -> Iterator[None]:
        """Interrupt a statement of the block when the limit is reached; raise OutOfTimeError."""
        conn.set_progress_handler(self.is_over, _STEPS)
        try:
            yield
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode == sqlite3.SQLITE_INTERRUPT and self.is_over():
                raise OutOfTimeError from error
            raise
        finally:
            conn.set_progress_handler(None, 0)


def seconds_for(conn: sqlite3.Connection) -> float:
    """Return the default limit for a check of this file, in seconds."""
    (pages,) = conn.execute("PRAGMA page_count").fetchone()
    (size,) = conn.execute("PRAGMA page_size").fetchone()
    return _LEAST + float(pages * size / _BYTES_A_SECOND)
