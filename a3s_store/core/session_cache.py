"""The session cache: values this process last saved or loaded, so that a save encodes only changes.

Values are frozen: the same object is the same value. A cached part is used only while its stored
digest, read inside the transaction, is the one it was cached with (decision D11). So whatever other
stores and processes write meanwhile, a stale entry costs time and never a wrong write.

Nothing is copied: the values are the very objects the application holds. They are bounded by their
bytes (`cache_weight`), and evicted by 2Q (`two_queues`), so that one session more than fit
does not evict all others.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from a3s_store.core.cache_weight import (
    VALUE_BYTES,
    Estimate,
    estimated_bytes,
    list_bytes,
    session_bytes,
)
from a3s_store.core.collections import SESSION_ROWS
from a3s_store.core.conversation import CachedConversation
from a3s_store.core.digests import ListDigest
from a3s_store.core.list_plan import RowDigest
from a3s_store.core.origins import Origins, TokenRecord
from a3s_store.core.two_queues import TwoQueues
from a3s_store.models import SessionData

# The most conversations cached of one session: its history and those of its last checkpoints.
_LINES: Final = 4
# The name of the session's own history among them; the id of a run is never empty.
HISTORY: Final = ""
_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})


class CacheEntry(NamedTuple):
    """One session as it was saved or loaded here, with the digest of each part in `parts`.

    `generation` is the last that updated the entry. `row_digests` has, for lists whose values have
    lists, the list digest and the digests of the values, where they are known. `alone` is a value
    that belongs to no session: the checkpoint of a workflow. `estimates` are those of the sizes of
    its lists, by name, as of when it was last put into a cache.
    """

    generation: int = 0
    session: SessionData | None = None
    alone: Any = None
    collections: Mapping[str, tuple[Any, ...]] = _NOTHING
    row_digests: Mapping[str, tuple[ListDigest, tuple[RowDigest, ...]]] = _NOTHING
    parts: Mapping[str, ListDigest] = _NOTHING
    conversations: Mapping[str, CachedConversation] = _NOTHING
    estimates: Mapping[str, Estimate] = _NOTHING

    def has(self, part: str, stored: Mapping[str, ListDigest]) -> bool:
        """Whether a part is cached with its stored digest."""
        if self.parts is stored:  # as after each save here
            return part in stored
        mine = self.parts.get(part)
        return mine is not None and mine == stored.get(part)

    def values(self, name: str, stored: Mapping[str, ListDigest]) -> tuple[Any, ...] | None:
        """Return the stored values of a list or collection; None when they are not cached."""
        if not self.has(name, stored):
            return None
        if name in self.collections:
            return self.collections[name]
        return getattr(self.session, name, None)

    def rows(self, name: str, stored: Mapping[str, ListDigest]) -> tuple[RowDigest, ...] | None:
        """Return the digests of the stored values of a list; None when they are not cached."""
        digest, rows = self.row_digests.get(name, (None, ()))
        # A list that was loaded and saved unchanged has none: its rows were not looked at.
        is_known = digest is not None and digest == stored.get(name) and len(rows) == digest.count
        return rows if is_known else None

    def with_conversation(self, name: str, line: CachedConversation) -> CacheEntry:
        """Return the entry with a conversation, in place of an earlier one of that name."""
        return self._replace(conversations=self.conversations_with(name, line))

    def conversations_with(
        self, name: str, line: CachedConversation
    ) -> Mapping[str, CachedConversation]:
        """Return the conversations of `with_conversation`."""
        lines = {key: item for key, item in self.conversations.items() if key != name}
        while len(lines) >= _LINES:
            del lines[next(key for key in lines if key != HISTORY)]
        lines[name] = line
        return lines

    def without_conversation(self, name: str) -> CacheEntry:
        """Return the entry without that conversation."""
        lines = {key: item for key, item in self.conversations.items() if key != name}
        return self._replace(conversations=lines)

    def without_messages(self) -> CacheEntry:
        """Return the entry without its conversations."""
        session = None if self.session is None else self.session.evolve(messages=())
        return self._replace(session=session, conversations={})

    def without_list(self, name: str) -> CacheEntry:
        """Return the entry without the list or collection of this name."""
        if name in self.collections:
            kept = {key: values for key, values in self.collections.items() if key != name}
            return self._replace(alone=None, collections=kept)
        parts = {key: digest for key, digest in self.parts.items() if key in self.collections}
        return self._replace(session=None, parts=parts)

    def messages_weight(self) -> int:
        """Return the bytes of the conversations."""
        # Conversations on one branch share their messages with the longest of them.
        longest: dict[int, CachedConversation] = {}
        for line in self.conversations.values():
            other = longest.setdefault(line.head.branch, line)
            if line.head.length > other.head.length:
                longest[line.head.branch] = line
        return sum(
            estimated_bytes(line.messages) if line.size is None else line.size
            for line in longest.values()
        )

    def lists_weight(self) -> tuple[dict[str, int], dict[str, Estimate]]:
        """Return the bytes of each list and collection, and the estimates they follow from."""
        lists = dict(self.collections)
        if self.session is not None:
            lists |= {name: getattr(self.session, name) for name in SESSION_ROWS.lists}
        sizes: dict[str, int] = {}
        estimates: dict[str, Estimate] = {}
        for name, values in lists.items():
            sizes[name], estimates[name] = list_bytes(name, values, self.estimates.get(name))
        return sizes, estimates


def _fitting(entry: CacheEntry, bound: int) -> tuple[CacheEntry, int]:
    """Return what is kept of an entry, and its weight, which is within the bound.

    An entry heavier than half the bound is kept without its messages, which are recognised by their
    origins; one that is heavier than the bound then, without its largest lists.
    """
    own = VALUE_BYTES * (1 + len(entry.parts))
    if entry.session is not None:
        own += session_bytes(entry.session)
    sizes, estimates = entry.lists_weight()
    entry = entry._replace(estimates=estimates)
    lists, messages = sum(sizes.values()), entry.messages_weight()
    if messages and own + lists + messages > bound // 2:
        entry, messages = entry.without_messages(), 0
    while sizes and own + lists > bound:
        largest = max(sizes, key=lambda name: sizes[name])
        entry, lists = entry.without_list(largest), lists - sizes.pop(largest)
    return entry, own + lists + messages


NO_ENTRY: Final = CacheEntry()


class SessionCache:
    """Entries of sessions, of `max_bytes` in all; used from several threads. 0 turns it off."""

    def __init__(self, max_bytes: int) -> None:
        self.origins = Origins()
        self._entries: TwoQueues[CacheEntry] = TwoQueues(max_bytes)
        self._lock = threading.Lock()

    @property
    def weight(self) -> int:
        """The bytes of all entries."""
        return self._entries.weight

    def get(self, key: str) -> CacheEntry:
        """Return the entry under a key; `NO_ENTRY` when there is none."""
        with self._lock:
            return self._entries.get(key) or NO_ENTRY

    def put(self, key: str, entry: CacheEntry) -> list[CacheEntry]:
        """Store an entry, or what the bound permits of it, and evict others.

        Return the evicted entries: to free the references to ten thousand messages takes a while,
        and the caller may have a better moment for it.
        """
        with self._lock:
            return self._put(key, entry)

    def update(self, key: str, change: Callable[[CacheEntry], CacheEntry]) -> None:
        """Replace the entry under a key by what `change` returns for it."""
        with self._lock:
            self._put(key, change(self._entries.get(key) or NO_ENTRY))

    def _put(self, key: str, entry: CacheEntry) -> list[CacheEntry]:
        bound = self._entries.bound
        if not bound:
            return []
        entry, weight = _fitting(entry, bound)
        return self._entries.put(key, entry, weight)

    def evict(self, key: str) -> list[CacheEntry]:
        """Remove the entry under a key, and return it if there was one."""
        with self._lock:
            return self._entries.drop(key)

    def clear(self) -> None:
        """Remove every entry, and what is known of the origins of messages."""
        with self._lock:
            self._entries.clear()
        self.origins.clear()


class CacheMark(NamedTuple):
    """The changes of a `CacheTransaction` at one moment."""

    updated: dict[str, CacheEntry | None]
    stored: int


class CacheTransaction:
    """Changes to the cache that later steps of one transaction see, applied when it commits."""

    def __init__(self, cache: SessionCache) -> None:
        self._cache = cache
        self._updated: dict[str, CacheEntry | None] = {}
        self._stored: list[tuple[CachedConversation, TokenRecord | None]] = []
        self.origins = cache.origins

    def get(self, key: str) -> CacheEntry:
        """Return the entry under a key, as of now in this transaction."""
        if key in self._updated:
            return self._updated[key] or NO_ENTRY
        return self._cache.get(key)

    def put(self, key: str, entry: CacheEntry) -> None:
        """Store an entry under a key."""
        self._updated[key] = entry

    def evict(self, key: str) -> None:
        """Remove the entry under a key."""
        self._updated[key] = None

    def stored(self, line: CachedConversation, base: TokenRecord | None) -> None:
        """Give origins to the messages of a conversation, once they are committed.

        `base` as in `Origins.assign`.
        """
        self._stored.append((line, base))

    def mark(self) -> object:
        """Return the changes so far, for `back_to`."""
        return CacheMark(dict(self._updated), len(self._stored))

    def back_to(self, mark: Any) -> None:
        """Undo the changes after the mark: they were rolled back."""
        self._updated = mark.updated
        del self._stored[mark.stored :]

    def committed(self) -> list[CacheEntry]:
        """Apply the changes to the cache; return the evicted entries, as `SessionCache.put`."""
        for line, base in self._stored:
            self.origins.assign(line.messages, line.head, line.chain_hash, line.size, base)
        gone: list[CacheEntry] = []
        for key, entry in self._updated.items():
            gone += self._cache.evict(key) if entry is None else self._cache.put(key, entry)
        self._updated, self._stored = {}, []
        return gone
