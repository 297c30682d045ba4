"""The search of `MemorySessionStore`, which looks at every message: the model for other stores."""

from __future__ import annotations

from collections.abc import Iterator

import attrs

from a3s_store.backends.memory.branches import Head
from a3s_store.backends.memory.entry import Entry
from a3s_store.backends.memory.listing_methods import MemoryListing
from a3s_store.core.base.searching import SearchMethods
from a3s_store.core.listing.values import Page
from a3s_store.core.search.paging import Found, PageOfHits
from a3s_store.core.search.values import SearchHit
from a3s_store.errors import during
from a3s_store.wire import encode


class MemorySearch(MemoryListing, SearchMethods):
    """Ranks hits by how often the words of the query occur."""

    async def _search(self, wanted: PageOfHits) -> Page[SearchHit]:
        with self._lock, during("search", ""):
            return wanted.page(self._found(wanted), self._log.store_id)

    def _found(self, wanted: PageOfHits) -> Iterator[Found]:
        for one in self._listed():
            if wanted.sessions.hold(one):
                summary = one.summary
                yield from _in_session(wanted, summary.id, summary.name, self._entry(summary.id))


def _in_session(wanted: PageOfHits, session_id: str, name: str, entry: Entry) -> Iterator[Found]:
    seen: set[int] = set()
    for generation, head in _conversations(entry, wanted.messages.in_all_branches):
        for found in _in_conversation(wanted, session_id, head):
            number = found.tie[0]
            if number not in seen:
                seen.add(number)
                yield attrs.evolve(found, session_name=name, generation=generation)


def _conversations(entry: Entry, in_all: bool) -> Iterator[tuple[int | None, Head]]:
    """Yield the current conversation, and those of older generations, the newest first."""
    yield None, entry.conversation.head
    if in_all:
        yield from reversed(entry.heads().items())


def _in_conversation(wanted: PageOfHits, session_id: str, head: Head) -> Iterator[Found]:
    conditions = wanted.messages
    stored = zip(head.messages(), head.times(), head.numbers(), strict=True)
    for seq, (message, at_ms, number) in enumerate(stored):
        if not conditions.is_at(message.role, at_ms):
            continue
        text = conditions.text_of(encode(message)["content"])
        if text is not None:
            is_newest = wanted.order == "newest"
            matches = text.snippet(conditions.query.phrases).matches
            yield Found(
                value=float(number if is_newest else matches),
                tie=(number, session_id, seq),
                session_name="",
                role=message.role,
                at_ms=at_ms,
                text=text,
                generation=None,
            )
