"""What an agent remembers beyond one conversation.

`item` is one thing remembered and how much it matters, `store` what keeps such items and in which
order it answers, `jsonl` upstream's file of them, `agent` the places an agent's memory has. The
SQLite store keeps them too: `SqliteSessionStore.memories`.
"""

from a3s_store.agent_memory.agent import AgentMemory, MemoryStats
from a3s_store.agent_memory.item import MemoryItem, MemoryType, relevance
from a3s_store.agent_memory.json_lines import (
    JsonlMemoryStore,
    from_lines,
    read_items,
    to_lines,
    write_items,
)
from a3s_store.agent_memory.protocol import InMemoryMemoryStore, MemoryStore

__all__ = [
    "AgentMemory",
    "InMemoryMemoryStore",
    "JsonlMemoryStore",
    "MemoryItem",
    "MemoryStats",
    "MemoryStore",
    "MemoryType",
    "from_lines",
    "read_items",
    "relevance",
    "to_lines",
    "write_items",
]
