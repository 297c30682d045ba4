"""The methods of `SqliteSessionStore` for agent memory.

`memories` imports the rest when it is called: most programs keep no agent memory.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from a3s_store.backends.sqlite.store_base import SqliteStoreBase
from a3s_store.core.collections import check_id

if TYPE_CHECKING:
    from a3s_store.backends.sqlite.agent_memory_store import SqliteMemoryStore

# The owners of at least one item.
_OWNERS: Final = "SELECT owner FROM agent_memory_total ORDER BY owner"


class MemoryMethods(SqliteStoreBase):
    """The methods of `AgentMemoryStore`."""

    def memories(self, owner: str) -> SqliteMemoryStore:
        """See `AgentMemoryStore.memories`; `erase` removes those of a session too."""
        from a3s_store.backends.sqlite.agent_memory_store import SqliteMemoryStore

        return SqliteMemoryStore(self, check_id(owner, "memory owner"))

    async def memory_owners(self) -> tuple[str, ...]:
        """See `AgentMemoryStore.memory_owners`."""
        self._check_open("memory_owners")
        return await self._read_file(
            "memory_owners",
            lambda conn: tuple(owner for (owner,) in conn.execute(_OWNERS).fetchall()),
        )
