"""The agent memory of a live session in its store, tied to the life of the stored session.

Invariants: 1. a change after the session was deleted, by this process or another, is refused, and
the next session of the id does not find it; 2. where the store's memory is no `TiedMemoryStore`,
checking the session and making the change are two steps. A session that was never saved has a
memory all the same, which belongs to the next session of the id, like everything under that id.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Protocol, runtime_checkable

from a3s_store.agent_memory import (
    AgentMemoryStore,
    MemoryItem,
    MemoryStore,
    OwnedMemoryStore,
    TiedMemoryStore,
)
from a3s_store.agent_memory.session_stores import session_deleted
from a3s_store.core.protocol import SessionStore, conditional
from a3s_store.core.revision import Revision


@runtime_checkable
class RankedMemoryStore(MemoryStore, Protocol):
    """A `MemoryStore` that also finds items with only some of the words of a text."""

    async def search_ranked(self, query: str, limit: int) -> tuple[MemoryItem, ...]:
        """Return items that have any of these words, best matches first."""
        ...


class StoreOfSession(AgentMemoryStore, SessionStore, Protocol):
    """A store of sessions that keeps agent memory."""


class SessionMemory:
    """The `OwnedMemoryStore` of one live session in its store.

    Changes are tied to no life of the session until `bind` is called.
    """

    def __init__(
        self, store: StoreOfSession, session_id: str, memories: OwnedMemoryStore | None = None
    ) -> None:
        self._store = store
        self._memories = store.memories(session_id) if memories is None else memories
        self._revision: Callable[[], Revision | None] = lambda: None

    def __repr__(self) -> str:
        return f"<{type(self).__name__} over {self._memories!r}>"

    @classmethod
    def of(cls, store: StoreOfSession, session_id: str) -> SessionMemory:
        """Return the memory of a session, with `search_ranked` where the store can rank."""
        memories = store.memories(session_id)
        if isinstance(memories, RankedMemoryStore):
            return RankedSessionMemory(store, session_id, memories)
        return cls(store, session_id, memories)

    def bind(self, revision: Callable[[], Revision | None]) -> None:
        """Set the function that returns the revision last read or written, None before.

        The function raises SessionDeletedError once the deletion of the session is known.
        """
        self._revision = revision

    @property
    def owner(self) -> str:
        """See `OwnedMemoryStore.owner`."""
        return self._memories.owner

    # -- Changes ----------------------------------------------------------------------------------

    async def store(self, item: MemoryItem) -> None:
        """See `MemoryStore.store`. Raises SessionDeletedError, as every change does."""
        await (await self._tied()).store(item)

    async def store_all(self, items: Iterable[MemoryItem]) -> None:
        """See `OwnedMemoryStore.store_all`."""
        await (await self._tied()).store_all(items)

    async def delete(self, item_id: str) -> None:
        """See `MemoryStore.delete`."""
        await (await self._tied()).delete(item_id)

    async def clear(self) -> None:
        """See `MemoryStore.clear`."""
        await (await self._tied()).clear()

    async def _tied(self) -> OwnedMemoryStore:
        """Return the memory for one change. Raises SessionDeletedError."""
        revision = self._revision()
        if revision is None:
            return self._memories
        comparing = conditional(self._store)
        if isinstance(self._memories, TiedMemoryStore):
            return self._memories.of_session(None if comparing is None else revision.life)
        if comparing is not None:
            actual = await comparing.revision(self.owner)
            if revision.is_over(actual):
                raise session_deleted(self.owner, is_recreated=actual is not None)
        elif not await self._store.exists(self.owner):
            raise session_deleted(self.owner)
        return self._memories

    # -- Questions --------------------------------------------------------------------------------

    async def retrieve(self, item_id: str) -> MemoryItem | None:
        """See `MemoryStore.retrieve`."""
        return await self._memories.retrieve(item_id)

    async def search(self, query: str, limit: int) -> tuple[MemoryItem, ...]:
        """See `MemoryStore.search`."""
        return await self._memories.search(query, limit)

    async def search_by_tags(self, tags: Sequence[str], limit: int) -> tuple[MemoryItem, ...]:
        """See `MemoryStore.search_by_tags`."""
        return await self._memories.search_by_tags(tags, limit)

    async def get_recent(self, limit: int) -> tuple[MemoryItem, ...]:
        """See `MemoryStore.get_recent`."""
        return await self._memories.get_recent(limit)

    async def get_important(self, threshold: float, limit: int) -> tuple[MemoryItem, ...]:
        """See `MemoryStore.get_important`."""
        return await self._memories.get_important(threshold, limit)

    async def items(self) -> tuple[MemoryItem, ...]:
        """See `OwnedMemoryStore.items`."""
        return await self._memories.items()

    async def count(self) -> int:
        """See `MemoryStore.count`."""
        return await self._memories.count()


class RankedSessionMemory(SessionMemory):
    """The `SessionMemory` of a store that can rank: also a `RankedMemoryStore`."""

    async def search_ranked(self, query: str, limit: int) -> tuple[MemoryItem, ...]:
        """See `RankedMemoryStore.search_ranked`."""
        assert isinstance(self._memories, RankedMemoryStore), "`of` has checked it"
        return await self._memories.search_ranked(query, limit)
