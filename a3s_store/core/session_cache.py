"""The session cache: values this process last saved or loaded, so that a save encodes only changes.

Values are frozen: the same object is the same value. A cached part is used only while its stored
digest, read inside the transaction, is the one it was cached with (decision D11). So whatever other
stores and processes write meanwhile, a stale entry costs time and never a wrong write.

Nothing is copied: the values are the very objects the application holds. Entries are evicted once
`sessions` others were used since, or more than `values` values are cached.
"""

from __future__ import annotations

import collections
import threading
from collections.abc import Callable, Mapping
from typing import Any, Final

import attrs

from a3s_store.core.collections import SESSION_ROWS
from a3s_store.core.conversation import CachedConversation
from a3s_store.core.digests import ListDigest
from a3s_store.core.list_plan import RowDigest
from a3s_store.models import SessionData

# The most conversations cached of one session: its history and those of its last checkpoints.
_LINES: Final = 4
# The name of the session's own history among them; the id of a run is never empty.
HISTORY: Final = ""


@attrs.frozen(kw_only=True)
class CacheEntry:
    """One session as it was saved or loaded here, with the digest of each part in `parts`.

    `generation` is the last that updated the entry. `row_digests` has, for lists whose values have
    lists, the list digest and the digests of the values, where they are known. `alone` is a value
    that belongs to no session: the checkpoint of a workflow.
    """

    generation: int = 0
    session: SessionData | None = None
    alone: Any = None
    collections: Mapping[str, tuple[Any, ...]] = attrs.field(factory=dict)
    row_digests: Mapping[str, tuple[ListDigest, tuple[RowDigest, ...]]] = attrs.field(factory=dict)
    parts: Mapping[str, ListDigest] = attrs.field(factory=dict)
    conversations: Mapping[str, CachedConversation] = attrs.field(factory=dict)

    def has(self, part: str, stored: Mapping[str, ListDigest]) -> bool:
        """Whether a part is cached with its stored digest."""
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
        lines = {key: item for key, item in self.conversations.items() if key != name}
        while len(lines) >= _LINES:
            del lines[next(key for key in lines if key != HISTORY)]
        return attrs.evolve(self, conversations={**lines, name: line})

    def without_conversation(self, name: str) -> CacheEntry:
        """Return the entry without that conversation."""
        lines = {key: item for key, item in self.conversations.items() if key != name}
        return attrs.evolve(self, conversations=lines)

    def weight(self) -> int:
        """Return the number of values in the entry, plus one; a run with its events is one."""
        # Conversations on one branch share their messages with the longest of them.
        longest: dict[int, int] = {}
        for line in self.conversations.values():
            branch = line.head.branch
            longest[branch] = max(longest.get(branch, 0), line.head.length)
        lists = [*self.collections.values()]
        if self.session is not None:
            lists += [getattr(self.session, name) for name in SESSION_ROWS.lists]
        return 1 + sum(longest.values()) + sum(map(len, lists))


NO_ENTRY: Final = CacheEntry()


class SessionCache:
    """Entries of the sessions used last, within bounds; used from several threads."""

    def __init__(self, sessions: int, values: int) -> None:
        self._sessions = sessions
        self._values = values
        self._weight = 0
        self._entries: collections.OrderedDict[str, CacheEntry] = collections.OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: str) -> CacheEntry:
        """Return the entry under a key; `NO_ENTRY` when there is none."""
        with self._lock:
            entry = self._entries.get(key)
            if entry is None:
                return NO_ENTRY
            self._entries.move_to_end(key)
            return entry

    def put(self, key: str, entry: CacheEntry) -> list[CacheEntry]:
        """Store an entry and evict those used longest ago; one that is too large evicts none.

        Return the evicted entries: to free the references to ten thousand messages takes a while,
        and the caller may have a better moment for it.
        """
        with self._lock:
            return self._put(key, entry)

    def update(self, key: str, change: Callable[[CacheEntry], CacheEntry]) -> None:
        """Replace the entry under a key by what `change` returns for it."""
        with self._lock:
            self._put(key, change(self._entries.get(key, NO_ENTRY)))

    def _put(self, key: str, entry: CacheEntry) -> list[CacheEntry]:
        gone = self._drop(key)
        weight = entry.weight()
        if weight > self._values:
            return gone
        self._entries[key] = entry
        self._weight += weight
        while len(self._entries) > self._sessions or self._weight > self._values:
            gone += self._drop(next(iter(self._entries)))
        return gone

    def evict(self, key: str) -> list[CacheEntry]:
        """Remove the entry under a key, and return it if there was one."""
        with self._lock:
            return self._drop(key)

    def clear(self) -> None:
        """Remove every entry."""
        with self._lock:
            self._entries.clear()
            self._weight = 0

    def _drop(self, key: str) -> list[CacheEntry]:
        entry = self._entries.pop(key, None)
        if entry is None:
            return []
        self._weight -= entry.weight()
        return [entry]


class CacheTransaction:
    """Changes to the cache that later steps of one transaction see, applied when it commits."""

    def __init__(self, cache: SessionCache) -> None:
        self._cache = cache
        self._updated: dict[str, CacheEntry | None] = {}

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

    def mark(self) -> dict[str, CacheEntry | None]:
        """Return the changes so far, for `back_to`."""
        return dict(self._updated)

    def back_to(self, mark: dict[str, CacheEntry | None]) -> None:
        """Undo the changes after the mark: they were rolled back."""
        self._updated = mark

    def committed(self) -> list[CacheEntry]:
        """Apply the changes to the cache; return the evicted entries, as `SessionCache.put`."""
        gone: list[CacheEntry] = []
        for key, entry in self._updated.items():
            gone += self._cache.evict(key) if entry is None else self._cache.put(key, entry)
        self._updated = {}
        return gone
