"""The store in memory, with which other backends are compared.

`branches` keeps the conversations of all generations, `entry` everything under one session id,
`store` is the async store over them.
"""

from a3s_store.backends.memory.store import MemorySessionStore

__all__ = ["MemorySessionStore"]
