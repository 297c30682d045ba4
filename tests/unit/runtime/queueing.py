"""What the tests of the queue share: a clock set by hand, a record of events, scripted commands."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any, TypeVar

from a3s_store.models import AgentEvent, SessionQueueConfig
from a3s_store.runtime.queue import LaneQueue
from a3s_store.runtime.queue.journal import QueueJournal

E = TypeVar("E")

# A guard against hanging, never what a test is about.
GUARD_S = 30


class HandClock:
    """A clock that shows what it was set to, and how often it was looked at."""

    def __init__(self, now_ms: int = 1_779_100_000_000) -> None:
        self.now_ms = now_ms
        self.looks = 0

    def __call__(self) -> int:
        self.looks += 1
        return self.now_ms


class Events:
    """Everything that was emitted."""

    def __init__(self) -> None:
        self.all: list[AgentEvent] = []

    def __call__(self, event: AgentEvent) -> None:
        self.all.append(event)

    def of(self, kind: type[E]) -> list[E]:
        """Those of one type."""
        return [event for event in self.all if isinstance(event, kind)]


class Work:
    """A command that does what its script says, attempt by attempt, and notes what happens to it.

    A step that is an exception is raised, any other is the result; the last one repeats. With a
    gate it first waits until that is opened.
    """

    def __init__(
        self,
        name: str = "work",
        *script: Any,
        gate: asyncio.Event | None = None,
        log: list[str] | None = None,
        payload: Any = None,
    ) -> None:
        self.command_type = name
        self.payload = {"name": name} if payload is None else payload
        self.script = script or (name,)
        self.gate = gate
        self.log = [] if log is None else log
        self.attempts = 0
        self.cancelled = False

    async def execute(self) -> Any:
        """One attempt."""
        step = self.script[min(self.attempts, len(self.script) - 1)]
        self.attempts += 1
        self.log.append(self.command_type)
        if self.gate is not None:
            try:
                await self.gate.wait()
            except asyncio.CancelledError:
                self.cancelled = True
                raise
        if isinstance(step, BaseException):
            raise step
        return step


def closed_gate() -> asyncio.Event:
    """A gate that is never opened."""
    return asyncio.Event()


async def settle(rounds: int = 10) -> None:
    """Let the loop do what it can do without waiting."""
    for _ in range(rounds):
        await asyncio.sleep(0)


@contextlib.asynccontextmanager
async def queue(
    config: SessionQueueConfig | None = None,
    *,
    events: Events | None = None,
    clock: HandClock | None = None,
    journal: QueueJournal | None = None,
    session_id: str = "fix-login",
    start: bool = True,
) -> AsyncIterator[LaneQueue]:
    """A queue that is stopped at the end, when no task of its may be left."""
    before = asyncio.all_tasks()
    lanes = LaneQueue(
        session_id,
        config or SessionQueueConfig(),
        emit=events or Events(),
        clock=clock or HandClock(),
        journal=journal,
    )
    if start:
        lanes.start()
    try:
        async with asyncio.timeout(GUARD_S):
            yield lanes
    finally:
        async with asyncio.timeout(GUARD_S):
            await lanes.stop(0)
    stats = lanes.stats()
    assert (stats.total_pending, stats.total_active, stats.external_pending) == (0, 0, 0)
    await settle()
    assert {t for t in asyncio.all_tasks() - before if t.get_name().startswith("queue")} == set()
