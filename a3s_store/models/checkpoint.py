"""Checkpoints of running loops and workflows (wire-format 12)."""

from __future__ import annotations

from a3s_store.models.message import Message, TokenUsage
from a3s_store.models.verification import VerificationReport
from a3s_store.wire import U32, U64, Model, USize, Value, field, model

CHECKPOINT_VERSION = 1


@model()
class LoopCheckpoint(Model):
    """A run after one of its tool rounds, with the whole conversation so far.

    `schema_version` 0 means written before the field existed; above 1 is refused. `turn` counts
    rounds done. Upstream: `LoopCheckpoint`.
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


@model()
class StepOutcome(Model):
    """What a step of a workflow came to; `structured` is any JSON. Upstream: `StepOutcome`."""

    task_id: str
    session_id: str
    agent: str
    output: str
    success: bool
    structured: Value | None = field(default=None, write="omit")


@model()
class WorkflowStepRecord(Model):
    """One finished step. Upstream: `WorkflowStepRecord`."""

    task_id: str
    outcome: StepOutcome


@model()
class WorkflowCheckpoint(Model):
    """A workflow and its finished steps. `schema_version` as for LoopCheckpoint.

    Upstream: `WorkflowCheckpoint`.
    """

    schema_version: U32 = field(default=CHECKPOINT_VERSION, read="def", absent=0)
    workflow_id: str
    steps: tuple[WorkflowStepRecord, ...]
    checkpoint_ms: U64
