"""The `__eq__` of the models in `models/trace.py`.

Written by `python -m tools.generate`; do not edit.
"""

from __future__ import annotations

from typing import Any

from a3s_store.wire.parts import alike


def trace_event(self: Any, other: Any) -> Any:
    """Return whether two values are equal, the first a TraceEvent."""
    if self is other:
        return True
    if self.__class__ is not other.__class__:
        return NotImplemented
    return (
        self.schema == other.schema
        and ((x := self.kind) is (y := other.kind) or (x == y and type(x) is type(y)))
        and self.name == other.name
        and ((x := self.success) is (y := other.success) or (x == y and type(x) is type(y)))
        and ((x := self.exit_code) is (y := other.exit_code) or (x == y and type(x) is type(y)))
        and ((x := self.duration_ms) is (y := other.duration_ms) or (x == y and type(x) is type(y)))
        and (
            (x := self.output_bytes) is (y := other.output_bytes) or (x == y and type(x) is type(y))
        )
        and self.metadata_keys == other.metadata_keys
        and self.artifact_uris == other.artifact_uris
        and ((x := self.details) is (y := other.details) or (x == y and alike(x, y)))
        and ((x := self.extra) is (y := other.extra) or (x == y and alike(x, y)))
    )
