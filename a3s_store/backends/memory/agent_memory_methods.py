"""The methods of `MemorySessionStore` for agent memory: the port of `BaseMemoryMethods`."""

from __future__ import annotations

from collections.abc import Iterable

from a3s_store.agent_memory.item import MemoryItem
from a3s_store.agent_memory.session_stores import BaseMemoryMethods, Change, session_deleted
from a3s_store.backends.memory.state import MemoryState
from a3s_store.core.commit_log import CommitOp


class MemoriesOfOwners(MemoryState, BaseMemoryMethods):
    """Keeps the memories of each owner in a dict by their ids."""

    async def _load_memories(self, op: str, owner: str) -> tuple[MemoryItem, ...]:
        with self._lock:
            return tuple(self._memories.get(owner, {}).values())

    async def _change_memories(self, op: str, owner: str, change: Change) -> None:
        with self._lock:
            self._apply_to_memories(owner, change)

    async def _change_memories_of(
        self, op: str, owner: str, life: int | None, change: Change
    ) -> None:
        with self._lock:
            if self._of_life(owner, life).session is None:
                is_recreated = self._entry(owner).session is not None
                error = session_deleted(owner, is_recreated=is_recreated)
                raise error.locate(op, f"session {owner!r}")
            self._apply_to_memories(owner, change)

    def _apply_to_memories(self, owner: str, change: Change) -> None:
        now_ms = self._now_ms()
        items = self._memories.setdefault(owner, {})
        before = dict(items)
        change(items)
        if items != before:
            op: CommitOp = "delete" if len(items) < len(before) else "save"
            self._log.add("memory", owner, op, now_ms)
        if not items:
            del self._memories[owner]

    async def _memory_owners(self) -> Iterable[str]:
        with self._lock:
            return tuple(self._memories)
