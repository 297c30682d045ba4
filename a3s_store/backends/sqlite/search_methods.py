"""The search of `SqliteSessionStore`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from a3s_store.backends.sqlite import read, rows
from a3s_store.backends.sqlite.listing_methods import SessionLists
from a3s_store.core.base.searching import SearchMethods

if TYPE_CHECKING:
    from a3s_store.core.listing.values import Page
    from a3s_store.core.search.paging import PageOfHits
    from a3s_store.core.search.values import SearchHit


class MessageSearch(SessionLists, SearchMethods):
    """Searches an index that is made when nothing is saved, and the messages that are not in it."""

    async def _search(self, wanted: PageOfHits) -> Page[SearchHit]:
        index = rows.search_index.INDEX  # imported before the transaction, not inside it
        await self._catch_up(index)
        found, is_broken = await self._read_file(
            "search", lambda conn: read.search.page(conn, wanted)
        )
        if is_broken and self._engine.writer is not None:
            await self._change_index(index.give_up)
        return found
