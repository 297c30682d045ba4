"""The search of `SqliteSessionStore`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from a3s_store.backends.sqlite import read, rows
from a3s_store.backends.sqlite.listing_methods import SessionLists
from a3s_store.core.base.searching import SearchMethods

if TYPE_CHECKING:
    from a3s_store.backends.sqlite.connection.work_connection import WorkConnection
    from a3s_store.core.listing.values import Page
    from a3s_store.core.search.paging import PageOfHits
    from a3s_store.core.search.values import SearchHit

# How far behind the index may be when it is searched, and how many steps a search waits for.
_BEHIND: Final = 512
_STEPS: Final = 8


class MessageSearch(SessionLists, SearchMethods):
    """Searches an index that is made when nothing is saved, and the messages that are not in it."""

    async def _search(self, wanted: PageOfHits) -> Page[SearchHit]:
        search_index = rows.search_index  # imported before the transaction, not inside it

        def is_behind(conn: WorkConnection) -> bool:
            return search_index.is_available(conn) and search_index.behind(conn) > _BEHIND

        for _ in range(_STEPS):
            if self._engine.writer is None or not await self._read_file("search", is_behind):
                break
            await self._change_index(search_index.step)
        found, is_broken = await self._read_file(
            "search", lambda conn: read.search.page(conn, wanted)
        )
        if is_broken and self._engine.writer is not None:
            await self._change_index(search_index.give_up)
        return found

    async def _change_index(self, change: Callable[[WorkConnection], object]) -> None:
        def apply(conn: WorkConnection, _: object) -> None:
            change(conn)

        # In a lane of its own: no save waits behind it.
        await self._engine.write("search", str(self._engine.settings.path), apply, "search\0")
