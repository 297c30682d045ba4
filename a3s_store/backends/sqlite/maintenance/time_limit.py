"""The end of a check, for files that may have been made to keep it busy."""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Callable, Iterator
from typing import Final

# Many times what a whole file needs on a slow machine.
_LEAST: Final = 600.0
_BYTES_A_SECOND: Final = 200_000
# How many steps of SQLite's machine lie between two looks at the clock.
_STEPS: Final = 50_000


class OutOfTimeError(Exception):
    """A check has come to the end of its time."""


class TimeLimit:
    """So many seconds from now, and `stop`, which ends a check before."""

    def __init__(self, seconds: float, stop: Callable[[], bool] | None = None) -> None:
        self.seconds = seconds
        self._until = time.monotonic() + seconds
        self._stop = stop

    def is_over(self) -> bool:
        """Whether the check is to end."""
        return time.monotonic() > self._until or (self._stop is not None and self._stop())

    def check(self) -> None:
        """Raise OutOfTimeError when it is over."""
        if self.is_over():
            raise OutOfTimeError

    @contextlib.contextmanager
    def over(self, conn: sqlite3.Connection) -> Iterator[None]:
        """Interrupt a statement of the block when it is over. Raises OutOfTimeError then."""
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
    """How long a check of the file may take where the caller does not say."""
    (pages,) = conn.execute("PRAGMA page_count").fetchone()
    (size,) = conn.execute("PRAGMA page_size").fetchone()
    return _LEAST + float(pages * size / _BYTES_A_SECOND)
