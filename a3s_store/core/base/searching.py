"""The method of `SearchingStore`, over a port that a backend implements."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING

from a3s_store.core import arguments, search
from a3s_store.core.base.paged import PagedMethods

if TYPE_CHECKING:
    from a3s_store.core.listing.values import Page, SessionFilter
    from a3s_store.core.search.paging import PageOfHits
    from a3s_store.core.search.values import SearchHit, SearchOrder, SearchSyntax


class SearchMethods(PagedMethods):
    """Implements `SearchingStore` over the port below: it checks arguments."""

    # -- The port -----------------------------------------------------------------------------

    @abstractmethod
    async def _search(self, wanted: PageOfHits) -> Page[SearchHit]:
        """Return a page of the hits that `PageOfHits.page` would return for all messages."""

    # -- The method ---------------------------------------------------------------------------

    async def search(
        self,
        query: str,
        *,
        where: SessionFilter | None = None,
        order: SearchOrder = "relevance",
        limit: int = 20,
        after: str | None = None,
        syntax: SearchSyntax = "words",
    ) -> Page[SearchHit]:
        """See `SearchingStore.search`."""
        self._check_open("search")
        sessions = self._conditions("search", where)
        arguments.check_choice("search", "order", order, search.values.ORDERS)
        arguments.check_choice("search", "syntax", syntax, search.values.SYNTAXES)
        arguments.check_limit("search", limit)
        arguments.check_cursor("search", after)
        parsed = search.queries.parsed(query, syntax)
        return await self._search(
            search.paging.PageOfHits(
                sessions=sessions,
                messages=search.paging.message_conditions(parsed, where),
                order=order,
                limit=limit,
                after=after,
            )
        )
