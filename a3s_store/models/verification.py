"""Verification reports (wire-format 9).

Statuses are stored as given and never recomputed when they are read; `VerificationReport.of`
computes the status of a new report.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable
from typing import TYPE_CHECKING, Self

from a3s_store.wire import Model, USize, field, model

if TYPE_CHECKING:
    from typing import Unpack

    from a3s_store import _changes


class VerificationStatus(enum.StrEnum):
    """Upstream: `VerificationStatus`."""

    PASSED = "passed"
    FAILED = "failed"
    NEEDS_REVIEW = "needs_review"
    SKIPPED = "skipped"


@model()
class VerificationCheck(Model):
    """One check of a report. Upstream: `VerificationCheck`."""

    id: str
    kind: str
    description: str
    status: VerificationStatus
    required: bool = field(default=False, read="def")
    suggested_tools: tuple[str, ...] = field(default=(), read="def", write="omit")
    evidence_uris: tuple[str, ...] = field(default=(), read="def", write="omit")
    residual_risk: str | None = field(default=None, write="omit")

    @classmethod
    def required_check(cls, id: str, kind: str, description: str) -> Self:  # noqa: A002
        """Return a required check that was not made yet: it needs review.

        Upstream: `VerificationCheck::required`.
        """
        status = VerificationStatus.NEEDS_REVIEW
        return cls(id=id, kind=kind, description=description, status=status, required=True)

    @classmethod
    def optional_check(cls, id: str, kind: str, description: str) -> Self:  # noqa: A002
        """Return a check that was not made yet and need not pass.

        Upstream: `VerificationCheck::optional`.
        """
        return cls.required_check(id, kind, description).evolve(required=False)

    def with_status(self, status: VerificationStatus) -> Self:
        """Return the check with this status."""
        return self.evolve(status=status)

    if TYPE_CHECKING:

        def evolve(self, **changes: Unpack[_changes.VerificationCheckChanges]) -> Self: ...


@model()
class VerificationReport(Model):
    """The checks of one subject; the same subject may have several reports.

    Upstream: `VerificationReport`.
    """

    schema: str = field(default="a3s.verification_report.v1")
    subject: str
    status: VerificationStatus
    checks: tuple[VerificationCheck, ...] = field(default=())
    residual_risks: tuple[str, ...] = field(default=(), read="def", write="omit")

    @classmethod
    def of(
        cls,
        subject: str,
        checks: Iterable[VerificationCheck],
        residual_risks: Iterable[str] = (),
    ) -> Self:
        """Return a report whose status follows from its checks and risks.

        It failed if a check failed. Otherwise it needs review if a required check is not passed, or
        if `residual_risks` has any (those of single checks do not count). Otherwise it passed;
        without any check it is skipped. Upstream: `VerificationReport::new`.
        """
        made, risks = tuple(checks), tuple(residual_risks)
        return cls(subject=subject, status=_status(made, risks), checks=made, residual_risks=risks)

    if TYPE_CHECKING:

        def evolve(self, **changes: Unpack[_changes.VerificationReportChanges]) -> Self: ...


def _status(checks: tuple[VerificationCheck, ...], risks: tuple[str, ...]) -> VerificationStatus:
    if any(check.status == VerificationStatus.FAILED for check in checks):
        return VerificationStatus.FAILED
    required = [check.status for check in checks if check.required]
    if risks or any(status != VerificationStatus.PASSED for status in required):
        return VerificationStatus.NEEDS_REVIEW
    return VerificationStatus.PASSED if checks else VerificationStatus.SKIPPED


@model()
class VerificationSummary(Model):
    """The counts of a run's reports, in the event `agent_end`. Upstream: `VerificationSummary`."""

    status: VerificationStatus
    report_count: USize
    required_check_count: USize
    pending_required_check_count: USize
    failed_check_count: USize
    residual_risk_count: USize
    pending_subjects: tuple[str, ...] = field(default=(), read="def", write="omit")
    failed_subjects: tuple[str, ...] = field(default=(), read="def", write="omit")

    if TYPE_CHECKING:

        def evolve(self, **changes: Unpack[_changes.VerificationSummaryChanges]) -> Self: ...
