"""The runs of a live session: what happened in each, and how it ended.

Decides how an event moves a run's status, and what is let go when there is too much. Saving what
is here is somebody else's; `records()` is made for it. To be used from one event loop.

Invariants: 1. a run that ended never changes its status again, though events that come late are
still recorded; 2. an event's sequence is the number of events ever recorded for its run, trimmed
ones included, so sequences rise by one and never repeat; 3. times within a run never go back;
4. what did not change is the same object in the next `records()`: every event always, every run
since its last change. Recording costs the same however many events there are.

Upstream: run.rs, `InMemoryRunStore` (runtime 11.1).
"""

from __future__ import annotations

import itertools
import uuid
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, Self

import attrs

from a3s_store.core.clean import Cleaner
from a3s_store.core.clock import Clock, clamped, system_clock
from a3s_store.core.snapshot import ENDED
from a3s_store.errors import EncodeError
from a3s_store.models import (
    AgentEnd,
    AgentError,
    AgentEvent,
    AgentStart,
    PlanningStart,
    RunEventRecord,
    RunRecord,
    RunSnapshot,
    RunStatus,
    StepStart,
    ToolStart,
    TurnStart,
)
from a3s_store.runtime.state.cleaning import OnCleaned, tell_no_one
from a3s_store.runtime.state.limits import check_limit, check_writable
from a3s_store.wire import compact, encode

TERMINAL: Final = ENDED


@attrs.frozen(kw_only=True)
class RunLimits:
    """How much is kept of runs; the oldest goes first, and None means no limit.

    `max_runs` counts runs, ended or not; `max_events` and `max_event_bytes` hold for each run, the
    bytes being those of its events as compact JSON. The defaults are those of upstream's newest
    releases; older ones kept everything, as `unbounded()` does. Raises SessionConfigError.
    """

    max_runs: int | None = 64
    max_events: int | None = 2048
    max_event_bytes: int | None = 8 * 1024 * 1024

    def __attrs_post_init__(self) -> None:
        check_limit(self.max_runs, "max_runs")
        check_limit(self.max_events, "max_events")
        check_limit(self.max_event_bytes, "max_event_bytes")

    @classmethod
    def unbounded(cls) -> RunLimits:
        """Limits that keep everything."""
        return cls(max_runs=None, max_events=None, max_event_bytes=None)


@attrs.frozen(kw_only=True)
class RunReservation:
    """The answer of `reserve_run_with_id`; `created` is False when the run was there already."""

    snapshot: RunSnapshot
    created: bool


@attrs.frozen(kw_only=True)
class RunEventPage:
    """Some events of a run in order, and where they stand among all of them.

    `first_available` is the sequence of the oldest event still kept, None when there is none;
    `latest_exclusive` one more than that of the newest ever recorded. `next_after` is what to ask
    for next, `retention_gap` says that events asked for were let go, `has_more` that more wait.
    Upstream: `RunEventPage`.
    """

    events: tuple[RunEventRecord, ...]
    first_available: int | None
    latest_exclusive: int
    next_after: int | None
    retention_gap: bool
    has_more: bool


