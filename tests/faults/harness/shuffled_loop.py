"""An event loop whose callbacks run in an order drawn from a seed.

asyncio runs ready callbacks in the order in which they became ready, and programs come to rely on
that. A store must not: here the order is another one in every iteration, and the same one again for
the same seed (as far as the timing of other threads does not decide it).
"""

from __future__ import annotations

import asyncio
import random
from collections import deque


class ShuffledLoop(asyncio.SelectorEventLoop):
    """A loop that shuffles the ready callbacks before each iteration."""

    def __init__(self, seed: str) -> None:
        super().__init__()
        self._chance = random.Random(seed)

    def _run_once(self) -> None:
        ready: deque[asyncio.Handle] = self._ready  # type: ignore[attr-defined]
        if len(ready) > 1:
            # Other threads may append at any moment, so nothing but single steps of the deque.
            taken = [ready.popleft() for _ in range(len(ready))]
            self._chance.shuffle(taken)
            ready.extendleft(taken)
        super()._run_once()  # type: ignore[misc]
