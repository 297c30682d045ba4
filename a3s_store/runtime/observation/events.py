"""Tells whoever listens what happens in a session, without ever waiting for them.

Invariants: 1. `send` never waits and never fails for want of listeners; 2. a subscriber sees the
events sent since it subscribed, in order, and when it falls behind by more than `CAPACITY` the
oldest of them are gone, counted in `missed`; 3. one that is closed ends by itself. Upstream: the
broadcast channel of 100 of a session (runtime 3.1, L3).
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final, Self, TypeAlias

from a3s_store.models import AgentEvent
from a3s_store.runtime.observation.session_events import SessionEvent

CAPACITY: Final = 100

# What a subscriber of a session hears.
LiveEvent: TypeAlias = AgentEvent | SessionEvent
# What parts of a session are given to tell what happened.
Emit: TypeAlias = Callable[[AgentEvent], None]


class Broadcast:
    """Sends every event to every subscriber. To be used from one event loop."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._capacity = capacity
        self._subscribers: list[Subscription] = []
        self._closed = False

    def send(self, event: LiveEvent) -> None:
        """Hand the event to those who listen now; without any it is gone, which is no error."""
        for subscriber in self._subscribers:
            subscriber._put(event)

    def subscribe(self) -> Subscription:
        """A subscription to what is sent from now on: an async iterator, and a context manager."""
        subscription = Subscription(self._capacity, self._subscribers.remove)
        self._subscribers.append(subscription)
        if self._closed:
            subscription.close()
        return subscription

    @property
    def subscribers(self) -> int:
        """How many listen."""
        return len(self._subscribers)

    def close(self) -> None:
        """End all subscriptions, present and future, once they have seen what was sent."""
        self._closed = True
        for subscriber in list(self._subscribers):
            subscriber.close()


class Subscription:
    """What one subscriber has yet to see. `missed` is how many events it was too slow for."""

    def __init__(self, capacity: int, leave: Callable[[Subscription], None]) -> None:
        self._waiting: deque[LiveEvent] = deque()
        self._capacity = capacity
        self._leave = leave
        self._arrived = asyncio.Event()
        self._closed = False
        self.missed = 0

    def _put(self, event: LiveEvent) -> None:
        if len(self._waiting) == self._capacity:
            self._waiting.popleft()
            self.missed += 1
        self._waiting.append(event)
        self._arrived.set()

    def pending(self) -> tuple[LiveEvent, ...]:
        """Everything that waits, taken out, oldest first."""
        found = tuple(self._waiting)
        self._waiting.clear()
        return found

    def close(self) -> None:
        """Listen no more; what waits can still be read. Closing twice is success."""
        if not self._closed:
            self._closed = True
            self._leave(self)
            self._arrived.set()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> LiveEvent:
        while not self._waiting:
            if self._closed:
                raise StopAsyncIteration
            self._arrived.clear()
            await self._arrived.wait()
        return self._waiting.popleft()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
