"""What callers on an event loop do for the thread they wait for.

An event loop that is never idle starves every other thread: sqlite3 lets go of the interpreter's
lock around each step, and a saturated loop has it again before the thread has woken up. A save then
takes more than ten seconds. So while somebody has waited for `LEND_AFTER` on a loop that is busy, a
timer on it sleeps for a moment every `LEND_EVERY`, and the thread goes on. An ordinary save is over
before the timer fires for the first time, and a loop that has nothing to do is left alone.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Final

# Seconds.
LEND_AFTER: Final = 0.005
LEND_EVERY: Final = 0.002
LEND_FOR: Final = 0.0001
LOOK_EVERY: Final = 1.0
# A loop is busy when its thread computes for more than this part of the time.
BUSY: Final = 0.5


class Patience:
    """The waiting callers of one event loop. Used on that loop only.

    `look` is called every `LOOK_EVERY` seconds while somebody waits that long: a thread that died
    tells nobody.
    """

    def __init__(self, look: Callable[[], None]) -> None:
        self._look = look
        self._looked = 0.0
        self._since: dict[object, float] = {}
        self._ticked = 0.0
        self._computed = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def begin(self, who: object) -> None:
        """Somebody waits from now on."""
        loop = asyncio.get_running_loop()
        self._since[who] = loop.time()
        if self._timer is None:
            self._ticked, self._computed = loop.time(), time.thread_time()
            self._timer = loop.call_later(LEND_AFTER, self._tick)

    def end(self, who: object) -> None:
        """They do no longer; more than once is fine."""
        self._since.pop(who, None)

    def _tick(self) -> None:
        self._timer = None
        first = next(iter(self._since.values()), None)
        if first is None:
            return
        loop = asyncio.get_running_loop()
        now = loop.time()
        if now - max(first, self._looked) >= LOOK_EVERY:
            self._looked = now
            self._look()
        busy = self._is_busy(now)
        if busy and now - first >= LEND_AFTER:
            time.sleep(LEND_FOR)
        self._timer = loop.call_later(LEND_EVERY if busy else LEND_AFTER, self._tick)

    def _is_busy(self, now: float) -> bool:
        """Whether the loop's thread was computing most of the time since it was last asked."""
        computed = time.thread_time()
        busy = computed - self._computed > BUSY * (now - self._ticked)
        self._ticked, self._computed = now, computed
        return busy
