"""The `__eq__` of the models in `models/run.py`.

Written by `python -m tools.generate`; do not edit.
"""

from __future__ import annotations

from typing import Any

from a3s_store.wire.parts import alike


def run_snapshot(self: Any, other: Any) -> Any:
    """Return whether two values are equal, the first a RunSnapshot."""
    if self is other:
        return True
    if self.__class__ is not other.__class__:
        return NotImplemented
    return (
        self.id == other.id
        and self.session_id == other.session_id
        and ((x := self.status) is (y := other.status) or (x == y and type(x) is type(y)))
        and self.prompt == other.prompt
        and (
            (x := self.created_at_ms) is (y := other.created_at_ms)
            or (x == y and type(x) is type(y))
        )
        and (
            (x := self.updated_at_ms) is (y := other.updated_at_ms)
            or (x == y and type(x) is type(y))
        )
        and self.result_text == other.result_text
        and self.error == other.error
        and ((x := self.event_count) is (y := other.event_count) or (x == y and type(x) is type(y)))
        and ((x := self.extra) is (y := other.extra) or (x == y and alike(x, y)))
    )


def run_event_record(self: Any, other: Any) -> Any:
    """Return whether two values are equal, the first a RunEventRecord."""
    if self is other:
        return True
    if self.__class__ is not other.__class__:
        return NotImplemented
    return (
        ((x := self.sequence) is (y := other.sequence) or (x == y and type(x) is type(y)))
        and (
            (x := self.timestamp_ms) is (y := other.timestamp_ms) or (x == y and type(x) is type(y))
        )
        and self.event == other.event
        and ((x := self.extra) is (y := other.extra) or (x == y and alike(x, y)))
    )


def run_record(self: Any, other: Any) -> Any:
    """Return whether two values are equal, the first a RunRecord."""
    if self is other:
        return True
    if self.__class__ is not other.__class__:
        return NotImplemented
    return (
        self.snapshot == other.snapshot
        and self.events == other.events
        and ((x := self.extra) is (y := other.extra) or (x == y and alike(x, y)))
    )
