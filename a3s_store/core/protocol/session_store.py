"""The protocol of every store, `SessionStore`."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self, runtime_checkable

from a3s_store.core.collection_methods import CollectionStore

if TYPE_CHECKING:
    from a3s_store.core.capabilities import Capabilities, Health
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
