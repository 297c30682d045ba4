"""The tasks that a session gave to subagents, and their status by the events about them.

To be used from one event loop.

Invariants: 1. a cancelled task stays cancelled, whatever event ends it; 2. running tasks are always
kept, and of the others the `max_finished` that ended last; 3. unchanged values are the same objects
in the next `snapshots()`: every task without a change, every progress entry. Progress costs the
same however much there was before.

Upstream: subagent_task_tracker.rs (runtime 11.3).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, TypeAlias

from a3s_store.core.clock import Clock, clamped, system_clock
from a3s_store.models import (
    AgentEvent,
    SubagentEnd,
    SubagentProgress,
    SubagentProgressEntry,
    SubagentStart,
    SubagentStatus,
    SubagentTaskSnapshot,
)
from a3s_store.runtime.state.cleaning import OnCleaned, ignore_cleaned, writable
from a3s_store.runtime.state.limits import check_limit, raised

_log = logging.getLogger("a3s_store.session")

DEFAULT_FINISHED_TASKS: Final = 512

# Stops a running task; it is called once, and must return at once.
Canceller: TypeAlias = Callable[[], object]


class SubagentTracker:
    """The subagent tasks of one session. `max_finished` None keeps all ended tasks."""

    def __init__(
        self,
        *,
        max_finished: int | None = DEFAULT_FINISHED_TASKS,
        clock: Clock = system_clock,
    ) -> None:
        self.max_finished = check_limit(max_finished, "max_finished")
        self._clock = clamped(clock)
        self._tasks: dict[str, _Task] = {}
        # The ids of ended tasks, in the order in which they ended.
        self._finished: dict[str, None] = {}
        self._cancellers: dict[str, Canceller] = {}
        self._listed: tuple[SubagentTaskSnapshot, ...] | None = ()
        self.on_cleaned: OnCleaned = ignore_cleaned

    def __len__(self) -> int:
        return len(self._tasks)

    def record_event(self, event: AgentEvent) -> bool:
        """Record an event about a subagent; return False, and change nothing, for any other.

        Progress or the end of an unknown task makes an entry without a parent; a later start fills
        it in and keeps the time of the first event. Texts that cannot be written are cleaned.

        Raises:
            EncodeError: something else in the event could not be saved; nothing changed.
        """
        if isinstance(event, SubagentStart | SubagentProgress | SubagentEnd):
            event = writable(event, "subagent", self.on_cleaned)
        if isinstance(event, SubagentStart):
            self._start(event)
        elif isinstance(event, SubagentProgress):
            self._progress(event)
        elif isinstance(event, SubagentEnd):
            self._end(event)
        else:
            return False
        self._listed = None
        return True

    def _start(self, event: SubagentStart) -> None:
        task, now = self._task(event.task_id, event.session_id)
        task.change(
            parent_session_id=event.parent_session_id,
            child_session_id=event.session_id,
            agent=event.agent,
            description=event.description,
            updated_ms=now,
        )

    def _progress(self, event: SubagentProgress) -> None:
        task, now = self._task(event.task_id, event.session_id)
        entry = SubagentProgressEntry(
            timestamp_ms=now, status=event.status, metadata=event.metadata
        )
        task.progress.append(entry)
        task.change(updated_ms=now)

    def _end(self, event: SubagentEnd) -> None:
        task, now = self._task(event.task_id, event.session_id, event.agent)
        changes: dict[str, Any] = {}
        if task.base.status is not SubagentStatus.CANCELLED:
            done = SubagentStatus.COMPLETED if event.success else SubagentStatus.FAILED
            changes["status"] = done
        task.change(
            updated_ms=now,
            finished_ms=now,
            output=event.output,
            success=event.success,
            **changes,
        )
        # An ended task needs no canceller.
        self._cancellers.pop(event.task_id, None)
        self._note_finished(event.task_id)

    def _task(self, task_id: str, child: str, agent: str = "") -> tuple[_Task, int]:
        """Return the task, made if needed, and the time, which never goes back for a task."""
        now = self._clock()
        task = self._tasks.get(task_id)
        if task is not None:
            return task, max(now, task.base.updated_ms)
        task = self._tasks[task_id] = _Task(
            SubagentTaskSnapshot(
                task_id=task_id,
                parent_session_id="",
                child_session_id=child,
                agent=agent,
                description="",
                status=SubagentStatus.RUNNING,
                started_ms=now,
                updated_ms=now,
            )
        )
        return task, now

    def _note_finished(self, task_id: str) -> None:
        self._finished.pop(task_id, None)
        self._finished[task_id] = None
        if self.max_finished is None:
            return
        while len(self._finished) > self.max_finished:
            oldest = next(iter(self._finished))
            del self._finished[oldest], self._tasks[oldest]
            self._cancellers.pop(oldest, None)

    def register_canceller(self, task_id: str, canceller: Canceller) -> None:
        """Set the function that stops a running task, in place of an earlier one."""
        self._cancellers[task_id] = canceller

    def clear_canceller(self, task_id: str) -> None:
        """Remove the function that stops a task; the end of the task removes it too."""
        self._cancellers.pop(task_id, None)

    def cancel(self, task_id: str) -> bool:
        """Stop a task; return False, and do nothing, when it has no canceller.

        The task is cancelled before the canceller is called.
        """
        canceller = self._cancellers.pop(task_id, None)
        if canceller is None:
            return False
        task = self._tasks.get(task_id)
        if task is not None and task.base.status is SubagentStatus.RUNNING:
            now = max(self._clock(), task.base.updated_ms)
            task.change(status=SubagentStatus.CANCELLED, updated_ms=now)
            self._listed = None
            self._note_finished(task_id)
        canceller()
        return True

    def cancel_all(self) -> int:
        """Stop every task that has a canceller, and return how many there were.

        A canceller that fails is logged, and the others are called.
        """
        task_ids = list(self._cancellers)
        for task_id in task_ids:
            try:
                self.cancel(task_id)
            except Exception as error:
                _log.warning("canceller of task %s: %s", ascii(task_id), type(error).__name__)
        return len(task_ids)

    def get(self, task_id: str) -> SubagentTaskSnapshot | None:
        """Return the task as it is now, None when it is unknown or was dropped."""
        task = self._tasks.get(task_id)
        return None if task is None else task.as_snapshot()

    def snapshots(self) -> tuple[SubagentTaskSnapshot, ...]:
        """Return all tasks, by the time they began. Upstream: `list`."""
        if self._listed is None:
            tasks = sorted(self._tasks.values(), key=lambda task: task.base.started_ms)
            self._listed = tuple(task.as_snapshot() for task in tasks)
        return self._listed

    def pending(self) -> tuple[SubagentTaskSnapshot, ...]:
        """Return the running tasks, by the time they began. Upstream: `list_pending`."""
        return tuple(task for task in self.snapshots() if task.status is SubagentStatus.RUNNING)

    def for_parent(self, session_id: str) -> tuple[SubagentTaskSnapshot, ...]:
        """Return a session's tasks, by the time they began. Upstream: `list_for_parent`."""
        return tuple(task for task in self.snapshots() if task.parent_session_id == session_id)

    def replace_snapshots(self, tasks: Iterable[SubagentTaskSnapshot]) -> None:
        """Replace all tasks by stored ones, and remove all cancellers.

        A task that was stored as running stays running, though nothing can stop it. Of two tasks of
        one id the later stays. `max_finished` applies.
        """
        self._tasks = {task.task_id: _Task.of(task) for task in tasks}
        self._finished = {}
        self._cancellers = {}
        ended = [task.base for task in self._tasks.values()]
        ended = [task for task in ended if task.status is not SubagentStatus.RUNNING]
        for task in sorted(ended, key=_ended_ms):
            self._note_finished(task.task_id)
        self._listed = None

    def take_over(self, tasks: Sequence[SubagentTaskSnapshot]) -> None:
        """Replace all tasks, with `max_finished` raised to their number.

        Running tasks keep their cancellers.
        """
        self.max_finished = raised(self.max_finished, len(tasks))
        cancellers = self._cancellers
        self.replace_snapshots(tasks)
        running = {task.task_id for task in tasks if task.status is SubagentStatus.RUNNING}
        self._cancellers = {one: stop for one, stop in cancellers.items() if one in running}


def _ended_ms(task: SubagentTaskSnapshot) -> int:
    # A cancelled task without an end event has no such time.
    return task.updated_ms if task.finished_ms is None else task.finished_ms


class _Task:
    """A task as it grows: `base` lacks its progress, `made` is the last result of `as_snapshot`."""

    def __init__(self, base: SubagentTaskSnapshot) -> None:
        self.base = base
        self.progress: list[SubagentProgressEntry] = []
        self.made: SubagentTaskSnapshot | None = None

    @classmethod
    def of(cls, task: SubagentTaskSnapshot) -> _Task:
        made = cls(task.evolve(progress=()))
        made.progress = list(task.progress)
        made.made = task
        return made

    def change(self, **changes: Any) -> None:
        self.base = self.base.evolve(**changes)
        self.made = None

    def as_snapshot(self) -> SubagentTaskSnapshot:
        if self.made is None:
            self.made = self.base.evolve(progress=tuple(self.progress))
        return self.made
