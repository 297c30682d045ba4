"""All methods of `SessionStore`, over a dozen methods of a backend.

`BaseStore` checks ids and the types of values, makes a *batch* of them, and calls the backend's
`_commit`; loads go through `_fetch`. A backend implements the methods under "The port" and none of
the public ones. Upstream's own way was rejected: there each backend has every named method, and a
new collection costs an edit in each backend.
"""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar

import attrs

from a3s_store import models
from a3s_store.core.base.opening import Opening as Opening
from a3s_store.core.batch import Batch, LoadResult, refuse_unwritable, refuse_unwritable_value
from a3s_store.core.collection_methods import CollectionMethods
from a3s_store.core.collections import (
    COLLECTIONS,
    LOOP_CHECKPOINTS,
    WORKFLOW_CHECKPOINTS,
    CheckpointKind,
    Collection,
    check_id,
)
from a3s_store.core.redaction.batch import redacted_batch, redacted_changes
from a3s_store.core.redaction.redactor import BUILT_IN, Redact, Redactor
from a3s_store.errors import EncodeError, InvalidSnapshotError, StoreClosedError, during
from a3s_store.wire import DEFAULT_LIMITS, Limits
from a3s_store.wire.limits import in_force

if TYPE_CHECKING:
    from a3s_store.core.changes import SessionChanges
    from a3s_store.core.protocol import Capabilities, Health, Inventory
    from a3s_store.core.redaction.credential_names import CredentialNames
    from a3s_store.core.snapshot import SessionSnapshot
    from a3s_store.models import LoopCheckpoint, SessionData, WorkflowCheckpoint

_DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}", re.ASCII)
T = TypeVar("T")


