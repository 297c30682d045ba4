"""Runs the operations of a `Directory` on worker threads, one function each.

Invariants: 1. the event loop waits for no file and no lock; 2. after a cancelled await the function
still runs to its end, so that no operation stops half way; 3. changes to one owner's memories, to
one session's queue, and by appends to one session, are made in the order of the calls.
"""

from __future__ import annotations

import asyncio
import os
import weakref
from collections.abc import Callable
from typing import Any, TypeVar

from a3s_store.backends.jsonfiles.directory import Directory
from a3s_store.core.base.store import BaseStore
from a3s_store.core.redaction.redactor import Redactor
from a3s_store.errors import StoreForkedError, during

T = TypeVar("T")


class FileStoreBase(BaseStore):
    """The attributes of an open store, and the way to use its directory."""

    def __init__(
        self, directory: Directory, redactor: Redactor, clock: Callable[[], float]
    ) -> None:
        self._directory = directory
        self._redactor = redactor
        self._clock = clock
        self._limits = directory.limits
        self._running: set[asyncio.Task[Any]] = set()
        # The last task of each lane, as long as it runs.
        self._lanes: weakref.WeakValueDictionary[str, asyncio.Task[Any]] = (
            weakref.WeakValueDictionary()
        )
        self._process = os.getpid()

    async def _run(
        self, op: str, what: str, work: Callable[..., T], *given: Any, lane: str = ""
    ) -> T:
        """Run a function on a thread; functions of one lane run in the order of the calls."""
        if os.getpid() != self._process:
            raise StoreForkedError(
                "the store was opened before fork()", op=op, hint="Open another one in the child"
            )

        def named() -> T:
            with during(op, f"{what} in {self._directory.root}"):
                return work(*given)

        async def in_turn(before: asyncio.Task[Any] | None) -> T:
            if before is not None and before.get_loop() is asyncio.get_running_loop():
                await asyncio.wait([before])
            return await asyncio.to_thread(named)

        task = asyncio.ensure_future(in_turn(self._lanes.get(lane) if lane else None))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        if lane:
            self._lanes[lane] = task
        return await asyncio.shield(task)


def named(key: str, what: str = "session") -> str:
    """Name a session or checkpoint, for errors."""
    return f"{what} {key!r}"
