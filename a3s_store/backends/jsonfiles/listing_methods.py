"""The methods of `FileSessionStore` for pages of sessions: each reads all of them."""

from __future__ import annotations

import attrs

from a3s_store.backends.jsonfiles.store_base import FileStoreBase
from a3s_store.core.base.paged import PagedMethods
from a3s_store.core.listing.conditions import Conditions
from a3s_store.core.listing.paging import PageOfSessions
from a3s_store.core.listing.values import Page, SessionSummary


class FileListing(FileStoreBase, PagedMethods):
    """Every call takes time in proportion to the size of all sessions."""

    async def _sessions(self, wanted: PageOfSessions) -> Page[SessionSummary]:
        def page() -> Page[SessionSummary]:
            wanted.start(self._store_id)  # a refused cursor costs no reading
            rows, is_whole = self._directory.listed()
            return attrs.evolve(wanted.page(rows, self._store_id), partial=not is_whole)

        return await self._run("sessions", "sessions", page)

    async def _count_sessions(self, where: Conditions) -> int:
        def count() -> int:
            rows, _ = self._directory.listed()
            return sum(where.hold(one) for one in rows)

        return await self._run("count_sessions", "sessions", count)

    @property
    def _store_id(self) -> str:
        return str(self._directory.root)
