"""The async protocols of stores: `SessionStore`, and one for each further capability.

Any class with these methods can be used as a store; `a3s_store.testing.conformance` tests whether
it keeps the rules written here. To write one, use `a3s_store.stores`: `BaseStore` has all the
methods and checks of arguments and leaves a dozen methods to write, `MinimalStore` leaves five.
docs/writing-a-store.md has both.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from a3s_store import _forks
from a3s_store.core.capabilities import Capabilities as Capabilities
from a3s_store.core.capabilities import Health as Health
from a3s_store.core.protocol.appending import AppendingStore as AppendingStore
from a3s_store.core.protocol.appending import appending as appending
from a3s_store.core.protocol.commit_log import CommitLogStore as CommitLogStore
from a3s_store.core.protocol.commit_log import Watch as Watch
from a3s_store.core.protocol.commit_log import WatchableStore as WatchableStore
from a3s_store.core.protocol.commit_log import watchable as watchable
from a3s_store.core.protocol.conditional import ConditionalStore as ConditionalStore
from a3s_store.core.protocol.conditional import conditional as conditional
from a3s_store.core.protocol.drafts import DraftStore as DraftStore
from a3s_store.core.protocol.generational import Generation as Generation
from a3s_store.core.protocol.generational import GenerationalStore as GenerationalStore
from a3s_store.core.protocol.host_data import HostDataStore as HostDataStore
from a3s_store.core.protocol.inspection import Inventoried as Inventoried
from a3s_store.core.protocol.inspection import Inventory as Inventory
from a3s_store.core.protocol.inspection import RetentionStore as RetentionStore
from a3s_store.core.protocol.inspection import Verifiable as Verifiable
from a3s_store.core.protocol.paged import PagedStore as PagedStore
from a3s_store.core.protocol.paged import paged as paged
from a3s_store.core.protocol.session_store import SessionStore as SessionStore

if TYPE_CHECKING:
    from a3s_store.core.protocol.branches import BranchStore as BranchStore
    from a3s_store.core.protocol.searching import SearchingStore as SearchingStore
    from a3s_store.core.protocol.searching import searching as searching
    from a3s_store.core.protocol.transactional import Transaction as Transaction
    from a3s_store.core.protocol.transactional import TransactionalStore as TransactionalStore
    from a3s_store.core.protocol.transactional import transactional as transactional
    from a3s_store.core.protocol.usage import UsageStore as UsageStore

# Not needed by a store that is opened: each is imported when it is first used.
_HOMES = {
    "BranchStore": "branches",
    "SearchingStore": "searching",
    "searching": "searching",
    "Transaction": "transactional",
    "TransactionalStore": "transactional",
    "transactional": "transactional",
    "UsageStore": "usage",
}

if not TYPE_CHECKING:  # with it, a type checker would accept every name

    def __getattr__(name: str) -> Any:
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(_forks.load(f"{__name__}.{_HOMES[name]}"), name)
