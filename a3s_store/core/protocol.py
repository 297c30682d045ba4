"""What callers see: the async protocol every store of sessions satisfies, and what stores promise.

Anyone's store can be used where a `SessionStore` is asked for; `a3s_store.testing.conformance`
tells whether it keeps the rules written here. The way there is `a3s_store.stores`: `BaseStore` has
all the named methods and every check of what it is given, and leaves a dozen to write,
`MinimalStore` leaves five. docs/writing-a-store.md shows both.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import Any, Literal, NamedTuple, Protocol, Self, overload, runtime_checkable

import attrs

from a3s_store.core.changes import Committed, Merge, RunCheckpoint, SessionChanges
from a3s_store.core.collection_methods import CollectionStore
from a3s_store.core.drafts import Draft
from a3s_store.core.reports import Depth, VerifyReport
from a3s_store.core.revision import Revision, Versioned
from a3s_store.core.snapshot import SessionSnapshot
from a3s_store.models import LoopCheckpoint, SessionData, WorkflowCheckpoint
from a3s_store.printable import Printable


@attrs.frozen(kw_only=True)
class Capabilities:
    """What a store promises. Only what its tests prove is True; check before relying on one.

    The first seven are upstream's (`SessionStoreCapabilities`), the others ours. What is False may
    work all the same, or is refused by an UnsupportedError; it is never accepted and lost.
    """

    atomic_session_snapshots: bool = False  # a whole snapshot is one commit, for every reader
    aggregate_cas: bool = False  # compare and write are one decision, across processes too
    append_only_event_log: bool = False
    lease_fencing: bool = False
    encrypted_at_rest: bool = False
    watch: bool = False
    reference_aware_artifact_gc: bool = False
    collections: bool = False  # artifacts, run records and the other lists beside a session
    checkpoints: bool = False  # checkpoints of runs and of workflows
    durable: bool = False  # what was acknowledged survives a power cut
    conditional_writes: bool = False  # a write may depend on a revision, and is told if it landed
    run_claims: bool = False  # a run's checkpoint is written by the live session that claimed it
    shared_by_processes: bool = False  # several processes may have it open and write
    generations: bool = False  # every save is a generation; older conversations can be loaded
    drafts: bool = False  # the unfinished reply of a run can be stored: `DraftStore`
    agent_memory: bool = False  # keeps agent memory and deletes it: `agent_memory.AgentMemoryStore`


@attrs.frozen(kw_only=True)
class Health(Printable):
    """The answer of `health_check()` of a store that works.

    `location` is the file or folder, None in memory. `facts` are named measurements (sizes,
    versions, modes), `advice` whole sentences on what could be better; often there are none.
    """

    backend: str
    location: str | None
    facts: Mapping[str, Any] = attrs.field(factory=dict)
    advice: tuple[str, ...] = ()


@runtime_checkable
class SessionStore(CollectionStore, Protocol):
    """An async store of agent sessions. Upstream: the trait `SessionStore`.

    Rules that hold for every method: an id is any text of 1 to 1024 bytes without NUL and without a
    lone surrogate, else (and for what is no str) InvalidIdError; a value that breaks its model's
    rules, a lone surrogate in a text included, raises EncodeError and nothing is written;
    what cannot be read raises DecodeError or CorruptionError, never answers None; after close
    everything raises StoreClosedError. A cancelled save happened whole or not at all. Of
    credentials in the configuration of a session an empty text is stored; docs/secrets.md has their
    names.
    """

    @property
    def backend_name(self) -> str:
        """`sqlite`, `memory`, `file`, or the name of somebody else's store."""

    def capabilities(self) -> Capabilities:
        """What this store promises."""

    async def save(self, session: SessionData) -> None:
        """Keep a session under its id in place of the one before; its collections stay as they are.

        The store does not touch the session's times. The last save wins.
        """

    async def load(self, session_id: str) -> SessionData | None:
        """The session, or None when none was saved under this id."""

    async def delete(self, session_id: str, *, tree: bool = False) -> None:
        """Remove a session with all its collections and the loop checkpoints of its runs.

        Its agent memory goes too, where `agent_memory` is promised, and the workflow checkpoint
        `a3s_store.queue/{id}`, which its queue may be kept in. Other workflow checkpoints stay.
        Child sessions stay unless `tree`: then every session goes too whose `parent_id` leads to
        this one, forks that a `SessionManager` made included. That is one commit where
        `atomic_session_snapshots`; else parents go last, so that deleting again finishes what was
        interrupted. Children of a session that is gone are found as well. Deleting what is not
        there is success.
        """

    async def list(self) -> list[str]:
        """The ids of all saved sessions, sorted; families saved without a session do not count."""

    async def exists(self, session_id: str) -> bool:
        """Whether a session was saved under this id; collections alone do not count."""

    async def save_loop_checkpoint(self, run_id: str, checkpoint: LoopCheckpoint) -> None:
        """Keep the checkpoint of a run in place of its last one.

        Raises InvalidSnapshotError when `run_id` is not the checkpoint's own or its schema version
        is newer than 1.
        """

    async def load_loop_checkpoint(self, run_id: str) -> LoopCheckpoint | None:
        """The run's checkpoint, or None. Raises InvalidSnapshotError for a newer version."""

    async def delete_loop_checkpoint(self, run_id: str) -> None:
        """Remove the run's checkpoint; success when there is none."""

    async def save_workflow_checkpoint(
        self, workflow_id: str, checkpoint: WorkflowCheckpoint
    ) -> None:
        """Keep the checkpoint of a workflow; raises as `save_loop_checkpoint` does."""

    async def load_workflow_checkpoint(self, workflow_id: str) -> WorkflowCheckpoint | None:
        """The workflow's checkpoint, or None."""

    async def delete_workflow_checkpoint(self, workflow_id: str) -> None:
        """Remove the workflow's checkpoint; success when there is none."""

    async def save_snapshot(self, snapshot: SessionSnapshot) -> None:
        """Keep a session and all its collections in place of everything that was there.

        A collection that is None is removed. One commit where `atomic_session_snapshots`. Saving a
        session or a family by itself leaves `retained_artifact_uris` as they are.

        Raises InvalidSnapshotError for another schema version, keys of the snapshot's own in
        `extra`, or retained URIs without artifacts.
        """

    async def load_snapshot(self, session_id: str) -> SessionSnapshot | None:
        """The session with all its collections, as of one moment; None when there is no session."""

    async def save_snapshot_cas(
        self, snapshot: SessionSnapshot, expected_digest: str | None
    ) -> bool:
        """Save if what is stored has this digest; else write nothing and answer False.

        None saves without a condition. A digest never matches a session that is not there. Raises
        InvalidSnapshotError when the digest is not a str of `sha256:` and 64 lower-case hex digits.
        """

    async def health_check(self) -> Health:
        """Whether the store can be read and written now; raises StoreUnavailableError if not."""

    async def close(self) -> None:
        """Finish what was begun, then release everything. Closing twice is success."""

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...


