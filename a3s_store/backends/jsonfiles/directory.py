"""What each operation does in the directory: plain functions, no event loop.

Invariants: 1. all texts are made before the first file is staged, and all files are staged before
the first name changes; 2. shelves land before their session and a claim before the shelves it is
for, so that what a crash leaves has its rightful owner (`owners`); 3. a session goes away after
everything that is its own: upstream removes it first, and what a crash then leaves comes back to
life when the id is used again. This way the session is still listed, and deleting it again
finishes; 4. a claim exists only while there is no session file.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from a3s_store.backends.jsonfiles import content, left_behind, listing, owners
from a3s_store.backends.jsonfiles.atomic_write import Changes, present, read
from a3s_store.backends.jsonfiles.content import NO_MANIFEST, CollectionFile
from a3s_store.backends.jsonfiles.layout import (
    CLAIMS,
    HEALTH_PROBE,
    MEMORIES,
    Layout,
    checkpoint_name,
    name_of,
    require_checkpoint_name,
    require_name,
)
from a3s_store.backends.jsonfiles.lock import DirectoryLock
from a3s_store.backends.jsonfiles.memory_files import MemoryFiles
from a3s_store.backends.jsonfiles.queue_files import QueueFiles
from a3s_store.core.base.queue_entries import WORKFLOW_PREFIX
from a3s_store.core.batch import (
    Batch,
    LoadResult,
    Trees,
    encode_batch,
    refuse_too_large,
    refuse_too_large_value,
)
from a3s_store.core.collections import (
    COLLECTIONS,
    WORKFLOW_CHECKPOINTS,
    CheckpointKind,
    Collection,
)
from a3s_store.core.new_files import temporary_name, write_new
from a3s_store.core.protocol import Inventory
from a3s_store.core.snapshot import SessionSnapshot
from a3s_store.errors import IdCollisionError, StoreUnavailableError
from a3s_store.models import SessionData
from a3s_store.wire import DEFAULT_LIMITS, Limits, encode
from a3s_store.wire.limits import in_force


class Directory:
    """One directory of sessions. Every public method takes the lock for its own duration."""

    def __init__(self, root: Path, timeout: float, limits: Limits = DEFAULT_LIMITS) -> None:
        self.root = root
        self.limits = limits
        self.layout = Layout(root, limits.file_bytes)
        self._lock = DirectoryLock(root, timeout)
        self.memories = MemoryFiles(self.layout, self._lock)
        self.queues = QueueFiles(self.layout, self._lock)

    # -- Sessions and collections -----------------------------------------------------------------

    def commit(self, batch: Batch) -> bool:
        """See `BaseStore._commit`. Each file lands whole; a crash may come between two."""
        name = require_name(batch.session_id)
        with in_force(self.limits):
            trees = encode_batch(batch)
        refuse_too_large(trees, self.limits)
        with self._lock.exclusive():
            owner = owners.owner(self.layout, name, batch.session_id)
            if owner not in {None, batch.session_id}:
                raise IdCollisionError(
                    "another session has the file this one would be in",
                    where=str(self.layout.session(name)),
                    hint="Ids that differ in / \\ and .. only share a file; choose another id",
                )
            if batch.expected_digest is not None and (
                owner is None or self._digest(name) != batch.expected_digest
            ):
                return False
            with Changes(self.root) as changes:
                self._stage(batch, trees, name, changes)
                changes.land()
            self._tidy()
        return True

    def _stage(self, batch: Batch, trees: Trees, name: str, changes: Changes) -> None:
        collections = {
            collection: None
            if items is None
            else self._collection_text(batch, collection, items, name)
            for collection, items in trees.collections.items()
        }
        session = (
            None
            if trees.session is None
            else content.tree_text(trees.session, model=SessionData.__name__)
        )
        for text in (session, *collections.values()):
            content.refuse_unreadable(text, self.limits.file_bytes)
        claim, session_path = self.layout.claim(name), self.layout.session(name)
        if batch.session_id != name and any(collections.values()) and not present(session_path):
            changes.put(claim, content.claim_text(batch.session_id))
        for collection, text in collections.items():
            own_folder = self.layout.own_folder(collection, name)
            path = self.layout.collection(collection, name)
            if text is None:
                changes.drop(own_folder or path)
            else:
                changes.put(path, text, own_folder=own_folder)
        if session is not None:
            changes.put(session_path, session)
            changes.drop(claim)

    def _collection_text(
        self, batch: Batch, collection: Collection, trees: list[dict[str, Any]], name: str
    ) -> bytes:
        manifest = NO_MANIFEST
        if collection.wrapped is not None and batch.retained_artifact_uris is not None:
            manifest = manifest.evolve(retained_uris=batch.retained_artifact_uris)
        elif collection.wrapped is not None:
            stored = self._read_collection(collection, name)
            manifest = stored.manifest if stored else manifest
        return content.collection_text(collection, trees, manifest)

    def fetch(
        self, session_id: str, collections: Sequence[Collection], *, session: bool
    ) -> LoadResult:
        """See `BaseStore._fetch`."""
        name = name_of(session_id)
        with self._lock.shared():
            if name is None or owners.owner(self.layout, name, session_id) != session_id:
                return LoadResult(session=None, collections=dict.fromkeys(collections))
            return self._read(name, collections, session=session)

    def _read(self, name: str, families: Sequence[Collection], *, session: bool) -> LoadResult:
        collections = {
            collection: self._read_collection(collection, name) for collection in families
        }
        retained = [values.manifest.retained_uris for values in collections.values() if values]
        return LoadResult(
            session=self._session(name) if session else None,
            collections={
                collection: None if values is None else values.values
                for collection, values in collections.items()
            },
            retained_artifact_uris=next(filter(None, retained), ()),
        )

    def _session(self, name: str) -> SessionData | None:
        path = self.layout.session(name)
        data = read(path, self.limits.file_bytes)
        return None if data is None else content.read_value(SessionData, data, path)

    def _read_collection(self, collection: Collection, name: str) -> CollectionFile | None:
        path = self.layout.collection(collection, name)
        data = read(path, self.limits.file_bytes)
        if data is not None:
            return content.read_collection(collection, data, path)
        own_folder = self.layout.own_folder(collection, name)
        return CollectionFile(()) if own_folder is not None and present(own_folder) else None

    def _digest(self, name: str) -> str | None:
        found = self._read(name, COLLECTIONS, session=True)
        if found.session is None:
            return None
        return SessionSnapshot.of(
            found.session, found.collections, found.retained_artifact_uris
        ).digest()

    def exists(self, session_id: str) -> bool:
        """Whether there is a session file and it is this id's."""
        with self._lock.shared():
            return owners.is_saved(self.layout, session_id)

    def delete(self, session_id: str) -> None:
        """Remove what is the id's own, its session file last but for the claim.

        Its agent memory goes too, and the workflow checkpoint of its queue; others stay. So do
        temporary files that killed writers left, whosesoever they are.
        """
        name = name_of(session_id)
        with self._lock.exclusive():
            owns = name is not None and owners.owner(self.layout, name, session_id) == session_id
            with Changes(self.root) as changes:
                for path in listing.loop_checkpoints_of(self.layout, session_id):
                    changes.drop(path)
                self._drop_checkpoint(changes, WORKFLOW_CHECKPOINTS, WORKFLOW_PREFIX + session_id)
                changes.drop(self.layout.memories(session_id))
                if name is not None and owns:
                    for collection in COLLECTIONS:
                        folder = self.layout.own_folder(collection, name)
                        changes.drop(folder or self.layout.collection(collection, name))
                    changes.drop(self.layout.session(name))
                    changes.drop(self.layout.claim(name))
                changes.land()
            left_behind.sweep_all(self.layout)
            self._tidy()

    def _tidy(self) -> None:
        for folder in (CLAIMS, MEMORIES):
            try:
                (self.root / folder).rmdir()
            except OSError:
                pass  # There are files in it, or it was never made.

    # -- Checkpoints --------------------------------------------------------------------------

    def put_checkpoint(self, kind: CheckpointKind, key: str, value: Any) -> None:
        """See `BaseStore._put_checkpoint`."""
        what = kind.key.replace("_", " ")
        path = self.layout.checkpoint(kind, require_checkpoint_name(key, what))
        with in_force(self.limits):
            tree = encode(value)
        refuse_too_large_value(value, tree, self.limits)
        text = content.tree_text(tree, model=type(value).__name__)
        content.refuse_unreadable(text, self.limits.file_bytes)
        with self._lock.exclusive():
            if owners.checkpoint_owner(self.layout, kind, path, key) not in {None, key}:
                raise IdCollisionError(
                    f"another {what} has the file this checkpoint would be in",
                    where=str(path),
                    hint="Ids that differ in / \\ and .. only share a file; choose another id",
                )
            with Changes(self.root) as changes:
                changes.put(path, text)
                changes.land()

    def get_checkpoint(self, kind: CheckpointKind, key: str) -> Any | None:
        """See `BaseStore._get_checkpoint`."""
        name = checkpoint_name(key)
        if name is None:
            return None
        path = self.layout.checkpoint(kind, name)
        with self._lock.shared():
            if owners.checkpoint_owner(self.layout, kind, path, key) != key:
                return None
            data = read(path, self.limits.file_bytes)
        return None if data is None else content.read_value(kind.model, data, path)

    def drop_checkpoint(self, kind: CheckpointKind, key: str) -> None:
        """See `BaseStore._drop_checkpoint`."""
        with self._lock.exclusive(), Changes(self.root) as changes:
            self._drop_checkpoint(changes, kind, key)
            changes.land()

    def _drop_checkpoint(self, changes: Changes, kind: CheckpointKind, key: str) -> None:
        name = checkpoint_name(key)
        if name is not None:
            path = self.layout.checkpoint(kind, name)
            if owners.checkpoint_owner(self.layout, kind, path, key) == key:
                changes.drop(path)

    # -- All of it ----------------------------------------------------------------------------

    def ids(self) -> list[str]:
        """The ids of the sessions, sorted."""
        with self._lock.shared():
            return listing.session_ids(self.layout)

    def inventory(self) -> Inventory:
        """All ids. A damaged session counts, so that whoever goes through them meets the error."""
        with self._lock.shared():
            return listing.inventory(self.layout)

    # -- Care ---------------------------------------------------------------------------------

    def probe(self) -> None:
        """Write and remove a file. Raises StoreUnavailableError when that is not possible."""
        path = self.root / temporary_name(HEALTH_PROBE)
        try:
            next(self.root.iterdir(), None)
            write_new(path, b"ok")
            path.unlink()
        except OSError as error:
            what = f"Store directory not writable: {self.root}"
            raise StoreUnavailableError(what, hint=str(error.strerror or "")) from error
