"""Work that may take long, on a thread and a connection of its own: verify, backup, export.

The thread is aiosqlite's: the only use of that library. The connection is opened, used and closed
in one function that runs there, so a cancelled caller leaves nothing open.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import os
import sqlite3
import threading
from collections.abc import Callable
from typing import Any, Final, Generic, TypeVar

import aiosqlite

from a3s_store.backends.sqlite.connection import fork_gate
from a3s_store.backends.sqlite.connection.work_connection import WorkConnection
from a3s_store.backends.sqlite.connection.worker_thread import (
    EXIT_SECONDS,
    POLL_SECONDS,
    wait_for_end,
)

R = TypeVar("R")


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
    _RUNNING.add(work)
    try:
        async with made[0]:
            return work.values[0]
    except asyncio.CancelledError:
        while work.thread is None:
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(POLL_SECONDS)  # started, but it has not come to the work yet
        raise
    finally:
        try:
            if work.thread is not None and await wait_for_end(work.thread, work.interrupt):
                raise asyncio.CancelledError
        finally:
            _RUNNING.discard(work)


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
        self.has_ended = threading.Event()

    def run(self) -> sqlite3.Connection:
        """On aiosqlite's thread: open the connection, do the work, close it and return it."""
        self.thread = threading.current_thread()
        try:
            with fork_gate.inside():
                self._conn = conn = self._connect()
                try:
                    if not self._is_unwanted:
                        self.values.append(self._function(conn))
                finally:
                    conn.close()
        finally:
            self.has_ended.set()
        return conn

    def interrupt(self) -> None:
        """Do no work from now on: interrupt the statement that runs, if any."""
        self._is_unwanted = True
        if self._conn is not None:
            with contextlib.suppress(sqlite3.ProgrammingError):  # closed already
                self._conn.interrupt()


# At exit work aside ends before the stores do: the last connection to close copies the WAL.
_RUNNING: Final[set[_Work[Any]]] = set()


def _end_all() -> None:
    for work in list(_RUNNING):
        work.interrupt()
        # Its thread does not end, since no loop tells it to.
        work.has_ended.wait(EXIT_SECONDS / len(_RUNNING))


atexit.register(_end_all)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_RUNNING.clear)