@runtime_checkable
class ConditionalStore(SessionStore, Protocol):
    """A store that promises `conditional_writes`: what live sessions beside each other need."""

    async def revision(self, session_id: str) -> Revision | None:
        """Where the session stands; None when none was saved under the id."""

    @overload
    async def load_versioned(
        self, session_id: str, *, snapshot: Literal[False] = False
    ) -> Versioned[SessionData] | None: ...
    @overload
    async def load_versioned(
        self, session_id: str, *, snapshot: Literal[True]
    ) -> Versioned[SessionSnapshot] | None: ...
    async def load_versioned(
        self, session_id: str, *, snapshot: bool = False
    ) -> Versioned[SessionData] | Versioned[SessionSnapshot] | None:
        """The session and the revision it was read at, of one moment; None when there is none.

        With `snapshot`, with its collections. `load` and a question for the revision are no
        substitute: others may save between them.
        """

    async def save_changes(
        self, changes: SessionChanges, *, on: Revision | None, merge: Merge | None = None
    ) -> Committed:
        """Save if the session stands at `on`; None means that there is none yet.

        Otherwise `merge` is asked what to save instead, inside the same transaction: no other save
        comes between the values it is given and the write. It is given changes as they are after
        redaction, and what it returns is not redacted again. It is not asked where the session is
        gone, or was deleted and made again.

        Raises:
            StaleGenerationError: the session is gone or another one; or it is elsewhere, and there
                is no `merge`. Nothing was written.
            RunClaimedError: a run of the changes was taken over; nothing was written.
            EncodeError: a value breaks its rules, one that `merge` returned too.
            Exception: what `merge` raised; nothing was written.
        """

    async def landed(self, session_id: str, save_id: bytes) -> Revision | None:
        """The revision that the save with this id made; None when it was not made."""

    async def run_checkpoints(self, session_id: str) -> tuple[RunCheckpoint, ...]:
        """The loop checkpoints of the session's runs, the oldest first."""

    async def claim_run(self, run_id: str, *, seen: str | None, by: str) -> RunCheckpoint:
        """Claim a run for the live session of the token `by`, if `seen` still has the claim.

        Of several callers one gets it.

        Raises:
            RunClaimedError: it was claimed or ended meanwhile, or there is no checkpoint.
        """


