"""An embedded store for whole AI agent sessions.

Three stores behind one async protocol, `SessionStore`: `SqliteSessionStore` (one file, real
transactions), `MemorySessionStore` and `FileSessionStore` (upstream's directories). What is
promised is what is named here, in `a3s_store.models`, `a3s_store.errors`, `a3s_store.interop` and
`a3s_store.testing`.
"""

from a3s_store.errors import StoreError
from a3s_store.files import FileSessionStore
from a3s_store.memory import MemorySessionStore
from a3s_store.snapshot import SessionSnapshot
from a3s_store.sqlite import Generation, SqliteSessionStore
from a3s_store.store import Capabilities, Health, Inventory, SessionStore

__version__ = "0.1.0"

__all__ = [
    "Capabilities",
    "FileSessionStore",
    "Generation",
    "Health",
    "Inventory",
    "MemorySessionStore",
    "SessionSnapshot",
    "SessionStore",
    "SqliteSessionStore",
    "StoreError",
]
