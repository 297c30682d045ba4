"""Runs and their recorded events (wire-format 10.1); times are Unix milliseconds."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

from a3s_store.wire import U64, Model, USize, field, later, model

if TYPE_CHECKING:
    from typing import Self, Unpack

    from a3s_store import _changes
    from a3s_store.models.event import AgentEvent
else:
    # More than half of all models are events, and few programs look into them.
    AgentEvent = later("a3s_store.models.event", "AgentEvent")


class RunStatus(enum.StrEnum):
    """Upstream: `RunStatus`."""

    CREATED = "created"
    PLANNING = "planning"
    EXECUTING = "executing"
    VERIFYING = "verifying"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


@model()
class RunSnapshot(Model):
    """A run without its events. `event_count` counts all recorded events, also removed ones.

    Upstream: `RunSnapshot`.
    """

    id: str
    session_id: str
    status: RunStatus
    prompt: str
    created_at_ms: U64
    updated_at_ms: U64
    result_text: str | None = field(default=None, write="omit")
    error: str | None = field(default=None, write="omit")
    event_count: USize = field(default=0)

    if TYPE_CHECKING:

        def evolve(self, **changes: Unpack[_changes.RunSnapshotChanges]) -> Self: ...


@model()
class RunEventRecord(Model):
    """One event of a run, identified by its position: `sequence` may repeat, time may go back.

    Upstream: `RunEventRecord`.
    """

    sequence: USize
    timestamp_ms: U64
    event: AgentEvent

    if TYPE_CHECKING:

        def evolve(self, **changes: Unpack[_changes.RunEventRecordChanges]) -> Self: ...


@model()
class RunRecord(Model):
    """A run with its recorded events. Upstream: `RunRecord`."""

    snapshot: RunSnapshot
    events: tuple[RunEventRecord, ...] = field(default=())

    if TYPE_CHECKING:

        def evolve(self, **changes: Unpack[_changes.RunRecordChanges]) -> Self: ...