def conditional(store: SessionStore) -> ConditionalStore | None:
    """Return the store if it compares and writes in one transaction, else None."""
    if store.capabilities().conditional_writes and isinstance(store, ConditionalStore):
        return store
    return None


@attrs.frozen(kw_only=True)
class Inventory:
    """Everything a store holds, by id, sorted: what an export goes through."""

    sessions: tuple[str, ...]
    families_only: tuple[str, ...] = ()  # ids with collections but no session
    loop_checkpoints: tuple[str, ...] = ()
    workflow_checkpoints: tuple[str, ...] = ()


@runtime_checkable
class Inventoried(Protocol):
    """A store that can say everything it holds. All of ours can."""

    async def inventory(self) -> Inventory:
        """All ids, as of one moment."""


@runtime_checkable
class Verifiable(Protocol):
    """A store that can hold what it has against what is on record of it."""

    async def verify(self, *, depth: Depth = "quick") -> VerifyReport:
        """What was looked at, and what is damaged."""


@runtime_checkable
class DraftStore(SessionStore, Protocol):
    """A store that promises `drafts`: each run with a checkpoint may have one draft.

    A draft belongs to its run's checkpoint and is removed with it, also when the session is
    deleted. It is no generation and no part of a session, snapshot, digest, fork or export.
    """

    async def save_draft(self, run_id: str, draft: Draft, *, claimed_by: str | None = None) -> None:
        """Store the draft of a run in place of its last one.

        A checkpoint with more messages than `draft.position` has the message already: then nothing
        is written. Saving such a checkpoint removes the draft in the same commit.

        A store that redacts asks its function about both texts.

        Raises:
            RunClaimedError: the run has no checkpoint, or another live session than `claimed_by`
                has claimed it; nothing was written.
            EncodeError: a field has a value that cannot be stored.
        """

    async def load_draft(self, run_id: str) -> Draft | None:
        """Return the draft of a run, or None."""

    async def delete_draft(self, run_id: str, *, claimed_by: str | None = None) -> None:
        """Remove the draft of a run; success when there is none.

        With `claimed_by` only while no other live session has claimed the run.

        Raises:
            RunClaimedError: another one has; nothing was removed.
        """


