"""Results that the application returns, of a tool and of a run, and the summary of a run's reports.

`summarise` is upstream's `VerificationSummary::from_reports` (wire-format 9).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import attrs

from a3s_store.core.clean import Cleaner
from a3s_store.errors import EncodeError
from a3s_store.models import (
    Message,
    TokenUsage,
    VerificationReport,
    VerificationStatus,
    VerificationSummary,
)
from a3s_store.wire import Json

_PENDING: Final = {VerificationStatus.NEEDS_REVIEW, VerificationStatus.SKIPPED}
# The status of several reports is the first of these that one has, and SKIPPED without reports.
_WORST_FIRST: Final = (
    VerificationStatus.FAILED,
    VerificationStatus.NEEDS_REVIEW,
    VerificationStatus.PASSED,
)


def _exit_code(instance: object, attribute: attrs.Attribute[int], value: int) -> None:
    if not -(2**31) <= value < 2**31:
        raise EncodeError("beyond 32 bits", model="ToolOutput", path="exit_code")


@attrs.frozen(kw_only=True)
class ToolOutput:
    """The result of a call of a tool. `is_error` is whether the exit code is not 0, unless given.

    `metadata` is any JSON. Texts that cannot be written, such as the names of some files, are
    cleaned (`a3s_store.clean_text`); `cleaned` counts them. Raises EncodeError for anything else
    that could not be saved: a content that is no text, metadata that is no JSON, an exit code
    beyond 32 bits.
    """

    content: str
    exit_code: int = attrs.field(default=0, validator=_exit_code)
    metadata: Json | None = None
    is_error: bool = attrs.field(
        default=attrs.Factory(lambda self: self.exit_code != 0, takes_self=True)
    )
    cleaned: int = attrs.field(init=False, default=0, eq=False, repr=False)

    def __attrs_post_init__(self) -> None:
        if not isinstance(self.content, str):
            raise EncodeError("is no text", model="ToolOutput", path="content")
        cleaner = Cleaner()
        # A plain str, though a tool may return a subclass.
        object.__setattr__(self, "content", cleaner.text(str.__str__(self.content)))
        object.__setattr__(self, "metadata", cleaner.frozen_json(self.metadata))
        object.__setattr__(self, "cleaned", cleaner.count)

    @classmethod
    def error(cls, text: str) -> ToolOutput:
        """Return the result of a call that failed or was not made: this text, and exit code 1."""
        return cls(content=text, exit_code=1)


@attrs.frozen(kw_only=True)
class AgentResult:
    """The result of a run. `messages` is the whole conversation, `usage` that of the whole run.

    `verification_reports` are those that no checkpoint had before. Upstream: `AgentResult`.
    """

    text: str
    messages: tuple[Message, ...]
    usage: TokenUsage = attrs.field(factory=TokenUsage)
    tool_calls_count: int = 0
    verification_reports: tuple[VerificationReport, ...] = ()


def summarise(reports: Sequence[VerificationReport]) -> VerificationSummary:
    """Return the summary of several reports, for the event that ends a run."""
    statuses = {report.status for report in reports}
    checks = [check for report in reports for check in report.checks]
    required = [check for check in checks if check.required]
    if not all(isinstance(one, VerificationStatus) for one in statuses):
        statuses.add(VerificationStatus.NEEDS_REVIEW)  # a status of a newer release
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
