"""Agent memory: items that an agent keeps across sessions, and the stores for them.

`item` has the item and its relevance, `protocol` the interface of stores and the order of results,
`session_stores` the memory in a store of sessions, `json_lines` upstream's file, `agent` the
long-term, short-term and working memory of an agent.
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
from a3s_store.agent_memory.session_stores import (
    AgentMemoryStore,
    OwnedMemoryStore,
    TiedMemoryStore,
)

__all__ = [
    "AgentMemory",
    "AgentMemoryStore",
    "InMemoryMemoryStore",
    "JsonlMemoryStore",
    "MemoryItem",
    "MemoryStats",
    "MemoryStore",
    "MemoryType",
    "OwnedMemoryStore",
    "TiedMemoryStore",
    "from_lines",
    "read_items",
    "relevance",
    "to_lines",
    "write_items",
]
