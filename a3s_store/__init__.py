"""An embedded store for whole AI agent sessions.

Three stores behind one async protocol, `SessionStore`: `SqliteSessionStore` (one file, real
transactions), `MemorySessionStore` and `FileSessionStore` (upstream's directories). What is
promised is what is named here.
"""

from a3s_store.errors import StoreError
from a3s_store.memory import MemorySessionStore
from a3s_store.snapshot import SessionSnapshot
from a3s_store.store import Capabilities, Health, SessionStore

__all__ = [
    "Capabilities",
    "Health",
    "MemorySessionStore",
    "SessionSnapshot",
    "SessionStore",
    "StoreError",
]
