"""The store in memory, the reference for other backends.

`branches` has the conversations of all generations, `entry` everything under one session id, `runs`
the checkpoints of runs; `store` is the async store made of them.
"""

from a3s_store.backends.memory.store import MemorySessionStore

__all__ = ["MemorySessionStore"]