class RunStore:
    """The runs of one session, in the order in which they began."""

    def __init__(self, limits: RunLimits | None = None, *, clock: Clock = system_clock) -> None:
        self.limits = limits if limits is not None else RunLimits()
        self._clock = clamped(clock)
        self._runs: dict[str, _Run] = {}
        self._records: tuple[RunRecord, ...] | None = ()
        self.on_cleaned: OnCleaned = tell_no_one

    @classmethod
    def for_saved(
        cls,
        records: Sequence[RunRecord],
        limits: RunLimits | None = None,
        *,
        clock: Clock = system_clock,
    ) -> Self:
        """The runs of a stored session, complete: limits are raised to what they need.

        Else the next save would remove what did not fit. `limits` None are the defaults.
        """
        asked = limits if limits is not None else RunLimits()
        events = max((len(record.events) for record in records), default=0)
        raised = attrs.evolve(
            asked,
            max_runs=None if asked.max_runs is None else max(asked.max_runs, len(records)),
            max_events=None if asked.max_events is None else max(asked.max_events, events),
        )
        made = cls(raised, clock=clock)
        made.replace_records(records)
        return made

    def __len__(self) -> int:
        return len(self._runs)

    def create_run(self, session_id: str, prompt: str, *, run_id: str | None = None) -> RunSnapshot:
        """Begin a run under a new id, `run-` and a UUID, or as `create_run_with_id` (R1)."""
        run_id = f"run-{uuid.uuid4()}" if run_id is None else run_id
        return self.create_run_with_id(run_id, session_id, prompt)

    def create_run_with_id(self, run_id: str, session_id: str, prompt: str) -> RunSnapshot:
        """Begin a run under this id, as the newest; one that had it before is gone (R1).

        Raises EncodeError for a prompt that could not be saved; then nothing changed.
        """
        now = self._clock()
        snapshot = RunSnapshot(
            id=run_id,
            session_id=session_id,
            status=RunStatus.CREATED,
            prompt=prompt,
            created_at_ms=now,
            updated_at_ms=now,
        )
        check_writable(snapshot)
        self._runs.pop(run_id, None)
        self._runs[run_id] = _Run(snapshot, self.limits)
        if self.limits.max_runs is not None:
            while len(self._runs) > self.limits.max_runs:
                del self._runs[self._to_let_go()]
        self._records = None
        return snapshot

    def _to_let_go(self) -> str:
        """The oldest run that ended: of one that did not, nobody would find the checkpoint again.

        Where none ended, the oldest.
        """
        runs = self._runs.items()
        ended = (run_id for run_id, run in runs if run.snapshot.status in TERMINAL)
        return next(ended, next(iter(self._runs)))

    def reserve_run_with_id(self, run_id: str, session_id: str, prompt: str) -> RunReservation:
        """Begin a run under this id unless there is one, which is then answered as it is (R1).

        Of any number of callers exactly one is told that it created the run.
        """
        existing = self._runs.get(run_id)
        if existing is not None:
            return RunReservation(snapshot=existing.snapshot, created=False)
        made = self.create_run_with_id(run_id, session_id, prompt)
        return RunReservation(snapshot=made, created=True)

    def record_event(self, run_id: str, event: AgentEvent) -> RunSnapshot | None:
        """Record an event and what it says about the run; None for an unknown run (R2, R3).

        Texts in it that cannot be written are cleaned.

        Raises:
            EncodeError: the event could not be saved, nor could the session with it; nothing was
                recorded.
        """
        run = self._runs.get(run_id)
        if run is None:
            return None
        before = run.snapshot
        record = RunEventRecord(
            sequence=before.event_count,
            # A clock may be set back, and a stored run may come from a machine that was ahead.
            timestamp_ms=max(self._clock(), before.updated_at_ms),
            event=event,
        )
        try:
            run.append(record)
        except EncodeError:
            # Only then, since to record one must cost nothing more.
            cleaner = Cleaner()
            event = cleaner.model(event)
            run.append(record.evolve(event=event))
            self.on_cleaned("event", cleaner.count)
        return self._change(
            run,
            event_count=before.event_count + 1,
            updated_at_ms=record.timestamp_ms,
            **_said_by(event, before),
        )

    def mark_failed(self, run_id: str, error: str) -> RunSnapshot | None:
        """End a run as failed; one that has ended stays as it is, an unknown one is None (R5).

        An error that cannot be written is cleaned. Raises EncodeError for one that is no text; then
        nothing changed.
        """
        return self._end(run_id, status=RunStatus.FAILED, error=error)

    def mark_cancelled(self, run_id: str, reason: str | None = None) -> RunSnapshot | None:
        """End a run as cancelled, as `mark_failed`; a reason is kept as its error (R5)."""
        changes = {} if reason is None else {"error": reason}
        return self._end(run_id, status=RunStatus.CANCELLED, **changes)

    def _end(self, run_id: str, **changes: Any) -> RunSnapshot | None:
        run = self._runs.get(run_id)
        if run is None:
            return None
        before = run.snapshot
        if before.status in TERMINAL:
            return before
        changes["updated_at_ms"] = max(self._clock(), before.updated_at_ms)
        cleaner = Cleaner()
        changes = {name: cleaner.model(value) for name, value in changes.items()}
        check_writable(before.evolve(**changes))
        if cleaner.count:
            self.on_cleaned("error", cleaner.count)
        return self._change(run, **changes)

    def _change(self, run: _Run, **changes: Any) -> RunSnapshot:
        run.snapshot = run.snapshot.evolve(**changes)
        run.record = self._records = None
        return run.snapshot

    def snapshot(self, run_id: str) -> RunSnapshot | None:
        """A run but for its events, None when there is none of this id."""
        run = self._runs.get(run_id)
        return None if run is None else run.snapshot

    def snapshots(self) -> tuple[RunSnapshot, ...]:
        """All runs but for their events, oldest first. Upstream: `list`."""
        return tuple(run.snapshot for run in self._runs.values())

    def events(self, run_id: str) -> tuple[RunEventRecord, ...]:
        """The events kept of a run, oldest first; none for an unknown run."""
        run = self._runs.get(run_id)
        return () if run is None else tuple(run.events)

    def event_page(self, run_id: str, after: int | None, limit: int) -> RunEventPage | None:
        """Up to `limit` events with a sequence above `after`, None meaning from the first on (R7).

        None for an unknown run. Raises SessionConfigError for a negative limit.
        """
        check_limit(limit, "limit")
        run = self._runs.get(run_id)
        if run is None:
            return None
        matching: Iterator[RunEventRecord] = iter(run.events)
        if after is not None:
            # No bisection: sequences of a stored run need not rise.
            matching = (event for event in run.events if event.sequence > after)
        found = tuple(itertools.islice(matching, limit))
        first = run.events[0].sequence if run.events else None
        start = 0 if after is None else after + 1
        return RunEventPage(
            events=found,
            first_available=first,
            latest_exclusive=run.snapshot.event_count,
            next_after=found[-1].sequence if found else after,
            retention_gap=start < run.snapshot.event_count and (first is None or start < first),
            has_more=next(matching, None) is not None,
        )

    def records(self) -> tuple[RunRecord, ...]:
        """All runs with their events as they are saved, oldest first; see invariant 4 (R6)."""
        if self._records is None:
            self._records = tuple(run.as_record() for run in self._runs.values())
        return self._records

    def replace_records(self, records: Iterable[RunRecord]) -> None:
        """Drop everything and take over stored runs, in the order of their creation (R6).

        The limits on counts hold for them too, that on bytes once a run goes on: to measure every
        stored event would hold up the loop. Their event counts are trusted: `validate_snapshot` is
        the place to refuse one. Of two runs of one id the later stays.
        """
        found: dict[str, RunRecord] = {}
        for record in sorted(records, key=lambda record: record.snapshot.created_at_ms):
            found.pop(record.snapshot.id, None)
            found[record.snapshot.id] = record
        kept = list(found.values())
        if self.limits.max_runs is not None:
            kept = kept[max(0, len(kept) - self.limits.max_runs) :]
        self._runs = {record.snapshot.id: _Run.of(record, self.limits) for record in kept}
        self._records = None

    def take_over(self, records: Sequence[RunRecord]) -> None:
        """Make these the runs, with the limits raised to what comes in."""
        events = max((len(record.events) for record in records), default=0)
        most, each = self.limits.max_runs, self.limits.max_events
        self.limits = attrs.evolve(
            self.limits,
            max_runs=None if most is None else max(most, len(records)),
            max_events=None if each is None else max(each, events),
        )
        self.replace_records(records)


