"""Agent memory in a store of sessions: the protocols, and the methods that backends share.

Memories belong to an *owner*: the id of a session, or any other id, of an agent for example.

Invariants: 1. `redact=` of the store is applied to an item before it is written; 2. deleting a
session removes the memories under its id, even if no session was saved; 3. no other operation on a
session changes them: they are part of no snapshot, digest, fork or export; 4. a change for a
session (`of_session`) is refused after that session was deleted.
"""

from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import Callable, Iterable
from typing import Generic, Protocol, Self, TypeAlias, TypeVar, runtime_checkable

from a3s_store.agent_memory.item import MemoryItem, redacted_for
from a3s_store.agent_memory.protocol import (
    InMemoryMemoryStore,
    MemoryStore,
    Rank,
    RankedSearches,
    Searchable,
)
from a3s_store.core.base.store import BaseStore
from a3s_store.core.clock import unix_ms
from a3s_store.core.collections import check_id
from a3s_store.errors import SessionDeletedError

S = TypeVar("S", bound=BaseStore)
# Changes the items of an owner: an ordered mapping by id.
Change: TypeAlias = Callable[[dict[str, MemoryItem]], object]


@runtime_checkable
class OwnedMemoryStore(MemoryStore, Protocol):
    """A `MemoryStore` of one owner in a store of sessions, usable while that store is open.

    All methods also raise the errors of the store: StoreClosedError, CorruptionError, DecodeError,
    StoreBusyError and others.
    """

    @property
    def owner(self) -> str:
        """The id of the owner."""

    async def store_all(self, items: Iterable[MemoryItem]) -> None:
        """Store many items, in their order: all of them, or none when this raises.

        Raises:
            EncodeError, InvalidIdError: as `store`.
        """

    async def items(self) -> tuple[MemoryItem, ...]:
        """Return all items, in the order in which they were first stored."""


@runtime_checkable
class TiedMemoryStore(OwnedMemoryStore, Protocol):
    """An `OwnedMemoryStore` with changes on the condition that the owner's session is stored."""

    def of_session(self, life: int | None = None) -> OwnedMemoryStore:
        """Return the same memories, which can be changed only while the session is stored.

        With `life` (see `Revision`; for stores with `conditional_writes`), a session that was
        deleted and created again since counts as deleted. Check and change are one transaction.
        After the deletion `store`, `store_all`, `delete` and `clear` raise SessionDeletedError and
        change nothing.
        """


@runtime_checkable
class AgentMemoryStore(Protocol):
    """A store of sessions that promises `agent_memory`, with the invariants of this module."""

    def memories(self, owner: str) -> OwnedMemoryStore:
        """Return the memories of an owner; there need not be any.

        Raises:
            InvalidIdError: the owner is not valid as an id.
        """

    async def memory_owners(self) -> tuple[str, ...]:
        """Return the owners of at least one item, sorted."""


class BaseMemoryMethods(BaseStore):
    """Implements `AgentMemoryStore` over the methods below, with checks, redaction and order."""

    # Unix seconds, for relevance.
    _clock: Callable[[], float] = time.time

    @abstractmethod
    async def _load_memories(self, op: str, owner: str) -> tuple[MemoryItem, ...]:
        """Return the items of an owner, in the order in which they were first stored."""

    @abstractmethod
    async def _change_memories(self, op: str, owner: str, change: Change) -> None:
        """Apply a change to the items of an owner, in one step."""

    async def _change_memories_of(
        self, op: str, owner: str, life: int | None, change: Change
    ) -> None:
        """Apply a change as `_change_memories`, if the session is stored: see `of_session`.

        A backend overrides this to check and change in one step. Raises SessionDeletedError.
        """
        if not await self._exists(owner):
            raise session_deleted(owner).locate(op, f"session {owner!r}")
        await self._change_memories(op, owner, change)

    @abstractmethod
    async def _memory_owners(self) -> Iterable[str]:
        """Return the owners of at least one item, in any order."""

    def _now_ms(self) -> int:
        # For ranking only, so a wrong clock fails no search.
        return unix_ms(self._clock())

    def memories(self, owner: str) -> OwnedMemoryStore:
        """See `AgentMemoryStore.memories`."""
        return _AllRead(self, check_id(owner, "memory owner"))

    async def memory_owners(self) -> tuple[str, ...]:
        """See `AgentMemoryStore.memory_owners`."""
        self._check_open("memory_owners")
        return tuple(sorted(await self._memory_owners()))


