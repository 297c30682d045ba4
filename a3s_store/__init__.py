"""An embedded store for whole AI agent sessions.

Three stores have one async protocol, `SessionStore`: `SqliteSessionStore` (one file, real
transactions), `MemorySessionStore` and `FileSessionStore` (upstream's directories).
`SyncSessionStore` has the methods of the first one as blocking methods.
`a3s_store.stores` has the parts of a store of your own. `a3s_store.runtime` is a session while its
agent runs; `a3s_store.agent_memory` is the memory of an agent across sessions. Promised names are
those of this module, of `a3s_store.stores`, `a3s_store.runtime`, `a3s_store.agent_memory`,
`a3s_store.models`, `a3s_store.errors`, `a3s_store.pairs`, `a3s_store.interop` and
`a3s_store.testing`.

The names below are imported when they are first used, so that `import a3s_store` is fast.
"""

from typing import TYPE_CHECKING, Any

from a3s_store._deprecated import names_of
from a3s_store._forks import load as _load

if TYPE_CHECKING:
    from a3s_store.backends.jsonfiles import FileSessionStore
    from a3s_store.backends.memory import MemorySessionStore
    from a3s_store.backends.sqlite import SqliteSessionStore
    from a3s_store.backends.sqlite.maintenance.resolve import resolve
    from a3s_store.backends.sqlite.maintenance.restore import restore
    from a3s_store.backends.sqlite.salvage import salvage
    from a3s_store.connecting import connect
    from a3s_store.core.base.minimal import MinimalStore
    from a3s_store.core.base.queue_entries import QueueEntry, QueueEntryStore
    from a3s_store.core.base.store import BaseStore
    from a3s_store.core.branches import Branch
    from a3s_store.core.changes import Committed, RunCheckpoint, RunClaim, SessionChanges
    from a3s_store.core.clean import clean_json, clean_text
    from a3s_store.core.commit_log import Commit, CommitGap, CommitPage, LogPosition
    from a3s_store.core.drafts import Draft
    from a3s_store.core.host_data import HostData
    from a3s_store.core.list_pages import (
        Appended,
        ListPage,
        MessagePage,
        Positioned,
        RunEventPage,
    )
    from a3s_store.core.listing.values import Page, SessionFilter, SessionSummary
    from a3s_store.core.protocol import (
        AppendingStore,
        BranchStore,
        Capabilities,
        CommitLogStore,
        ConditionalStore,
        DraftStore,
        Generation,
        GenerationalStore,
        Health,
        HostDataStore,
        Inventoried,
        Inventory,
        PagedStore,
        RetentionStore,
        SearchingStore,
        SessionStore,
        Transaction,
        TransactionalStore,
        UsageStore,
        Watch,
        WatchableStore,
    )
    from a3s_store.core.protocol.streams import StreamStore
    from a3s_store.core.redaction.credential_names import CredentialNames
    from a3s_store.core.redaction.secret_redactor import SecretRedactor
    from a3s_store.core.reports import ImportReport
    from a3s_store.core.retention import RetentionPolicy
    from a3s_store.core.revision import Position, Revision, Versioned
    from a3s_store.core.search.values import SearchFilter, SearchHit
    from a3s_store.core.session_update import SessionHeader, SessionUpdate
    from a3s_store.core.snapshot import SessionSnapshot
    from a3s_store.core.streams.byte_artifacts import ByteArtifact
    from a3s_store.core.streams.handle import Stream
    from a3s_store.core.streams.recording import TransactionStream
    from a3s_store.core.streams.values import (
        Item,
        NewItem,
        StreamAppended,
        StreamInfo,
        StreamUpdate,
    )
    from a3s_store.core.turns import Turn
    from a3s_store.core.usage import UsageRow
    from a3s_store.errors import StoreError
    from a3s_store.sync import SyncMemoryStore, SyncSessionStore
    from a3s_store.wire.limits import Limits

__version__ = "0.1.0"

