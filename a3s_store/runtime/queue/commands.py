"""A command in a queue, from its submission to its answer, and the lane it is in.

Decides what a caller hands in and what it gets; when something runs is `runner`'s affair.
Invariant: an entry is in exactly one of its lane's `pending`, `delayed` and `running`, or in none
once it is over.
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
from a3s_store.runtime.policies.lanes import priority
from a3s_store.runtime.queue.lane_config import LaneRules
from a3s_store.runtime.queue.metrics import DepthAlerts


class Command(Protocol):
    """What a queue is given to do. `execute` runs once for each attempt.

    `payload` is JSON, for handlers outside; it is read only if the lane has one. Upstream:
    `SessionCommand`.
    """

    @property
    def command_type(self) -> str:
        """What kind of work it is, e.g. the tool's name."""

    @property
    def payload(self) -> Any:
        """What somebody else needs to know to do it."""

    async def execute(self) -> Any:
        """Do it here."""


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

    A cancelled `await` is such a cancel; `asyncio.shield` it to leave without that. The answer to a
    cancel does not wait for the command to end; its slot does.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop=loop)
        self.command_id: Final = str(uuid.uuid4())


class End(enum.Enum):
    """Why the queue itself cancelled a running command."""

    LATE = enum.auto()
    STOPPED = enum.auto()


@attrs.define(eq=False)
class Entry:
    """An accepted command on its way."""

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
    # Of the attempt's timeout while it runs, of the delay before the next while it waits for that.
    timer: asyncio.TimerHandle | None = None

    def disarm(self) -> None:
        """Let the timer go."""
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None


class Lane:
    """A lane's commands. `pending` wait for a slot, `delayed` for the time of their retry."""

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
        """How many commands do not run yet, or not again yet."""
        return len(self.pending) + len(self.delayed)

    def has_work_and_room(self) -> bool:
        """Whether a command waits for nothing but leave to start."""
        return bool(self.pending) and len(self.running) < self.rules.max_concurrency

    def wait_ms(self, now_ms: int) -> int:
        """How long the lane's rate holds the next command back."""
        return 0 if self.bucket is None else self.bucket.wait_ms(now_ms)

    def rank(self, now_ms: int) -> tuple[int, int]:
        """Lower goes first; between equals the lane that is more urgent by itself."""
        base = rank = priority(self.lane)
        if self.rules.boost is not None:
            first = next(iter(self.pending.values()))
            rank = self.rules.boost.rank(base, now_ms - first.submitted_ms)
        return rank, base
