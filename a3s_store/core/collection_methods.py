"""The methods of each collection. Generated from `core/collections.py`; do not edit.

`python -m tools.generate` writes this file, and `--check` compares it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

from a3s_store.core.collections import (
    ARTIFACTS,
    REVIEW_FINDINGS,
    RUN_RECORDS,
    SUBAGENT_TASKS,
    TRACE_EVENTS,
    VERIFICATION_REPORTS,
    Collection,
)

if TYPE_CHECKING:
    from a3s_store.models import (
        ReviewFinding,
        RunRecord,
        SubagentTaskSnapshot,
        ToolArtifact,
        TraceEvent,
        VerificationReport,
    )


class CollectionStore(Protocol):
    """The methods of `SessionStore` for each collection."""

    async def save_artifacts(self, session_id: str, values: Sequence[ToolArtifact]) -> None:
        """Store the artifacts in place of those stored before.

        The session need not exist. Nothing is evicted: limits are those of the live session.

        Raises:
            InvalidIdError: the id is not valid.
            EncodeError: the values are no list, or one breaks a rule of its model; nothing was
                written.
        """

    async def load_artifacts(self, session_id: str) -> tuple[ToolArtifact, ...] | None:
        """Return the artifacts in their order; None when they were never saved."""

    async def save_trace_events(self, session_id: str, values: Sequence[TraceEvent]) -> None:
        """Store the trace events in place of those stored before.

        The session need not exist. Nothing is evicted: limits are those of the live session.

        Raises:
            InvalidIdError: the id is not valid.
            EncodeError: the values are no list, or one breaks a rule of its model; nothing was
                written.
        """

    async def load_trace_events(self, session_id: str) -> tuple[TraceEvent, ...] | None:
        """Return the trace events in their order; None when they were never saved."""

    async def save_run_records(self, session_id: str, values: Sequence[RunRecord]) -> None:
        """Store the run records in place of those stored before.

        The session need not exist. Nothing is evicted: limits are those of the live session.

        Raises:
            InvalidIdError: the id is not valid.
            EncodeError: the values are no list, or one breaks a rule of its model; nothing was
                written.
        """

    async def load_run_records(self, session_id: str) -> tuple[RunRecord, ...] | None:
        """Return the run records in their order; None when they were never saved."""

    async def save_verification_reports(
        self, session_id: str, values: Sequence[VerificationReport]
    ) -> None:
        """Store the verification reports in place of those stored before.

        The session need not exist. Nothing is evicted: limits are those of the live session.

        Raises:
            InvalidIdError: the id is not valid.
            EncodeError: the values are no list, or one breaks a rule of its model; nothing was
                written.
        """

    async def load_verification_reports(
        self, session_id: str
    ) -> tuple[VerificationReport, ...] | None:
        """Return the verification reports in their order; None when they were never saved."""

    async def save_subagent_tasks(
        self, session_id: str, values: Sequence[SubagentTaskSnapshot]
    ) -> None:
        """Store the subagent tasks in place of those stored before.

        The session need not exist. Nothing is evicted: limits are those of the live session.

        Raises:
            InvalidIdError: the id is not valid.
            EncodeError: the values are no list, or one breaks a rule of its model; nothing was
                written.
        """

    async def load_subagent_tasks(self, session_id: str) -> tuple[SubagentTaskSnapshot, ...] | None:
        """Return the subagent tasks in their order; None when they were never saved."""

    async def save_review_findings(self, session_id: str, values: Sequence[ReviewFinding]) -> None:
        """Store the review findings in place of those stored before.

        The session need not exist. Nothing is evicted: limits are those of the live session.

        Raises:
            InvalidIdError: the id is not valid.
            EncodeError: the values are no list, or one breaks a rule of its model; nothing was
                written.
        """

    async def load_review_findings(self, session_id: str) -> tuple[ReviewFinding, ...] | None:
        """Return the review findings in their order; None when they were never saved."""


class CollectionMethods(ABC):
    """The methods of `BaseStore` for each collection."""

    @abstractmethod
    async def _save_collection(
        self, collection: Collection, session_id: str, values: Sequence[Any]
    ) -> None:
        """Store the values of a collection."""

    @abstractmethod
    async def _load_collection(
        self, collection: Collection, session_id: str
    ) -> tuple[Any, ...] | None:
        """Return the values of a collection."""

    async def save_artifacts(self, session_id: str, values: Sequence[ToolArtifact]) -> None:
        """See `SessionStore.save_artifacts`."""
        await self._save_collection(ARTIFACTS, session_id, values)

    async def load_artifacts(self, session_id: str) -> tuple[ToolArtifact, ...] | None:
        """See `SessionStore.load_artifacts`."""
        return await self._load_collection(ARTIFACTS, session_id)

    async def save_trace_events(self, session_id: str, values: Sequence[TraceEvent]) -> None:
        """See `SessionStore.save_trace_events`."""
        await self._save_collection(TRACE_EVENTS, session_id, values)

    async def load_trace_events(self, session_id: str) -> tuple[TraceEvent, ...] | None:
        """See `SessionStore.load_trace_events`."""
        return await self._load_collection(TRACE_EVENTS, session_id)

    async def save_run_records(self, session_id: str, values: Sequence[RunRecord]) -> None:
        """See `SessionStore.save_run_records`."""
        await self._save_collection(RUN_RECORDS, session_id, values)

    async def load_run_records(self, session_id: str) -> tuple[RunRecord, ...] | None:
        """See `SessionStore.load_run_records`."""
        return await self._load_collection(RUN_RECORDS, session_id)

    async def save_verification_reports(
        self, session_id: str, values: Sequence[VerificationReport]
    ) -> None:
        """See `SessionStore.save_verification_reports`."""
        await self._save_collection(VERIFICATION_REPORTS, session_id, values)

    async def load_verification_reports(
        self, session_id: str
    ) -> tuple[VerificationReport, ...] | None:
        """See `SessionStore.load_verification_reports`."""
        return await self._load_collection(VERIFICATION_REPORTS, session_id)

    async def save_subagent_tasks(
        self, session_id: str, values: Sequence[SubagentTaskSnapshot]
    ) -> None:
        """See `SessionStore.save_subagent_tasks`."""
        await self._save_collection(SUBAGENT_TASKS, session_id, values)

    async def load_subagent_tasks(self, session_id: str) -> tuple[SubagentTaskSnapshot, ...] | None:
        """See `SessionStore.load_subagent_tasks`."""
        return await self._load_collection(SUBAGENT_TASKS, session_id)

    async def save_review_findings(self, session_id: str, values: Sequence[ReviewFinding]) -> None:
        """See `SessionStore.save_review_findings`."""
        await self._save_collection(REVIEW_FINDINGS, session_id, values)

    async def load_review_findings(self, session_id: str) -> tuple[ReviewFinding, ...] | None:
        """See `SessionStore.load_review_findings`."""
        return await self._load_collection(REVIEW_FINDINGS, session_id)
