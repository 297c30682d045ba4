"""Verification reports (wire-format 9). Statuses are stored as given, never recomputed."""

from __future__ import annotations

import enum

from a3s_store.wire import Model, USize, field, model


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


@model()
class VerificationReport(Model):
    """What was checked about one subject; the same subject may come many times.

    Upstream: `VerificationReport`.
    """

    schema: str = field(default="a3s.verification_report.v1")
    subject: str
    status: VerificationStatus
    checks: tuple[VerificationCheck, ...] = field(default=())
    residual_risks: tuple[str, ...] = field(default=(), read="def", write="omit")


@model()
class VerificationSummary(Model):
    """A run's reports counted, inside the event `agent_end`. Upstream: `VerificationSummary`."""

    status: VerificationStatus
    report_count: USize
    required_check_count: USize
    pending_required_check_count: USize
    failed_check_count: USize
    residual_risk_count: USize
    pending_subjects: tuple[str, ...] = field(default=(), read="def", write="omit")
    failed_subjects: tuple[str, ...] = field(default=(), read="def", write="omit")
