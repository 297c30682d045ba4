"""The queue of a session: runs commands in four lanes, the more urgent lanes first.

A command waits in its lane, first in first out, until the lane has a free slot. `LaneQueue` is the
interface; `scheduler` starts commands and settles them, `handlers` has the external handlers, and
`lane_config` the rules.

Invariants: 1. cancelling the `await` of a handle cancels the command, whether it waits or runs; 2.
after `stop` the queue has no task or timer, except of commands that resist being cancelled; 3. the
size of the queue is bounded: dead letters by the configuration, samples of the metrics by a
constant. Waiting commands are not bounded, since each has a submitter.
Upstream: `SessionLaneQueue`, `a3s-lane` (runtime 7). `storage_path`, where `a3s-lane` logs
submitted commands, is not used: see `journal` for what is stored here.
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
from a3s_store.runtime.policies.confirmation import lane_of
from a3s_store.runtime.queue.commands import Call, Command, CommandHandle, Entry, Lane
from a3s_store.runtime.queue.dead_letters import DeadLetter, DeadLetters, error_text
from a3s_store.runtime.queue.handlers import ExternalTask, ExternalTasks, closed, frozen_payload
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
    """The lane queue of one session: started once, stopped once. Use it from one event loop.

    Commands submitted before `start` wait. With a `journal` dead letters and external tasks are
    stored; see `recover`. Upstream: `SessionLaneQueue`.

    Raises:
        SessionConfigError: the configuration is invalid; `field` names the part.
        EncodeError: the configuration could not be saved.
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
        self._handlers = {lane: LaneHandlerConfig() for lane in SessionLane} | {
            **config.lane_handlers
        }
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
        """Let commands run. A second call does nothing.

        Raises:
            QueueClosedError: it was stopped.
        """
        if self._runner.closed:
            raise closed("start")
        self._runner.start()

    @property
    def is_started(self) -> bool:
        """Whether the queue was started."""
        return self._runner.started

    def submit(self, lane: SessionLane, command: Command) -> CommandHandle:
        """Put a command at the end of a lane; await the returned handle for its result.

        The lane's present handler decides whether it runs here or outside. The command runs in the
        caller's context variables.

        Raises:
            QueueClosedError: the queue was stopped.
            EncodeError: the command's type is no text, or the lane's handler is not Internal and
                the payload is not JSON.
        """
        command_type = _text(command.command_type)
        if self._runner.closed:
            raise closed(command_type)
        line = self._lanes[SessionLane(lane)]
        handler = self._handlers[line.lane]
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
        """Put a command at the end of the tool's lane. Upstream: `submit_by_tool`."""
        return self.submit(lane_of(tool), command)

    async def drain(self, timeout_ms: int = STOP_TIMEOUT_MS) -> bool:
        """Wait until no command waits or runs; False after `timeout_ms`. It may still be used."""
        try:
            async with asyncio.timeout(timeout_ms / 1000):
                await self._runner.idle.wait()
        except TimeoutError:
            return False
        return True

    async def stop(self, timeout_ms: int = STOP_TIMEOUT_MS) -> None:
        """Accept no more commands and end the present ones; a second call ends the remaining ones.

        Waiting commands and external tasks fail at once. Running ones get `timeout_ms`, are then
        cancelled, and get as long to end; one that resists is abandoned and its handle fails. With
        a journal, the state is stored or has failed to be when this returns, and another live
        session of the same stored session may take it over.
        """
        self._runner.close()
        self._externals.close()
        await self._runner.end(timeout_ms)
        if self._journal_writer is not None:
            await self._journal_writer.settle()
            self._journal_writer.release()

    # -- External handlers --------------------------------------------------------------------

    def get_lane_handler(self, lane: SessionLane) -> LaneHandlerConfig:
        """Return the handler of commands that are submitted to the lane now."""
        return self._handlers[SessionLane(lane)]

    def set_lane_handler(self, lane: SessionLane, config: LaneHandlerConfig) -> None:
        """Set the handler of later commands of a lane.

        Raises EncodeError for a configuration with which a task could not be saved.
        """
        check_items(LaneHandlerConfig, (config,))
        self._handlers[SessionLane(lane)] = config

    def pending_external_tasks(self) -> tuple[ExternalTask, ...]:
        """Return the pending external tasks, oldest first."""
        return self._externals.listed()

    def complete_external_task(
        self, task_id: str, success: bool, result: Any = None, error: str | None = None
    ) -> bool:
        """Complete a pending task: its command gets `result`, or an ExternalTaskError of `error`.

        Returns False, and does nothing, when no task with this id is pending: it is unknown,
        completed, timed out or cancelled. Returns True for a task from before a restart too, though
        no command awaits it.
        """
        return self._externals.complete(task_id, success, result, error)

    # -- State and figures --------------------------------------------------------------------

    def dead_letters(self) -> tuple[DeadLetter, ...]:
        """Return the commands that failed for good, oldest first; () where these are off."""
        return self._dead_letters.listed()

    def clear_dead_letters(self) -> int:
        """Remove all dead letters, and return how many there were."""
        count = self._dead_letters.clear()
        self._record_changed()
        return count

    def queue_metrics(self) -> MetricsSnapshot | None:
        """Return the present metrics; None where they are off."""
        return None if self._metrics is None else self._metrics.snapshot()

    def stats(self) -> QueueStats:
        """Return the state of each lane, and sums over all lanes."""
        lanes = {
            lane: LaneStatus(
                lane=lane,
                pending=line.depth,
                active=len(line.running),
                max_concurrency=line.rules.max_concurrency,
                handler_mode=self._handlers[lane].mode,
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
        """Take in the stored state from before a restart; does nothing without a journal.

        Stored dead letters come before newer ones; above the limit the oldest are dropped, all of
        them where dead letters are off. External tasks are pending again, for their whole timeout.
        The state of another live session of the same stored session stays with it while that is
        open. All this also happens before the journal is first written.

        Raises:
            PersistenceError: it could not be read.
        """
        if self._journal_writer is not None:
            await self._journal_writer.recover()

    # -- Called by the scheduler and the journal ----------------------------------------------

    async def _perform(self, line: Lane, entry: Entry) -> Any:
        """Make one attempt, by the handler of the command's lane."""
        if entry.handler.mode is TaskHandlerMode.INTERNAL:
            return await entry.command.execute()
        task = self._externals.task(
            line.lane, entry.command_type, entry.payload, entry.handler.timeout_ms
        )
        if entry.handler.mode is TaskHandlerMode.HYBRID:
            return await self._externals.hybrid(task, entry.command.execute)
        # A mode that this release does not know is as External: nothing runs here.
        return await self._externals.external(task)

    def _give_up(self, line: Lane, entry: Entry, error: Exception) -> bool:
        """Keep a dead letter, where these are on; return whether it was kept (Q4, Q5)."""
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
