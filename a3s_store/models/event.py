"""Events of a run: 43 kinds, and unknown ones of later releases (wire-format 10.2).

An event of an unknown type is kept unchanged as `UnknownEvent`; upstream would refuse the file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from a3s_store.models.call_event import (
    CommandDeadLettered,
    CommandRetry,
    ConfirmationReceived,
    ConfirmationRequired,
    ConfirmationTimeout,
    ExternalTaskCompleted,
    ExternalTaskPending,
    PermissionDenied,
    QueueAlert,
)
from a3s_store.models.message import LlmResponseMeta, TokenUsage
from a3s_store.models.planning import Task
from a3s_store.models.tool_error import ToolErrorKind
from a3s_store.models.verification import VerificationSummary
from a3s_store.models.work_event import (
    GoalAchieved,
    GoalExtracted,
    GoalProgress,
    MemoriesSearched,
    MemoryCleared,
    MemoryRecalled,
    MemoryStored,
    PlanningEnd,
    PlanningStart,
    StepEnd,
    StepStart,
    SubagentEnd,
    SubagentProgress,
    SubagentStart,
)
from a3s_store.wire import F32, I32, U64, Model, USize, Value, field, model

if TYPE_CHECKING:
    from typing import Self, Unpack

    from a3s_store import _changes


@model(opaque=True)
class UnknownEvent(Model):
    """An event of a type that this release does not know: its tag, and its other keys in order."""

    type: str
    body: Value

    if TYPE_CHECKING:

        def evolve(self, **changes: Unpack[_changes.UnknownEventChanges]) -> Self: ...


@model(tag="agent_start")
class AgentStart(Model):
    """A run began. Upstream: `AgentEvent::Start`."""

    prompt: str

    if TYPE_CHECKING:

        def evolve(self, **changes: Unpack[_changes.AgentStartChanges]) -> Self: ...


@model(tag="agent_mode_changed")
class AgentModeChanged(Model):
    """Another agent or mode took over. Upstream: `AgentEvent::AgentModeChanged`."""

    mode: str
    agent: str
    description: str

    if TYPE_CHECKING:

        def evolve(self, **changes: Unpack[_changes.AgentModeChangedChanges]) -> Self: ...


@model(tag="turn_start")
class TurnStart(Model):
    """A turn began; the same number may come again. Upstream: `AgentEvent::TurnStart`."""

    turn: USize

    if TYPE_CHECKING:

        def evolve(self, **changes: Unpack[_changes.TurnStartChanges]) -> Self: ...


@model(tag="text_delta")
class TextDelta(Model):
    """More text of the reply. Upstream: `AgentEvent::TextDelta`."""

    text: str

    if TYPE_CHECKING:

        def evolve(self, **changes: Unpack[_changes.TextDeltaChanges]) -> Self: ...


@model(tag="reasoning_delta")
class ReasoningDelta(Model):
    """More reasoning text. Upstream: `AgentEvent::ReasoningDelta`."""

    text: str

    if TYPE_CHECKING:

        def evolve(self, **changes: Unpack[_changes.ReasoningDeltaChanges]) -> Self: ...


@model(tag="tool_start")
class ToolStart(Model):
    """A tool call began. Upstream: `AgentEvent::ToolStart`."""

    id: str
    name: str

    if TYPE_CHECKING:

        def evolve(self, **changes: Unpack[_changes.ToolStartChanges]) -> Self: ...


@model(tag="tool_input_delta")
class ToolInputDelta(Model):
    """More of a tool call's input. Upstream: `AgentEvent::ToolInputDelta`."""

    delta: str

    if TYPE_CHECKING:

        def evolve(self, **changes: Unpack[_changes.ToolInputDeltaChanges]) -> Self: ...


@model(tag="tool_end")
class ToolEnd(Model):
    """A tool call ended. Upstream: `AgentEvent::ToolEnd`."""

    id: str
    name: str
    output: str
    exit_code: I32
    metadata: Value | None = field(default=None, write="omit")
    error_kind: ToolErrorKind | None = field(default=None, write="omit")

    if TYPE_CHECKING:

        def evolve(self, **changes: Unpack[_changes.ToolEndChanges]) -> Self: ...


@model(tag="tool_output_delta")
class ToolOutputDelta(Model):
    """More of a tool's output. Upstream: `AgentEvent::ToolOutputDelta`."""

    id: str
    name: str
    delta: str

    if TYPE_CHECKING:

        def evolve(self, **changes: Unpack[_changes.ToolOutputDeltaChanges]) -> Self: ...


@model(tag="turn_end")
class TurnEnd(Model):
    """A turn ended. Upstream: `AgentEvent::TurnEnd`."""

    turn: USize
    usage: TokenUsage

    if TYPE_CHECKING:

        def evolve(self, **changes: Unpack[_changes.TurnEndChanges]) -> Self: ...


