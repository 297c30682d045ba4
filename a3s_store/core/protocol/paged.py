"""The protocol of stores that promise `pages`: lists of sessions, a page at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

from a3s_store.core.protocol.session_store import SessionStore

if TYPE_CHECKING:
    from a3s_store.core.listing.values import Page, SessionFilter, SessionOrder, SessionSummary


@runtime_checkable
class PagedStore(SessionStore, Protocol):
    """A store that promises `pages`."""

    async def sessions(
        self,
        where: SessionFilter | None = None,
        *,
        order: SessionOrder = "updated",
        descending: bool = True,
        limit: int = 50,
        after: str | None = None,
    ) -> Page[SessionSummary]:
        """Return up to `limit` sessions in an order, from the beginning or after a cursor.

        `after` is `Page.next` of the page before, from a call with the same filter and order. While
        others write, a session whose place in the order stays the same is in exactly one page; one
        that is saved meanwhile may be missed or come twice, and `SessionFilter.changed_after` finds
        it afterwards. Cursors end with the file: a copy or a restored backup refuses them.

        "updated" is by `updated_at`, of equal ones by `sequence`; the others are by the value, then
        by id. Texts are compared by code point.

        Raises:
            InvalidArgumentError: an argument has a wrong value; `limit` is from 1 to 1000.
            InvalidCursorError: `after` is damaged, or of another filter, order or store.
            UnsupportedError: the filter asks for `changed_after`, and the store has no commit log.
        """

    async def count_sessions(self, where: SessionFilter | None = None) -> int:
        """Return the number of sessions that `sessions` has with this filter; raises as it does."""


def paged(store: SessionStore) -> PagedStore | None:
    """Return the store if it promises `pages`, else None."""
    if store.capabilities().pages and isinstance(store, PagedStore):
        return store
    return None
