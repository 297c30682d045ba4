"""What one agent remembers: all of it for long, the last hundred at hand, ten in use.

Three places. The store keeps everything; the short term is the last items remembered, first in,
first out; the working list is what the task at hand needs, and once it is full what matters least
leaves it. Only the store outlasts the process. Upstream: `AgentMemory` (runtime 8).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Final

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
    """How many items are in each place. Upstream: `MemoryStats`."""

    long_term_count: int
    short_term_count: int
    working_count: int


class AgentMemory:
    """An agent's memory over any `MemoryStore`. To be used from one event loop.

    `clock` gives Unix milliseconds, for the items it makes and for what matters when it trims.
    Raises EncodeError for a limit that is no number of items.
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
        """What keeps everything."""
        return self._store

    # -- Remembering ------------------------------------------------------------------------------

    async def remember(self, item: MemoryItem) -> None:
        """Keep an item for long, and at hand. Raises what the store raises; then it is in neither.

        Texts of it that cannot be written are cleaned. Upstream: `remember`.
        """
        item = Cleaner().model(item)
        await self._store.store(item)
        self._short_term.append(item)

    async def remember_success(self, prompt: str, tools: Sequence[str], result: str) -> MemoryItem:
        """Keep what worked; answers the item. Upstream: `remember_success`.

        Raises EncodeError for what is no text.
        """
        _check_texts(prompt, result, *tools)
        item = MemoryItem.new(
            f"Success: {prompt}\nTools: {', '.join(tools)}\nResult: {result}",
            importance=0.8,
            tags=("success", "pattern"),
            memory_type=MemoryType.PROCEDURAL,
            metadata={"prompt": prompt, "tools": ",".join(tools)},
            clock=self._clock,
        )
        await self.remember(item)
        return item

    async def remember_failure(self, prompt: str, error: str, tools: Sequence[str]) -> MemoryItem:
        """Keep what did not work, and what was tried; answers the item.

        It matters more than a success. Raises EncodeError for what is no text. Upstream:
        `remember_failure`.
        """
        _check_texts(prompt, error, *tools)
        item = MemoryItem.new(
            f"Failure: {prompt}\nError: {error}\nAttempted tools: {', '.join(tools)}",
            importance=0.9,
            tags=("failure", "avoid"),
            memory_type=MemoryType.EPISODIC,
            metadata={"prompt": prompt, "error": error},
            clock=self._clock,
        )
        await self.remember(item)
        return item

    # -- Recalling --------------------------------------------------------------------------------

    async def recall_similar(self, prompt: str, limit: int) -> tuple[MemoryItem, ...]:
        """What is kept for long and has this text in it. Upstream: `recall_similar`."""
        return await self._store.search(prompt, limit)

    async def recall_by_tags(self, tags: Sequence[str], limit: int) -> tuple[MemoryItem, ...]:
        """What is kept for long under any of these tags. Upstream: `recall_by_tags`."""
        return await self._store.search_by_tags(tags, limit)

    async def get_recent(self, limit: int) -> tuple[MemoryItem, ...]:
        """The newest of what is kept for long. Upstream: `get_recent`."""
        return await self._store.get_recent(limit)

    # -- At hand, and in use ----------------------------------------------------------------------

    @property
    def short_term(self) -> tuple[MemoryItem, ...]:
        """The last items remembered, oldest first. Upstream: `get_short_term`."""
        return tuple(self._short_term)

    def clear_short_term(self) -> None:
        """Forget what is at hand; the store keeps it. Upstream: `clear_short_term`."""
        self._short_term.clear()

    @property
    def working(self) -> tuple[MemoryItem, ...]:
        """What is in use: as added until something had to leave, then what matters most first.

        Upstream: `get_working`.
        """
        return self._working

    def add_to_working(self, item: MemoryItem) -> None:
        """Put an item in use; when there are too many, what matters least now leaves.

        That may be the new one. It is not stored. Its texts are cleaned if need be. Upstream:
        `add_to_working`.

        Raises:
            InvalidIdError, EncodeError: it is no item a store would take.
        """
        item = Cleaner().model(item)
        check_item(item)
        found = (*self._working, item)
        if len(found) > self._max_working:
            found = ranked(found, by_relevance(self._clock()), self._max_working)
        self._working = found

    def clear_working(self) -> None:
        """Take everything out of use. Upstream: `clear_working`."""
        self._working = ()

    async def stats(self) -> MemoryStats:
        """How much is remembered. Upstream: `stats`."""
        return MemoryStats(
            long_term_count=await self._store.count(),
            short_term_count=len(self._short_term),
            working_count=len(self._working),
        )


def _check_texts(*texts: object) -> None:
    for text in texts:
        if not isinstance(text, str):
            raise EncodeError(f"expected a string, found {type(text).__name__}", model="MemoryItem")
