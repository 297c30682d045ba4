"""The runs of a live session: their events, their status, and how many are kept.

`records()` returns them for a save. To be used from one event loop.

Invariants: 1. a run that ended never changes its status again, though events that come late are
recorded; 2. an event's sequence is the number of events recorded for its run before it, dropped
ones included, so sequences rise by one and never repeat; 3. times within a run never go back;
4. unchanged values are the same objects in the next `records()`: every event, and every run without
a change. Recording an event costs the same however many there are.

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
from a3s_store.core.list_pages import RunEventPage as RunEventPage
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
from a3s_store.runtime.state.cleaning import OnCleaned, ignore_cleaned
from a3s_store.runtime.state.limits import check_limit, check_writable, raised
from a3s_store.wire import compact, encode

TERMINAL: Final = ENDED


@attrs.frozen(kw_only=True)
class RunLimits:
    """How many runs and events are kept; the oldest are dropped first, and None means no limit.

    `max_runs` counts runs, ended or not. `max_events` and `max_event_bytes` limit the events of
    each run, in number and in bytes of compact JSON. The defaults are those of upstream's newest
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
        """Return limits that keep everything."""
        return cls(max_runs=None, max_events=None, max_event_bytes=None)


@attrs.frozen(kw_only=True)
class RunReservation:
    """The result of `reserve_run_with_id`; `created` is False when the run was there already."""

    snapshot: RunSnapshot
    created: bool


