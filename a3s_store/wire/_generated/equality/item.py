"""The `__eq__` of the models in `agent_memory/item.py`.

Written by `python -m tools.generate`; do not edit.
"""

from __future__ import annotations

from typing import Any

from a3s_store.wire.parts import alike


def memory_item(self: Any, other: Any) -> Any:
    """Return whether two values are equal, the first a MemoryItem."""
    if self is other:
        return True
    if self.__class__ is not other.__class__:
        return NotImplemented
    return (
        self.id == other.id
        and self.content == other.content
        and self.timestamp == other.timestamp
        and ((x := self.importance) is (y := other.importance) or (x == y and alike(x, y)))
        and self.tags == other.tags
        and ((x := self.memory_type) is (y := other.memory_type) or (x == y and type(x) is type(y)))
        and ((x := self.metadata) is (y := other.metadata) or (x == y and alike(x, y)))
        and (
            (x := self.access_count) is (y := other.access_count) or (x == y and type(x) is type(y))
        )
        and self.last_accessed == other.last_accessed
        and ((x := self.extra) is (y := other.extra) or (x == y and alike(x, y)))
    )
