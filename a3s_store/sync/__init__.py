"""The sync face: `SyncSessionStore`, whose methods block where those of the SQLite store are async.

`_generated` is made of the methods of `SqliteSessionStore`, `base` has what all its classes share,
`event_loop` is the thread that runs the async methods. docs/sync.md is for users.
"""

from a3s_store.sync._generated.store import SyncMemoryStore, SyncSessionStore

__all__ = ["SyncMemoryStore", "SyncSessionStore"]
