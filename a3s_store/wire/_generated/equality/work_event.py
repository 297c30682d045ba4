"""The `__eq__` of the models in `models/work_event.py`.

Written by `python -m tools.generate`; do not edit.
"""

from __future__ import annotations

from typing import Any

from a3s_store.wire.parts import alike


def memory_stored(self: Any, other: Any) -> Any:
    """Return whether two values are equal, the first a MemoryStored."""
    if self is other:
        return True
    if self.__class__ is not other.__class__:
        return NotImplemented
    return (
        self.memory_id == other.memory_id
        and self.memory_type == other.memory_type
        and ((x := self.importance) is (y := other.importance) or (x == y and alike(x, y)))
        and self.tags == other.tags
        and ((x := self.extra) is (y := other.extra) or (x == y and alike(x, y)))
    )


def memory_recalled(self: Any, other: Any) -> Any:
    """Return whether two values are equal, the first a MemoryRecalled."""
    if self is other:
        return True
    if self.__class__ is not other.__class__:
        return NotImplemented
    return (
        self.memory_id == other.memory_id
        and self.content == other.content
        and ((x := self.relevance) is (y := other.relevance) or (x == y and alike(x, y)))
        and ((x := self.extra) is (y := other.extra) or (x == y and alike(x, y)))
    )


def memories_searched(self: Any, other: Any) -> Any:
    """Return whether two values are equal, the first a MemoriesSearched."""
    if self is other:
        return True
    if self.__class__ is not other.__class__:
        return NotImplemented
    return (
        self.query == other.query
        and self.tags == other.tags
        and (
            (x := self.result_count) is (y := other.result_count) or (x == y and type(x) is type(y))
        )
        and ((x := self.extra) is (y := other.extra) or (x == y and alike(x, y)))
    )


def memory_cleared(self: Any, other: Any) -> Any:
    """Return whether two values are equal, the first a MemoryCleared."""
    if self is other:
        return True
    if self.__class__ is not other.__class__:
        return NotImplemented
    return (
        self.tier == other.tier
        and ((x := self.count) is (y := other.count) or (x == y and type(x) is type(y)))
        and ((x := self.extra) is (y := other.extra) or (x == y and alike(x, y)))
    )


def subagent_start(self: Any, other: Any) -> Any:
    """Return whether two values are equal, the first a SubagentStart."""
    if self is other:
        return True
    if self.__class__ is not other.__class__:
        return NotImplemented
    return (
        self.task_id == other.task_id
        and self.session_id == other.session_id
        and self.parent_session_id == other.parent_session_id
        and self.agent == other.agent
        and self.description == other.description
        and ((x := self.extra) is (y := other.extra) or (x == y and alike(x, y)))
    )


def subagent_progress(self: Any, other: Any) -> Any:
    """Return whether two values are equal, the first a SubagentProgress."""
    if self is other:
        return True
    if self.__class__ is not other.__class__:
        return NotImplemented
    return (
        self.task_id == other.task_id
        and self.session_id == other.session_id
        and self.status == other.status
        and ((x := self.metadata) is (y := other.metadata) or (x == y and alike(x, y)))
        and ((x := self.extra) is (y := other.extra) or (x == y and alike(x, y)))
    )


def subagent_end(self: Any, other: Any) -> Any:
    """Return whether two values are equal, the first a SubagentEnd."""
    if self is other:
        return True
    if self.__class__ is not other.__class__:
        return NotImplemented
    return (
        self.task_id == other.task_id
        and self.session_id == other.session_id
        and self.agent == other.agent
        and self.output == other.output
        and ((x := self.success) is (y := other.success) or (x == y and type(x) is type(y)))
        and ((x := self.extra) is (y := other.extra) or (x == y and alike(x, y)))
    )


def planning_start(self: Any, other: Any) -> Any:
    """Return whether two values are equal, the first a PlanningStart."""
    if self is other:
        return True
    if self.__class__ is not other.__class__:
        return NotImplemented
    return self.prompt == other.prompt and (
        (x := self.extra) is (y := other.extra) or (x == y and alike(x, y))
    )


def planning_end(self: Any, other: Any) -> Any:
    """Return whether two values are equal, the first a PlanningEnd."""
    if self is other:
        return True
    if self.__class__ is not other.__class__:
        return NotImplemented
    return (
        self.plan == other.plan
        and (
            (x := self.estimated_steps) is (y := other.estimated_steps)
            or (x == y and type(x) is type(y))
        )
        and ((x := self.extra) is (y := other.extra) or (x == y and alike(x, y)))
    )


def step_start(self: Any, other: Any) -> Any:
    """Return whether two values are equal, the first a StepStart."""
    if self is other:
        return True
    if self.__class__ is not other.__class__:
        return NotImplemented
    return (
        self.step_id == other.step_id
        and self.description == other.description
        and ((x := self.step_number) is (y := other.step_number) or (x == y and type(x) is type(y)))
        and ((x := self.total_steps) is (y := other.total_steps) or (x == y and type(x) is type(y)))
        and ((x := self.extra) is (y := other.extra) or (x == y and alike(x, y)))
    )


def step_end(self: Any, other: Any) -> Any:
    """Return whether two values are equal, the first a StepEnd."""
    if self is other:
        return True
    if self.__class__ is not other.__class__:
        return NotImplemented
    return (
        self.step_id == other.step_id
        and ((x := self.status) is (y := other.status) or (x == y and type(x) is type(y)))
        and ((x := self.step_number) is (y := other.step_number) or (x == y and type(x) is type(y)))
        and ((x := self.total_steps) is (y := other.total_steps) or (x == y and type(x) is type(y)))
        and ((x := self.extra) is (y := other.extra) or (x == y and alike(x, y)))
    )


def goal_extracted(self: Any, other: Any) -> Any:
    """Return whether two values are equal, the first a GoalExtracted."""
    if self is other:
        return True
    if self.__class__ is not other.__class__:
        return NotImplemented
    return self.goal == other.goal and (
        (x := self.extra) is (y := other.extra) or (x == y and alike(x, y))
    )


def goal_progress(self: Any, other: Any) -> Any:
    """Return whether two values are equal, the first a GoalProgress."""
    if self is other:
        return True
    if self.__class__ is not other.__class__:
        return NotImplemented
    return (
        self.goal == other.goal
        and ((x := self.progress) is (y := other.progress) or (x == y and alike(x, y)))
        and (
            (x := self.completed_steps) is (y := other.completed_steps)
            or (x == y and type(x) is type(y))
        )
        and ((x := self.total_steps) is (y := other.total_steps) or (x == y and type(x) is type(y)))
        and ((x := self.extra) is (y := other.extra) or (x == y and alike(x, y)))
    )


def goal_achieved(self: Any, other: Any) -> Any:
    """Return whether two values are equal, the first a GoalAchieved."""
    if self is other:
        return True
    if self.__class__ is not other.__class__:
        return NotImplemented
    return (
        self.goal == other.goal
        and ((x := self.total_steps) is (y := other.total_steps) or (x == y and type(x) is type(y)))
        and ((x := self.duration_ms) is (y := other.duration_ms) or (x == y and type(x) is type(y)))
        and ((x := self.extra) is (y := other.extra) or (x == y and alike(x, y)))
    )
