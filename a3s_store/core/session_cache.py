"""What this process last saved or loaded, so that only what changed is encoded (decision D11).

Values are frozen: the same object is the same value. What is remembered of a session is used only
for the parts whose digest on record is still the one they were remembered with, as read inside the
transaction. So whatever other stores and processes write meanwhile, a stale memory costs time and
never a wrong write.

Nothing is copied: the values are the very objects the application holds. They are let go once
`sessions` others were used since, or `values` values are exceeded.
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
from a3s_store.models import SessionData

# How many conversations are remembered of one session: its history and its checkpoints' last ones.
_LINES: Final = 4
# The name of the session's own history among them; a run's id is never empty.
HISTORY: Final = ""


@attrs.frozen(kw_only=True)
class CacheEntry:
    """One session as it was saved or loaded here; `parts` says what stood for each value kept.

    `generation` is the last that taught something. `alone` is what is no session's: a workflow's
    checkpoint.
    """

    generation: int = 0
    session: SessionData | None = None
    alone: Any = None
    collections: Mapping[str, tuple[Any, ...]] = attrs.field(factory=dict)
    parts: Mapping[str, ListDigest] = attrs.field(factory=dict)
    conversations: Mapping[str, CachedConversation] = attrs.field(factory=dict)

    def has(self, part: str, record: Mapping[str, ListDigest]) -> bool:
        """Whether a part is still what it was."""
        mine = self.parts.get(part)
        return mine is not None and mine == record.get(part)

    def values(self, name: str, record: Mapping[str, ListDigest]) -> tuple[Any, ...] | None:
        """The values of a list or shelf that are on record; None when they are not known."""
        if not self.has(name, record):
            return None
        if name in self.collections:
            return self.collections[name]
        return getattr(self.session, name, None)

    def with_line(self, name: str, line: CachedConversation) -> CacheEntry:
        """Knowing one more conversation, in place of the last one of that name."""
        lines = {key: item for key, item in self.conversations.items() if key != name}
        while len(lines) >= _LINES:
            del lines[next(key for key in lines if key != HISTORY)]
        return attrs.evolve(self, conversations={**lines, name: line})

    def without_line(self, name: str) -> CacheEntry:
        """Not knowing that conversation."""
        lines = {key: item for key, item in self.conversations.items() if key != name}
        return attrs.evolve(self, conversations=lines)

    def weight(self) -> int:
        """How many values are kept, and one; a run with its events counts as one, too."""
        # Of conversations on one branch each begins like the longest, with the same messages.
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
    """What is remembered of all sessions, within bounds; used from several threads."""

    def __init__(self, sessions: int, values: int) -> None:
        self._sessions = sessions
        self._values = values
        self._weight = 0
        self._known: collections.OrderedDict[str, CacheEntry] = collections.OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: str) -> CacheEntry:
        """What is known under a key; `NO_ENTRY` when nothing is."""
        with self._lock:
            known = self._known.get(key)
            if known is None:
                return NO_ENTRY
            self._known.move_to_end(key)
            return known

    def put(self, key: str, known: CacheEntry) -> list[CacheEntry]:
        """Remember, and let go of what was used longest ago; one too large takes none along.

        Answers what was let go of: to free the references to ten thousand messages takes a while,
        and the caller may have a better moment for it.
        """
        with self._lock:
            return self._put(key, known)

    def learn(self, key: str, learn: Callable[[CacheEntry], CacheEntry]) -> None:
        """Remember what `learn` makes of what is known under a key."""
        with self._lock:
            self._put(key, learn(self._known.get(key, NO_ENTRY)))

    def _put(self, key: str, known: CacheEntry) -> list[CacheEntry]:
        gone = self._drop(key)
        weight = known.weight()
        if weight > self._values:
            return gone
        self._known[key] = known
        self._weight += weight
        while len(self._known) > self._sessions or self._weight > self._values:
            gone += self._drop(next(iter(self._known)))
        return gone

    def forget(self, key: str) -> list[CacheEntry]:
        """Let go of what is known under a key, and answer that."""
        with self._lock:
            return self._drop(key)

    def _drop(self, key: str) -> list[CacheEntry]:
        known = self._known.pop(key, None)
        if known is None:
            return []
        self._weight -= known.weight()
        return [known]


class CacheTransaction:
    """What a transaction learns: seen by what follows in it, remembered once it is committed."""

    def __init__(self, cache: SessionCache) -> None:
        self._recall = cache
        self._learned: dict[str, CacheEntry | None] = {}

    def get(self, key: str) -> CacheEntry:
        """What is known under a key, as of now in this transaction."""
        if key in self._learned:
            return self._learned[key] or NO_ENTRY
        return self._recall.get(key)

    def put(self, key: str, known: CacheEntry) -> None:
        """Know this under a key from now on."""
        self._learned[key] = known

    def forget(self, key: str) -> None:
        """Know nothing under a key from now on."""
        self._learned[key] = None

    def mark(self) -> dict[str, CacheEntry | None]:
        """What was learned so far, for `back_to`."""
        return dict(self._learned)

    def back_to(self, mark: dict[str, CacheEntry | None]) -> None:
        """Unlearn what came after the mark: it was rolled back."""
        self._learned = mark

    def committed(self) -> list[CacheEntry]:
        """Remember what was learned; answers what was let go of, as `Recall.put`."""
        gone: list[CacheEntry] = []
        for key, known in self._learned.items():
            gone += self._recall.forget(key) if known is None else self._recall.put(key, known)
        self._learned = {}
        return gone
