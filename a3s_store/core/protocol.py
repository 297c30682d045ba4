"""The async protocols of stores: `SessionStore`, and one for each further capability.

Any class with these methods can be used as a store; `a3s_store.testing.conformance` tests whether
it keeps the rules written here. To write one, use `a3s_store.stores`: `BaseStore` has all the
methods and checks of arguments and leaves a dozen methods to write, `MinimalStore` leaves five.
docs/writing-a-store.md has both.
"""

from __future__ import annotations

from types import TracebackType
from typing import Literal, NamedTuple, Protocol, Self, overload, runtime_checkable

import attrs

from a3s_store._deprecated import old_attributes
from a3s_store.core.capabilities import Capabilities as Capabilities
from a3s_store.core.capabilities import Health as Health
from a3s_store.core.changes import Committed, Merge, RunCheckpoint, SessionChanges
from a3s_store.core.collection_methods import CollectionStore
from a3s_store.core.drafts import Draft
from a3s_store.core.reports import Depth, VerifyReport
from a3s_store.core.revision import Revision, Versioned
from a3s_store.core.snapshot import SessionSnapshot
from a3s_store.models import LoopCheckpoint, SessionData, WorkflowCheckpoint


@runtime_checkable
class SessionStore(CollectionStore, Protocol):
    """An async store of agent sessions.

    Rules of every method: an id is a text of 1 to 1024 bytes without NUL and without a lone
    surrogate, anything else raises InvalidIdError. A value that breaks the rules of its model, with
    a lone surrogate in a text for example, raises EncodeError, and nothing is written. A stored
    value that cannot be read raises DecodeError or CorruptionError; None only means that nothing is
    stored. After `close` every method raises StoreClosedError. A cancelled save was made completely
    or not at all. Credentials in the configuration of a session are stored as an empty text;
    docs/secrets.md lists their names.

    Source: upstream's trait `SessionStore`.
    """

    @property
    def backend_name(self) -> str:
        """`sqlite`, `memory`, `file`, or the name of another kind of store."""

    def capabilities(self) -> Capabilities:
        """Return the promises of this store."""

    async def save(self, session: SessionData) -> None:
        """Store a session under its id in place of the one before; its collections are unchanged.

        The store does not change the session's times. The last save wins.
        """

    async def load(self, session_id: str) -> SessionData | None:
        """Return the session; None when none was saved under this id."""

    async def delete(self, session_id: str, *, tree: bool = False) -> None:
        """Remove a session with all its collections and the loop checkpoints of its runs.

        A store with `agent_memory` removes its agent memory too. The workflow checkpoint
        `a3s_store.queue/{id}`, which may hold its queue, is removed; others stay. With `tree`, all
        descendants by `parent_id`, also of a session deleted before, are removed too, including
        forks that a `SessionManager` made. With `atomic_session_snapshots` that is one commit;
        otherwise parents are removed last, so that deleting again finishes an interrupted deletion.
        Deleting an id without a session is success.
        """

    async def list(self) -> list[str]:
        """Return the ids of all saved sessions, sorted; ids with collections only do not count."""

    async def exists(self, session_id: str) -> bool:
        """Return whether a session was saved under this id; collections alone do not count."""

    async def save_loop_checkpoint(self, run_id: str, checkpoint: LoopCheckpoint) -> None:
        """Store the checkpoint of a run in place of its last one.

        Raises:
            InvalidSnapshotError: `run_id` differs from the checkpoint's own, or its schema version
                is newer than 1.
        """

    async def load_loop_checkpoint(self, run_id: str) -> LoopCheckpoint | None:
        """Return the checkpoint of a run, or None.

        Raises:
            InvalidSnapshotError: its schema version is newer than 1.
        """

    async def delete_loop_checkpoint(self, run_id: str) -> None:
        """Remove the run's checkpoint; success when there is none."""

    async def save_workflow_checkpoint(
        self, workflow_id: str, checkpoint: WorkflowCheckpoint
    ) -> None:
        """Store the checkpoint of a workflow; raises as `save_loop_checkpoint` does."""

    async def load_workflow_checkpoint(self, workflow_id: str) -> WorkflowCheckpoint | None:
        """Return the checkpoint of a workflow, or None; raises as `load_loop_checkpoint` does."""

    async def delete_workflow_checkpoint(self, workflow_id: str) -> None:
        """Remove the workflow's checkpoint; success when there is none."""

    async def save_snapshot(self, snapshot: SessionSnapshot) -> None:
        """Store a session and all its collections in place of everything stored under its id.

        A collection that is None is removed. With `atomic_session_snapshots` this is one commit.
        Only this method changes `retained_artifact_uris`; saving a session or a collection by
        itself does not.

        Raises:
            InvalidSnapshotError: another schema version, `extra` with keys of the snapshot's own,
                or retained URIs without artifacts.
        """

    async def load_snapshot(self, session_id: str) -> SessionSnapshot | None:
        """Return a session and all its collections, read at one moment; None without a session."""

    async def save_snapshot_cas(
        self, snapshot: SessionSnapshot, expected_digest: str | None
    ) -> bool:
        """Save if the stored snapshot has this digest; else write nothing and return False.

        None saves without a condition. A digest never matches when no session is stored.

        Raises:
            InvalidSnapshotError: the digest is not a str of `sha256:` and 64 lower-case hex digits,
                or as `save_snapshot`.
        """

    async def health_check(self) -> Health:
        """Check that the store can be read and written now.

        Raises:
            StoreUnavailableError: it cannot.
        """

    async def close(self) -> None:
        """Finish running operations, then release everything. Closing twice is success."""

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...