@model(tag="agent_end")
class AgentEnd(Model):
    """A run succeeded. Upstream: `AgentEvent::End`."""

    text: str
    usage: TokenUsage
    verification_summary: VerificationSummary
    meta: LlmResponseMeta | None = field(default=None, write="omit")

    if TYPE_CHECKING:

        def evolve(self, **changes: Unpack[_changes.AgentEndChanges]) -> Self: ...


@model(tag="error")
class AgentError(Model):
    """A run failed. Upstream: `AgentEvent::Error`."""

    message: str

    if TYPE_CHECKING:

        def evolve(self, **changes: Unpack[_changes.AgentErrorChanges]) -> Self: ...


@model(tag="context_resolving")
class ContextResolving(Model):
    """Context is being gathered. Upstream: `AgentEvent::ContextResolving`."""

    providers: tuple[str, ...]

    if TYPE_CHECKING:

        def evolve(self, **changes: Unpack[_changes.ContextResolvingChanges]) -> Self: ...


@model(tag="context_resolved")
class ContextResolved(Model):
    """Context was gathered. Upstream: `AgentEvent::ContextResolved`."""

    total_items: USize
    total_tokens: USize

    if TYPE_CHECKING:

        def evolve(self, **changes: Unpack[_changes.ContextResolvedChanges]) -> Self: ...


@model(tag="task_updated")
class TaskUpdated(Model):
    """The task list changed. Upstream: `AgentEvent::TaskUpdated`."""

    session_id: str
    tasks: tuple[Task, ...]

    if TYPE_CHECKING:

        def evolve(self, **changes: Unpack[_changes.TaskUpdatedChanges]) -> Self: ...


@model(tag="context_compacted")
class ContextCompacted(Model):
    """The conversation was shortened. Upstream: `AgentEvent::ContextCompacted`."""

    session_id: str
    before_messages: USize
    after_messages: USize
    percent_before: F32

    if TYPE_CHECKING:

        def evolve(self, **changes: Unpack[_changes.ContextCompactedChanges]) -> Self: ...


@model(tag="persistence_failed")
class PersistenceFailed(Model):
    """A save failed and the run continued. Upstream: `AgentEvent::PersistenceFailed`.

    Two fields are ours: `part` is the part that could not be written while the rest was saved;
    `outcome_unknown` is whether it may have been saved in spite of the error.
    """

    session_id: str
    operation: str
    error: str
    part: str | None = field(default=None, write="omit")
    outcome_unknown: bool | None = field(default=None, write="omit")

    if TYPE_CHECKING:

        def evolve(self, **changes: Unpack[_changes.PersistenceFailedChanges]) -> Self: ...


@model(tag="budget_threshold_hit")
class BudgetThresholdHit(Model):
    """A budget ran low; `kind` is `soft` or `hard`. Upstream: `AgentEvent::BudgetThresholdHit`."""

    resource: str
    kind: str
    consumed: float
    limit: float
    message: str | None = field(default=None, write="omit")

    if TYPE_CHECKING:

        def evolve(self, **changes: Unpack[_changes.BudgetThresholdHitChanges]) -> Self: ...


@model(tag="passivation_requested")
class PassivationRequested(Model):
    """The host asks to suspend the session. Upstream: `AgentEvent::PassivationRequested`."""

    reason: str
    deadline_ms: U64 | None = field(default=None, write="omit")

    if TYPE_CHECKING:

        def evolve(self, **changes: Unpack[_changes.PassivationRequestedChanges]) -> Self: ...


@model(tag="peer_invocation")
class PeerInvocation(Model):
    """Another session called this one. Upstream: `AgentEvent::PeerInvocation`."""

    from_session_id: str
    from_tenant_id: str | None = field(default=None, write="omit")
    correlation_id: str | None = field(default=None, write="omit")

    if TYPE_CHECKING:

        def evolve(self, **changes: Unpack[_changes.PeerInvocationChanges]) -> Self: ...


AgentEvent: TypeAlias = (
    AgentStart
    | AgentModeChanged
    | TurnStart
    | TextDelta
    | ReasoningDelta
    | ToolStart
    | ToolInputDelta
    | ToolEnd
    | ToolOutputDelta
    | TurnEnd
    | AgentEnd
    | AgentError
    | ConfirmationRequired
    | ConfirmationReceived
    | ConfirmationTimeout
    | ExternalTaskPending
    | ExternalTaskCompleted
    | PermissionDenied
    | ContextResolving
    | ContextResolved
    | CommandDeadLettered
    | CommandRetry
    | QueueAlert
    | TaskUpdated
    | MemoryStored
    | MemoryRecalled
    | MemoriesSearched
    | MemoryCleared
    | SubagentStart
    | SubagentProgress
    | SubagentEnd
    | PlanningStart
    | PlanningEnd
    | StepStart
    | StepEnd
    | GoalExtracted
    | GoalProgress
    | GoalAchieved
    | ContextCompacted
    | PersistenceFailed
    | BudgetThresholdHit
    | PassivationRequested
    | PeerInvocation
    | UnknownEvent
)
