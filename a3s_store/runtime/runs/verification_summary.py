"""Counts the verification reports of a run, for the event that ends it.

Upstream: `VerificationSummary::from_reports` (wire-format 9).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from a3s_store.models import VerificationReport, VerificationStatus, VerificationSummary

_PENDING: Final = {VerificationStatus.NEEDS_REVIEW, VerificationStatus.SKIPPED}
# The first of these that a report has is the status of all; without reports they are skipped.
_WORST_FIRST: Final = (
    VerificationStatus.FAILED,
    VerificationStatus.NEEDS_REVIEW,
    VerificationStatus.PASSED,
)


def summarise(reports: Sequence[VerificationReport]) -> VerificationSummary:
    """What several reports say together; each report's own status is taken as it is."""
    statuses = {report.status for report in reports}
    checks = [check for report in reports for check in report.checks]
    required = [check for check in checks if check.required]
    if not all(isinstance(one, VerificationStatus) for one in statuses):
        statuses.add(VerificationStatus.NEEDS_REVIEW)  # this release does not know what it says
    status = next((one for one in _WORST_FIRST if one in statuses), VerificationStatus.SKIPPED)
    return VerificationSummary(
        status=status,
        report_count=len(reports),
        required_check_count=len(required),
        pending_required_check_count=sum(check.status in _PENDING for check in required),
        failed_check_count=sum(check.status is VerificationStatus.FAILED for check in checks),
        residual_risk_count=sum(len(report.residual_risks) for report in reports),
        pending_subjects=tuple(
            report.subject for report in reports if report.status is VerificationStatus.NEEDS_REVIEW
        ),
        failed_subjects=tuple(
            report.subject for report in reports if report.status is VerificationStatus.FAILED
        ),
    )