@runtime_checkable
class ConditionalStore(SessionStore, Protocol):
    """A store that promises `conditional_writes`, so that several live sessions may save to it."""

    async def revision(self, session_id: str) -> Revision | None:
        """Return the revision of a session; None when none was saved under the id."""

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
        """Return the session and its revision, read at one moment; None when there is no session.

        With `snapshot` the value is the whole snapshot. Calling `load` and `revision` is no
        substitute: others may save between the two.
        """

    async def save_changes(
        self, changes: SessionChanges, *, on: Revision | None, merge: Merge | None = None
    ) -> Committed:
        """Save if the session is at the revision `on`; None expects no session under the id.

        At another revision `merge` is called for the changes to save instead, inside the same
        transaction: no other save comes between. It is given redacted changes, and its result is
        not redacted again. It is not called if the session was deleted, or deleted and created
        again.

        Raises:
            StaleGenerationError: the session was deleted or created again; or it is at another
                revision and there is no `merge`. Nothing was written.
            RunClaimedError: a run of the changes was taken over; nothing was written.
            EncodeError: a value breaks its rules, in the changes or in the result of `merge`.
            Exception: `merge` raised it; nothing was written.
        """

    async def landed(self, session_id: str, save_id: bytes) -> Revision | None:
        """Return the revision that the save with this id made; None when it was not made."""

    async def run_checkpoints(self, session_id: str) -> tuple[RunCheckpoint, ...]:
        """Return the loop checkpoints of the session's runs, the oldest first."""

    async def claim_run(self, run_id: str, *, seen: str | None, by: str) -> RunCheckpoint:
        """Claim a run for the live session with the token `by`, if `seen` still has the claim.

        Only one of several concurrent callers succeeds.

        Raises:
            RunClaimedError: it was claimed or ended meanwhile, or there is no checkpoint.
        """


def conditional(store: SessionStore) -> ConditionalStore | None:
    """Return the store if it compares and writes in one transaction, else None."""
    if store.capabilities().conditional_writes and isinstance(store, ConditionalStore):
        return store
    return None


@old_attributes
@attrs.frozen(kw_only=True)
class Inventory:
    """The ids of everything in a store, sorted."""

    sessions: tuple[str, ...]
    collections_only: tuple[str, ...] = ()  # ids with collections but no session
    loop_checkpoints: tuple[str, ...] = ()
    workflow_checkpoints: tuple[str, ...] = ()


@runtime_checkable
class Inventoried(Protocol):
    """A store that can list everything in it, as all stores of this package can."""

    async def inventory(self) -> Inventory:
        """Return all ids, read at one moment."""


