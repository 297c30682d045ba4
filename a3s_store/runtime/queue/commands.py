"""Commands of a queue, from their submission to their result, and the lanes they wait in.

`scheduler` decides when a command runs. Invariant: an entry is in exactly one of its lane's
`pending`, `delayed` and `running`, or in none once it has ended.
"""

from __future__ import annotations

import asyncio
import contextvars
import enum
import uuid
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Any, Final, Protocol

import attrs

from a3s_store.models import LaneHandlerConfig, SessionLane
from a3s_store.runtime.queue.lane_config import LaneRules, priority
from a3s_store.runtime.queue.metrics import DepthAlerts


class Command(Protocol):
    """The work given to a queue. `execute` runs once for each attempt.

    `payload` is JSON for an external handler, read only if the lane has one. Upstream:
    `SessionCommand`.
    """

    @property
    def command_type(self) -> str:
        """The kind of work, such as the tool's name."""

    @property
    def payload(self) -> Any:
        """The data that an external handler needs."""

    async def execute(self) -> Any:
        """Do the work in this process."""


@attrs.frozen
class Call:
    """A command that awaits `function()`."""

    command_type: str
    function: Callable[[], Awaitable[Any]]
    payload: Any = None

    async def execute(self) -> Any:
        """See `Command.execute`."""
        return await self.function()


class CommandHandle(asyncio.Future[Any]):
    """Await it for the command's result or error. Cancelling it cancels the command.

    A cancelled `await` cancels it too, unless it is shielded by `asyncio.shield`. A cancelled
    handle is done at once, though the command keeps its slot until it has ended.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop=loop)
        self.command_id: Final = str(uuid.uuid4())


class End(enum.Enum):
    """The reason for which the queue itself cancelled a running command."""

    LATE = enum.auto()
    STOPPED = enum.auto()


@attrs.define(eq=False)
class Entry:
    """An accepted command and its state."""

    command: Command
    command_type: str
    handle: CommandHandle
    handler: LaneHandlerConfig
    payload: Any
    context: contextvars.Context
    submitted_ms: int
    queued_ms: int
    started_ms: int = 0
    retries: int = 0
    end: End | None = None
    task: asyncio.Task[Any] | None = None
    # The timeout of a running attempt, or the delay before the next attempt.
    timer: asyncio.TimerHandle | None = None

    def disarm(self) -> None:
        """Cancel the timer, if there is one."""
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None


class Lane:
    """The commands of a lane. `pending` wait for a slot, `delayed` for their next attempt."""

    def __init__(self, lane: SessionLane, rules: LaneRules, *, alerts: bool) -> None:
        self.lane = lane
        self.rules = rules
        self.alerts = DepthAlerts(lane, depth=alerts, pressure=rules.pressure_threshold)
        self.bucket = rules.bucket()
        self.pending: OrderedDict[str, Entry] = OrderedDict()
        self.delayed: dict[str, Entry] = {}
        self.running: dict[str, Entry] = {}

    @property
    def depth(self) -> int:
        """The number of commands that do not run now."""
        return len(self.pending) + len(self.delayed)

    def may_start(self) -> bool:
        """Whether a command waits and a slot is free, whatever the rate limit says."""
        return bool(self.pending) and len(self.running) < self.rules.max_concurrency

    def wait_ms(self, now_ms: int) -> int:
        """Milliseconds until the rate limit lets the next command start."""
        return 0 if self.bucket is None else self.bucket.wait_ms(now_ms)

    def rank(self, now_ms: int) -> tuple[int, int]:
        """Return the lane's rank; the lowest starts first, of equals the more urgent lane."""
        base = rank = priority(self.lane)
        if self.rules.boost is not None:
            first = next(iter(self.pending.values()))
            rank = self.rules.boost.rank(base, now_ms - first.submitted_ms)
        return rank, base
