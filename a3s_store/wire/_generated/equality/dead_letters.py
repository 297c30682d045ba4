"""The `__eq__` of the models in `runtime/queue/dead_letters.py`.

Written by `python -m tools.generate`; do not edit.
"""

from __future__ import annotations

from typing import Any

from a3s_store.wire.parts import alike


def dead_letter(self: Any, other: Any) -> Any:
    """Return whether two values are equal, the first a DeadLetter."""
    if self is other:
        return True
    if self.__class__ is not other.__class__:
        return NotImplemented
    return (
        self.command_id == other.command_id
        and self.command_type == other.command_type
        and self.lane_id == other.lane_id
        and self.error == other.error
        and ((x := self.attempts) is (y := other.attempts) or (x == y and type(x) is type(y)))
        and self.failed_at == other.failed_at
        and ((x := self.extra) is (y := other.extra) or (x == y and alike(x, y)))
    )
