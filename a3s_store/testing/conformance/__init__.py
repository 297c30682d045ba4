"""The conformance suite: checks of the promises of `SessionStore`, for any store.

With pytest, in a file of your own; checks of capabilities that your store lacks are skipped:

    import asyncio, pytest
    from a3s_store.testing import conformance
    from my_project import MyStore

    @pytest.mark.parametrize("check", conformance.checks(), ids=str)
    def test_my_store(check, tmp_path):
        asyncio.run(check.run(conformance.StoreMaker(lambda place: MyStore.open(place), tmp_path)))

Without pytest, a report by capability:

    report = asyncio.run(conformance.run_conformance(lambda place: MyStore.open(place)))
    print(report)
    assert report.ok

`lambda place: ...` takes a folder and returns an awaitable of an open store with its data there.
A durable store that is opened at the same folder again finds its data; a store in memory ignores
the folder. A store on a server uses a database, schema or prefix named after the folder.

A check has a name, a rule in one sentence (`check.rule`), a group, and the capability that it
belongs to. Checks whose capability is None apply to every store, the others to stores whose
`capabilities()` has that capability. Capabilities without any check are in `report.untested`.

The stores of this package pass the same suite. It imports neither pytest nor hypothesis.
"""

from typing import TYPE_CHECKING

from a3s_store._deprecated import names_of
from a3s_store.testing.conformance import agent_memory as _agent_memory
from a3s_store.testing.conformance import append_lists as _append_lists
from a3s_store.testing.conformance import append_pages as _append_pages
from a3s_store.testing.conformance import appends as _appends
from a3s_store.testing.conformance import branches as _branches
from a3s_store.testing.conformance import bulk as _bulk
from a3s_store.testing.conformance import byte_artifacts as _byte_artifacts
from a3s_store.testing.conformance import checkpoints as _checkpoints
from a3s_store.testing.conformance import claims as _claims
from a3s_store.testing.conformance import collections as _collections
from a3s_store.testing.conformance import commit_log as _commit_log
from a3s_store.testing.conformance import compare_and_swap as _compare_and_swap
from a3s_store.testing.conformance import concurrency as _concurrency
from a3s_store.testing.conformance import conditional as _conditional
from a3s_store.testing.conformance import conditional_refusals as _conditional_refusals
from a3s_store.testing.conformance import conversations as _conversations
from a3s_store.testing.conformance import drafts as _drafts
from a3s_store.testing.conformance import durability as _durability
from a3s_store.testing.conformance import generations as _generations
from a3s_store.testing.conformance import host_data as _host_data
from a3s_store.testing.conformance import ids as _ids
from a3s_store.testing.conformance import lifecycle as _lifecycle
from a3s_store.testing.conformance import merges as _merges
from a3s_store.testing.conformance import pages as _pages
from a3s_store.testing.conformance import refusals as _refusals
from a3s_store.testing.conformance import retention as _retention
from a3s_store.testing.conformance import searching as _searching
from a3s_store.testing.conformance import sessions as _sessions
from a3s_store.testing.conformance import snapshots as _snapshots
from a3s_store.testing.conformance import stream_pages as _stream_pages
from a3s_store.testing.conformance import streams as _streams
from a3s_store.testing.conformance import transaction_blocks as _transaction_blocks
from a3s_store.testing.conformance import transaction_streams as _transaction_streams
from a3s_store.testing.conformance import transaction_updates as _transaction_updates
from a3s_store.testing.conformance import transactions as _transactions
from a3s_store.testing.conformance import usage as _usage
from a3s_store.testing.conformance import values as _values
from a3s_store.testing.conformance import watch as _watch
from a3s_store.testing.conformance.suite import (
    Check,
    ConformanceReport,
    NotSupported,
    OpenStore,
    Outcome,
    StoreMaker,
    registered,
    run_conformance,
)

__all__ = [
    "Check",
    "ConformanceReport",
    "NotSupported",
    "OpenStore",
    "Outcome",
    "StoreMaker",
    "checks",
    "run_conformance",
]

# Importing a module registers its checks.
_FILES = (
    _agent_memory,
    _append_lists,
    _append_pages,
    _appends,
    _branches,
    _bulk,
    _byte_artifacts,
    _checkpoints,
    _claims,
    _collections,
    _commit_log,
    _compare_and_swap,
    _concurrency,
    _conditional,
    _conditional_refusals,
    _conversations,
    _drafts,
    _durability,
    _generations,
    _host_data,
    _ids,
    _lifecycle,
    _merges,
    _pages,
    _refusals,
    _retention,
    _searching,
    _sessions,
    _snapshots,
    _transaction_blocks,
    _transaction_streams,
    _transaction_updates,
    _transactions,
    _stream_pages,
    _streams,
    _usage,
    _values,
    _watch,
)


def checks() -> tuple[Check, ...]:
    """Return all checks of the suite, in a fixed order."""
    return registered()


# Hidden from type checkers, which would accept any name.
if not TYPE_CHECKING:
    __getattr__ = names_of(__name__)
