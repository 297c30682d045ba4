"""The method of `UsageStore`, over a port that a backend may implement."""

from __future__ import annotations

from typing import TYPE_CHECKING

from a3s_store.core.base.paged import no_log
from a3s_store.core.base.store import BaseStore

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from a3s_store.core.listing.values import SessionFilter
    from a3s_store.core.usage import Amounts, Key, UsageQuery, UsageRow


class UsageMethods(BaseStore):
    """Implements `UsageStore`: it checks arguments."""

    async def _usage(self, query: UsageQuery) -> tuple[UsageRow, ...]:
        """Return the sums; this one loads every session, each at another moment."""
        from a3s_store.core.listing.rows import listed
        from a3s_store.core.usage import calls_of, usage_rows

        found: list[tuple[Key, Amounts]] = []
        for session_id in await self._ids():
            session = (await self._fetch("usage", session_id, (), session=True)).session
            if session is not None:
                found += calls_of(query, session, listed(session, (), ()))
        return usage_rows(found)

    async def usage(
        self,
        *,
        by: Sequence[str] = ("day",),
        since: date | None = None,
        until: date | None = None,
        where: SessionFilter | None = None,
        tz: str | None = None,
        inherited: bool = False,
    ) -> tuple[UsageRow, ...]:
        """See `UsageStore.usage`."""
        from a3s_store.core.usage import usage_query

        self._check_open("usage")
        query = usage_query(by, where, since, until, tz, inherited)
        if query.where.changed_after is not None and not self.capabilities().commit_log:
            raise no_log("usage")
        return await self._usage(query)