@runtime_checkable
class Verifiable(Protocol):
    """A store that can verify its values against their checksums and digests."""

    async def verify(self, *, depth: Depth = "quick") -> VerifyReport:
        """Verify stored values and report the damage; see `Depth`."""


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

        A store that redacts does so with both texts.

        Raises:
            RunClaimedError: the run has no checkpoint, or another live session than `claimed_by`
                has claimed it; nothing was written.
            EncodeError: a field has a value that cannot be stored.
        """

    async def load_draft(self, run_id: str) -> Draft | None:
        """Return the draft of a run, or None."""

    async def delete_draft(self, run_id: str, *, claimed_by: str | None = None) -> None:
        """Remove the draft of a run; success when there is none.

        With `claimed_by`, only if no other live session has claimed the run.

        Raises:
            RunClaimedError: another one has claimed it; nothing was removed.
        """


@attrs.frozen(kw_only=True)
class Generation:
    """One save of a session, or of one of its collections.

    `length` is the number of messages that the conversation had, and `digest` the snapshot digest;
    both are None before a session is saved under the id. `saved_at_ms` is this machine's clock in
    Unix milliseconds, for people to read.
    """

    number: int
    length: int | None
    digest: str | None
    saved_at_ms: int


class SessionSummary(NamedTuple):
    """The row of a session in a list; making it does not read the conversation.

    `messages` is the number of messages, `generation` the number of the last save. Times are Unix
    seconds, as the caller saved them; `total_tokens` is None beyond 63 bits.

    `interrupted` counts unfinished runs with a checkpoint that no open live session has claimed;
    `running` those that one has claimed. `unsaved_messages` is the number of messages that
    interrupted runs have and the session does not; `draft` is whether a run of either kind has an
    unfinished reply. `parent_id` is the session's own; the parent may be deleted.
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
    """A store that promises `generations`: every save makes one, and older ones can be loaded."""

    async def save(self, session: SessionData, *, expected_generation: int | None = None) -> None:
        """Save as `SessionStore.save` does, if the session is at `expected_generation`.

        None saves without a condition; 0 expects that nothing is stored under the id.

        Raises:
            StaleGenerationError: it was saved or deleted since; nothing was written.
        """

    async def save_snapshot(
        self, snapshot: SessionSnapshot, *, expected_generation: int | None = None
    ) -> None:
        """Save as `SessionStore.save_snapshot` does; `expected_generation` as in `save`."""

    async def load(self, session_id: str, *, generation: int | None = None) -> SessionData | None:
        """Return the session, with the conversation of a generation if one is given.

        Everything except the conversation is that of today. None when no session is stored now.

        Raises:
            SessionNotFoundError: the session has no such generation, or none with a conversation.
            GenerationGoneError: the generation was pruned.
        """

    async def generation(self, session_id: str) -> int:
        """Return the number of the last save under this id, 0 when nothing is stored under it."""

    async def generations(self, session_id: str) -> tuple[Generation, ...]:
        """Return every stored generation of this id, the oldest first.

        Numbers begin with 1. Each save of the session or of a collection, fork and rewind takes the
        next number; so does the deletion, so that no number is used twice under an id.
        """

    async def delete(
        self, session_id: str, *, tree: bool = False, expected_generation: int | None = None
    ) -> None:
        """Delete as `SessionStore.delete` does, with the generations of the session.

        `expected_generation` as in `save`; with `tree` it applies to this session alone.
        """

    async def fork(
        self,
        session_id: str,
        new_id: str,
        at: int | None = None,
        *,
        expected_generation: int | None = None,
    ) -> None:
        """Save a copy of a session under `new_id` with its first `at` messages; None: all of them.

        No message is copied: both sessions share them. Collections are copied, with runs and
        subagent tasks bound to the new id as upstream's `fork_for_session` does. Runs that have not
        ended are cancelled in the copy, since it would never see their end.

        Raises:
            SessionNotFoundError: there is no such session, or it has fewer messages.
            StaleGenerationError: the session is not at `expected_generation`, which is checked
                first; or something is stored under `new_id` already.
        """

    async def rewind(
        self, session_id: str, length: int, *, expected_generation: int | None = None
    ) -> int:
        """Shorten the conversation to its first `length` messages; return the new generation.

        Nothing is lost: the generation before still has the longer conversation.

        Raises:
            SessionNotFoundError: there is no such session, or it has fewer messages.
            StaleGenerationError: it was saved since; nothing was written.
        """
