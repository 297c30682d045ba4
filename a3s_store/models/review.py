"""Findings of reviews: the remarks of a reviewer about a reply, and their status."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, TypeAlias

from a3s_store.wire import U64, Model, USize, Value, field, model

if TYPE_CHECKING:
    from typing import Self, Unpack

    from a3s_store import _changes


class FindingStatus(enum.StrEnum):
    """Upstream: the status of a review finding."""

    PENDING = "pending"
    ADDRESSED = "addressed"
    ACCEPTED = "accepted"
    WAIVED = "waived"


class FindingSeverity(enum.StrEnum):
    """Upstream: the severity of a review finding."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"
    BLOCKER = "blocker"


@model(tag="transcript", camel=True)
class TranscriptSubject(Model):
    """A turn of the conversation, or a range of its characters."""

    turn_id: str
    run_id: str | None = field(default=None, write="omit")
    char_start: USize | None = field(default=None, write="omit")
    char_end: USize | None = field(default=None, write="omit")

    if TYPE_CHECKING:

        def evolve(self, **changes: Unpack[_changes.TranscriptSubjectChanges]) -> Self: ...


@model(tag="opaque", camel=True)
class OpaqueSubject(Model):
    """Any subject that the application identifies by a URI."""

    kind: str
    uri: str

    if TYPE_CHECKING:

        def evolve(self, **changes: Unpack[_changes.OpaqueSubjectChanges]) -> Self: ...


@model(opaque=True)
class UnknownSubject(Model):
    """A subject of a type that this release does not know, kept unchanged."""

    type: str
    body: Value

    if TYPE_CHECKING:

        def evolve(self, **changes: Unpack[_changes.UnknownSubjectChanges]) -> Self: ...


FindingSubject: TypeAlias = TranscriptSubject | OpaqueSubject | UnknownSubject


@model(camel=True)
class ReviewFinding(Model):
    """One finding of a review.

    `core/review_findings.py` has the permitted changes of `status`. `source_review_id` is the
    review that made the finding. Times are Unix milliseconds. Upstream: the findings of
    `session_review`.
    """

    schema: str = field(default="a3s.code.session-review-finding.v1")
    finding_id: str
    session_id: str
    scenario_id: str = field(default="reply transcript", read="def")
    status: FindingStatus
    severity: FindingSeverity
    category: str
    claim: str
    evidence: str
    quote: str | None = field(default=None, write="omit")
    suggestion: str | None = field(default=None, write="omit")
    subject: FindingSubject
    source_review_id: str
    addressed_by_run_id: str | None = field(default=None, write="omit")
    accepted_by_review_id: str | None = field(default=None, write="omit")
    reopen_reason: str | None = field(default=None, write="omit")
    main_agent_reply: str | None = field(default=None, write="omit")
    observed_at_ms: U64
    updated_at_ms: U64

    if TYPE_CHECKING:

        def evolve(self, **changes: Unpack[_changes.ReviewFindingChanges]) -> Self: ...
