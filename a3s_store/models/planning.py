"""Tasks, plans and goals (wire-format 6)."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

from a3s_store.wire import F32, I64, Model, USize, field, model

if TYPE_CHECKING:
    from typing import Self, Unpack

    from a3s_store import _changes


class TaskStatus(enum.StrEnum):
    """Upstream: `TaskStatus`."""

    PENDING = "pending"
    IN_PROGRESS = "in_progress"
    COMPLETED = "completed"
    FAILED = "failed"
    SKIPPED = "skipped"
    CANCELLED = "cancelled"


class TaskPriority(enum.StrEnum):
    """Upstream: `TaskPriority`."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


@model()
class Task(Model):
    """One item of a session's task list. Upstream: `Task`."""

    id: str
    content: str = field(also="description")
    status: TaskStatus
    priority: TaskPriority = field(default=TaskPriority.MEDIUM, read="def")
    tool: str | None = field(default=None, write="omit")
    dependencies: tuple[str, ...] = field(default=(), read="def", write="omit")
    success_criteria: str | None = field(default=None, write="omit")

    if TYPE_CHECKING:

        def evolve(self, **changes: Unpack[_changes.TaskChanges]) -> Self: ...


class Complexity(enum.StrEnum):
    """Upstream: `Complexity`."""

    SIMPLE = "Simple"
    MEDIUM = "Medium"
    COMPLEX = "Complex"
    VERY_COMPLEX = "VeryComplex"


@model()
class ExecutionPlan(Model):
    """A plan, inside the event `planning_end`. Upstream: `ExecutionPlan`."""

    goal: str
    steps: tuple[Task, ...]
    complexity: Complexity
    required_tools: tuple[str, ...]
    estimated_steps: USize

    if TYPE_CHECKING:

        def evolve(self, **changes: Unpack[_changes.ExecutionPlanChanges]) -> Self: ...


@model()
class AgentGoal(Model):
    """A goal, inside the event `goal_extracted`; times are Unix seconds. Upstream: `AgentGoal`."""

    description: str
    success_criteria: tuple[str, ...]
    progress: F32
    achieved: bool
    created_at: I64
    achieved_at: I64 | None = field(default=None, write="null")

    if TYPE_CHECKING:

        def evolve(self, **changes: Unpack[_changes.AgentGoalChanges]) -> Self: ...
