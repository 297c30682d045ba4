"""An embedded store for whole AI agent sessions.

Three stores behind one async protocol, `SessionStore`: `SqliteSessionStore` (one file, real
transactions), `MemorySessionStore` and `FileSessionStore` (upstream's directories). A store of
your own is best made by subclassing `FamilyStore`. `a3s_store.session` is a session while its agent
runs, `a3s_store.memories` what it remembers beyond it. What is promised is what is named here, in
these two, `a3s_store.models`, `a3s_store.errors`, `a3s_store.interop` and `a3s_store.testing`.

The names below are imported when they are first used, so that `import a3s_store` costs nothing.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from a3s_store.base import FamilyStore
    from a3s_store.errors import StoreError
    from a3s_store.files import FileSessionStore
    from a3s_store.memory import MemorySessionStore
    from a3s_store.snapshot import SessionSnapshot
    from a3s_store.sqlite import SqliteSessionStore
    from a3s_store.sqlite.care.restore import restore
    from a3s_store.sqlite.salvage import salvage
    from a3s_store.store import (
        Capabilities,
        Generation,
        GenerationalStore,
        Health,
        Inventoried,
        Inventory,
        SessionStore,
        SessionSummary,
    )

__version__ = "0.1.0"

__all__ = [
    "Capabilities",
    "FamilyStore",
    "FileSessionStore",
    "Generation",
    "GenerationalStore",
    "Health",
    "Inventoried",
    "Inventory",
    "MemorySessionStore",
    "SessionSnapshot",
    "SessionStore",
    "SessionSummary",
    "SqliteSessionStore",
    "StoreError",
    "restore",
    "salvage",
]

_HOMES = {
    "Capabilities": "store",
    "FamilyStore": "base",
    "FileSessionStore": "files",
    "Generation": "store",
    "GenerationalStore": "store",
    "Health": "store",
    "Inventoried": "store",
    "Inventory": "store",
    "MemorySessionStore": "memory",
    "SessionSnapshot": "snapshot",
    "SessionStore": "store",
    "SessionSummary": "store",
    "SqliteSessionStore": "sqlite",
    "StoreError": "errors",
    "restore": "sqlite.care.restore",
    "salvage": "sqlite.salvage",
}


if not TYPE_CHECKING:  # a checker that saw it would believe in every name

    def __getattr__(name: str) -> Any:
        home = _HOMES.get(name)
        if home is None:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = getattr(importlib.import_module(f"{__name__}.{home}"), name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
