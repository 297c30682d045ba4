"""What an agent remembers beyond one conversation.

`item` is one thing remembered and how much it matters, `protocol` what stores such items and in
which order they are returned, `session_stores` the memories in a store of sessions, `json_lines`
upstream's file of them, `agent` the places an agent's memory has.
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
