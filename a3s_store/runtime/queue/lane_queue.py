"""Runs a session's commands in four lanes: at most so many of each at once, the urgent lanes first.

A command waits in its lane, first in first out, until the lane has a free slot. Who does the work
is the lane's handler's affair (`handlers`), what is allowed the configuration's (`rules`).
This is the face: what is submitted, stopped, asked and kept. When something starts and what becomes
of it is `runner`'s part.

Invariants: 1. who is cancelled while awaiting a handle cancels the command: one that waits is gone,
one that runs is cancelled; 2. after `stop` no task or timer of the queue is left, except of
commands that resist being cancelled; 3. what is kept is bounded: dead letters by the configuration,
samples of the metrics by their number. Waiting commands are not, since each has a submitter.
Upstream: `SessionLaneQueue`, `a3s-lane` (runtime 7). `storage_path`, where `a3s-lane` notes what
was submitted, is not used: see `journal` for what is kept here.
"""

from __future__ import annotations

import asyncio
import contextvars
from typing import Any, Final

from a3s_store.core.clock import Clock, clamped, system_clock, timestamp
from a3s_store.errors import EncodeError
from a3s_store.errors.context import safe_text
from a3s_store.models import (
    LaneHandlerConfig,
    PersistenceFailed,
    SessionLane,
    SessionQueueConfig,
    TaskHandlerMode,
)
from a3s_store.runtime.observation.events import Emit
from a3s_store.runtime.policies.lanes import lane_of
from a3s_store.runtime.queue.commands import Call, Command, CommandHandle, Entry, Lane
from a3s_store.runtime.queue.dead_letters import DeadLetter, DeadLetters, error_text
from a3s_store.runtime.queue.handlers import (
    ExternalTask,
    ExternalTasks,
    LaneHandlers,
    closed,
    frozen_payload,
)
from a3s_store.runtime.queue.journal import Kept, QueueJournal
from a3s_store.runtime.queue.journal_writer import JournalWriter
from a3s_store.runtime.queue.lane_config import dlq_size, lane_id, rules_of
from a3s_store.runtime.queue.metrics import LaneStatus, MetricsSnapshot, QueueMetrics, QueueStats
from a3s_store.runtime.queue.scheduler import LaneRunner
from a3s_store.runtime.state.limits import check_items
from a3s_store.wire import freeze

__all__ = ["Call", "Command", "CommandHandle", "LaneQueue"]

STOP_TIMEOUT_MS: Final = 5_000
_DEFAULTS: Final = SessionQueueConfig()


