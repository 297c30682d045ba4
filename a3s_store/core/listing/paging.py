"""Pages of rows that are all at hand: the reference for the stores that read only one page."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from operator import attrgetter
from typing import Final

import attrs

from a3s_store.core.listing.conditions import Conditions, Listed
from a3s_store.core.listing.cursors import PagedList, Place
from a3s_store.core.listing.values import Page, SessionOrder, SessionSummary

# The field of a row by which a list is ordered.
COLUMNS: Final[dict[SessionOrder, str]] = {
    "updated": "updated_at",
    "created": "created_at",
    "name": "name",
    "cost": "total_cost",
    "messages": "messages",
}


@attrs.frozen(kw_only=True)
class PageOfSessions:
    """One call of `sessions`, its arguments checked; `after` is a cursor of the page before.

    Methods with a `store_id` are given a text that no other store has, nor this one after its
    content was replaced.
    """

    where: Conditions
    order: SessionOrder
    descending: bool
    limit: int
    after: str | None

    def page(self, rows: Iterable[Listed], store_id: str) -> Page[SessionSummary]:
        """Return the page of these sessions, all that the store has. Raises as `start`."""
        place, after = self._place_of(), self.start(store_id)
        found = sorted(
            (one.summary for one in rows if self.where.hold(one)),
            key=place,
            reverse=self.descending,
        )
        if after is not None:
            found = [one for one in found if self._is_behind(place(one), after)]
        return self.cut(found, store_id)

    def start(self, store_id: str) -> Place | None:
        """Return the place after which the page begins; None: at the beginning.

        Raises:
            InvalidCursorError: the cursor is damaged, or of another list or store.
        """
        return None if self.after is None else self._list(store_id).place(self.after)

    def cut(self, found: Sequence[SessionSummary], store_id: str) -> Page[SessionSummary]:
        """Return the page of these rows in order, of which one more than `limit` may be given."""
        items = tuple(found[: self.limit])
        is_last = len(found) <= self.limit
        end = None if is_last else self._list(store_id).cursor(self._place_of()(items[-1]))
        return Page(items=items, next=end)

    def _list(self, store_id: str) -> PagedList:
        asked = attrs.astuple(self.where, recurse=False)
        return PagedList("sessions", self.order, self.descending, asked, store_id)

    def _place_of(self) -> Callable[[SessionSummary], Place]:
        column = attrgetter(COLUMNS[self.order])
        if self.order != "updated":
            return lambda one: (column(one), one.id)
        # Of those updated in the same second the one changed last is the newest.
        return lambda one: (column(one), one.id if one.sequence is None else one.sequence)

    def _is_behind(self, place: Place, after: Place) -> bool:
        return place < after if self.descending else place > after
