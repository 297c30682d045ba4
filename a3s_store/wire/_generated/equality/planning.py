"""The `__eq__` of the models in `models/planning.py`.

Written by `python -m tools.generate`; do not edit.
"""

from __future__ import annotations

from typing import Any

from a3s_store.wire.parts import alike


def task(self: Any, other: Any) -> Any:
    """Return whether two values are equal, the first a Task."""
    if self is other:
        return True
    if self.__class__ is not other.__class__:
        return NotImplemented
    return (
        self.id == other.id
        and self.content == other.content
        and ((x := self.status) is (y := other.status) or (x == y and type(x) is type(y)))
        and ((x := self.priority) is (y := other.priority) or (x == y and type(x) is type(y)))
        and self.tool == other.tool
        and self.dependencies == other.dependencies
        and self.success_criteria == other.success_criteria
        and ((x := self.extra) is (y := other.extra) or (x == y and alike(x, y)))
    )


def execution_plan(self: Any, other: Any) -> Any:
    """Return whether two values are equal, the first a ExecutionPlan."""
    if self is other:
        return True
    if self.__class__ is not other.__class__:
        return NotImplemented
    return (
        self.goal == other.goal
        and self.steps == other.steps
        and ((x := self.complexity) is (y := other.complexity) or (x == y and type(x) is type(y)))
        and self.required_tools == other.required_tools
        and (
            (x := self.estimated_steps) is (y := other.estimated_steps)
            or (x == y and type(x) is type(y))
        )
        and ((x := self.extra) is (y := other.extra) or (x == y and alike(x, y)))
    )


def agent_goal(self: Any, other: Any) -> Any:
    """Return whether two values are equal, the first a AgentGoal."""
    if self is other:
        return True
    if self.__class__ is not other.__class__:
        return NotImplemented
    return (
        self.description == other.description
        and self.success_criteria == other.success_criteria
        and ((x := self.progress) is (y := other.progress) or (x == y and alike(x, y)))
        and ((x := self.achieved) is (y := other.achieved) or (x == y and type(x) is type(y)))
        and ((x := self.created_at) is (y := other.created_at) or (x == y and type(x) is type(y)))
        and ((x := self.achieved_at) is (y := other.achieved_at) or (x == y and type(x) is type(y)))
        and ((x := self.extra) is (y := other.extra) or (x == y and alike(x, y)))
    )
