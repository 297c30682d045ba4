"""Rules for review findings: their bounds, and the permitted changes of status. Pure functions.

Source: upstream's review store, by its documents and its runtime.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from a3s_store.errors import InvalidSnapshotError
from a3s_store.models import (
    FindingStatus,
    OpaqueSubject,
    ReviewFinding,
    TranscriptSubject,
)
from a3s_store.printable import short_repr
from a3s_store.wire import Model

MAX_FINDINGS: Final = 256
MAX_ID_BYTES: Final = 256
MAX_TEXT_BYTES: Final = 16 * 1024
# Accepted and waived are final.
MOVES: Final[Mapping[FindingStatus, frozenset[FindingStatus]]] = {
    FindingStatus.PENDING: frozenset({FindingStatus.ADDRESSED, FindingStatus.WAIVED}),
    FindingStatus.ADDRESSED: frozenset({FindingStatus.ACCEPTED, FindingStatus.PENDING}),
}
_IDS: Final[Mapping[type[Model], tuple[str, ...]]] = {
    ReviewFinding: (
        "finding_id",
        "session_id",
        "scenario_id",
        "category",
        "source_review_id",
        "addressed_by_run_id",
        "accepted_by_review_id",
    ),
    TranscriptSubject: ("turn_id", "run_id"),
    OpaqueSubject: ("kind",),
}
_TEXTS: Final[Mapping[type[Model], tuple[str, ...]]] = {
    ReviewFinding: (
        "claim",
        "evidence",
        "quote",
        "suggestion",
        "reopen_reason",
        "main_agent_reply",
    ),
    OpaqueSubject: ("uri",),
}


def may_move(before: ReviewFinding, after: ReviewFinding) -> bool:
    """Return whether one finding may become the other, by status and by time.

    The time must not fall. A finding that keeps its status may change only while it is pending.
    """
    if after.updated_at_ms < before.updated_at_ms or after.observed_at_ms != before.observed_at_ms:
        return False
    if after.status == before.status:
        return after == before or before.status == FindingStatus.PENDING
    return after.status in MOVES.get(before.status, frozenset())


def merged(ours: ReviewFinding, theirs: ReviewFinding) -> ReviewFinding:
    """Return the finding to store when two live sessions changed one.

    A final status of theirs is kept; otherwise ours is taken if theirs may become ours.
    """
    if theirs.status not in MOVES:
        return theirs
    if ours.status not in MOVES or may_move(theirs, ours):
        return ours
    return theirs


def check_findings(findings: Iterable[ReviewFinding]) -> None:
    """Check that upstream would read these findings.

    Raises:
        InvalidSnapshotError: there are more than 256; an id, a text or a time is out of bounds; a
            status lacks the id that it requires.
    """
    count = 0
    for finding in findings:
        count += 1
        what = _unfit(finding)
        if what is not None:
            raise InvalidSnapshotError(
                f"review finding {short_repr(finding.finding_id)}: {what}",
                hint="See a3s_store.core.review_findings for the bounds",
            )
    if count > MAX_FINDINGS:
        raise InvalidSnapshotError(
            f"{count} review findings, and {MAX_FINDINGS} is the limit",
            hint="Remove some that are accepted or waived",
        )


def _unfit(finding: ReviewFinding) -> str | None:
    """Return the fault of a finding; None without one."""
    for value in (finding, finding.subject):
        for name in _IDS.get(type(value), ()):
            if not _is_id(getattr(value, name)):
                return f"{name} is not a text of 1 to {MAX_ID_BYTES} bytes on one line"
        for name in _TEXTS.get(type(value), ()):
            if not _is_text(getattr(value, name)):
                return f"{name} is not a text of 1 to {MAX_TEXT_BYTES} bytes without NUL"
    if not 0 < finding.observed_at_ms <= finding.updated_at_ms:
        return "observed_at_ms is not above 0, or is later than updated_at_ms"
    if finding.status == FindingStatus.ADDRESSED and finding.addressed_by_run_id is None:
        return "its status is addressed, and addressed_by_run_id is missing"
    if finding.status == FindingStatus.ACCEPTED and finding.accepted_by_review_id is None:
        return "its status is accepted, and accepted_by_review_id is missing"
    subject = finding.subject
    if isinstance(subject, TranscriptSubject) and not _is_range(subject):
        return "char_start and char_end are no range: set both, the first below the second"
    return None


def _is_range(subject: TranscriptSubject) -> bool:
    start, end = subject.char_start, subject.char_end
    if start is None or end is None:
        return start is end
    return start < end


def _is_id(text: Any) -> bool:
    return text is None or (
        0 < len(text.encode()) <= MAX_ID_BYTES and not any(c in text for c in "\0\r\n")
    )


def _is_text(text: Any) -> bool:
    return text is None or (0 < len(text.encode()) <= MAX_TEXT_BYTES and "\0" not in text)
