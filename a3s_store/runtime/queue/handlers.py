"""Who does a lane's commands: this process, somebody outside, or this process while others watch.

A task given outside is registered, announced by an event, and waits for `complete`. The queue sees
a coroutine that ends with the answer, whoever gave it.

Invariants: 1. a task is pending from its registration until it is completed, late, its command is
cancelled or the queue stops, and never longer; 2. each is answered at most once; 3. a lane's mode
is read when a command is submitted, and a change is no matter to those already submitted.
Upstream: `SessionCommandAdapter`, `LaneHandlerConfig` (runtime 7.3).
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, Final, TypeAlias

import attrs

from a3s_store.core.clock import Clock
from a3s_store.errors import CommandTimeoutError, ExternalTaskError, QueueClosedError
from a3s_store.models import (
    ExternalTaskCompleted,
    ExternalTaskPending,
    LaneHandlerConfig,
    SessionLane,
)
from a3s_store.runtime.observation.events import Emit
from a3s_store.runtime.state.limits import check_items
from a3s_store.wire import U64, Model, Value, freeze, model

SHUTTING_DOWN: Final = "Session queue is shutting down"
TASK_FAILED: Final = "External task failed"

# Called when the pending tasks changed. Returns None where there is no journal, else a future that
# is done once the change is stored or could not be: see `JournalWriter.changed`.
Changed: TypeAlias = Callable[[], asyncio.Future[bool] | None]


@model()
class ExternalTask(Model):
    """A task for a handler outside. `created_at_ms` is in Unix milliseconds.

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
        """What is told of it."""
        return ExternalTaskPending(
            task_id=self.task_id,
            session_id=self.session_id,
            lane=self.lane,
            command_type=self.command_type,
            payload=self.payload,
            timeout_ms=self.timeout_ms,
        )


class LaneHandlers:
    """How each lane is handled now. A lane that is not named is handled here."""

    def __init__(self, configured: Mapping[SessionLane, LaneHandlerConfig]) -> None:
        self._handlers = {lane: LaneHandlerConfig() for lane in SessionLane} | dict(configured)

    def get(self, lane: SessionLane) -> LaneHandlerConfig:
        """The lane's handler."""
        return self._handlers[SessionLane(lane)]

    def set(self, lane: SessionLane, config: LaneHandlerConfig) -> None:
        """Handle what is submitted to the lane from now on in this way.

        Raises EncodeError for a configuration with which a task could not be saved.
        """
        check_items(LaneHandlerConfig, (config,))
        self._handlers[SessionLane(lane)] = config


@attrs.define(eq=False)
class _Pending:
    """A task and who waits for it; nobody does for one from before a restart."""

    task: ExternalTask
    answer: asyncio.Future[Any] | None
    timer: asyncio.TimerHandle
    announced: bool = False

    @property
    def waits(self) -> bool:
        """Whether an answer would reach somebody, or the task is one that nobody waits for."""
        return self.answer is None or not self.answer.done()