class LaneQueue:
    """The lane queue of one session: made, started once, stopped once. Use it from one event loop.

    What is submitted before `start` waits. With a `journal` dead letters and external tasks are on
    record; see `recover`. Upstream: `SessionLaneQueue`.

    Raises:
        SessionConfigError: the configuration cannot be; `field` says what of it.
        EncodeError: it could not be saved.
    """

    def __init__(
        self,
        session_id: str,
        config: SessionQueueConfig = _DEFAULTS,
        *,
        emit: Emit,
        clock: Clock = system_clock,
        journal: QueueJournal | None = None,
    ) -> None:
        check_items(SessionQueueConfig, (config,))
        self._session_id = session_id
        self._emit = emit
        self._clock = clock = clamped(clock)
        self._dead_letters = DeadLetters(dlq_size(config))
        self._lanes = {
            lane: Lane(lane, rules_of(config, lane), alerts=config.enable_alerts)
            for lane in SessionLane
        }
        self._metrics = QueueMetrics() if config.enable_metrics else None
        self._handlers = LaneHandlers(config.lane_handlers)
        self._externals = ExternalTasks(
            session_id, emit=emit, clock=clock, changed=self._record_changed
        )
        self._journal_writer: JournalWriter | None = None
        if journal is not None:
            self._journal_writer = JournalWriter(
                journal, current=self._kept, absorb=self._absorb, failed=self._not_saved
            )
        self._runner = LaneRunner(
            self._lanes,
            perform=self._perform,
            give_up=self._give_up,
            emit=emit,
            clock=clock,
            metrics=self._metrics,
        )

    def start(self) -> None:
        """Let commands run. Starting twice is success.

        Raises:
            QueueClosedError: it was stopped.
        """
        if self._runner.closed:
            raise closed("start")
        self._runner.start()

    @property
    def is_started(self) -> bool:
        """Whether `start` was called."""
        return self._runner.started

    def submit(self, lane: SessionLane, command: Command) -> CommandHandle:
        """Put a command at the end of a lane; await what is answered for its result.

        Whether it runs here or outside is decided by the lane's handler as it is now. The command
        runs in the caller's context variables.

        Raises:
            QueueClosedError: the queue was stopped.
            EncodeError: the lane's handler is not Internal and the payload is not JSON, or the
                command's type is no text.
        """
        command_type = _text(command.command_type)
        if self._runner.closed:
            raise closed(command_type)
        line = self._lanes[SessionLane(lane)]
        handler = self._handlers.get(line.lane)
        internal = handler.mode is TaskHandlerMode.INTERNAL
        now_ms = self._clock()
        handle = CommandHandle(asyncio.get_running_loop())
        entry = Entry(
            command=command,
            command_type=command_type,
            handle=handle,
            handler=handler,
            payload=None if internal else frozen_payload(command.payload),
            context=contextvars.copy_context(),
            submitted_ms=now_ms,
            queued_ms=now_ms,
        )
        self._runner.accept(line, entry)
        return handle

    def submit_by_tool(self, tool: str, command: Command) -> CommandHandle:
        """`submit` to the tool's lane. Upstream: `submit_by_tool`."""
        return self.submit(lane_of(tool), command)

    async def drain(self, timeout_ms: int = STOP_TIMEOUT_MS) -> bool:
        """Wait until nothing waits or runs; False when that took longer. More may be submitted."""
        try:
            async with asyncio.timeout(timeout_ms / 1000):
                await self._runner.idle.wait()
        except TimeoutError:
            return False
        return True

    async def stop(self, timeout_ms: int = STOP_TIMEOUT_MS) -> None:
        """Take no more commands and end those there are; stopping again finishes what is left.

        Waiting commands and external tasks fail at once. Running ones get `timeout_ms`, are then
        cancelled, and get as long to end; one that resists even that is left to itself, its
        submitter told. With a journal, returns when its state is stored or could not be; another
        live session of the same stored one may then take it over.
        """
        self._runner.close()
        self._externals.close()
        await self._runner.end(timeout_ms)
        if self._journal_writer is not None:
            await self._journal_writer.settle()
            self._journal_writer.release()

    # -- Handlers outside ---------------------------------------------------------------------

    def get_lane_handler(self, lane: SessionLane) -> LaneHandlerConfig:
        """How what is submitted to the lane now is handled."""
        return self._handlers.get(lane)

    def set_lane_handler(self, lane: SessionLane, config: LaneHandlerConfig) -> None:
        """Handle what is submitted to the lane from now on in this way.

        Raises EncodeError for a configuration with which a task could not be saved.
        """
        self._handlers.set(lane, config)

    def pending_external_tasks(self) -> tuple[ExternalTask, ...]:
        """The tasks that wait for an answer from outside, oldest first."""
        return self._externals.listed()

    def complete_external_task(
        self, task_id: str, success: bool, result: Any = None, error: str | None = None
    ) -> bool:
        """Answer a pending task: its submitter gets `result`, or an ExternalTaskError of `error`.

        False, and nothing happens, when no task with this id is pending: it is unknown, answered,
        late or cancelled. True for one from before a restart too, though nobody waits for it.
        """
        return self._externals.complete(task_id, success, result, error)

    # -- How it stands ------------------------------------------------------------------------

    def dead_letters(self) -> tuple[DeadLetter, ...]:
        """The commands that were given up, oldest first; none where they are off."""
        return self._dead_letters.listed()

    def clear_dead_letters(self) -> int:
        """Forget the commands that were given up; answers how many there were."""
        count = self._dead_letters.clear()
        self._record_changed()
        return count

    def queue_metrics(self) -> MetricsSnapshot | None:
        """The metrics as they are now; None where they are off."""
        return None if self._metrics is None else self._metrics.snapshot()

    def stats(self) -> QueueStats:
        """How each lane stands, and all together."""
        lanes = {
            lane: LaneStatus(
                lane=lane,
                pending=line.depth,
                active=len(line.running),
                max_concurrency=line.rules.max_concurrency,
                handler_mode=self._handlers.get(lane).mode,
            )
            for lane, line in self._lanes.items()
        }
        return QueueStats(
            total_pending=sum(one.pending for one in lanes.values()),
            total_active=sum(one.active for one in lanes.values()),
            external_pending=len(self._externals),
            lanes=lanes,
        )

    async def recover(self) -> None:
        """Take in what the journal has from before a restart; without a journal, nothing.

        Dead letters are listed again, before newer ones; those beyond the limit go, all of them
        where dead letters are off. External tasks are pending again, for their whole timeout.
        Those of another live session of the same stored one stay with it while it is open. All
        this also happens by itself before the journal is first written.

        Raises:
            PersistenceError: it could not be read.
        """
        if self._journal_writer is not None:
            await self._journal_writer.recover()

    # -- What the runner and the journal ask --------------------------------------------------

    async def _perform(self, line: Lane, entry: Entry) -> Any:
        """One attempt, by whom the lane's handler says."""
        if entry.handler.mode is TaskHandlerMode.INTERNAL:
            return await entry.command.execute()
        task = self._externals.task(
            line.lane, entry.command_type, entry.payload, entry.handler.timeout_ms
        )
        if entry.handler.mode is TaskHandlerMode.HYBRID:
            return await self._externals.watched(task, entry.command.execute)
        # External, or a mode that this release does not know: nothing is executed here.
        return await self._externals.answered(task)

    def _give_up(self, line: Lane, entry: Entry, error: Exception) -> bool:
        """Keep a dead letter, where they are kept (Q4, Q5)."""
        if not self._dead_letters.enabled:
            return False
        letter = DeadLetter(
            command_id=entry.handle.command_id,
            command_type=entry.command_type,
            lane_id=lane_id(line.lane),
            error=error_text(error),
            attempts=entry.retries + 1,
            failed_at=timestamp(self._clock()),
        )
        self._dead_letters.add(letter)
        self._record_changed()
        self._emit(letter.event())
        return True

    def _record_changed(self) -> asyncio.Future[bool] | None:
        return None if self._journal_writer is None else self._journal_writer.changed()

    def _kept(self) -> Kept:
        return self._dead_letters.listed(), self._externals.listed()

    def _absorb(self, kept: Kept) -> None:
        letters, tasks = kept
        if self._dead_letters.enabled:
            self._dead_letters.put_before(letters)
        self._externals.restore(tasks)
        if self._runner.closed:
            self._externals.close()

    def _not_saved(self, error: Exception) -> None:
        text = safe_text(error)
        self._emit(
            PersistenceFailed(session_id=self._session_id, operation="save_queue", error=text)
        )


def _text(command_type: Any) -> str:
    if not isinstance(command_type, str):
        found = type(command_type).__name__
        raise EncodeError(f"expected a string, found {found}", path="command_type")
    return str(freeze(command_type))
