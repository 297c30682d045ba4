"""Work that may take long, on a thread and a connection of its own: verify, backup, export.

The thread is aiosqlite's: the only use of that library. The connection is opened, used and closed
in one function that runs there, so a cancelled caller leaves nothing open.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import threading
from collections.abc import Callable
from typing import Final, Generic, TypeVar

import aiosqlite

from a3s_store.backends.sqlite.connection import fork_gate
from a3s_store.backends.sqlite.connection.work_connection import WorkConnection

R = TypeVar("R")

# How often a caller looks whether the thread has ended.
_POLL_SECONDS: Final = 0.002


async def run_aside(
    connect: Callable[[], WorkConnection], function: Callable[[WorkConnection], R]
) -> R:
    """Return the value of a function of a new connection, which is closed afterwards.

    Cancelled, it interrupts the statement that runs, and ends once the connection is closed.
    Raises whatever `connect` and the function raise.
    """
    work = _Work(connect, function)
    # aiosqlite's thread is no daemon, and would keep the process alive until the work is done. A
    # thread inherits that property from the thread that makes it.
    made: list[aiosqlite.Connection] = []
    maker = threading.Thread(
        target=lambda: made.append(aiosqlite.Connection(work.run, 64)), daemon=True
    )
    maker.start()
    maker.join()
    try:
        async with made[0]:
            return work.values[0]
    except asyncio.CancelledError:
        while work.thread is None:
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(_POLL_SECONDS)  # started, but it has not come to the work yet
        raise
    finally:
        await work.end()


class _Work(Generic[R]):
    def __init__(
        self, connect: Callable[[], WorkConnection], function: Callable[[WorkConnection], R]
    ) -> None:
        self.values: list[R] = []
        self._connect = connect
        self._function = function
        self._conn: WorkConnection | None = None
        self._is_unwanted = False
        self.thread: threading.Thread | None = None

    def run(self) -> sqlite3.Connection:
        """On aiosqlite's thread: open the connection, do the work, close it and return it."""
        self.thread = threading.current_thread()
        with fork_gate.inside():
            self._conn = conn = self._connect()
            try:
                if not self._is_unwanted:
                    self.values.append(self._function(conn))
            finally:
                conn.close()
        return conn

    async def end(self) -> None:
        """Interrupt the work if it still runs, and wait for the thread to end."""
        self._is_unwanted = True
        was_cancelled = False
        while self.thread is not None and self.thread.is_alive():
            if self._conn is not None:
                with contextlib.suppress(sqlite3.ProgrammingError):  # closed already
                    self._conn.interrupt()
            try:
                await asyncio.sleep(_POLL_SECONDS)
            except asyncio.CancelledError:
                was_cancelled = True
        if was_cancelled:
            raise asyncio.CancelledError
