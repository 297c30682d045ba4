"""Events of an agent's work around its turns: memory, subagents, planning, goals (10.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from a3s_store.models.planning import AgentGoal, ExecutionPlan, TaskStatus
from a3s_store.wire import F32, I64, U64, Model, USize, Value, field, model

if TYPE_CHECKING:
    from typing import Self, Unpack

    from a3s_store import _changes


@model(tag="memory_stored")
class MemoryStored(Model):
    """A memory was stored. Upstream: `AgentEvent::MemoryStored`."""

    memory_id: str
    memory_type: str
    importance: F32
    tags: tuple[str, ...]

    if TYPE_CHECKING:

        def evolve(self, **changes: Unpack[_changes.MemoryStoredChanges]) -> Self: ...


@model(tag="memory_recalled")
class MemoryRecalled(Model):
    """A memory was used. Upstream: `AgentEvent::MemoryRecalled`."""

    memory_id: str
    content: str
    relevance: F32

    if TYPE_CHECKING:

        def evolve(self, **changes: Unpack[_changes.MemoryRecalledChanges]) -> Self: ...


@model(tag="memories_searched")
class MemoriesSearched(Model):
    """Memories were searched. Upstream: `AgentEvent::MemoriesSearched`."""

    query: str | None = field(default=None, write="null")
    tags: tuple[str, ...]
    result_count: USize

    if TYPE_CHECKING:

        def evolve(self, **changes: Unpack[_changes.MemoriesSearchedChanges]) -> Self: ...


@model(tag="memory_cleared")
class MemoryCleared(Model):
    """A tier of memory was emptied: `long_term`, `short_term` or `working`.

    Upstream: `AgentEvent::MemoryCleared`.
    """

    tier: str
    count: U64

    if TYPE_CHECKING:

        def evolve(self, **changes: Unpack[_changes.MemoryClearedChanges]) -> Self: ...


@model(tag="subagent_start")
class SubagentStart(Model):
    """A subagent began; `session_id` is the child's. Upstream: `AgentEvent::SubagentStart`."""

    task_id: str
    session_id: str
    parent_session_id: str
    agent: str
    description: str

    if TYPE_CHECKING:

        def evolve(self, **changes: Unpack[_changes.SubagentStartChanges]) -> Self: ...


@model(tag="subagent_progress")
class SubagentProgress(Model):
    """A subagent reported progress. Upstream: `AgentEvent::SubagentProgress`."""

    task_id: str
    session_id: str
    status: str
    metadata: Value

    if TYPE_CHECKING:

        def evolve(self, **changes: Unpack[_changes.SubagentProgressChanges]) -> Self: ...


@model(tag="subagent_end")
class SubagentEnd(Model):
    """A subagent ended. Upstream: `AgentEvent::SubagentEnd`."""

    task_id: str
    session_id: str
    agent: str
    output: str
    success: bool

    if TYPE_CHECKING:

        def evolve(self, **changes: Unpack[_changes.SubagentEndChanges]) -> Self: ...


@model(tag="planning_start")
class PlanningStart(Model):
    """Planning began. Upstream: `AgentEvent::PlanningStart`."""

    prompt: str

    if TYPE_CHECKING:

        def evolve(self, **changes: Unpack[_changes.PlanningStartChanges]) -> Self: ...


@model(tag="planning_end")
class PlanningEnd(Model):
    """A plan is ready. Upstream: `AgentEvent::PlanningEnd`."""

    plan: ExecutionPlan
    estimated_steps: USize

    if TYPE_CHECKING:

        def evolve(self, **changes: Unpack[_changes.PlanningEndChanges]) -> Self: ...


@model(tag="step_start")
class StepStart(Model):
    """A step of the plan began. Upstream: `AgentEvent::StepStart`."""

    step_id: str
    description: str
    step_number: USize
    total_steps: USize

    if TYPE_CHECKING:

        def evolve(self, **changes: Unpack[_changes.StepStartChanges]) -> Self: ...


@model(tag="step_end")
class StepEnd(Model):
    """A step of the plan ended. Upstream: `AgentEvent::StepEnd`."""

    step_id: str
    status: TaskStatus
    step_number: USize
    total_steps: USize

    if TYPE_CHECKING:

        def evolve(self, **changes: Unpack[_changes.StepEndChanges]) -> Self: ...


@model(tag="goal_extracted")
class GoalExtracted(Model):
    """A goal was found; here `goal` is an object. Upstream: `AgentEvent::GoalExtracted`."""

    goal: AgentGoal

    if TYPE_CHECKING:

        def evolve(self, **changes: Unpack[_changes.GoalExtractedChanges]) -> Self: ...


@model(tag="goal_progress")
class GoalProgress(Model):
    """Progress towards a goal; here `goal` is text. Upstream: `AgentEvent::GoalProgress`."""

    goal: str
    progress: F32
    completed_steps: USize
    total_steps: USize

    if TYPE_CHECKING:

        def evolve(self, **changes: Unpack[_changes.GoalProgressChanges]) -> Self: ...


@model(tag="goal_achieved")
class GoalAchieved(Model):
    """A goal was reached; here `goal` is text. Upstream: `AgentEvent::GoalAchieved`."""

    goal: str
    total_steps: USize
    duration_ms: I64

    if TYPE_CHECKING:

        def evolve(self, **changes: Unpack[_changes.GoalAchievedChanges]) -> Self: ...
