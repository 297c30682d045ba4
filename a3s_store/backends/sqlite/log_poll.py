"""Notices commits of other processes while watches wait: `max(sequence)` is read again and again.

One timer for each event loop with waiting watches starts a short read on the reader's thread. It
keeps no store and no process alive, and stops with the last waiting watch. SQLite tells no process
of the commits of others; reading `PRAGMA data_version` first would not be cheaper (8 µs, 9 µs).
"""

from __future__ import annotations

import asyncio
import time
import weakref
from collections.abc import Callable
from typing import Final, Protocol

from a3s_store.backends.sqlite.connection.file_watch import FileWatch
from a3s_store.backends.sqlite.connection.work_connection import WorkConnection
from a3s_store.backends.sqlite.rows import commit_log
from a3s_store.core.commit_signal import CommitSignal
from a3s_store.errors import StoreClosedError

# Seconds between two reads; and once nothing was committed for a minute.
OFTEN: Final = 0.05
SELDOM: Final = 0.25
SILENCE: Final = 60.0


class Reads(Protocol):
    """A store as this module uses it."""

    def read_later(self, function: Callable[[WorkConnection], object]) -> None:
        """Run a function on the reader's thread, without waiting. Raises StoreClosedError."""


class LogPoll:
    """Has the newest sequence read while watches of a signal wait.

    `file` is the opened file, None for a store that only reads.
    """

    def __init__(self, signal: CommitSignal, file: FileWatch | None) -> None:
        self._signal = signal
        self._file = file
        self._is_looking = False
        self._timers: dict[asyncio.AbstractEventLoop, asyncio.TimerHandle] = {}

    def begin(self, store: Reads) -> None:
        """Have the running loop look from now on, while a watch waits on it."""
        if not self._signal.is_used:
            self._signal.use()
        loop = asyncio.get_running_loop()
        if loop not in self._timers:
            self._timers = {one: its for one, its in self._timers.items() if not one.is_closed()}
            wait = interval(time.monotonic() - self._signal.told_at)
            self._timers[loop] = loop.call_later(wait, self._tick, weakref.ref(store), loop)

    def _tick(self, weak: weakref.ref[Reads], loop: asyncio.AbstractEventLoop) -> None:
        del self._timers[loop]
        store = weak()
        if store is None or not self._signal.is_awaited_on(loop):
            return
        if not self._is_looking:  # a long read may be under way
            self._is_looking = True
            try:
                store.read_later(self._look)
            except StoreClosedError:
                self._signal.wake()  # the watches meet the error
        self.begin(store)

    def _look(self, conn: WorkConnection) -> None:
        """Tell the watches of the newest commit; on the reader's thread."""
        newest: int | None = None
        try:
            replaced = None if self._file is None else self._file.look_at_database()
            if replaced is None and conn.is_current():
                newest = commit_log.latest(conn)
        finally:
            self._is_looking = False
            if newest is None:
                self._signal.wake()  # their own reads meet the error, or a new connection
            else:
                self._signal.tell(newest)


def interval(silent_seconds: float) -> float:
    """Return the seconds until the next look, after so many seconds without a commit."""
    return OFTEN if silent_seconds < SILENCE else SELDOM
