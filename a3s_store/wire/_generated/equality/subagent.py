"""The `__eq__` of the models in `models/subagent.py`.

Written by `python -m tools.generate`; do not edit.
"""

from __future__ import annotations

from typing import Any

from a3s_store.wire.parts import alike


def subagent_progress_entry(self: Any, other: Any) -> Any:
    """Return whether two values are equal, the first a SubagentProgressEntry."""
    if self is other:
        return True
    if self.__class__ is not other.__class__:
        return NotImplemented
    return (
        ((x := self.timestamp_ms) is (y := other.timestamp_ms) or (x == y and type(x) is type(y)))
        and self.status == other.status
        and ((x := self.metadata) is (y := other.metadata) or (x == y and alike(x, y)))
        and ((x := self.extra) is (y := other.extra) or (x == y and alike(x, y)))
    )


def subagent_task_snapshot(self: Any, other: Any) -> Any:
    """Return whether two values are equal, the first a SubagentTaskSnapshot."""
    if self is other:
        return True
    if self.__class__ is not other.__class__:
        return NotImplemented
    return (
        self.task_id == other.task_id
        and self.parent_session_id == other.parent_session_id
        and self.child_session_id == other.child_session_id
        and self.agent == other.agent
        and self.description == other.description
        and ((x := self.status) is (y := other.status) or (x == y and type(x) is type(y)))
        and ((x := self.started_ms) is (y := other.started_ms) or (x == y and type(x) is type(y)))
        and ((x := self.updated_ms) is (y := other.updated_ms) or (x == y and type(x) is type(y)))
        and ((x := self.finished_ms) is (y := other.finished_ms) or (x == y and type(x) is type(y)))
        and self.output == other.output
        and ((x := self.success) is (y := other.success) or (x == y and type(x) is type(y)))
        and self.progress == other.progress
        and ((x := self.extra) is (y := other.extra) or (x == y and alike(x, y)))
    )
