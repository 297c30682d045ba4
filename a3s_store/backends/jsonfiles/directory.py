"""The operations on a directory: plain functions, no event loop.

Invariants: 1. all texts are made before the first file is staged, and all files are staged before
the first name changes; 2. collections are written before their session, and a claim before its
collections, so that after a crash each file has the right owner (`claims`); 3. a session file is
removed after everything else of the session: after a crash the session is still listed, and
deleting it again finishes. Upstream removes the session file first, and after a crash the rest
reappears when the id is used again; 4. a claim exists only while there is no session file.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from a3s_store.backends.jsonfiles import claims, content, left_behind
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
from a3s_store.core.changes import RunCheckpoint
from a3s_store.core.collections import (
    COLLECTIONS,
    RUN_RECORDS,
    WORKFLOW_CHECKPOINTS,
    CheckpointKind,
    Collection,
)
from a3s_store.core.listing.conditions import Listed
from a3s_store.core.listing.rows import listed
from a3s_store.core.new_files import temporary_name, write_new
from a3s_store.core.protocol import Inventory
from a3s_store.core.snapshot import SessionSnapshot
from a3s_store.errors import DecodeError, IdCollisionError, StoreUnavailableError
from a3s_store.models import LoopCheckpoint, SessionData
from a3s_store.wire import DEFAULT_LIMITS, Limits, encode
from a3s_store.wire.limits import in_force

_log: Final = logging.getLogger("a3s_store.files")


class Directory:
    """One directory of sessions. Every public method holds the lock while it runs."""

    def __init__(self, root: Path, timeout: float, limits: Limits = DEFAULT_LIMITS) -> None:
        self.root = root
        self.limits = limits
        self.layout = Layout(root, limits.file_bytes)
        self._lock = DirectoryLock(root, timeout)
        self.memories = MemoryFiles(self.layout, self._lock)
        self.queues = QueueFiles(self.layout, self._lock)

    # -- Sessions and collections -----------------------------------------------------------------

    def commit(self, batch: Batch) -> bool:
        """Write a batch, see `BaseStore._commit`; after a crash some of its files may be old."""
        name = require_name(batch.session_id)
        trees = self._trees(batch)
        with self._lock.exclusive():
            return self._write(batch, trees, name)

    def change(
        self,
        session_id: str,
        collections: Sequence[Collection],
        change: Callable[[LoadResult], Batch | None],
    ) -> None:
        """Write the batch that `change` returns for what is stored, read and written at one moment.

        None writes nothing. What it raises is raised, and nothing is written.
        """
        name = require_name(session_id)
        with self._lock.exclusive():
            batch = change(self._fetch(name, session_id, collections, session=True))
            if batch is not None:
                self._write(batch, self._trees(batch), name)

    def _trees(self, batch: Batch) -> Trees:
        with in_force(self.limits):
            trees = encode_batch(batch)
        refuse_too_large(trees, self.limits)
        return trees

    def _write(self, batch: Batch, trees: Trees, name: str) -> bool:
        owner = claims.owner(self.layout, name, batch.session_id)
        if owner not in {None, batch.session_id}:
            raise IdCollisionError(
                "another session has the file of this id",
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
        """Return stored values, see `BaseStore._fetch`."""
        name = name_of(session_id)
        with self._lock.shared():
            return self._fetch(name, session_id, collections, session=session)

    def _fetch(
        self,
        name: str | None,
        session_id: str,
        collections: Sequence[Collection],
        *,
        session: bool,
    ) -> LoadResult:
        if name is None or claims.owner(self.layout, name, session_id) != session_id:
            return LoadResult(session=None, collections=dict.fromkeys(collections))
        return self._read(name, collections, session=session)

    def _read(self, name: str, collections: Sequence[Collection], *, session: bool) -> LoadResult:
        files = {collection: self._read_collection(collection, name) for collection in collections}
        retained = [file.manifest.retained_uris for file in files.values() if file]
        return LoadResult(
            session=self._session(name) if session else None,
            collections={
                collection: None if file is None else file.values
                for collection, file in files.items()
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
        """Return whether there is a session file of this id."""
        with self._lock.shared():
            return claims.is_saved(self.layout, session_id)

    def delete(self, session_id: str) -> None:
        """Remove everything of a session: its session file after the rest, then its claim.

        Its agent memory and the workflow checkpoint of its queue are removed, too, and so are all
        temporary files of killed writers.
        """
        name = name_of(session_id)
        with self._lock.exclusive():
            owns = name is not None and claims.owner(self.layout, name, session_id) == session_id
            with Changes(self.root) as changes:
                for path in claims.loop_checkpoints_of(self.layout, session_id):
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
                pass  # it is not empty, or does not exist

    # -- Checkpoints --------------------------------------------------------------------------

    def put_checkpoint(self, kind: CheckpointKind, key: str, value: Any) -> None:
        """Store a checkpoint, see `BaseStore._put_checkpoint`."""
        what = kind.key.replace("_", " ")
        path = self.layout.checkpoint(kind, require_checkpoint_name(key, what))
        with in_force(self.limits):
            tree = encode(value)
        refuse_too_large_value(value, tree, self.limits)
        text = content.tree_text(tree, model=type(value).__name__)
        content.refuse_unreadable(text, self.limits.file_bytes)
        with self._lock.exclusive():
            if claims.checkpoint_owner(self.layout, kind, path, key) not in {None, key}:
                raise IdCollisionError(
                    f"another {what} has the file of this checkpoint",
                    where=str(path),
                    hint="Ids that differ in / \\ and .. only share a file; choose another id",
                )
            with Changes(self.root) as changes:
                changes.put(path, text)
                changes.land()

    def get_checkpoint(self, kind: CheckpointKind, key: str) -> Any | None:
        """Return a checkpoint, see `BaseStore._get_checkpoint`."""
        name = checkpoint_name(key)
        if name is None:
            return None
        path = self.layout.checkpoint(kind, name)
        with self._lock.shared():
            if claims.checkpoint_owner(self.layout, kind, path, key) != key:
                return None
            data = read(path, self.limits.file_bytes)
        return None if data is None else content.read_value(kind.model, data, path)

    def drop_checkpoint(self, kind: CheckpointKind, key: str) -> None:
        """Remove a checkpoint, see `BaseStore._drop_checkpoint`."""
        with self._lock.exclusive(), Changes(self.root) as changes:
            self._drop_checkpoint(changes, kind, key)
            changes.land()

    def _drop_checkpoint(self, changes: Changes, kind: CheckpointKind, key: str) -> None:
        name = checkpoint_name(key)
        if name is not None:
            path = self.layout.checkpoint(kind, name)
            if claims.checkpoint_owner(self.layout, kind, path, key) == key:
                changes.drop(path)

    # -- Everything in the directory ----------------------------------------------------------

    def ids(self) -> list[str]:
        """Return the ids of the sessions, sorted."""
        with self._lock.shared():
            return claims.session_ids(self.layout)

    def listed(self) -> tuple[list[Listed], bool]:
        """Return the sessions as lists have them, each read whole, and whether all can be read."""
        found: list[Listed] = []
        is_whole = True
        with self._lock.shared():
            checkpoints = claims.loop_checkpoints(self.layout)
            for session_id in claims.session_ids(self.layout):
                try:
                    found += self._listed(session_id, checkpoints.get(session_id, []))
                except DecodeError as error:
                    _log.warning("session %r is not listed: %s", session_id, error)
                    is_whole = False
        return found, is_whole

    def _listed(self, session_id: str, checkpoints: Sequence[Path]) -> Iterator[Listed]:
        runs = [
            RunCheckpoint(checkpoint=content.read_value(LoopCheckpoint, data, path))
            for path in checkpoints
            if (data := read(path, self.limits.file_bytes)) is not None
        ]
        stored = self._read(require_name(session_id), (RUN_RECORDS,) if runs else (), session=True)
        if stored.session is not None:
            yield listed(stored.session, stored.collections.get(RUN_RECORDS) or (), runs)

    def inventory(self) -> Inventory:
        """Return all ids, including damaged sessions, so that an export reports their errors."""
        with self._lock.shared():
            return claims.inventory(self.layout)

    def probe(self) -> None:
        """Check that a file can be written and removed.

        Raises:
            StoreUnavailableError: it cannot.
        """
        path = self.root / temporary_name(HEALTH_PROBE)
        try:
            next(self.root.iterdir(), None)
            write_new(path, b"ok")
            path.unlink()
        except OSError as error:
            what = f"Store directory not writable: {self.root}"
            raise StoreUnavailableError(what, hint=str(error.strerror or "")) from error
