"""One search with its arguments checked, and pages of its hits: the reference for every store."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import attrs

from a3s_store.core.arguments import check_choice, refused, texts, unix_time
from a3s_store.core.listing.conditions import Conditions
from a3s_store.core.listing.cursors import PagedList, Place
from a3s_store.core.listing.values import Page
from a3s_store.core.search.queries import Query
from a3s_store.core.search.texts import SearchedText, searched
from a3s_store.core.search.values import BRANCHES, SearchFilter, SearchHit, SearchOrder
from a3s_store.printable import short_repr


@attrs.frozen
class Found:
    """A message that matches, in one conversation.

    `value` is what hits are ordered by, and `tie` what no two hits share: the number of the message
    in the order in which messages were stored, the session, and the position.
    """

    value: float
    tie: tuple[int, str, int]
    session_name: str
    role: str
    at_ms: int | None
    text: SearchedText
    generation: int | None

    @property
    def place(self) -> Place:
        """Where the hit is in the order, for cursors."""
        return self.value, [*self.tie]


@attrs.frozen(kw_only=True)
class MessageConditions:
    """Which messages match: a query, roles and times; and in which conversations they may be."""

    query: Query
    roles: tuple[str, ...] | None
    since_ms: int | None
    until_ms: int | None
    tools: bool
    in_all_branches: bool

    def is_at(self, role: str, at_ms: int | None) -> bool:
        """Return whether role and time are those asked for."""
        if self.roles is not None and role not in self.roles:
            return False
        if self.since_ms is None and self.until_ms is None:
            return True
        return (
            at_ms is not None
            and (self.since_ms is None or at_ms >= self.since_ms)
            and (self.until_ms is None or at_ms < self.until_ms)
        )

    def text_of(self, content: Any) -> SearchedText | None:
        """Return the texts of a message if the query holds for them, else None."""
        text = searched(content, tools=self.tools)
        return text if self.query.matches(text) else None


@attrs.frozen(kw_only=True)
class PageOfHits:
    """One call of `search`; `after` is a cursor of the page before."""

    sessions: Conditions
    messages: MessageConditions
    order: SearchOrder
    limit: int
    after: str | None

    def page(self, found: Iterable[Found], store_id: str) -> Page[SearchHit]:
        """Return the page of these hits, all that the store has. Raises as `start`."""
        after = self.start(store_id)
        ordered = sorted(found, key=lambda one: one.place, reverse=True)
        return self.cut([one for one in ordered if is_behind(one.place, after)], store_id)

    def start(self, store_id: str) -> Place | None:
        """Return the place after which the page begins; None: at the beginning.

        Raises:
            InvalidCursorError: the cursor is damaged, or of another search or store.
        """
        return None if self.after is None else self._list(store_id).place(self.after)

    def cut(
        self, found: Sequence[Found], store_id: str, *, rest: Place | None = None
    ) -> Page[SearchHit]:
        """Return the page of these hits in order, of which one more than `limit` may be given.

        `rest` is a place behind them up to which was looked, if there may be more behind it.
        """
        end = found[self.limit - 1].place if len(found) > self.limit else rest
        return Page(
            items=tuple(map(self._hit, found[: self.limit])),
            next=None if end is None else self._list(store_id).cursor(end),
        )

    def _hit(self, found: Found) -> SearchHit:
        _, session_id, seq = found.tie
        snippet = found.text.snippet(self.messages.query.phrases)
        score = found.value if self.order == "relevance" else 0.0
        return SearchHit(
            session_id=session_id,
            session_name=found.session_name,
            seq=seq,
            role=found.role,
            at_ms=found.at_ms,
            snippet=snippet.text,
            highlights=snippet.highlights,
            score=score,
            generation=found.generation,
        )

    def _list(self, store_id: str) -> PagedList:
        asked = [
            attrs.astuple(self.sessions, recurse=False),
            self.messages.query.expression,
            *attrs.astuple(self.messages, recurse=False)[1:],
        ]
        return PagedList("search", self.order, True, asked, store_id)


def is_behind(place: Place, after: Place | None) -> bool:
    """Return whether a place is behind another one, in the order of every search."""
    return after is None or (place[0], list(place[1])) < (after[0], list(after[1]))


def message_conditions(query: Query, where: Any) -> MessageConditions:
    """Return the conditions on messages of a filter, which may be one of sessions alone.

    Raises:
        InvalidArgumentError: a field has a wrong value; `argument` is its name.
    """
    where = where if isinstance(where, SearchFilter) else SearchFilter()
    if type(where.tools) is not bool:
        raise refused("search", "tools", "is True or False")
    check_choice("search", "branches", where.branches, BRANCHES)
    return MessageConditions(
        query=query,
        roles=texts("search", "role", where.role, or_one=True),
        since_ms=_milliseconds("since", where.since),
        until_ms=_milliseconds("until", where.until),
        tools=where.tools,
        in_all_branches=where.branches == "all",
    )


def _milliseconds(name: str, value: Any) -> int | None:
    if isinstance(value, datetime):
        return unix_time("search", name, value, 1000)
    if value is not None and (type(value) is not int or abs(value) > 2**52):
        raise refused("search", name, f"is a number of Unix seconds, not {short_repr(value)}")
    return None if value is None else value * 1000
