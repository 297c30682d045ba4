"""Checkpoints of running loops and workflows (wire-format 12)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from a3s_store.models.message import Message, TokenUsage
from a3s_store.models.verification import VerificationReport
from a3s_store.wire import U32, U64, Model, USize, Value, field, model

if TYPE_CHECKING:
    from typing import Self, Unpack

    from a3s_store import _changes

CHECKPOINT_VERSION = 1


@model()
class LoopCheckpoint(Model):
    """A run after a tool round, with the whole conversation so far.

    A `schema_version` of 0 is from before the field existed; above 1 is refused. `turn` counts the
    finished rounds. Upstream: `LoopCheckpoint`.
    """

    schema_version: U32 = field(default=CHECKPOINT_VERSION, read="def", absent=0)
    run_id: str
    session_id: str
    turn: USize
    messages: tuple[Message, ...]
    total_usage: TokenUsage = field(default=TokenUsage())
    tool_calls_count: USize = field(default=0)
    verification_reports: tuple[VerificationReport, ...] = field(default=(), read="def")
    checkpoint_ms: U64

    if TYPE_CHECKING:

        def evolve(self, **changes: Unpack[_changes.LoopCheckpointChanges]) -> Self: ...


@model()
class StepOutcome(Model):
    """The result of a workflow's step; `structured` is any JSON. Upstream: `StepOutcome`."""

    task_id: str
    session_id: str
    agent: str
    output: str
    success: bool
    structured: Value | None = field(default=None, write="omit")

    if TYPE_CHECKING:

        def evolve(self, **changes: Unpack[_changes.StepOutcomeChanges]) -> Self: ...


@model()
class WorkflowStepRecord(Model):
    """One finished step. Upstream: `WorkflowStepRecord`."""

    task_id: str
    outcome: StepOutcome

    if TYPE_CHECKING:

        def evolve(self, **changes: Unpack[_changes.WorkflowStepRecordChanges]) -> Self: ...


@model()
class WorkflowCheckpoint(Model):
    """A workflow and its finished steps. `schema_version` as for LoopCheckpoint.

    Upstream: `WorkflowCheckpoint`.
    """

    schema_version: U32 = field(default=CHECKPOINT_VERSION, read="def", absent=0)
    workflow_id: str
    steps: tuple[WorkflowStepRecord, ...]
    checkpoint_ms: U64

    if TYPE_CHECKING:

        def evolve(self, **changes: Unpack[_changes.WorkflowCheckpointChanges]) -> Self: ...
