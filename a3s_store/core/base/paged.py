"""The methods of `PagedStore`, over a port that a backend implements."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING

from a3s_store.core import arguments, listing
from a3s_store.core.base.store import BaseStore
from a3s_store.errors import UnsupportedError

if TYPE_CHECKING:
    from a3s_store.core.listing.conditions import Conditions
    from a3s_store.core.listing.paging import PageOfSessions
    from a3s_store.core.listing.values import Page, SessionFilter, SessionOrder, SessionSummary


class PagedMethods(BaseStore):
    """Implements `PagedStore` over the port below: it checks arguments."""

    # -- The port -----------------------------------------------------------------------------

    @abstractmethod
    async def _sessions(self, wanted: PageOfSessions) -> Page[SessionSummary]:
        """Return what `PageOfSessions.page` returns for all sessions, read at one moment."""

    @abstractmethod
    async def _count_sessions(self, where: Conditions) -> int:
        """Return the number of sessions for which the conditions hold."""

    # -- The methods --------------------------------------------------------------------------

    async def sessions(
        self,
        where: SessionFilter | None = None,
        *,
        order: SessionOrder = "updated",
        descending: bool = True,
        limit: int = 50,
        after: str | None = None,
    ) -> Page[SessionSummary]:
        """See `PagedStore.sessions`."""
        self._check_open("sessions")
        checked = self._conditions("sessions", where)
        arguments.check_choice("sessions", "order", order, listing.values.ORDERS)
        if type(descending) is not bool:
            raise arguments.refused("sessions", "descending", "is True or False")
        arguments.check_limit("sessions", limit)
        arguments.check_cursor("sessions", after)
        return await self._sessions(
            listing.paging.PageOfSessions(
                where=checked, order=order, descending=descending, limit=limit, after=after
            )
        )

    async def count_sessions(self, where: SessionFilter | None = None) -> int:
        """See `PagedStore.count_sessions`."""
        self._check_open("count_sessions")
        return await self._count_sessions(self._conditions("count_sessions", where))

    def _conditions(self, op: str, where: SessionFilter | None) -> Conditions:
        found = listing.conditions.conditions(where)
        if found.changed_after is not None and not self.capabilities().commit_log:
            raise no_log(op)
        return found


def no_log(op: str) -> UnsupportedError:
    """Return the error for `SessionFilter.changed_after` in a store without a commit log."""
    return UnsupportedError(
        "this store has no commit log, so it does not know what changed since",
        op=op,
        capability="commit_log",
    )
