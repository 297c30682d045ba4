"""The methods of `SqliteSessionStore` for the commit log: the port of `CommitLogMethods`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from a3s_store.backends.sqlite import rows
from a3s_store.backends.sqlite.store_base import SqliteStoreBase
from a3s_store.core.base.commit_log import CommitLogMethods

if TYPE_CHECKING:
    from a3s_store.core.commit_log import CommitPage, LogPosition


class CommitLogReads(SqliteStoreBase, CommitLogMethods):
    """Reads the rows of the log on the engine."""

    async def _commits(
        self, after: int | LogPosition, limit: int, subjects: frozenset[str] | None
    ) -> CommitPage:
        return await self._read_file(
            "commits", lambda conn: rows.commit_log.page(conn, after, limit, subjects)
        )

    async def _latest_sequence(self) -> int:
        return await self._read_file("latest_sequence", rows.commit_log.latest)

    async def _commit_after(self, sequence: int) -> None:
        await self._engine.wait_for_commit(sequence)
