"""The capabilities of a store, and the result of a health check."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from a3s_store.printable import Printable


@attrs.frozen(kw_only=True)
class Capabilities:
    """The promises of a store; each is True only if tests of the store prove it.

    The first seven are upstream's (`SessionStoreCapabilities`), the others ours. A store may do
    more than it promises; otherwise it raises UnsupportedError, and never loses a value in silence.
    """

    atomic_session_snapshots: bool = False  # a whole snapshot is one commit, for every reader
    aggregate_cas: bool = False  # compare and write are one decision, across processes too
    append_only_event_log: bool = (
        False  # a stored commit log, with an entry in each change's commit
    )
    lease_fencing: bool = False
    encrypted_at_rest: bool = False
    watch: bool = False  # commits can be awaited as they come: `WatchableStore`
    reference_aware_artifact_gc: bool = False
    collections: bool = False  # artifacts, run records and the other lists of a session
    checkpoints: bool = False  # checkpoints of runs and of workflows
    durable: bool = False  # an acknowledged save survives a power cut
    conditional_writes: bool = False  # saves on the condition of a revision: `ConditionalStore`
    run_claims: bool = False  # a run's checkpoint is written by the live session that claimed it
    shared_by_processes: bool = False  # several processes may have it open and write
    generations: bool = False  # every save is a generation; older conversations can be loaded
    drafts: bool = False  # the unfinished reply of a run can be stored: `DraftStore`
    commit_log: bool = False  # what changed can be read in the order of commits: `CommitLogStore`
    append: bool = False  # messages are added without the session at hand: `AppendingStore`
    pages: bool = False  # sessions are listed in pages, filtered and ordered: `PagedStore`
    search: bool = False  # full-text search over conversations: `SearchingStore`
    host_metadata: bool = False  # labels, metadata, marks and a trash: `HostDataStore`
    transactions: bool = False  # changes of several sessions as one unit: `TransactionalStore`
    usage: bool = False  # cost records of all sessions are added up: `UsageStore`
    branches: bool = False  # turns and left conversations can be listed: `BranchStore`
    retention: bool = False  # policies remove old generations: `RetentionStore`
    streams: bool = False  # opaque items in order, by id and with labels: `StreamStore`
    agent_memory: bool = False  # stores agent memory, and deletes it with its session


@attrs.frozen(kw_only=True)
class Health(Printable):
    """The result of `health_check()` of a store that works.

    `location` is the file or folder, None in memory. `facts` are named measurements (sizes,
    versions, modes). `advice` are recommendations, as whole sentences; often there are none.
    """

    backend: str
    location: str | None
    facts: Mapping[str, Any] = attrs.field(factory=dict)
    advice: tuple[str, ...] = ()