@attrs.frozen(kw_only=True)
class Generation:
    """One save of a session, or of one of its collections.

    `length` is the number of messages the conversation had then and `digest` that of the whole
    snapshot; both are None while no session was saved under the id. `saved_at_ms` is this machine's
    clock in Unix milliseconds, for people to read.
    """

    number: int
    length: int | None
    digest: str | None
    saved_at_ms: int


class SessionSummary(NamedTuple):
    """What a list shows of a session: no conversation is read for it.

    `messages` is how many there are, `generation` the number of the last save. Times are Unix
    seconds, the caller's own; `total_tokens` is None when it is beyond 63 bits.

    `interrupted` and `running` are the numbers of runs with a checkpoint that did not end: those
    that no open live session has claimed, and those that one has. `unsaved_messages` is how many
    messages the interrupted ones have and the session has not, `draft` whether a run of either
    kind has an unfinished reply. `parent_id` is the session's own, and may name one that is gone.
    """

    id: str
    name: str
    state: str
    workspace: str
    model_name: str | None
    messages: int
    total_tokens: int | None
    total_cost: float
    created_at: int
    updated_at: int
    generation: int
    interrupted: int = 0
    running: int = 0
    unsaved_messages: int = 0
    draft: bool = False
    parent_id: str | None = None


@runtime_checkable
class GenerationalStore(SessionStore, Protocol):
    """A store that promises `generations`: every save is one, and none destroys a conversation."""

    async def save(self, session: SessionData, *, expected_generation: int | None = None) -> None:
        """See `SessionStore.save`. With `expected_generation`, only if the session is at it.

        0 means that nothing is stored under the id.

        Raises:
            StaleGenerationError: it was saved or deleted since; nothing was written.
        """

    async def save_snapshot(
        self, snapshot: SessionSnapshot, *, expected_generation: int | None = None
    ) -> None:
        """See `SessionStore.save_snapshot`; `expected_generation` as in `save`."""

    async def load(self, session_id: str, *, generation: int | None = None) -> SessionData | None:
        """See `SessionStore.load`. With `generation`, with the conversation it had then.

        Everything but the conversation is as it is now. None when no session is stored now.

        Raises:
            SessionNotFoundError: the session has no such generation, or it had no conversation.
            GenerationGoneError: the generation was pruned.
        """

    async def generation(self, session_id: str) -> int:
        """The number of the last save under this id, 0 when nothing is stored under it."""

    async def generations(self, session_id: str) -> tuple[Generation, ...]:
        """Every stored generation of this id, the oldest first; see `Generation`.

        The first has the number 1. Each save of the session or of a collection, fork and rewind
        takes the next number; so does the deletion, so that none is given twice under an id.
        """

    async def delete(
        self, session_id: str, *, tree: bool = False, expected_generation: int | None = None
    ) -> None:
        """See `SessionStore.delete`; `expected_generation`, of this session alone, as in `save`.

        Its generations go with it.
        """

    async def fork(
        self,
        session_id: str,
        new_id: str,
        at: int | None = None,
        *,
        expected_generation: int | None = None,
    ) -> None:
        """Save a copy under `new_id` whose history is the first `at` messages; None: all of them.

        No message is copied: both share them and go on apart. The families are copied, runs and
        subagent tasks bound to the new id, as upstream's `fork_for_session` does. Runs that have
        not ended count as cancelled: their end would never be heard of in the copy.

        Raises:
            SessionNotFoundError: there is no such session, or it is not that long.
            StaleGenerationError: the session is not at `expected_generation`, which is looked at
                before anything else; or something is stored under `new_id` already.
        """

    async def rewind(
        self, session_id: str, length: int, *, expected_generation: int | None = None
    ) -> int:
        """Make the first `length` messages the history, and return the new generation.

        Nothing is destroyed: the longer history is that of the generation before.

        Raises:
            SessionNotFoundError: there is no such session, or it is not that long.
            StaleGenerationError: it was saved since; nothing was written.
        """
