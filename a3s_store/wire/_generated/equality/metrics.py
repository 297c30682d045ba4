"""The `__eq__` of the models in `runtime/queue/metrics.py`.

Written by `python -m tools.generate`; do not edit.
"""

from __future__ import annotations

from typing import Any

from a3s_store.wire.parts import alike


def lane_status(self: Any, other: Any) -> Any:
    """Return whether two values are equal, the first a LaneStatus."""
    if self is other:
        return True
    if self.__class__ is not other.__class__:
        return NotImplemented
    return (
        ((x := self.lane) is (y := other.lane) or (x == y and type(x) is type(y)))
        and ((x := self.pending) is (y := other.pending) or (x == y and type(x) is type(y)))
        and ((x := self.active) is (y := other.active) or (x == y and type(x) is type(y)))
        and (
            (x := self.max_concurrency) is (y := other.max_concurrency)
            or (x == y and type(x) is type(y))
        )
        and (
            (x := self.handler_mode) is (y := other.handler_mode) or (x == y and type(x) is type(y))
        )
        and ((x := self.extra) is (y := other.extra) or (x == y and alike(x, y)))
    )


def queue_stats(self: Any, other: Any) -> Any:
    """Return whether two values are equal, the first a QueueStats."""
    if self is other:
        return True
    if self.__class__ is not other.__class__:
        return NotImplemented
    return (
        ((x := self.total_pending) is (y := other.total_pending) or (x == y and type(x) is type(y)))
        and (
            (x := self.total_active) is (y := other.total_active) or (x == y and type(x) is type(y))
        )
        and (
            (x := self.external_pending) is (y := other.external_pending)
            or (x == y and type(x) is type(y))
        )
        and ((x := self.lanes) is (y := other.lanes) or (x == y and alike(x, y)))
        and ((x := self.extra) is (y := other.extra) or (x == y and alike(x, y)))
    )
