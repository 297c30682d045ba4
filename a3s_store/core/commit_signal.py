"""Wakes the watches of a store once there is a newer commit; knows no backend, does no I/O."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Sequence


class CommitSignal:
    """Tells the watches of one store that there are newer commits.

    `tell`, `wake` and `end` may be called from any thread, watches may wait on several event loops.
    `is_used`: whether there ever was a watch, so that commits without one cost nothing. `told_at`
    is when something was new last, as `time.monotonic()`.

    It has no lock, which a forked child might inherit locked: a watch that starts to wait notes
    itself first, and then compares once more.
    """

    def __init__(self) -> None:
        self.newest = 0
        self.is_used = False
        self.has_ended = False
        self.told_at = 0.0
        self._waiting: dict[asyncio.Future[None], asyncio.AbstractEventLoop] = {}

    def use(self) -> None:
        """Note that a watch begins."""
        self.is_used = True
        self.told_at = time.monotonic()

    def tell(self, newest: int) -> None:
        """Wake the watches if this sequence is newer than the one told last."""
        if newest > self.newest:
            self.newest = newest
            self.told_at = time.monotonic()
            self.wake()

    def wake(self) -> None:
        """Have every waiting watch read the log."""
        waiting: dict[asyncio.AbstractEventLoop, list[asyncio.Future[None]]] = {}
        with contextlib.suppress(KeyError):  # another thread took the last one
            while self._waiting:
                future, loop = self._waiting.popitem()
                waiting.setdefault(loop, []).append(future)
        for loop, futures in waiting.items():
            with contextlib.suppress(RuntimeError):  # it was closed
                loop.call_soon_threadsafe(_settle, futures)

    def end(self) -> None:
        """Have no watch wait from now on: the store is being closed."""
        self.has_ended = True
        self.wake()

    def is_awaited_on(self, loop: asyncio.AbstractEventLoop) -> bool:
        """Return whether a watch waits on this loop."""
        return any(each is loop for each in list(self._waiting.values()))

    async def wait(self, seen: int) -> None:
        """Wait for a commit after this sequence, or for `wake`; it may return without either."""
        loop = asyncio.get_running_loop()
        future = loop.create_future()
        self._waiting[future] = loop
        try:
            if self.newest <= seen and not self.has_ended:
                await future
        finally:
            self._waiting.pop(future, None)


def _settle(futures: Sequence[asyncio.Future[None]]) -> None:
    for future in futures:
        if not future.done():
            future.set_result(None)