__all__ = [
    "Appended",
    "AppendingStore",
    "BaseStore",
    "Branch",
    "BranchStore",
    "ByteArtifact",
    "Capabilities",
    "Commit",
    "CommitGap",
    "CommitLogStore",
    "CommitPage",
    "Committed",
    "ConditionalStore",
    "CredentialNames",
    "Draft",
    "DraftStore",
    "FileSessionStore",
    "Generation",
    "GenerationalStore",
    "Health",
    "HostData",
    "HostDataStore",
    "ImportReport",
    "Inventoried",
    "Inventory",
    "Item",
    "Limits",
    "ListPage",
    "LogPosition",
    "MemorySessionStore",
    "MessagePage",
    "MinimalStore",
    "NewItem",
    "Page",
    "PagedStore",
    "Position",
    "Positioned",
    "QueueEntry",
    "QueueEntryStore",
    "RetentionPolicy",
    "RetentionStore",
    "Revision",
    "RunCheckpoint",
    "RunClaim",
    "RunEventPage",
    "SearchFilter",
    "SearchHit",
    "SearchingStore",
    "SecretRedactor",
    "SessionChanges",
    "SessionFilter",
    "SessionHeader",
    "SessionSnapshot",
    "SessionStore",
    "SessionSummary",
    "SessionUpdate",
    "SqliteSessionStore",
    "StoreError",
    "Stream",
    "StreamAppended",
    "StreamInfo",
    "StreamStore",
    "StreamUpdate",
    "SyncMemoryStore",
    "SyncSessionStore",
    "Transaction",
    "TransactionStream",
    "TransactionalStore",
    "Turn",
    "UsageRow",
    "UsageStore",
    "Versioned",
    "Watch",
    "WatchableStore",
    "clean_json",
    "clean_text",
    "connect",
    "resolve",
    "restore",
    "salvage",
]

_HOMES = {
    "Appended": "core.list_pages",
    "AppendingStore": "core.protocol",
    "BaseStore": "core.base.store",
    "Branch": "core.branches",
    "BranchStore": "core.protocol",
    "ByteArtifact": "core.streams.byte_artifacts",
    "Capabilities": "core.protocol",
    "Commit": "core.commit_log",
    "CommitGap": "core.commit_log",
    "CommitLogStore": "core.protocol",
    "CommitPage": "core.commit_log",
    "Committed": "core.changes",
    "ConditionalStore": "core.protocol",
    "CredentialNames": "core.redaction.credential_names",
    "Draft": "core.drafts",
    "DraftStore": "core.protocol",
    "FileSessionStore": "backends.jsonfiles",
    "Generation": "core.protocol",
    "GenerationalStore": "core.protocol",
    "Health": "core.protocol",
    "HostData": "core.host_data",
    "HostDataStore": "core.protocol",
    "ImportReport": "core.reports",
    "Inventoried": "core.protocol",
    "Inventory": "core.protocol",
    "Item": "core.streams.values",
    "Limits": "wire.limits",
    "ListPage": "core.list_pages",
    "LogPosition": "core.commit_log",
    "MemorySessionStore": "backends.memory",
    "MessagePage": "core.list_pages",
    "MinimalStore": "core.base.minimal",
    "NewItem": "core.streams.values",
    "Page": "core.listing.values",
    "PagedStore": "core.protocol",
    "Position": "core.revision",
    "Positioned": "core.list_pages",
    "QueueEntry": "core.base.queue_entries",
    "QueueEntryStore": "core.base.queue_entries",
    "RetentionPolicy": "core.retention",
    "RetentionStore": "core.protocol",
    "Revision": "core.revision",
    "RunCheckpoint": "core.changes",
    "RunClaim": "core.changes",
    "RunEventPage": "core.list_pages",
    "SearchFilter": "core.search.values",
    "SearchHit": "core.search.values",
    "SearchingStore": "core.protocol",
    "SecretRedactor": "core.redaction.secret_redactor",
    "SessionChanges": "core.changes",
    "SessionFilter": "core.listing.values",
    "SessionHeader": "core.session_update",
    "SessionSnapshot": "core.snapshot",
    "SessionStore": "core.protocol",
    "SessionSummary": "core.listing.values",
    "SessionUpdate": "core.session_update",
    "SqliteSessionStore": "backends.sqlite",
    "StoreError": "errors",
    "Transaction": "core.protocol",
    "TransactionalStore": "core.protocol",
    "SyncMemoryStore": "sync",
    "SyncSessionStore": "sync",
    "Stream": "core.streams.handle",
    "TransactionStream": "core.streams.recording",
    "StreamAppended": "core.streams.values",
    "StreamInfo": "core.streams.values",
    "StreamStore": "core.protocol.streams",
    "StreamUpdate": "core.streams.values",
    "Turn": "core.turns",
    "UsageRow": "core.usage",
    "UsageStore": "core.protocol",
    "Versioned": "core.revision",
    "Watch": "core.protocol",
    "WatchableStore": "core.protocol",
    "clean_json": "core.clean",
    "clean_text": "core.clean",
    "connect": "connecting",
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
        value = getattr(_load(f"{__name__}.{home}"), name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
