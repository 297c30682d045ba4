"""The `__eq__` of the models in `models/verification.py`.

Written by `python -m tools.generate`; do not edit.
"""

from __future__ import annotations

from typing import Any

from a3s_store.wire.parts import alike


def verification_check(self: Any, other: Any) -> Any:
    """Return whether two values are equal, the first a VerificationCheck."""
    if self is other:
        return True
    if self.__class__ is not other.__class__:
        return NotImplemented
    return (
        self.id == other.id
        and self.kind == other.kind
        and self.description == other.description
        and ((x := self.status) is (y := other.status) or (x == y and type(x) is type(y)))
        and ((x := self.required) is (y := other.required) or (x == y and type(x) is type(y)))
        and self.suggested_tools == other.suggested_tools
        and self.evidence_uris == other.evidence_uris
        and self.residual_risk == other.residual_risk
        and ((x := self.extra) is (y := other.extra) or (x == y and alike(x, y)))
    )


def verification_report(self: Any, other: Any) -> Any:
    """Return whether two values are equal, the first a VerificationReport."""
    if self is other:
        return True
    if self.__class__ is not other.__class__:
        return NotImplemented
    return (
        self.schema == other.schema
        and self.subject == other.subject
        and ((x := self.status) is (y := other.status) or (x == y and type(x) is type(y)))
        and self.checks == other.checks
        and self.residual_risks == other.residual_risks
        and ((x := self.extra) is (y := other.extra) or (x == y and alike(x, y)))
    )


def verification_summary(self: Any, other: Any) -> Any:
    """Return whether two values are equal, the first a VerificationSummary."""
    if self is other:
        return True
    if self.__class__ is not other.__class__:
        return NotImplemented
    return (
        ((x := self.status) is (y := other.status) or (x == y and type(x) is type(y)))
        and (
            (x := self.report_count) is (y := other.report_count) or (x == y and type(x) is type(y))
        )
        and (
            (x := self.required_check_count) is (y := other.required_check_count)
            or (x == y and type(x) is type(y))
        )
        and (
            (x := self.pending_required_check_count) is (y := other.pending_required_check_count)
            or (x == y and type(x) is type(y))
        )
        and (
            (x := self.failed_check_count) is (y := other.failed_check_count)
            or (x == y and type(x) is type(y))
        )
        and (
            (x := self.residual_risk_count) is (y := other.residual_risk_count)
            or (x == y and type(x) is type(y))
        )
        and self.pending_subjects == other.pending_subjects
        and self.failed_subjects == other.failed_subjects
        and ((x := self.extra) is (y := other.extra) or (x == y and alike(x, y)))
    )
