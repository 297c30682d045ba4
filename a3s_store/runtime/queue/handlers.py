"""Handlers of a lane: commands run in this process, outside of it, or here while others watch.

A task for an external handler is registered, announced by an event, and waits for `complete`. The
queue runs a coroutine that ends with the result, whichever handler gave it.

Invariants: 1. a task is pending from its registration until it is completed, its timeout is over,
its command is cancelled, or the queue stops; 2. each task is completed at most once; 3. a lane's
mode is read when a command is submitted, and a later change does not apply to that command.
Upstream: `SessionCommandAdapter`, `LaneHandlerConfig` (runtime 7.3).
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import attrs

from a3s_store.core.clock import Clock
from a3s_store.errors import CommandTimeoutError, ExternalTaskError, QueueClosedError
from a3s_store.models import ExternalTaskCompleted, ExternalTaskPending, SessionLane
from a3s_store.runtime.observation.events import Emit
from a3s_store.wire import U64, Model, Value, freeze, model

if TYPE_CHECKING:
    from typing import Self, Unpack

    from a3s_store import _changes

SHUTTING_DOWN: Final = "Session queue is shutting down"
TASK_FAILED: Final = "External task failed"

# Called when the pending tasks changed. Returns None without a journal, else a future that is done
# once the change is stored or failed to be: see `JournalWriter.changed`.
Changed: TypeAlias = Callable[[], asyncio.Future[bool] | None]


@model()
class ExternalTask(Model):
    """A task for an external handler. `created_at_ms` is in Unix milliseconds.

    Upstream: `ExternalTask`.
    """

    task_id: str
    session_id: str
    lane: SessionLane
    command_type: str
    payload: Value
    timeout_ms: U64
    created_at_ms: U64

    def event(self) -> ExternalTaskPending:
        """Return the event that announces it."""
        return ExternalTaskPending(
            task_id=self.task_id,
            session_id=self.session_id,
            lane=self.lane,
            command_type=self.command_type,
            payload=self.payload,
            timeout_ms=self.timeout_ms,
        )

    if TYPE_CHECKING:

        def evolve(self, **changes: Unpack[_changes.ExternalTaskChanges]) -> Self: ...


@attrs.define(eq=False)
class _Pending:
    """A pending task. `outcome` is None for one from before a restart, which no command awaits."""

    task: ExternalTask
    outcome: asyncio.Future[Any] | None
    timer: asyncio.TimerHandle
    announced: bool = False

    @property
    def waits(self) -> bool:
        """Whether the task can still be completed."""
        return self.outcome is None or not self.outcome.done()


class ExternalTasks:
    """The external tasks of one queue. To be used from one event loop."""

    def __init__(self, session_id: str, *, emit: Emit, clock: Clock, changed: Changed) -> None:
        self._session_id = session_id
        self._emit = emit
        self._clock = clock
        self._changed = changed
        self._pending: dict[str, _Pending] = {}

    def __len__(self) -> int:
        return len(self._pending)

    def listed(self) -> tuple[ExternalTask, ...]:
        """Return all pending tasks, oldest first."""
        return tuple(one.task for one in self._pending.values())

    def task(
        self, lane: SessionLane, command_type: str, payload: Any, timeout_ms: int
    ) -> ExternalTask:
        """Return a new task with an id of its own. For the payload see `frozen_payload`."""
        return ExternalTask(
            task_id=str(uuid.uuid4()),
            session_id=self._session_id,
            lane=lane,
            command_type=command_type,
            payload=payload,
            timeout_ms=timeout_ms,
            created_at_ms=self._clock(),
        )

    async def external(self, task: ExternalTask) -> Any:
        """Register a task, announce it, and return its result (mode External).

        With a journal it is announced once it is stored, so that a crash loses no task that an
        external handler knows of. Its timeout begins at once; a task that was completed or timed
        out before it was stored is not announced.

        Raises:
            ExternalTaskError: the handler reported a failure.
            CommandTimeoutError: no result came within the task's timeout.
            QueueClosedError: the queue stopped.
        """
        loop = asyncio.get_running_loop()
        outcome: asyncio.Future[Any] = loop.create_future()
        timer = loop.call_later(task.timeout_ms / 1000, self._late, task.task_id)
        pending = self._pending[task.task_id] = _Pending(task, outcome, timer)
        try:
            await self._stored(outcome)
            if not outcome.done():
                pending.announced = True
                self._emit(task.event())
            return await outcome
        finally:
            if self._remove(task.task_id) is not None:
                self._changed()
            if outcome.done() and not outcome.cancelled():
                outcome.exception()  # retrieved, even if the command was cancelled meanwhile

    async def _stored(self, outcome: asyncio.Future[Any]) -> None:
        """Wait until the change is stored or failed to be, or the task is completed."""
        stored = self._changed()
        while stored is not None:
            # Waits for both, and cancels neither.
            await asyncio.wait((stored, outcome), return_when=asyncio.FIRST_COMPLETED)
            if outcome.done() or (not stored.cancelled() and stored.result()):
                return
            stored = self._changed()

    async def hybrid(self, task: ExternalTask, work: Callable[[], Awaitable[Any]]) -> Any:
        """Announce a task, do it here, and send its end, also of a cancelled one (mode Hybrid)."""
        self._emit(task.event())
        success = False
        try:
            done = await work()
            success = True
            return done
        finally:
            self._emit(_completed(task, success))

    def complete(self, task_id: str, success: bool, result: Any, error: str | None) -> bool:
        """Complete a pending task; return False when none with this id is pending."""
        found = self._pending.get(task_id)
        if found is None or not found.waits:
            return False  # unknown, or its command was cancelled just now
        self._remove(task_id)
        self._emit(_completed(found.task, success))
        if found.outcome is None:
            pass  # the command that awaited it ended with the process before
        elif success:
            found.outcome.set_result(result)
        else:
            what = TASK_FAILED if error is None else error
            found.outcome.set_exception(ExternalTaskError(what, where=f"task {task_id}"))
        self._changed()
        return True

    def restore(self, tasks: Iterable[ExternalTask]) -> None:
        """Make tasks from before a restart pending again, each for its whole timeout.

        External handlers may still work on them; no command awaits their results.
        """
        loop = asyncio.get_running_loop()
        before = {}
        for task in tasks:
            if task.task_id not in self._pending:
                timer = loop.call_later(task.timeout_ms / 1000, self._late, task.task_id)
                before[task.task_id] = _Pending(task, None, timer, announced=True)
        self._pending = before | self._pending

    def close(self) -> None:
        """Fail every pending task, since the queue stops."""
        for task_id in list(self._pending):
            found = self._remove(task_id)
            assert found is not None, "nothing else ran since the ids were read"
            if found.announced:
                self._emit(_completed(found.task, False))
            if found.outcome is not None and not found.outcome.done():
                found.outcome.set_exception(closed(f"task {task_id}"))
            self._changed()

    def _late(self, task_id: str) -> None:
        found = self._remove(task_id)
        assert found is not None, "removing a task cancels its timer"
        if found.outcome is not None and not found.outcome.done():
            where = f"{found.task.command_type}, task {task_id}"
            found.outcome.set_exception(late(found.task.timeout_ms, where))
        self._changed()

    def _remove(self, task_id: str) -> _Pending | None:
        found = self._pending.pop(task_id, None)
        if found is not None:
            found.timer.cancel()
        return found


def frozen_payload(payload: Any) -> Any:
    """Return an immutable copy of a task's payload.

    Raises:
        EncodeError: it is not JSON, or nested as deep as JSON may be here: a stored task has its
            payload one level deeper.
    """
    (frozen,) = freeze([payload])
    return frozen


def _completed(task: ExternalTask, success: bool) -> ExternalTaskCompleted:
    return ExternalTaskCompleted(task_id=task.task_id, session_id=task.session_id, success=success)


def closed(where: str) -> QueueClosedError:
    """Return the error of commands that the queue does not run because it was stopped."""
    return QueueClosedError(
        SHUTTING_DOWN, op="queue", where=where, hint="Submit it to a queue that runs"
    )


def late(timeout_ms: int, where: str) -> CommandTimeoutError:
    """Return the error of a command that took too long. Upstream: `LaneError::Timeout`."""
    whole, rest = divmod(timeout_ms, 1000)
    took = f"{whole}.{rest:03}".rstrip("0").rstrip(".") + "s" if whole else f"{rest}ms"
    return CommandTimeoutError(f"Command timed out after {took}", op="queue", where=where)
