"""The `__eq__` of the models in `core/snapshot.py`.

Written by `python -m tools.generate`; do not edit.
"""

from __future__ import annotations

from typing import Any

from a3s_store.wire.parts import alike


def session_snapshot(self: Any, other: Any) -> Any:
    """Return whether two values are equal, the first a SessionSnapshot."""
    if self is other:
        return True
    if self.__class__ is not other.__class__:
        return NotImplemented
    return (
        (
            (x := self.schema_version) is (y := other.schema_version)
            or (x == y and type(x) is type(y))
        )
        and self.session == other.session
        and self.artifacts == other.artifacts
        and self.retained_artifact_uris == other.retained_artifact_uris
        and self.trace_events == other.trace_events
        and self.run_records == other.run_records
        and self.verification_reports == other.verification_reports
        and self.subagent_tasks == other.subagent_tasks
        and self.review_findings == other.review_findings
        and ((x := self.extra) is (y := other.extra) or (x == y and alike(x, y)))
    )
