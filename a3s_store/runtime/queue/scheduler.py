"""The scheduler of a queue: starts commands and settles them.

Upstream checks every 10 ms and starts one command. Here there is no polling: whatever may make a
command ready (one was submitted or ended, a delay or a rate limit is over) schedules one pass over
the lanes. A pass starts commands one by one, always from the lane of the best rank that has a
waiting command, a free slot and no rate limit to wait for. The order is upstream's (Q1); commands
that a caller submits without an await in between are ranked together.

Invariants: 1. a lane never runs more commands than it may, and a slot is free exactly when its task
has ended, in whatever way; 2. every accepted command's handle is done exactly once; 3. no command
starts before `start` or after `close`; 4. the outcome of an attempt is decided in `_ended`, in one
step of the event loop. Upstream: `CommandQueue` of `a3s-lane` (runtime 7.2).
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, TypeAlias

from a3s_store.core.clock import Clock
from a3s_store.errors import CommandTimeoutError, QueueClosedError
from a3s_store.models import CommandRetry, SessionLane
from a3s_store.runtime.observation.events import Emit
from a3s_store.runtime.queue import metrics as metric
from a3s_store.runtime.queue.commands import End, Entry, Lane
from a3s_store.runtime.queue.handlers import closed, late
from a3s_store.runtime.queue.lane_config import lane_id
from a3s_store.runtime.queue.metrics import QueueMetrics

# Makes one attempt of a command.
Perform: TypeAlias = Callable[[Lane, Entry], Coroutine[Any, Any, Any]]
# Called with a command that failed for good, before its handle fails; returns whether it was kept.
GiveUp: TypeAlias = Callable[[Lane, Entry, Exception], bool]


class LaneRunner:
    """Runs the commands of a queue's lanes. To be used from one event loop."""

    def __init__(
        self,
        lanes: Mapping[SessionLane, Lane],
        *,
        perform: Perform,
        give_up: GiveUp,
        emit: Emit,
        clock: Clock,
        metrics: QueueMetrics | None,
    ) -> None:
        self._lanes = lanes
        self._perform = perform
        self._give_up = give_up
        self._emit = emit
        self._clock = clock
        self._metrics = metrics
        self.started = False
        self.closed = False
        self._pass: asyncio.Handle | None = None
        self._refill: asyncio.TimerHandle | None = None
        # Set while nothing waits or runs.
        self.idle = asyncio.Event()
        self.idle.set()

    def start(self) -> None:
        """Let commands run."""
        self.started = True
        self._wake()

    def accept(self, line: Lane, entry: Entry) -> None:
        """Put a new command at the end of its lane."""
        entry.handle.add_done_callback(functools.partial(self._answered, line, entry))
        line.pending[entry.handle.command_id] = entry
        self._count(metric.SUBMITTED, line)
        self._moved(line)
        self._wake()

    def close(self) -> None:
        """Start no more commands, and fail those that wait. A second call finds none."""
        self.closed = True
        for timer in (self._pass, self._refill):
            if timer is not None:
                timer.cancel()
        for line in self._lanes.values():
            for entry in (*line.pending.values(), *line.delayed.values()):
                entry.disarm()
                if not entry.handle.done():
                    self._count(metric.FAILED, line)
                    entry.handle.set_exception(closed(entry.command_type))
            line.pending.clear()
            line.delayed.clear()
            self._moved(line)

    async def end(self, timeout_ms: int) -> None:
        """Wait for running commands, cancel them, wait as long again, then abandon them."""
        # A command may stop its own queue; it cannot wait for itself.
        mine = asyncio.current_task()
        for last in (False, True):
            left = {e.task: e for line in self._lanes.values() for e in line.running.values()}
            tasks = [task for task in left if task is not None and task is not mine]
            for task in tasks if last else ():
                left[task].end = left[task].end or End.STOPPED
                task.cancel()
            if tasks:
                await asyncio.wait(tasks, timeout=timeout_ms / 1000)
        for line in self._lanes.values():
            for entry in line.running.values():
                if entry.task is not mine and not entry.handle.done():
                    self._count(metric.FAILED, line)
                    entry.handle.set_exception(closed(entry.command_type))

    def _wake(self) -> None:
        if self.started and not self.closed and self._pass is None:
            self._pass = asyncio.get_running_loop().call_soon(self._start_ready)

    def _start_ready(self) -> None:
        """Start all commands that may start (Q1)."""
        self._pass = None
        now_ms = self._clock()
        while True:
            free = [line for line in self._lanes.values() if line.may_start()]
            ready = [line for line in free if line.wait_ms(now_ms) == 0]
            if not ready:
                break
            self._start(min(ready, key=lambda line: line.rank(now_ms)), now_ms)
        if self._refill is not None:
            self._refill.cancel()
            self._refill = None
        if free:
            # These wait only for their rate limit.
            wait_ms = min(line.wait_ms(now_ms) for line in free)
            loop = asyncio.get_running_loop()
            self._refill = loop.call_later(wait_ms / 1000, self._wake)

    def _start(self, line: Lane, now_ms: int) -> None:
        _, entry = line.pending.popitem(last=False)
        if line.bucket is not None:
            line.bucket.take()
        loop = asyncio.get_running_loop()
        name = f"queue {lane_id(line.lane)}: {entry.command_type}"
        task = loop.create_task(self._perform(line, entry), name=name, context=entry.context)
        entry.task = task
        entry.started_ms = now_ms
        if line.rules.timeout_ms is not None:
            entry.timer = loop.call_later(line.rules.timeout_ms / 1000, self._too_late, entry)
        line.running[entry.handle.command_id] = entry
        if self._metrics is not None:
            self._metrics.measured(metric.WAIT_TIME, line.lane, now_ms - entry.queued_ms)
        self._moved(line)
        # A callback, since a task cancelled before its first step runs no `finally`.
        task.add_done_callback(functools.partial(self._ended, line, entry))

    @staticmethod
    def _too_late(entry: Entry) -> None:
        entry.timer = None
        if entry.task is not None and not entry.task.done():
            entry.end = entry.end or End.LATE
            entry.task.cancel()

    # -- Settling -----------------------------------------------------------------------------

    def _ended(self, line: Lane, entry: Entry, task: asyncio.Task[Any]) -> None:
        """Free the slot of an attempt that ended, and settle the command or try it again."""
        entry.disarm()
        entry.task = None
        del line.running[entry.handle.command_id]
        error = None if task.cancelled() else task.exception()
        if entry.handle.done():
            pass  # its submitter cancelled it, or it failed because the queue stops
        elif entry.end is End.LATE:
            assert line.rules.timeout_ms is not None, "the timer was set by it"
            overdue = late(line.rules.timeout_ms, entry.command_type)
            overdue.__cause__ = error
            self._failed(line, entry, overdue)
        elif entry.end is End.STOPPED and (task.cancelled() or error is not None):
            self._failed(line, entry, closed(entry.command_type))
        elif task.cancelled():
            entry.handle.cancel()  # the command cancelled itself, or an object that it awaited
        elif error is not None:
            self._failed(line, entry, error)
        else:
            self._count(metric.COMPLETED, line)
            if self._metrics is not None:
                took_ms = self._clock() - entry.started_ms
                self._metrics.measured(metric.LATENCY, line.lane, took_ms)
            entry.handle.set_result(task.result())
        entry.end = None
        self._moved(line)
        self._wake()

    def _failed(self, line: Lane, entry: Entry, error: BaseException) -> None:
        """Try again if allowed, else fail for good (Q4)."""
        retry = line.rules.retry
        if entry.retries < retry.max_retries and isinstance(error, Exception) and not self.closed:
            entry.retries += 1
            delay_ms = retry.delay_before(entry.retries)
            loop = asyncio.get_running_loop()
            entry.timer = loop.call_later(delay_ms / 1000, self._queue_again, line, entry)
            line.delayed[entry.handle.command_id] = entry
            self._count(metric.RETRIED, line)
            self._emit(
                CommandRetry(
                    command_id=entry.handle.command_id,
                    command_type=entry.command_type,
                    lane=lane_id(line.lane),
                    attempt=entry.retries,
                    delay_ms=delay_ms,
                )
            )
            return
        timed_out = isinstance(error, CommandTimeoutError)
        self._count(metric.TIMEOUT if timed_out else metric.FAILED, line)
        # A command ended by the queue's own stop is no dead letter.
        stopped = self.closed and isinstance(error, QueueClosedError)
        if isinstance(error, Exception) and not stopped and self._give_up(line, entry, error):
            self._count(metric.DEAD_LETTERED, line)
        entry.handle.set_exception(error)

    def _queue_again(self, line: Lane, entry: Entry) -> None:
        entry.timer = None
        entry.queued_ms = self._clock()
        line.pending[entry.handle.command_id] = line.delayed.pop(entry.handle.command_id)
        self._wake()

    def _answered(self, line: Lane, entry: Entry, handle: asyncio.Future[Any]) -> None:
        """Cancel the command of a handle that its submitter cancelled."""
        if not handle.cancelled():
            handle.exception()  # retrieved: events and dead letters report it in any case
            return
        self._count(metric.CANCELLED, line)
        if entry.task is not None:
            entry.task.cancel()
            return
        entry.disarm()
        line.pending.pop(entry.handle.command_id, None)
        line.delayed.pop(entry.handle.command_id, None)
        self._moved(line)

    def _count(self, name: str, line: Lane) -> None:
        if self._metrics is not None:
            self._metrics.count(name, line.lane)

    def _moved(self, line: Lane) -> None:
        """Update gauges, `idle` and alerts after a command changed its place in a lane."""
        if self._metrics is not None:
            self._metrics.standing(line.lane, depth=line.depth, active=len(line.running))
        if any(one.depth or one.running for one in self._lanes.values()):
            self.idle.clear()
        else:
            self.idle.set()
        for alert in line.alerts.seen(line.depth):
            self._emit(alert)
