"""The `__eq__` of the models in `runtime/queue/handlers.py`.

Written by `python -m tools.generate`; do not edit.
"""

from __future__ import annotations

from typing import Any

from a3s_store.wire.parts import alike


def external_task(self: Any, other: Any) -> Any:
    """Return whether two values are equal, the first a ExternalTask."""
    if self is other:
        return True
    if self.__class__ is not other.__class__:
        return NotImplemented
    return (
        self.task_id == other.task_id
        and self.session_id == other.session_id
        and ((x := self.lane) is (y := other.lane) or (x == y and type(x) is type(y)))
        and self.command_type == other.command_type
        and ((x := self.payload) is (y := other.payload) or (x == y and alike(x, y)))
        and ((x := self.timeout_ms) is (y := other.timeout_ms) or (x == y and type(x) is type(y)))
        and (
            (x := self.created_at_ms) is (y := other.created_at_ms)
            or (x == y and type(x) is type(y))
        )
        and ((x := self.extra) is (y := other.extra) or (x == y and alike(x, y)))
    )
