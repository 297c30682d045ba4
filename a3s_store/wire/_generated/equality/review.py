"""The `__eq__` of the models in `models/review.py`.

Written by `python -m tools.generate`; do not edit.
"""

from __future__ import annotations

from typing import Any

from a3s_store.wire.parts import alike


def transcript_subject(self: Any, other: Any) -> Any:
    """Return whether two values are equal, the first a TranscriptSubject."""
    if self is other:
        return True
    if self.__class__ is not other.__class__:
        return NotImplemented
    return (
        self.turn_id == other.turn_id
        and self.run_id == other.run_id
        and ((x := self.char_start) is (y := other.char_start) or (x == y and type(x) is type(y)))
        and ((x := self.char_end) is (y := other.char_end) or (x == y and type(x) is type(y)))
        and ((x := self.extra) is (y := other.extra) or (x == y and alike(x, y)))
    )


def opaque_subject(self: Any, other: Any) -> Any:
    """Return whether two values are equal, the first a OpaqueSubject."""
    if self is other:
        return True
    if self.__class__ is not other.__class__:
        return NotImplemented
    return (
        self.kind == other.kind
        and self.uri == other.uri
        and ((x := self.extra) is (y := other.extra) or (x == y and alike(x, y)))
    )


def unknown_subject(self: Any, other: Any) -> Any:
    """Return whether two values are equal, the first a UnknownSubject."""
    if self is other:
        return True
    if self.__class__ is not other.__class__:
        return NotImplemented
    return (
        self.type == other.type
        and ((x := self.body) is (y := other.body) or (x == y and alike(x, y)))
        and ((x := self.extra) is (y := other.extra) or (x == y and alike(x, y)))
    )


def review_finding(self: Any, other: Any) -> Any:
    """Return whether two values are equal, the first a ReviewFinding."""
    if self is other:
        return True
    if self.__class__ is not other.__class__:
        return NotImplemented
    return (
        self.schema == other.schema
        and self.finding_id == other.finding_id
        and self.session_id == other.session_id
        and self.scenario_id == other.scenario_id
        and ((x := self.status) is (y := other.status) or (x == y and type(x) is type(y)))
        and ((x := self.severity) is (y := other.severity) or (x == y and type(x) is type(y)))
        and self.category == other.category
        and self.claim == other.claim
        and self.evidence == other.evidence
        and self.quote == other.quote
        and self.suggestion == other.suggestion
        and self.subject == other.subject
        and self.source_review_id == other.source_review_id
        and self.addressed_by_run_id == other.addressed_by_run_id
        and self.accepted_by_review_id == other.accepted_by_review_id
        and self.reopen_reason == other.reopen_reason
        and self.main_agent_reply == other.main_agent_reply
        and (
            (x := self.observed_at_ms) is (y := other.observed_at_ms)
            or (x == y and type(x) is type(y))
        )
        and (
            (x := self.updated_at_ms) is (y := other.updated_at_ms)
            or (x == y and type(x) is type(y))
        )
        and ((x := self.extra) is (y := other.extra) or (x == y and alike(x, y)))
    )