def session_deleted(session_id: str, *, is_recreated: bool = False) -> SessionDeletedError:
    """Return the error for a change for a session that was deleted."""
    return SessionDeletedError(
        "the session was deleted, and its agent memory with it",
        session_id=session_id,
        recreated=is_recreated,
        reason="deleted",
        expected=0,
        actual=0,
        hint="Nothing was written; save_as keeps the session under another id",
    )


class OwnedMemories(RankedSearches, Generic[S]):
    """The common part of the `TiedMemoryStore` of a store of sessions."""

    def __init__(self, store: S, owner: str, tie: tuple[int | None] | None = None) -> None:
        """Made by `memories` and `of_session`.

        `tie` has the life of the session that changes require; None: they require none.
        """
        self._store = store
        self._owner = owner
        self._tie = tie

    @property
    def owner(self) -> str:
        """See `OwnedMemoryStore.owner`."""
        return self._owner

    def of_session(self, life: int | None = None) -> Self:
        """See `TiedMemoryStore.of_session`."""
        return type(self)(self._store, self._owner, (life,))

    async def store(self, item: MemoryItem) -> None:
        """See `MemoryStore.store`. As durable as a save of a session."""
        await self._put("store a memory", (item,))

    async def store_all(self, items: Iterable[MemoryItem]) -> None:
        """See `OwnedMemoryStore.store_all`."""
        await self._put("store memories", tuple(items))

    @abstractmethod
    async def _put(self, op: str, items: tuple[MemoryItem, ...]) -> None:
        """Check, redact and store items: all of them or none."""


class _AllRead(OwnedMemories[BaseMemoryMethods]):
    """A `TiedMemoryStore` that loads all items of its owner in each call."""

    def __repr__(self) -> str:
        return f"<memories of {self._owner!r} in {self._store!r}>"

    async def _put(self, op: str, items: tuple[MemoryItem, ...]) -> None:
        store = self._store
        store._check_open(op)
        if items:
            where = f"memories of {self._owner!r}"
            made = redacted_for(
                self._owner, items, store._redactor, store._limits, op=op, where=where
            )
            await self._change(op, lambda found: found.update({item.id: item for item in made}))

    async def delete(self, item_id: str) -> None:
        """See `MemoryStore.delete`."""
        check_id(item_id, "memory id")
        await self._change("delete a memory", lambda found: found.pop(item_id, None))

    async def clear(self) -> None:
        """See `MemoryStore.clear`."""
        await self._change("clear memories", lambda found: found.clear())

    async def _change(self, op: str, change: Change) -> None:
        self._store._check_open(op)
        if self._tie is None:
            await self._store._change_memories(op, self._owner, change)
        else:
            await self._store._change_memories_of(op, self._owner, *self._tie, change)

    async def retrieve(self, item_id: str) -> MemoryItem | None:
        """See `MemoryStore.retrieve`."""
        check_id(item_id, "memory id")
        return await (await self._found("retrieve a memory")).retrieve(item_id)

    async def items(self) -> tuple[MemoryItem, ...]:
        """See `OwnedMemoryStore.items`."""
        return (await self._found("load memories")).items

    async def count(self) -> int:
        """See `MemoryStore.count`."""
        return await (await self._found("count memories")).count()

    async def _best(
        self, fits: Callable[[Searchable], bool], rank: Rank, limit: int
    ) -> tuple[MemoryItem, ...]:
        return await (await self._found("search memories"))._best(fits, rank, limit)

    def _now_ms(self) -> int:
        return self._store._now_ms()

    async def _found(self, op: str) -> InMemoryMemoryStore:
        self._store._check_open(op)
        items = await self._store._load_memories(op, self._owner)
        return InMemoryMemoryStore(items, clock=self._store._now_ms)
