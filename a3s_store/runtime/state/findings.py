"""The review findings of a live session, and the changes of their status that are allowed.

To be used from one event loop.

Invariants: 1. the findings are sorted by id, and ids are unique; 2. a call that raises changes
nothing; 3. times of a finding never go back.

Upstream: the review store of a session.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from a3s_store.core.clock import Clock, clamped, system_clock
from a3s_store.core.review_findings import check_findings, may_move
from a3s_store.errors import InvalidSnapshotError, InvalidTransitionError
from a3s_store.models import FindingStatus, ReviewFinding
from a3s_store.runtime.state.cleaning import OnCleaned, ignore_cleaned, writable


class FindingCollection:
    """The review findings of one session."""

    def __init__(self, session_id: str, *, clock: Clock = system_clock) -> None:
        self._session_id = session_id
        self._clock = clamped(clock)
        self._findings: dict[str, ReviewFinding] = {}
        self._sorted: tuple[ReviewFinding, ...] | None = ()
        self.on_cleaned: OnCleaned = ignore_cleaned

    def __len__(self) -> int:
        return len(self._findings)

    def findings(self) -> tuple[ReviewFinding, ...]:
        """Return all findings, sorted by id."""
        if self._sorted is None:
            self._sorted = tuple(finding for _, finding in sorted(self._findings.items()))
        return self._sorted

    def get(self, finding_id: str) -> ReviewFinding | None:
        """Return the finding of this id, None when there is none."""
        return self._findings.get(finding_id)

    def pending(self, scenario_id: str | None = None) -> tuple[ReviewFinding, ...]:
        """Return the pending findings, of one scenario if given; an agent is shown these."""
        return tuple(
            finding
            for finding in self.findings()
            if finding.status == FindingStatus.PENDING
            and scenario_id in (None, finding.scenario_id)
        )

    def upsert(self, finding: ReviewFinding) -> None:
        """Add a pending finding, or replace the pending one of its id.

        Texts that cannot be written are cleaned.

        Raises:
            InvalidTransitionError: it is not pending, or the one of its id is not.
            InvalidSnapshotError: it belongs to another session, or is out of its bounds.
            EncodeError: it could not be saved.
        """
        finding = writable(finding, "finding", self.on_cleaned)
        if finding.session_id != self._session_id:
            raise InvalidSnapshotError(
                "the review finding belongs to another session",
                where=f"review finding {finding.finding_id!r} of session {self._session_id!r}",
                hint="Set its session_id",
            )
        before = self._findings.get(finding.finding_id)
        if finding.status != FindingStatus.PENDING:
            raise _refused(finding, "only a pending finding may be added")
        if before is not None and not may_move(before, finding):
            raise _refused(finding, f"it is {before.status} and cannot become pending by this")
        self._put(finding)

    def address(self, finding_id: str, run_id: str, reply: str | None = None) -> None:
        """Note that a run of the agent addressed a pending finding. Raises as `accept`."""
        self._move(
            finding_id,
            FindingStatus.ADDRESSED,
            addressed_by_run_id=run_id,
            main_agent_reply=reply,
            reopen_reason=None,
        )

    def accept(self, finding_id: str, review_id: str) -> None:
        """Note that a review accepted an addressed finding, which is final.

        Raises:
            InvalidTransitionError: there is no such finding, or it cannot become this.
            InvalidSnapshotError: an id or a text is out of its bounds.
        """
        self._move(finding_id, FindingStatus.ACCEPTED, accepted_by_review_id=review_id)

    def reopen(self, finding_id: str, reason: str) -> None:
        """Make an addressed finding pending again; its run and reply are cleared.

        Raises as `accept`.
        """
        self._move(
            finding_id,
            FindingStatus.PENDING,
            reopen_reason=reason,
            addressed_by_run_id=None,
            main_agent_reply=None,
        )

    def waive(self, finding_id: str) -> None:
        """Give a pending finding up, which is final. Raises as `accept`."""
        self._move(finding_id, FindingStatus.WAIVED)

    def _move(self, finding_id: str, status: FindingStatus, **changes: Any) -> None:
        before = self._findings.get(finding_id)
        if before is None:
            raise InvalidTransitionError(
                "there is no such review finding",
                op=f"make a finding {status}",
                where=f"session {self._session_id}",
                hint="`findings()` returns all findings",
            )
        now = max(self._clock(), before.updated_at_ms)
        after = before.evolve(status=status, updated_at_ms=now, **changes)
        if before.status == status or not may_move(before, after):
            raise _refused(before, f"it is {before.status} and cannot become {status}")
        self._put(writable(after, "finding", self.on_cleaned))

    def _put(self, finding: ReviewFinding) -> None:
        found = {**self._findings, finding.finding_id: finding}
        check_findings(found.values())
        self._findings, self._sorted = found, None

    def replace(self, findings: Iterable[ReviewFinding]) -> None:
        """Replace all findings by stored ones; of two with one id the later stays."""
        self._findings = {finding.finding_id: finding for finding in findings}
        self._sorted = None


def _refused(finding: ReviewFinding, what: str) -> InvalidTransitionError:
    return InvalidTransitionError(
        f"invalid transition: {what}",
        where=f"review finding {finding.finding_id!r} of session {finding.session_id!r}",
        hint="pending becomes addressed or waived, addressed becomes accepted or pending",
    )