class ExternalTasks:
    """The tasks of one queue that are outside. To be used from one event loop."""

    def __init__(self, session_id: str, *, emit: Emit, clock: Clock, changed: Changed) -> None:
        self._session_id = session_id
        self._emit = emit
        self._clock = clock
        self._changed = changed
        self._pending: dict[str, _Pending] = {}

    def __len__(self) -> int:
        return len(self._pending)

    def listed(self) -> tuple[ExternalTask, ...]:
        """All that are pending, oldest first."""
        return tuple(one.task for one in self._pending.values())

    def task(
        self, lane: SessionLane, command_type: str, payload: Any, timeout_ms: int
    ) -> ExternalTask:
        """A new task with an id of its own. For the payload see `frozen_payload`."""
        return ExternalTask(
            task_id=str(uuid.uuid4()),
            session_id=self._session_id,
            lane=lane,
            command_type=command_type,
            payload=payload,
            timeout_ms=timeout_ms,
            created_at_ms=self._clock(),
        )

    async def answered(self, task: ExternalTask) -> Any:
        """Register the task, announce it and wait for its answer (mode External).

        It is announced once it is stored, where there is a journal: a task that a handler outside
        knows of is not forgotten by a crash. Its timeout holds meanwhile too; a task that is late
        or answered by then is not announced.

        Raises:
            ExternalTaskError: the handler said that it failed.
            CommandTimeoutError: no answer came within the task's timeout.
            QueueClosedError: the queue stopped.
        """
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Any] = loop.create_future()
        timer = loop.call_later(task.timeout_ms / 1000, self._late, task.task_id)
        pending = self._pending[task.task_id] = _Pending(task, answer, timer)
        try:
            await self._stored(answer)
            if not answer.done():
                pending.announced = True
                self._emit(task.event())
            return await answer
        finally:
            if self._remove(task.task_id) is not None:
                self._changed()
            if answer.done() and not answer.cancelled():
                answer.exception()  # it was looked at, even if its command was cancelled meanwhile

    async def _stored(self, answer: asyncio.Future[Any]) -> None:
        """Wait until the change is stored or could not be, or the answer is there."""
        stored = self._changed()
        while stored is not None:
            # It waits for both without cancelling either.
            await asyncio.wait((stored, answer), return_when=asyncio.FIRST_COMPLETED)
            if answer.done() or (not stored.cancelled() and stored.result()):
                return
            stored = self._changed()

    async def watched(self, task: ExternalTask, work: Callable[[], Awaitable[Any]]) -> Any:
        """Announce the task, do it here, and tell how it ended (mode Hybrid).

        The end is told however it comes, by a cancellation too.
        """
        self._emit(task.event())
        success = False
        try:
            done = await work()
            success = True
            return done
        finally:
            self._emit(_completed(task, success))

    def complete(self, task_id: str, success: bool, result: Any, error: str | None) -> bool:
        """Answer a pending task; False when there is none with this id (any more)."""
        found = self._pending.get(task_id)
        if found is None or not found.waits:
            return False  # or its command was cancelled a moment ago
        self._remove(task_id)
        self._emit(_completed(found.task, success))
        if found.answer is None:
            pass  # whoever waited did not outlive the process
        elif success:
            found.answer.set_result(result)
        else:
            what = TASK_FAILED if error is None else error
            found.answer.set_exception(ExternalTaskError(what, where=f"task {task_id}"))
        self._changed()
        return True

    def restore(self, tasks: Iterable[ExternalTask]) -> None:
        """Make tasks from before a restart pending again, each for its whole timeout.

        Whoever does them was not told that we were gone. Nobody waits for their answers here.
        """
        loop = asyncio.get_running_loop()
        before = {}
        for task in tasks:
            if task.task_id not in self._pending:
                timer = loop.call_later(task.timeout_ms / 1000, self._late, task.task_id)
                before[task.task_id] = _Pending(task, None, timer, announced=True)
        self._pending = before | self._pending

    def close(self) -> None:
        """Answer every pending task with the news that the queue stops."""
        for task_id in list(self._pending):
            found = self._remove(task_id)
            assert found is not None, "nothing ran since the ids were read"
            if found.announced:
                self._emit(_completed(found.task, False))
            if found.answer is not None and not found.answer.done():
                found.answer.set_exception(closed(f"task {task_id}"))
            self._changed()

    def _late(self, task_id: str) -> None:
        found = self._remove(task_id)
        assert found is not None, "a task that is removed takes its timer along"
        if found.answer is not None and not found.answer.done():
            where = f"{found.task.command_type}, task {task_id}"
            found.answer.set_exception(late(found.task.timeout_ms, where))
        self._changed()

    def _remove(self, task_id: str) -> _Pending | None:
        found = self._pending.pop(task_id, None)
        if found is not None:
            found.timer.cancel()
        return found


def frozen_payload(payload: Any) -> Any:
    """An immutable copy of a task's payload.

    Raises:
        EncodeError: it is not JSON, or one level short of as deep as JSON may be here: a task must
            fit on record, where its payload is a part of it.
    """
    (frozen,) = freeze([payload])
    return frozen


def _completed(task: ExternalTask, success: bool) -> ExternalTaskCompleted:
    return ExternalTaskCompleted(task_id=task.task_id, session_id=task.session_id, success=success)


def closed(where: str) -> QueueClosedError:
    """The error for what the queue does not do any more."""
    return QueueClosedError(
        SHUTTING_DOWN, op="queue", where=where, hint="Submit it to a queue that runs"
    )


def late(timeout_ms: int, where: str) -> CommandTimeoutError:
    """The error for what took longer than it may. Upstream: `LaneError::Timeout`."""
    whole, rest = divmod(timeout_ms, 1000)
    took = f"{whole}.{rest:03}".rstrip("0").rstrip(".") + "s" if whole else f"{rest}ms"
    return CommandTimeoutError(f"Command timed out after {took}", op="queue", where=where)
