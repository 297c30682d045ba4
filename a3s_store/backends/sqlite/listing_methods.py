"""The methods of `SqliteSessionStore` about all sessions: pages, usage, and what hosts keep."""

from __future__ import annotations

from typing import TYPE_CHECKING

from a3s_store.backends.sqlite import read, write
from a3s_store.backends.sqlite.deletion_methods import DeletionMethods
from a3s_store.core.base.host_data import HostDataMethods
from a3s_store.core.base.paged import PagedMethods
from a3s_store.core.base.usage import UsageMethods

if TYPE_CHECKING:
    from a3s_store.backends.sqlite.connection.work_connection import WorkConnection
    from a3s_store.core.base.host_data import Trashed
    from a3s_store.core.listing.conditions import Conditions
    from a3s_store.core.listing.paging import PageOfSessions
    from a3s_store.core.listing.values import Page, SessionSummary
    from a3s_store.core.usage import UsageQuery, UsageRow


class SessionLists(DeletionMethods, PagedMethods, HostDataMethods, UsageMethods):
    """Reads columns, and loads no session; hosts' data are beside the rows of a session's value."""

    async def summaries(self) -> tuple[SessionSummary, ...]:
        """Return a summary of every session that is not in the trash, those updated last first.

        `updated_at` counts seconds; within one, the session that changed last comes first.
        """
        self._check_open("summaries")
        return await self._read_file("summaries", read.session_lists.summaries)

    async def _sessions(self, wanted: PageOfSessions) -> Page[SessionSummary]:
        return await self._read_file("sessions", lambda conn: read.session_lists.page(conn, wanted))

    async def _count_sessions(self, where: Conditions) -> int:
        return await self._read_file(
            "count_sessions", lambda conn: read.session_lists.count(conn, where)
        )

    async def _usage(self, query: UsageQuery) -> tuple[UsageRow, ...]:
        return await self._read_file("usage", lambda conn: read.usage.usage(conn, query))

    async def _put_in_trash(self, session_id: str, *, trashed: bool) -> None:
        host_changes = write.host_changes  # imported before the transaction, not inside it

        def apply(conn: WorkConnection, _: object) -> None:
            host_changes.put_in_trash(conn, session_id, self._now_ms(), trashed=trashed)

        await self._write_session("trash" if trashed else "untrash", session_id, apply)

    async def _trash_of(self, older_than_ms: int) -> tuple[Trashed, ...]:
        latest = self._now_ms() - older_than_ms
        return await self._read_file(
            "empty_trash", lambda conn: read.session_lists.trash(conn, latest)
        )

    async def _delete_trashed(self, session_id: str, trashed_sequence: int) -> bool:
        host_changes = write.host_changes

        def below(conn: WorkConnection) -> list[str]:
            is_unchanged = host_changes.is_trashed_at(conn, session_id, trashed_sequence)
            return [session_id] if is_unchanged else []

        return await self._delete_all(session_id, None, below)
