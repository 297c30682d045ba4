"""Runs and their recorded events (wire-format 10.1); times are Unix milliseconds."""

from __future__ import annotations

import enum

from a3s_store.models.event import AgentEvent
from a3s_store.wire import U64, Model, USize, field, model


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
    """A run but for its events. `event_count` counts all ever recorded, trimmed ones included.

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


@model()
class RunEventRecord(Model):
    """One event of a run. `sequence` may repeat and time may go back: position is the identity.

    Upstream: `RunEventRecord`.
    """

    sequence: USize
    timestamp_ms: U64
    event: AgentEvent


@model()
class RunRecord(Model):
    """A run with the events that were kept of it. Upstream: `RunRecord`."""

    snapshot: RunSnapshot
    events: tuple[RunEventRecord, ...] = field(default=())
