"""A timer by which a busy event loop yields the interpreter lock to the thread it waits for.

An event loop that is never idle starves every other thread: sqlite3 releases the interpreter's
lock (GIL) around each step, and a saturated loop takes it again before the thread has woken up. A
save then takes more than ten seconds. So while a caller has waited for `YIELD_AFTER` on a busy
loop, a timer sleeps for `YIELD_FOR` every `YIELD_EVERY`, and the thread goes on. An ordinary save
ends before the timer fires for the first time, and an idle loop never sleeps.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Final, Generic, TypeVar

W = TypeVar("W")

# Seconds.
YIELD_AFTER: Final = 0.005
YIELD_EVERY: Final = 0.002
YIELD_FOR: Final = 0.0001
LOOK_EVERY: Final = 1.0
# A loop is busy when its thread computes for more than this part of the time.
BUSY: Final = 0.5


class GilYield(Generic[W]):
    """The waiting callers of one event loop. Used on that loop only."""

    def __init__(self, look: Callable[[Sequence[W]], None]) -> None:
        """`look` is called every `LOOK_EVERY` seconds with all that wait, if one waits that long.

        This finds callers of a thread that died, which wakes no one.
        """
        self._look = look
        self._looked = 0.0
        self._since: dict[W, float] = {}
        self._ticked = 0.0
        self._computed = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def begin(self, waiting: W) -> None:
        """Note that a caller waits from now on."""
        loop = asyncio.get_running_loop()
        self._since[waiting] = loop.time()
        if self._timer is None:
            self._ticked, self._computed = loop.time(), time.thread_time()
            self._timer = loop.call_later(YIELD_AFTER, self._tick)

    def end(self, waiting: W) -> None:
        """Note that it waits no longer; more than once is fine."""
        self._since.pop(waiting, None)

    def _tick(self) -> None:
        self._timer = None
        first = next(iter(self._since.values()), None)
        if first is None:
            return
        loop = asyncio.get_running_loop()
        now = loop.time()
        if now - max(first, self._looked) >= LOOK_EVERY:
            self._looked = now
            self._look(tuple(self._since))
        busy = self._is_busy(now)
        if busy and now - first >= YIELD_AFTER:
            time.sleep(YIELD_FOR)
        self._timer = loop.call_later(YIELD_EVERY if busy else YIELD_AFTER, self._tick)

    def _is_busy(self, now: float) -> bool:
        """Return whether the loop's thread has computed most of the time since the last tick."""
        computed = time.thread_time()
        busy = computed - self._computed > BUSY * (now - self._ticked)
        self._ticked, self._computed = now, computed
        return busy
