"""The `__eq__` of the models in `backends/jsonfiles/memory_files.py`.

Written by `python -m tools.generate`; do not edit.
"""

from __future__ import annotations

from typing import Any

from a3s_store.wire.parts import alike


def memory_file(self: Any, other: Any) -> Any:
    """Return whether two values are equal, the first a MemoryFile."""
    if self is other:
        return True
    if self.__class__ is not other.__class__:
        return NotImplemented
    return (
        self.owner == other.owner
        and self.items == other.items
        and ((x := self.extra) is (y := other.extra) or (x == y and alike(x, y)))
    )