def _said_by(event: AgentEvent, run: RunSnapshot) -> dict[str, Any]:
    """What an event changes of its run besides the counts."""
    if run.status in TERMINAL:
        return {}
    if isinstance(event, AgentStart):
        return {"status": RunStatus.EXECUTING, "prompt": run.prompt or event.prompt}
    if isinstance(event, PlanningStart):
        return {"status": RunStatus.PLANNING}
    if isinstance(event, StepStart | ToolStart | TurnStart):
        # A planner calls tools as well.
        return {} if run.status is RunStatus.PLANNING else {"status": RunStatus.EXECUTING}
    if isinstance(event, AgentEnd):
        return {"status": RunStatus.COMPLETED, "result_text": event.text, "error": None}
    if isinstance(event, AgentError):
        return {"status": RunStatus.FAILED, "error": event.message}
    return {}


class _Run:
    """A run as it grows. `record` is what `as_record` made last, None once that is outdated."""

    def __init__(self, snapshot: RunSnapshot, limits: RunLimits) -> None:
        self.snapshot = snapshot
        self.events: deque[RunEventRecord] = deque()
        self.record: RunRecord | None = None
        self._limits = limits
        # The bytes of each event and of all, None until a run with a limit on them goes on.
        self._sizes: deque[int] | None = None
        self._size = 0

    @classmethod
    def of(cls, record: RunRecord, limits: RunLimits) -> _Run:
        made = cls(record.snapshot, limits)
        made.events.extend(record.events)
        made._trim()
        if len(made.events) == len(record.events):
            made.record = record
        return made

    def append(self, event: RunEventRecord) -> None:
        """Add an event. Raises EncodeError, and then nothing was added."""
        size = _bytes_of(event)
        if self._limits.max_event_bytes is not None:
            if self._sizes is None:
                self._sizes = deque(map(_bytes_of, self.events))
                self._size = sum(self._sizes)
            self._sizes.append(size)
            self._size += size
        self.events.append(event)
        self._trim()

    def _trim(self) -> None:
        most, bytes_ = self._limits.max_events, self._limits.max_event_bytes
        while self.events and (
            (most is not None and len(self.events) > most)
            or (bytes_ is not None and self._size > bytes_)
        ):
            self.events.popleft()
            if self._sizes is not None:
                self._size -= self._sizes.popleft()

    def as_record(self) -> RunRecord:
        if self.record is None:
            self.record = RunRecord(snapshot=self.snapshot, events=tuple(self.events))
        return self.record


def _bytes_of(event: RunEventRecord) -> int:
    return len(compact(encode(event)))
