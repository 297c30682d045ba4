"""The store on a dict: the reference every other store is compared with.

Values are frozen, so keeping them is keeping references. Everything is encoded once as it comes
in, only to refuse what the other stores would refuse. Nothing awaits between the first look at the
dicts and the last write, so each method is atomic for all tasks of a loop; a lock does the same
for threads.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import attrs

from a3s_store.core.base_store import BaseStore
from a3s_store.core.batch import Batch, LoadResult, refuse_unwritable
from a3s_store.core.collections import CHECKPOINTS, LOOP_CHECKPOINTS, CheckpointKind, Collection
from a3s_store.core.protocol import Capabilities, Health, Inventory
from a3s_store.core.redaction import Redact, Redactor
from a3s_store.core.snapshot import SessionSnapshot
from a3s_store.models import SessionData
from a3s_store.wire import canonical, encode


@attrs.define
class _Entry:
    """What is kept under one session id."""

    session: SessionData | None = None
    shelves: dict[Collection, tuple[Any, ...]] = attrs.field(factory=dict)
    retained_artifact_uris: tuple[str, ...] = ()

    def snapshot(self) -> SessionSnapshot | None:
        if self.session is None:
            return None
        return SessionSnapshot.of(self.session, self.shelves, self.retained_artifact_uris)


class MemorySessionStore(BaseStore):
    """A `SessionStore` that forgets everything when the process ends.

    `redact` as in `SqliteSessionStore.open`.
    """

    backend_name = "memory"

    def __init__(self, *, redact: Redact | None = None) -> None:
        self._redactor = None if redact is None else Redactor(redact)
        self._entries: dict[str, _Entry] = {}
        self._checkpoints: dict[CheckpointKind, dict[str, Any]] = {k: {} for k in CHECKPOINTS}
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"<MemorySessionStore of {len(self._entries)} ids>"

    def capabilities(self) -> Capabilities:
        """Atomic and comparing within the process; nothing survives it."""
        return Capabilities(atomic_session_snapshots=True, aggregate_cas=True)

    async def _commit(self, batch: Batch) -> bool:
        refuse_unwritable(batch)
        with self._lock:
            entry = self._entries.get(batch.session_id, _Entry())
            if batch.expected_digest is not None:
                stored = entry.snapshot()
                if stored is None or stored.digest() != batch.expected_digest:
                    return False
            if batch.session is not None:
                entry.session = batch.session
            for collection, values in batch.collections.items():
                if values is None:
                    entry.shelves.pop(collection, None)
                else:
                    entry.shelves[collection] = values
            if batch.retained_artifact_uris is not None:
                entry.retained_artifact_uris = batch.retained_artifact_uris
            self._entries[batch.session_id] = entry
        return True

    async def _fetch(
        self, op: str, session_id: str, collections: Sequence[Collection], *, session: bool
    ) -> LoadResult:
        with self._lock:
            entry = self._entries.get(session_id, _Entry())
            return LoadResult(
                session=entry.session if session else None,
                collections={
                    collection: entry.shelves.get(collection) for collection in collections
                },
                retained_artifact_uris=entry.retained_artifact_uris,
            )

    async def _delete(self, session_id: str) -> None:
        with self._lock:
            self._entries.pop(session_id, None)
            loops = self._checkpoints[LOOP_CHECKPOINTS]
            for run_id in [r for r, c in loops.items() if c.session_id == session_id]:
                del loops[run_id]

    async def _ids(self) -> list[str]:
        with self._lock:
            return sorted(i for i, entry in self._entries.items() if entry.session is not None)

    async def _exists(self, session_id: str) -> bool:
        with self._lock:
            return self._entries.get(session_id, _Entry()).session is not None

    async def _put_checkpoint(self, kind: CheckpointKind, key: str, value: Any) -> None:
        canonical(encode(value))
        with self._lock:
            self._checkpoints[kind][key] = value

    async def _get_checkpoint(self, kind: CheckpointKind, key: str) -> Any | None:
        with self._lock:
            return self._checkpoints[kind].get(key)

    async def _drop_checkpoint(self, kind: CheckpointKind, key: str) -> None:
        with self._lock:
            self._checkpoints[kind].pop(key, None)

    async def _inventory(self) -> Inventory:
        with self._lock:
            ids = sorted(self._entries)
            held = {i for i in ids if self._entries[i].session is not None}
            loops, workflows = (tuple(sorted(self._checkpoints[kind])) for kind in CHECKPOINTS)
        return Inventory(
            sessions=tuple(i for i in ids if i in held),
            families_only=tuple(i for i in ids if i not in held),
            loop_checkpoints=loops,
            workflow_checkpoints=workflows,
        )

    async def _health(self) -> Health:
        return Health(backend=self.backend_name, location=None)

    async def _close(self) -> None:
        self._entries.clear()
        for kept in self._checkpoints.values():
            kept.clear()
