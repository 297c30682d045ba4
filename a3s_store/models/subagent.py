"""Tasks given to subagents (wire-format 11); times are Unix milliseconds."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

from a3s_store.wire import U64, Model, Value, field, model

if TYPE_CHECKING:
    from typing import Self, Unpack

    from a3s_store import _changes


class SubagentStatus(enum.StrEnum):
    """Upstream: `SubagentStatus`."""

    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


@model()
class SubagentProgressEntry(Model):
    """One report of progress of a subagent. Upstream: `SubagentProgressEntry`."""

    timestamp_ms: U64
    status: str
    metadata: Value

    if TYPE_CHECKING:

        def evolve(self, **changes: Unpack[_changes.SubagentProgressEntryChanges]) -> Self: ...


@model()
class SubagentTaskSnapshot(Model):
    """A subagent's task. `parent_session_id` is empty if progress came before the start.

    Upstream: `SubagentTaskSnapshot`.
    """

    task_id: str
    parent_session_id: str
    child_session_id: str
    agent: str
    description: str
    status: SubagentStatus
    started_ms: U64
    updated_ms: U64
    finished_ms: U64 | None = field(default=None, write="omit")
    output: str | None = field(default=None, write="omit")
    success: bool | None = field(default=None, write="omit")
    progress: tuple[SubagentProgressEntry, ...] = field(default=())

    if TYPE_CHECKING:

        def evolve(self, **changes: Unpack[_changes.SubagentTaskSnapshotChanges]) -> Self: ...
