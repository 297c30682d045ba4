"""An embedded store for whole AI agent sessions.

Three stores have one async protocol, `SessionStore`: `SqliteSessionStore` (one file, real
transactions), `MemorySessionStore` and `FileSessionStore` (upstream's directories).
`a3s_store.stores` has the parts of a store of your own. `a3s_store.runtime` is a session while its
agent runs; `a3s_store.agent_memory` is the memory of an agent across sessions. Promised names are
those of this module, of `a3s_store.stores`, `a3s_store.runtime`, `a3s_store.agent_memory`,
`a3s_store.models`, `a3s_store.errors`, `a3s_store.pairs`, `a3s_store.interop` and
`a3s_store.testing`.

The names below are imported when they are first used, so that `import a3s_store` is fast.
"""

import importlib
from typing import TYPE_CHECKING, Any

from a3s_store._deprecated import names_of

if TYPE_CHECKING:
    from a3s_store.backends.jsonfiles import FileSessionStore
    from a3s_store.backends.memory import MemorySessionStore
    from a3s_store.backends.sqlite import SqliteSessionStore
    from a3s_store.backends.sqlite.maintenance.resolve import resolve
    from a3s_store.backends.sqlite.maintenance.restore import restore
    from a3s_store.backends.sqlite.salvage import salvage
    from a3s_store.core.base.minimal import MinimalStore
    from a3s_store.core.base.queue_entries import QueueEntry, QueueEntryStore
    from a3s_store.core.base.store import BaseStore
    from a3s_store.core.changes import Committed, RunCheckpoint, RunClaim, SessionChanges
    from a3s_store.core.clean import clean_json, clean_text
    from a3s_store.core.drafts import Draft
    from a3s_store.core.protocol import (
        Capabilities,
        ConditionalStore,
        DraftStore,
        Generation,
        GenerationalStore,
        Health,
        Inventoried,
        Inventory,
        SessionStore,
        SessionSummary,
    )
    from a3s_store.core.redaction.credential_names import CredentialNames
    from a3s_store.core.redaction.secret_redactor import SecretRedactor
    from a3s_store.core.revision import Position, Revision, Versioned
    from a3s_store.core.snapshot import SessionSnapshot
    from a3s_store.errors import StoreError
    from a3s_store.wire.limits import Limits

__version__ = "0.1.0"

__all__ = [
    "BaseStore",
    "Capabilities",
    "Committed",
    "ConditionalStore",
    "CredentialNames",
    "Draft",
    "DraftStore",
    "FileSessionStore",
    "Generation",
    "GenerationalStore",
    "Health",
    "Inventoried",
    "Inventory",
    "Limits",
    "MemorySessionStore",
    "MinimalStore",
    "Position",
    "QueueEntry",
    "QueueEntryStore",
    "Revision",
    "RunCheckpoint",
    "RunClaim",
    "SecretRedactor",
    "SessionChanges",
    "SessionSnapshot",
    "SessionStore",
    "SessionSummary",
    "SqliteSessionStore",
    "StoreError",
    "Versioned",
    "clean_json",
    "clean_text",
    "resolve",
    "restore",
    "salvage",
]

_HOMES = {
    "BaseStore": "core.base.store",
    "Capabilities": "core.protocol",
    "Committed": "core.changes",
    "ConditionalStore": "core.protocol",
    "CredentialNames": "core.redaction.credential_names",
    "Draft": "core.drafts",
    "DraftStore": "core.protocol",
    "FileSessionStore": "backends.jsonfiles",
    "Generation": "core.protocol",
    "GenerationalStore": "core.protocol",
    "Health": "core.protocol",
    "Inventoried": "core.protocol",
    "Inventory": "core.protocol",
    "Limits": "wire.limits",
    "MemorySessionStore": "backends.memory",
    "MinimalStore": "core.base.minimal",
    "Position": "core.revision",
    "QueueEntry": "core.base.queue_entries",
    "QueueEntryStore": "core.base.queue_entries",
    "Revision": "core.revision",
    "RunCheckpoint": "core.changes",
    "RunClaim": "core.changes",
    "SecretRedactor": "core.redaction.secret_redactor",
    "SessionChanges": "core.changes",
    "SessionSnapshot": "core.snapshot",
    "SessionStore": "core.protocol",
    "SessionSummary": "core.protocol",
    "SqliteSessionStore": "backends.sqlite",
    "StoreError": "errors",
    "Versioned": "core.revision",
    "clean_json": "core.clean",
    "clean_text": "core.clean",
    "resolve": "backends.sqlite.maintenance.resolve",
    "restore": "backends.sqlite.maintenance.restore",
    "salvage": "backends.sqlite.salvage",
}


_deprecated_names = names_of(__name__)

if not TYPE_CHECKING:  # with it, a type checker would accept every name

    def __getattr__(name: str) -> Any:
        home = _HOMES.get(name)
        if home is None:
            return _deprecated_names(name, stacklevel=3)
        value = getattr(importlib.import_module(f"{__name__}.{home}"), name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
