"""The memory of one agent: long-term, short-term and working memory.

The long-term memory is a store with all items. The short-term memory has the last hundred items,
first in, first out. The working memory has ten items for the current task; when it is full, the
item of least relevance is dropped. Only the store outlasts the process. Upstream: `AgentMemory`
(runtime 8).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any, Final

import attrs

from a3s_store.agent_memory.item import MemoryItem, MemoryType, check_item
from a3s_store.agent_memory.protocol import MemoryStore, by_relevance, check_limit, ranked
from a3s_store.core.clean import Cleaner
from a3s_store.core.clock import Clock, system_clock
from a3s_store.errors import EncodeError

MAX_SHORT_TERM: Final = 100
MAX_WORKING: Final = 10


@attrs.frozen(kw_only=True)
class MemoryStats:
    """The number of items in each memory. Upstream: `MemoryStats`."""

    long_term_count: int
    short_term_count: int
    working_count: int


class AgentMemory:
    """An agent's memory over any `MemoryStore`, for use from one event loop.

    `clock` returns Unix milliseconds, for new items and for relevance.

    Raises:
        EncodeError: a limit is no number of items.
    """

    def __init__(
        self,
        store: MemoryStore,
        *,
        max_short_term: int = MAX_SHORT_TERM,
        max_working: int = MAX_WORKING,
        clock: Clock = system_clock,
    ) -> None:
        self._store = store
        self._clock = clock
        self._short_term: deque[MemoryItem] = deque(maxlen=check_limit(max_short_term))
        self._working: tuple[MemoryItem, ...] = ()
        self._max_working = check_limit(max_working)

    @property
    def store(self) -> MemoryStore:
        """The store of the long-term memory."""
        return self._store

    # -- Storing ----------------------------------------------------------------------------------

    async def remember(self, item: MemoryItem) -> None:
        """Add an item to the long-term and the short-term memory. Upstream: `remember`.

        Lone surrogates in its texts are replaced. When this raises an error of the store, the item
        is in neither memory.
        """
        item = Cleaner().model(item)
        await self._store.store(item)
        self._short_term.append(item)

    async def remember_success(self, prompt: str, tools: Sequence[str], result: str) -> MemoryItem:
        """Remember a prompt that succeeded, and return the item. Upstream: `remember_success`.

        Raises:
            EncodeError: an argument is no text.
        """
        _check_texts(prompt, result, *tools)
        return await self._remember_new(
            f"Success: {prompt}\nTools: {', '.join(tools)}\nResult: {result}",
            importance=0.8,
            tags=("success", "pattern"),
            memory_type=MemoryType.PROCEDURAL,
            metadata={"prompt": prompt, "tools": ",".join(tools)},
        )

    async def remember_failure(self, prompt: str, error: str, tools: Sequence[str]) -> MemoryItem:
        """Remember a prompt that failed, and return the item. Upstream: `remember_failure`.

        Its importance is higher than that of a success.

        Raises:
            EncodeError: an argument is no text.
        """
        _check_texts(prompt, error, *tools)
        return await self._remember_new(
            f"Failure: {prompt}\nError: {error}\nAttempted tools: {', '.join(tools)}",
            importance=0.9,
            tags=("failure", "avoid"),
            memory_type=MemoryType.EPISODIC,
            metadata={"prompt": prompt, "error": error},
        )

    async def _remember_new(self, content: str, **fields: Any) -> MemoryItem:
        item = MemoryItem.new(content, clock=self._clock, **fields)
        await self.remember(item)
        return item

    # -- Searching the long-term memory -----------------------------------------------------------

    async def recall_similar(self, prompt: str, limit: int) -> tuple[MemoryItem, ...]:
        """Return items with this text in their content. Upstream: `recall_similar`."""
        return await self._store.search(prompt, limit)

    async def recall_by_tags(self, tags: Sequence[str], limit: int) -> tuple[MemoryItem, ...]:
        """Return items with any of these tags. Upstream: `recall_by_tags`."""
        return await self._store.search_by_tags(tags, limit)

    async def get_recent(self, limit: int) -> tuple[MemoryItem, ...]:
        """Return the newest items. Upstream: `get_recent`."""
        return await self._store.get_recent(limit)

    # -- Short-term and working memory ------------------------------------------------------------

    @property
    def short_term(self) -> tuple[MemoryItem, ...]:
        """The last items that were added, the oldest first. Upstream: `get_short_term`."""
        return tuple(self._short_term)

    def clear_short_term(self) -> None:
        """Empty the short-term memory; the store is unchanged. Upstream: `clear_short_term`."""
        self._short_term.clear()

    @property
    def working(self) -> tuple[MemoryItem, ...]:
        """The items of the working memory. Upstream: `get_working`.

        They are in the order in which they were added; after an item was dropped, the most relevant
        comes first.
        """
        return self._working

    def add_to_working(self, item: MemoryItem) -> None:
        """Add an item to the working memory only; if it is full, drop the least relevant item.

        The dropped item may be the new one. Lone surrogates in its texts are replaced. Upstream:
        `add_to_working`.

        Raises:
            InvalidIdError, EncodeError: a store would refuse the item.
        """
        item = Cleaner().model(item)
        check_item(item)
        found = (*self._working, item)
        if len(found) > self._max_working:
            found = ranked(found, by_relevance(self._clock()), self._max_working)
        self._working = found

    def clear_working(self) -> None:
        """Empty the working memory. Upstream: `clear_working`."""
        self._working = ()

    async def stats(self) -> MemoryStats:
        """Return the number of items in each memory. Upstream: `stats`."""
        return MemoryStats(
            long_term_count=await self._store.count(),
            short_term_count=len(self._short_term),
            working_count=len(self._working),
        )


def _check_texts(*texts: object) -> None:
    for text in texts:
        if not isinstance(text, str):
            raise EncodeError(f"expected a string, found {type(text).__name__}", model="MemoryItem")
