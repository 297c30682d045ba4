"""The methods that add to each collection. Generated from `core/collections.py`; do not edit.

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
    from a3s_store.core.list_pages import ListPage
    from a3s_store.models import (
        ReviewFinding,
        RunRecord,
        SubagentTaskSnapshot,
        ToolArtifact,
        TraceEvent,
        VerificationReport,
    )


class CollectionAppends(Protocol):
    """The methods of `AppendingStore` for each collection."""

    async def append_artifacts(
        self,
        session_id: str,
        values: Sequence[ToolArtifact],
        *,
        expected_generation: int | None = None,
        keep_last: int | None = None,
    ) -> int:
        """Add artifacts at the end; return the generation afterwards.

        With `keep_last` only the last ones are kept, in the same commit. The session need not
        exist. Without a change nothing is written.

        Raises:
            StaleGenerationError: the session is at another generation; nothing was written.
            EncodeError: as `save_artifacts`.
        """

    async def artifacts_page(
        self, session_id: str, *, start: int = 0, stop: int | None = None, last: int | None = None
    ) -> ListPage[ToolArtifact] | None:
        """Return some artifacts; None when they were never saved.

        Arguments as in `AppendingStore.messages`.
        """

    async def append_trace_events(
        self,
        session_id: str,
        values: Sequence[TraceEvent],
        *,
        expected_generation: int | None = None,
        keep_last: int | None = None,
    ) -> int:
        """Add trace events at the end; return the generation afterwards.

        With `keep_last` only the last ones are kept, in the same commit. The session need not
        exist. Without a change nothing is written.

        Raises:
            StaleGenerationError: the session is at another generation; nothing was written.
            EncodeError: as `save_trace_events`.
        """

    async def trace_events_page(
        self, session_id: str, *, start: int = 0, stop: int | None = None, last: int | None = None
    ) -> ListPage[TraceEvent] | None:
        """Return some trace events; None when they were never saved.

        Arguments as in `AppendingStore.messages`.
        """

    async def append_run_records(
        self,
        session_id: str,
        values: Sequence[RunRecord],
        *,
        expected_generation: int | None = None,
        keep_last: int | None = None,
    ) -> int:
        """Add run records at the end; return the generation afterwards.

        With `keep_last` only the last ones are kept, in the same commit. The session need not
        exist. Without a change nothing is written.

        Raises:
            StaleGenerationError: the session is at another generation; nothing was written.
            EncodeError: as `save_run_records`.
        """

    async def run_records_page(
        self, session_id: str, *, start: int = 0, stop: int | None = None, last: int | None = None
    ) -> ListPage[RunRecord] | None:
        """Return some run records; None when they were never saved.

        Arguments as in `AppendingStore.messages`.
        """

    async def append_verification_reports(
        self,
        session_id: str,
        values: Sequence[VerificationReport],
        *,
        expected_generation: int | None = None,
        keep_last: int | None = None,
    ) -> int:
        """Add verification reports at the end; return the generation afterwards.

        With `keep_last` only the last ones are kept, in the same commit. The session need not
        exist. Without a change nothing is written.

        Raises:
            StaleGenerationError: the session is at another generation; nothing was written.
            EncodeError: as `save_verification_reports`.
        """

    async def verification_reports_page(
        self, session_id: str, *, start: int = 0, stop: int | None = None, last: int | None = None
    ) -> ListPage[VerificationReport] | None:
        """Return some verification reports; None when they were never saved.

        Arguments as in `AppendingStore.messages`.
        """

    async def append_subagent_tasks(
        self,
        session_id: str,
        values: Sequence[SubagentTaskSnapshot],
        *,
        expected_generation: int | None = None,
        keep_last: int | None = None,
    ) -> int:
        """Add subagent tasks at the end; return the generation afterwards.

        With `keep_last` only the last ones are kept, in the same commit. The session need not
        exist. Without a change nothing is written.

        Raises:
            StaleGenerationError: the session is at another generation; nothing was written.
            EncodeError: as `save_subagent_tasks`.
        """

    async def subagent_tasks_page(
        self, session_id: str, *, start: int = 0, stop: int | None = None, last: int | None = None
    ) -> ListPage[SubagentTaskSnapshot] | None:
        """Return some subagent tasks; None when they were never saved.

        Arguments as in `AppendingStore.messages`.
        """

    async def append_review_findings(
        self,
        session_id: str,
        values: Sequence[ReviewFinding],
        *,
        expected_generation: int | None = None,
        keep_last: int | None = None,
    ) -> int:
        """Add review findings at the end; return the generation afterwards.

        With `keep_last` only the last ones are kept, in the same commit. The session need not
        exist. Without a change nothing is written.

        Raises:
            StaleGenerationError: the session is at another generation; nothing was written.
            EncodeError: as `save_review_findings`.
        """

    async def review_findings_page(
        self, session_id: str, *, start: int = 0, stop: int | None = None, last: int | None = None
    ) -> ListPage[ReviewFinding] | None:
        """Return some review findings; None when they were never saved.

        Arguments as in `AppendingStore.messages`.
        """


class CollectionAppendMethods(ABC):
    """The methods of `AppendMethods` for each collection."""

    @abstractmethod
    async def _append_collection(
        self,
        collection: Collection,
        session_id: str,
        values: Sequence[Any],
        expected_generation: int | None,
        keep_last: int | None,
    ) -> int:
        """Add values to a collection; return the generation afterwards."""

    @abstractmethod
    async def _collection_page(
        self,
        collection: Collection,
        session_id: str,
        start: int,
        stop: int | None,
        last: int | None,
    ) -> ListPage[Any] | None:
        """Return some values of a collection."""

    async def append_artifacts(
        self,
        session_id: str,
        values: Sequence[ToolArtifact],
        *,
        expected_generation: int | None = None,
        keep_last: int | None = None,
    ) -> int:
        """See `AppendingStore.append_artifacts`."""
        return await self._append_collection(
            ARTIFACTS, session_id, values, expected_generation, keep_last
        )

    async def artifacts_page(
        self, session_id: str, *, start: int = 0, stop: int | None = None, last: int | None = None
    ) -> ListPage[ToolArtifact] | None:
        """See `AppendingStore.artifacts_page`."""
        return await self._collection_page(ARTIFACTS, session_id, start, stop, last)

    async def append_trace_events(
        self,
        session_id: str,
        values: Sequence[TraceEvent],
        *,
        expected_generation: int | None = None,
        keep_last: int | None = None,
    ) -> int:
        """See `AppendingStore.append_trace_events`."""
        return await self._append_collection(
            TRACE_EVENTS, session_id, values, expected_generation, keep_last
        )

    async def trace_events_page(
        self, session_id: str, *, start: int = 0, stop: int | None = None, last: int | None = None
    ) -> ListPage[TraceEvent] | None:
        """See `AppendingStore.trace_events_page`."""
        return await self._collection_page(TRACE_EVENTS, session_id, start, stop, last)

    async def append_run_records(
        self,
        session_id: str,
        values: Sequence[RunRecord],
        *,
        expected_generation: int | None = None,
        keep_last: int | None = None,
    ) -> int:
        """See `AppendingStore.append_run_records`."""
        return await self._append_collection(
            RUN_RECORDS, session_id, values, expected_generation, keep_last
        )

    async def run_records_page(
        self, session_id: str, *, start: int = 0, stop: int | None = None, last: int | None = None
    ) -> ListPage[RunRecord] | None:
        """See `AppendingStore.run_records_page`."""
        return await self._collection_page(RUN_RECORDS, session_id, start, stop, last)

    async def append_verification_reports(
        self,
        session_id: str,
        values: Sequence[VerificationReport],
        *,
        expected_generation: int | None = None,
        keep_last: int | None = None,
    ) -> int:
        """See `AppendingStore.append_verification_reports`."""
        return await self._append_collection(
            VERIFICATION_REPORTS, session_id, values, expected_generation, keep_last
        )

    async def verification_reports_page(
        self, session_id: str, *, start: int = 0, stop: int | None = None, last: int | None = None
    ) -> ListPage[VerificationReport] | None:
        """See `AppendingStore.verification_reports_page`."""
        return await self._collection_page(VERIFICATION_REPORTS, session_id, start, stop, last)

    async def append_subagent_tasks(
        self,
        session_id: str,
        values: Sequence[SubagentTaskSnapshot],
        *,
        expected_generation: int | None = None,
        keep_last: int | None = None,
    ) -> int:
        """See `AppendingStore.append_subagent_tasks`."""
        return await self._append_collection(
            SUBAGENT_TASKS, session_id, values, expected_generation, keep_last
        )

    async def subagent_tasks_page(
        self, session_id: str, *, start: int = 0, stop: int | None = None, last: int | None = None
    ) -> ListPage[SubagentTaskSnapshot] | None:
        """See `AppendingStore.subagent_tasks_page`."""
        return await self._collection_page(SUBAGENT_TASKS, session_id, start, stop, last)

    async def append_review_findings(
        self,
        session_id: str,
        values: Sequence[ReviewFinding],
        *,
        expected_generation: int | None = None,
        keep_last: int | None = None,
    ) -> int:
        """See `AppendingStore.append_review_findings`."""
        return await self._append_collection(
            REVIEW_FINDINGS, session_id, values, expected_generation, keep_last
        )

    async def review_findings_page(
        self, session_id: str, *, start: int = 0, stop: int | None = None, last: int | None = None
    ) -> ListPage[ReviewFinding] | None:
        """See `AppendingStore.review_findings_page`."""
        return await self._collection_page(REVIEW_FINDINGS, session_id, start, stop, last)
