"""Broadcasts the events of a session to its subscribers, without ever waiting for them.

Invariants: 1. `send` never waits, and does not fail without subscribers; 2. a subscriber gets the
events sent since it subscribed, in order; when more than `CAPACITY` wait, the oldest are dropped
and counted in `missed`; 3. a closed subscription ends by itself. Upstream: the broadcast channel of
100 of a session (runtime 3.1, L3).
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final, Self, TypeAlias

from a3s_store.models import AgentEvent
from a3s_store.runtime.observation.session_events import SessionEvent

CAPACITY: Final = 100

# An event as subscribers of a session get it.
LiveEvent: TypeAlias = AgentEvent | SessionEvent
# The function by which parts of a session send events.
Emit: TypeAlias = Callable[[AgentEvent], None]


class Broadcast:
    """Sends every event to every subscriber. To be used from one event loop."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._capacity = capacity
        self._subscribers: list[Subscription] = []
        self._closed = False

    def send(self, event: LiveEvent) -> None:
        """Hand the event to all present subscribers; without any it is dropped."""
        for subscriber in self._subscribers:
            subscriber._put(event)

    def subscribe(self) -> Subscription:
        """Return a subscription to later events: an async iterator and a context manager."""
        subscription = Subscription(self._capacity, self._subscribers.remove)
        self._subscribers.append(subscription)
        if self._closed:
            subscription.close()
        return subscription

    @property
    def subscribers(self) -> int:
        """The number of subscribers."""
        return len(self._subscribers)

    def close(self) -> None:
        """End all subscriptions, later ones too; events that wait can still be read."""
        self._closed = True
        for subscriber in list(self._subscribers):
            subscriber.close()


class Subscription:
    """The events that one subscriber has not read. `missed` counts those that were dropped."""

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
        """Remove all events that wait, and return them, oldest first."""
        found = tuple(self._waiting)
        self._waiting.clear()
        return found

    def close(self) -> None:
        """Stop receiving; events that wait can still be read. A second call does nothing."""
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
