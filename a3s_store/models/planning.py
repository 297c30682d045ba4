"""Tasks, plans and goals (wire-format 6)."""

from __future__ import annotations

import enum

from a3s_store.wire import F32, I64, Model, USize, field, model


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


@model()
class AgentGoal(Model):
    """A goal, inside the event `goal_extracted`; times are Unix seconds. Upstream: `AgentGoal`."""

    description: str
    success_criteria: tuple[str, ...]
    progress: F32
    achieved: bool
    created_at: I64
    achieved_at: I64 | None = field(default=None, write="null")
