"""The `__eq__` of the models in `models/checkpoint.py`.

Written by `python -m tools.generate`; do not edit.
"""

from __future__ import annotations

from typing import Any

from a3s_store.wire.parts import alike


def loop_checkpoint(self: Any, other: Any) -> Any:
    """Return whether two values are equal, the first a LoopCheckpoint."""
    if self is other:
        return True
    if self.__class__ is not other.__class__:
        return NotImplemented
    return (
        (
            (x := self.schema_version) is (y := other.schema_version)
            or (x == y and type(x) is type(y))
        )
        and self.run_id == other.run_id
        and self.session_id == other.session_id
        and ((x := self.turn) is (y := other.turn) or (x == y and type(x) is type(y)))
        and self.messages == other.messages
        and self.total_usage == other.total_usage
        and (
            (x := self.tool_calls_count) is (y := other.tool_calls_count)
            or (x == y and type(x) is type(y))
        )
        and self.verification_reports == other.verification_reports
        and (
            (x := self.checkpoint_ms) is (y := other.checkpoint_ms)
            or (x == y and type(x) is type(y))
        )
        and ((x := self.extra) is (y := other.extra) or (x == y and alike(x, y)))
    )


def step_outcome(self: Any, other: Any) -> Any:
    """Return whether two values are equal, the first a StepOutcome."""
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
        and ((x := self.structured) is (y := other.structured) or (x == y and alike(x, y)))
        and ((x := self.extra) is (y := other.extra) or (x == y and alike(x, y)))
    )


def workflow_step_record(self: Any, other: Any) -> Any:
    """Return whether two values are equal, the first a WorkflowStepRecord."""
    if self is other:
        return True
    if self.__class__ is not other.__class__:
        return NotImplemented
    return (
        self.task_id == other.task_id
        and self.outcome == other.outcome
        and ((x := self.extra) is (y := other.extra) or (x == y and alike(x, y)))
    )


def workflow_checkpoint(self: Any, other: Any) -> Any:
    """Return whether two values are equal, the first a WorkflowCheckpoint."""
    if self is other:
        return True
    if self.__class__ is not other.__class__:
        return NotImplemented
    return (
        (
            (x := self.schema_version) is (y := other.schema_version)
            or (x == y and type(x) is type(y))
        )
        and self.workflow_id == other.workflow_id
        and self.steps == other.steps
        and (
            (x := self.checkpoint_ms) is (y := other.checkpoint_ms)
            or (x == y and type(x) is type(y))
        )
        and ((x := self.extra) is (y := other.extra) or (x == y and alike(x, y)))
    )