class BaseStore(CollectionMethods):
    """Implements `SessionStore` over the port below."""

    backend_name: str
    _closed = False
    # Removes secrets: see `redaction`. One without a hook may be shared.
    _redactor: Redactor = Redactor()
    _limits: Limits = DEFAULT_LIMITS

    def __init__(
        self,
        *,
        redact: Redact | None = None,
        credentials: CredentialNames | None = BUILT_IN,
        limits: Limits = DEFAULT_LIMITS,
    ) -> None:
        """Set the settings of all stores, which are described at `SqliteSessionStore.open`.

        A backend that does not call this has the defaults.
        """
        self._redactor = Redactor(redact, names=credentials)
        self._limits = limits

    # -- The port: what a backend implements --------------------------------------------------

    @abstractmethod
    def capabilities(self) -> Capabilities:
        """Return the promises of this store."""

    @abstractmethod
    async def _commit(self, batch: Batch) -> bool:
        """Write the batch; write nothing and return False when its digest does not match."""

    @abstractmethod
    async def _fetch(
        self, op: str, session_id: str, collections: Sequence[Collection], *, session: bool
    ) -> LoadResult:
        """Return these collections, and the session if `session`, read at one moment."""

    @abstractmethod
    async def _delete(self, session_id: str) -> None:
        """Remove the session, its collections, and the checkpoints of its runs and its queue."""

    @abstractmethod
    async def _ids(self) -> list[str]:
        """Return the ids of saved sessions, sorted."""

    @abstractmethod
    async def _exists(self, session_id: str) -> bool:
        """Return whether a session was saved."""

    @abstractmethod
    async def _put_checkpoint(self, kind: CheckpointKind, key: str, value: Any) -> None:
        """Store a checkpoint; its key is checked."""

    @abstractmethod
    async def _get_checkpoint(self, kind: CheckpointKind, key: str) -> Any | None:
        """Return the checkpoint, or None."""

    @abstractmethod
    async def _drop_checkpoint(self, kind: CheckpointKind, key: str) -> None:
        """Remove the checkpoint if there is one."""

    @abstractmethod
    async def _inventory(self) -> Inventory:
        """Return all ids, read at one moment."""

    @abstractmethod
    async def _health(self) -> Health:
        """Check that the store can be read and written."""

    @abstractmethod
    async def _close(self) -> None:
        """Release everything. Called once."""

    # -- What a backend may call --------------------------------------------------------------

    def _refuse_unwritable(self, batch: Batch) -> None:
        """Raise EncodeError for a value that cannot be written or is larger than the limits.

        A backend calls it before it writes, unless it encodes each value by itself.
        """
        with in_force(self._limits):
            refuse_unwritable(batch)

    def _refuse_unwritable_checkpoint(self, value: Any) -> None:
        """As `_refuse_unwritable`, for a checkpoint."""
        with in_force(self._limits):
            refuse_unwritable_value(value)

    def _digest_of(self, found: LoadResult) -> str | None:
        """Return the snapshot digest, which `_commit` compares; None without a session."""
        if found.session is None:
            return None
        return snapshot_of(found.session, found).digest()

    # -- Sessions -----------------------------------------------------------------------------

    async def save(self, session: SessionData) -> None:
        """See `SessionStore.save`."""
        await self._put(self._session_batch("save", session))

    async def load(self, session_id: str) -> SessionData | None:
        """See `SessionStore.load`."""
        self._check_open("load")
        found = await self._fetch("load", check_id(session_id), (), session=True)
        return found.session

    async def delete(self, session_id: str, *, tree: bool = False) -> None:
        """See `SessionStore.delete`."""
        self._check_open("delete")
        check_id(session_id)
        await (self._delete_tree(session_id) if tree else self._delete(session_id))

    async def _delete_tree(self, session_id: str) -> None:
        """Remove a session and its descendants one by one; some backends do it in one commit."""
        from a3s_store.core.session_tree import below

        parents = {}
        for one in await self._ids():
            found = await self._fetch("delete", one, (), session=True)
            parents[one] = None if found.session is None else found.session.parent_id
        for one in below(session_id, parents):
            await self._delete(one)

    async def list(self) -> list[str]:
        """See `SessionStore.list`."""
        self._check_open("list")
        return await self._ids()

    async def exists(self, session_id: str) -> bool:
        """See `SessionStore.exists`."""
        self._check_open("exists")
        return await self._exists(check_id(session_id))

    # -- Checkpoints --------------------------------------------------------------------------

    async def save_loop_checkpoint(self, run_id: str, checkpoint: LoopCheckpoint) -> None:
        """See `SessionStore.save_loop_checkpoint`."""
        await self._save_checkpoint(LOOP_CHECKPOINTS, run_id, checkpoint)

    async def load_loop_checkpoint(self, run_id: str) -> LoopCheckpoint | None:
        """See `SessionStore.load_loop_checkpoint`."""
        return await self._load_checkpoint(LOOP_CHECKPOINTS, run_id)

    async def delete_loop_checkpoint(self, run_id: str) -> None:
        """See `SessionStore.delete_loop_checkpoint`."""
        await self._delete_checkpoint(LOOP_CHECKPOINTS, run_id)

    async def save_workflow_checkpoint(
        self, workflow_id: str, checkpoint: WorkflowCheckpoint
    ) -> None:
        """See `SessionStore.save_workflow_checkpoint`."""
        await self._save_checkpoint(WORKFLOW_CHECKPOINTS, workflow_id, checkpoint)

    async def load_workflow_checkpoint(self, workflow_id: str) -> WorkflowCheckpoint | None:
        """See `SessionStore.load_workflow_checkpoint`."""
        return await self._load_checkpoint(WORKFLOW_CHECKPOINTS, workflow_id)

    async def delete_workflow_checkpoint(self, workflow_id: str) -> None:
        """See `SessionStore.delete_workflow_checkpoint`."""
        await self._delete_checkpoint(WORKFLOW_CHECKPOINTS, workflow_id)

    # -- Whole snapshots ----------------------------------------------------------------------

    async def save_snapshot(self, snapshot: SessionSnapshot) -> None:
        """See `SessionStore.save_snapshot`."""
        await self._put(self._snapshot_batch("save_snapshot", snapshot))

    async def load_snapshot(self, session_id: str) -> SessionSnapshot | None:
        """See `SessionStore.load_snapshot`."""
        self._check_open("load_snapshot")
        found = await self._fetch("load_snapshot", check_id(session_id), COLLECTIONS, session=True)
        if found.session is None:
            return None
        return snapshot_of(found.session, found)

    async def save_snapshot_cas(
        self, snapshot: SessionSnapshot, expected_digest: str | None
    ) -> bool:
        """See `SessionStore.save_snapshot_cas`."""
        if expected_digest is not None and not (
            isinstance(expected_digest, str) and _DIGEST.fullmatch(expected_digest)
        ):
            raise InvalidSnapshotError(
                "the expected digest is not sha256: and 64 lower-case hex digits",
                op="save_snapshot_cas",
                hint="Use SessionSnapshot.digest()",
            )
        batch = self._snapshot_batch("save_snapshot_cas", snapshot)
        self._check_open(batch.op)
        batch = attrs.evolve(self._redacted(batch), expected_digest=expected_digest)
        return await self._commit(batch)

    # -- Maintenance --------------------------------------------------------------------------

    async def inventory(self) -> Inventory:
        """Return the ids of everything in the store."""
        self._check_open("inventory")
        return await self._inventory()

    async def health_check(self) -> Health:
        """See `SessionStore.health_check`."""
        self._check_open("health_check")
        return await self._health()

    async def close(self) -> None:
        """See `SessionStore.close`."""
        if not self._closed:
            self._closed = True
            await self._close()

    async def __aenter__(self) -> Self:
        self._check_open("open")
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    # -- How the named methods become batches -------------------------------------------------

    def _check_open(self, op: str) -> None:
        if self._closed:
            raise StoreClosedError("the store is closed", op=op, hint="Open it again")

    async def _put(self, batch: Batch) -> None:
        self._check_open(batch.op)
        await self._commit(self._redacted(batch))

    @property
    def credentials(self) -> CredentialNames | None:
        """The names of configuration values that are not stored; None: all are stored."""
        return self._redactor.names

    def redacted(self, snapshot: SessionSnapshot) -> SessionSnapshot:
        """Return the snapshot as it would be saved: see `redaction`. Raises EncodeError."""
        batch = self._redacted(self._snapshot_batch("redact", snapshot))
        assert batch.session is not None, "a snapshot has one"
        return snapshot_of(batch.session, batch)

    def redacted_value(self, value: T) -> T:
        """Return a checkpoint, or values of a collection, as it would be saved: see `redacted`."""
        redacted: T = self._redactor.value(value)
        return redacted

    def redacted_changes(self, changes: SessionChanges) -> SessionChanges:
        """Return changes as they would be saved. Raises EncodeError, InvalidIdError."""
        return redacted_changes(self._redactor, changes)

    def _redacted(self, batch: Batch) -> Batch:
        """Return the batch to save. Raises EncodeError, InvalidIdError."""
        return redacted_batch(self._redactor, batch)

    def _session_batch(self, op: str, session: SessionData, **conditions: Any) -> Batch:
        if type(session) is not models.SessionData:
            raise EncodeError(f"expected a SessionData, found {type(session).__name__}", op=op)
        return Batch(op=op, session_id=check_id(session.id), session=session, **conditions)

    def _snapshot_batch(self, op: str, snapshot: SessionSnapshot, **conditions: Any) -> Batch:
        from a3s_store.core.snapshot import check_snapshot

        with during(op, ""):
            check_snapshot(snapshot)
        return Batch(
            op=op,
            session_id=snapshot.session.id,
            session=snapshot.session,
            collections=snapshot.collections(),
            retained_artifact_uris=snapshot.retained_artifact_uris,
            **conditions,
        )

    async def _save_collection(
        self, collection: Collection, session_id: str, values: Sequence[Any]
    ) -> None:
        op = f"save_{collection.name}"
        if not isinstance(values, list | tuple):
            raise EncodeError(f"expected a list, found {type(values).__name__}", op=op)
        collections = {collection: tuple(values)}
        await self._put(Batch(op=op, session_id=check_id(session_id), collections=collections))

    async def _load_collection(
        self, collection: Collection, session_id: str
    ) -> tuple[Any, ...] | None:
        op = f"load_{collection.name}"
        self._check_open(op)
        found = await self._fetch(op, check_id(session_id), (collection,), session=False)
        return found.collections[collection]

    async def _save_checkpoint(self, kind: CheckpointKind, key: str, value: Any) -> None:
        op = f"save_{kind.name}"
        self._check_open(op)
        check_id(key, kind.key)
        if type(value) is not kind.model:
            raise EncodeError(
                f"expected a {kind.model.__name__}, found {type(value).__name__}", op=op
            )
        check_checkpoint(kind, key, value, op)
        with during(op, ""):
            self._redactor.check_id(key, kind.key)
        with during(op, f"{kind.key} {key!r}"):
            value = self._redactor.value(value)
        await self._put_checkpoint(kind, key, value)

    async def _load_checkpoint(self, kind: CheckpointKind, key: str) -> Any | None:
        op = f"load_{kind.name}"
        self._check_open(op)
        value = await self._get_checkpoint(kind, check_id(key, kind.key))
        if value is not None:
            check_checkpoint(kind, key, value, op)
        return value

    async def _delete_checkpoint(self, kind: CheckpointKind, key: str) -> None:
        self._check_open(f"delete_{kind.name}")
        await self._drop_checkpoint(kind, check_id(key, kind.key))


def snapshot_of(session: SessionData, rest: LoadResult | Batch) -> SessionSnapshot:
    """Return the snapshot of a session with the collections of a load or a batch."""
    from a3s_store.core.snapshot import SessionSnapshot

    return SessionSnapshot.of(session, rest.collections, rest.retained_artifact_uris or ())


def check_checkpoint(kind: CheckpointKind, key: str, value: Any, op: str) -> None:
    """Check the schema version of a checkpoint, and that its id is the key.

    Raises:
        InvalidSnapshotError: the version is newer than this release, or the id differs.
    """
    version = value.schema_version
    if type(version) is int and version > models.CHECKPOINT_VERSION:
        raise InvalidSnapshotError(
            f"the {kind.name} has schema version {version if version < 2**64 else 'beyond 2^64'}, "
            f"this release supports at most {models.CHECKPOINT_VERSION}",
            op=op,
            where=f"{kind.key} {key!r}",
            hint="Open it with the release that wrote it",
        )
    own = getattr(value, kind.key)
    if type(own) is not str or own != key:
        raise InvalidSnapshotError(
            f"{kind.name} key mismatch: the value names another {kind.key}",
            op=op,
            where=f"{kind.key} {key!r}",
        )