class RunStore:
    """The runs of one session, in the order in which they began."""

    def __init__(self, limits: RunLimits | None = None, *, clock: Clock = system_clock) -> None:
        self.limits = limits if limits is not None else RunLimits()
        self._clock = clamped(clock)
        self._runs: dict[str, _Run] = {}
        self._records: tuple[RunRecord, ...] | None = ()
        self.on_cleaned: OnCleaned = ignore_cleaned

    @classmethod
    def for_saved(
        cls,
        records: Sequence[RunRecord],
        limits: RunLimits | None = None,
        *,
        clock: Clock = system_clock,
    ) -> Self:
        """Return the runs of a stored session, all of them: limits are raised to what they need.

        Dropped ones would be removed by the next save. `limits` None are the defaults.
        """
        made = cls(limits, clock=clock)
        made.take_over(records)
        return made

    def __len__(self) -> int:
        return len(self._runs)

    def create_run(self, session_id: str, prompt: str, *, run_id: str | None = None) -> RunSnapshot:
        """Begin a run as `create_run_with_id`; `run_id` None makes `run-` and a UUID (R1)."""
        run_id = f"run-{uuid.uuid4()}" if run_id is None else run_id
        return self.create_run_with_id(run_id, session_id, prompt)

    def create_run_with_id(self, run_id: str, session_id: str, prompt: str) -> RunSnapshot:
        """Begin a run as the newest; a run of the same id is replaced (R1).

        Above `max_runs` the oldest ended run is dropped, or the oldest where none ended. Raises
        EncodeError for a prompt that could not be saved; then nothing changed.
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
                del self._runs[self._to_drop()]
        self._records = None
        return snapshot

    def _to_drop(self) -> str:
        # The checkpoint of a run that has not ended would not be found without the run.
        runs = self._runs.items()
        ended = (run_id for run_id, run in runs if run.snapshot.status in TERMINAL)
        return next(ended, next(iter(self._runs)))

    def reserve_run_with_id(self, run_id: str, session_id: str, prompt: str) -> RunReservation:
        """Begin a run unless there is one of this id, which is then returned unchanged (R1).

        Of several callers exactly one gets `created` True.
        """
        existing = self._runs.get(run_id)
        if existing is not None:
            return RunReservation(snapshot=existing.snapshot, created=False)
        made = self.create_run_with_id(run_id, session_id, prompt)
        return RunReservation(snapshot=made, created=True)

    def record_event(self, run_id: str, event: AgentEvent) -> RunSnapshot | None:
        """Record an event and its effect on the run; return None for an unknown run (R2, R3).

        Texts that cannot be written are cleaned.

        Raises:
            EncodeError: something else in the event could not be saved; nothing was recorded.
        """
        run = self._runs.get(run_id)
        if run is None:
            return None
        before = run.snapshot
        record = RunEventRecord(
            sequence=before.event_count,
            # A clock may be set back, and a stored run may be from a machine with a fast one.
            timestamp_ms=max(self._clock(), before.updated_at_ms),
            event=event,
        )
        try:
            run.append(record)
        except EncodeError:
            # Only after a failure, so that recording costs no more than one encoding.
            cleaner = Cleaner()
            event = cleaner.model(event)
            run.append(record.evolve(event=event))
            self.on_cleaned("event", cleaner.count)
        return self._change(
            run,
            event_count=before.event_count + 1,
            updated_at_ms=record.timestamp_ms,
            **_changes_by(event, before),
        )

    def mark_failed(self, run_id: str, error: str) -> RunSnapshot | None:
        """End a run as failed; an ended run stays as it is, an unknown one is None (R5).

        An error that cannot be written is cleaned. Raises EncodeError for one that is no text; then
        nothing changed.
        """
        return self._end(run_id, status=RunStatus.FAILED, error=error)

    def mark_cancelled(self, run_id: str, reason: str | None = None) -> RunSnapshot | None:
        """End a run as cancelled, like `mark_failed`; the reason is stored as its error (R5)."""
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
        """Return a run without its events, None when there is none of this id."""
        run = self._runs.get(run_id)
        return None if run is None else run.snapshot

    def snapshots(self) -> tuple[RunSnapshot, ...]:
        """Return all runs without their events, oldest first. Upstream: `list`."""
        return tuple(run.snapshot for run in self._runs.values())

    def events(self, run_id: str) -> tuple[RunEventRecord, ...]:
        """Return the events kept of a run, oldest first; () for an unknown run."""
        run = self._runs.get(run_id)
        return () if run is None else tuple(run.events)

    def event_page(self, run_id: str, after: int | None, limit: int) -> RunEventPage | None:
        """Return up to `limit` events with a sequence above `after`, None for the first (R7).

        Returns None for an unknown run. Raises SessionConfigError for a negative limit.
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
        """Return all runs with their events, for a save, oldest first; see invariant 4 (R6)."""
        if self._records is None:
            self._records = tuple(run.as_record() for run in self._runs.values())
        return self._records

    def replace_records(self, records: Iterable[RunRecord]) -> None:
        """Replace all runs by stored ones, in the order of their creation (R6).

        Limits on numbers are applied now, the limit on bytes when a run gets its next event:
        measuring every stored event would block the event loop. Event counts are not checked here,
        `validate_snapshot` does it. Of two runs of one id the later stays.
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
        """Replace all runs, with the limits raised to what they need."""
        events = max((len(record.events) for record in records), default=0)
        self.limits = attrs.evolve(
            self.limits,
            max_runs=raised(self.limits.max_runs, len(records)),
            max_events=raised(self.limits.max_events, events),
        )
        self.replace_records(records)


def _changes_by(event: AgentEvent, run: RunSnapshot) -> dict[str, Any]:
    """Return the fields of a run that an event changes, apart from counts and times."""
    if run.status in TERMINAL:
        return {}
    if isinstance(event, AgentStart):
        return {"status": RunStatus.EXECUTING, "prompt": run.prompt or event.prompt}
    if isinstance(event, PlanningStart):
        return {"status": RunStatus.PLANNING}
    if isinstance(event, StepStart | ToolStart | TurnStart):
        # A run that plans may call tools, and still plans.
        return {} if run.status is RunStatus.PLANNING else {"status": RunStatus.EXECUTING}
    if isinstance(event, AgentEnd):
        return {"status": RunStatus.COMPLETED, "result_text": event.text, "error": None}
    if isinstance(event, AgentError):
        return {"status": RunStatus.FAILED, "error": event.message}
    return {}


class _Run:
    """A run as it grows. `record` is the last result of `as_record`, None when outdated."""

    def __init__(self, snapshot: RunSnapshot, limits: RunLimits) -> None:
        self.snapshot = snapshot
        self.events: deque[RunEventRecord] = deque()
        self.record: RunRecord | None = None
        self._limits = limits
        # Bytes of each event and their sum; None until a run with a byte limit gets an event.
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
