"""Reads and conditional writes of a live session, for any store.

A `ConditionalStore` compares and writes in one transaction. For other stores `PlainWriter` does the
best it can: a store with `aggregate_cas` compares the digest of the whole snapshot, and is tried
again; any other is read and compared before it is written, which leaves a race.
"""

from __future__ import annotations

import asyncio
import logging
import random
import weakref
from collections.abc import Awaitable, Sequence
from typing import Final, Protocol

import attrs

from a3s_store.core.base.conditional import may_write
from a3s_store.core.base.store import BaseStore
from a3s_store.core.changes import Committed, Merge, RunCheckpoint, SessionChanges, Stored
from a3s_store.core.collections import ARTIFACTS, COLLECTIONS, Collection
from a3s_store.core.digests import EMPTY_CHAIN
from a3s_store.core.protocol import ConditionalStore, SessionStore, conditional
from a3s_store.core.revision import Position, Revision, Versioned
from a3s_store.core.snapshot import SessionSnapshot
from a3s_store.errors import RunClaimedError, SessionConfigError, StoreBusyError
from a3s_store.wire import evolved

# How often a store that cannot merge is tried, and the longest pause between two tries.
_TRIES: Final = 16
_PAUSE_S: Final = 0.05
_log = logging.getLogger("a3s_store.session")
# Stores that a warning was logged for.
_warned: Final[weakref.WeakSet[SessionStore]] = weakref.WeakSet()


class SessionWriter(Protocol):
    """The calls of its store that a live session makes."""

    async def revision(self, session_id: str) -> Revision | None:
        """Return the revision of the stored session; None when it is not stored."""

    async def load(self, session_id: str) -> Stored | None:
        """Load the session with its collections; None when it is not stored."""

    async def save(
        self, changes: SessionChanges, on: Revision | None, merge: Merge | None
    ) -> Committed:
        """As `ConditionalStore.save_changes`."""

    async def landed(self, changes: SessionChanges) -> Revision | None:
        """Return the revision made by a save of unknown outcome; None if it was not made."""

    async def runs(self, session_id: str, open_runs: Sequence[str]) -> tuple[RunCheckpoint, ...]:
        """Return the checkpoints of the session's runs, oldest first.

        Of a store that cannot list them only `open_runs` are looked up.
        """

    async def claim(self, run_id: str, seen: str | None, by: str) -> RunCheckpoint:
        """As `ConditionalStore.claim_run`."""


def writer_for(store: SessionStore) -> SessionWriter:
    """Return the writer for a store, a conditional one where the store allows it."""
    comparing = conditional(store)
    return PlainWriter(store) if comparing is None else ConditionalWriter(comparing)


def check_conditions(store: SessionStore | None, *, required: bool) -> None:
    """Log a warning, once for each store, if live sessions may overwrite each other in it.

    Raises SessionConfigError if conditions are `required` and the store cannot compare and write in
    one transaction.
    """
    if store is None or store.capabilities().conditional_writes:
        return
    what = f"session store '{store.backend_name}' does not support conditional writes"
    if required:
        raise SessionConfigError(
            what,
            field="require_conditions",
            hint="Use SqliteSessionStore, or set require_conditions=False",
        )
    if not store.capabilities().aggregate_cas and store not in _warned:
        _warned.add(store)
        _log.warning("%s: one of two live sessions may overwrite the other", what)


class ConditionalWriter:
    """Writes to a store that compares and writes in one transaction."""

    def __init__(self, store: ConditionalStore) -> None:
        self._store = store

    async def revision(self, session_id: str) -> Revision | None:
        """See `SessionWriter.revision`."""
        return await self._store.revision(session_id)

    async def load(self, session_id: str) -> Stored | None:
        """See `SessionWriter.load`."""
        return await self._store.load_versioned(session_id, snapshot=True)

    async def save(
        self, changes: SessionChanges, on: Revision | None, merge: Merge | None
    ) -> Committed:
        """See `SessionWriter.save`."""
        return await self._store.save_changes(changes, on=on, merge=merge)

    async def landed(self, changes: SessionChanges) -> Revision | None:
        """See `SessionWriter.landed`."""
        return await self._store.landed(changes.session_id, changes.save_id)

    async def runs(self, session_id: str, open_runs: Sequence[str]) -> tuple[RunCheckpoint, ...]:
        """See `SessionWriter.runs`."""
        return await self._store.run_checkpoints(session_id)

    async def claim(self, run_id: str, seen: str | None, by: str) -> RunCheckpoint:
        """See `SessionWriter.claim`."""
        return await self._store.claim_run(run_id, seen=seen, by=by)


@attrs.frozen
class _Seen:
    """A stored snapshot, and its digest where the store compares digests."""

    snapshot: SessionSnapshot
    digest: str | None


class PlainWriter:
    """Writes to any store. It numbers the snapshots it sees, since the store has no revisions."""

    def __init__(self, store: SessionStore) -> None:
        self._store = store
        promised = store.capabilities()
        self._compares = promised.aggregate_cas
        self._whole = promised.atomic_session_snapshots
        self._seen: _Seen | None = None
        self._number = 0
        # The name and value of the step of a save under way.
        self._trying: tuple[str, object] | None = None

    def _note(self, snapshot: SessionSnapshot) -> Revision:
        """Return the number of a snapshot that was read or written."""
        if self._trying is not None and self._seen is not None:
            # A step of unknown outcome was made if its value is stored.
            name, values = self._trying
            if _alike(getattr(snapshot, name), values):
                self._advance(name, values)
        self._trying = None
        if self._seen is None or not _equal(self._seen.snapshot, snapshot):
            self._number += 1
        if self._seen is None or self._seen.snapshot is not snapshot:
            self._seen = _Seen(snapshot, snapshot.digest() if self._compares else None)
        return Revision(self._number, 1)

    def _advance(self, name: str, values: object) -> None:
        """Note that one step of a save was made, so that it is no change by others."""
        if self._seen is not None:
            self._seen = _Seen(evolved(self._seen.snapshot, {name: values}), None)

    async def revision(self, session_id: str) -> Revision | None:
        """See `SessionWriter.revision`: the whole session is read and compared."""
        found = await self._store.load_snapshot(session_id)
        return None if found is None else self._note(found)

    async def load(self, session_id: str) -> Stored | None:
        """See `SessionWriter.load`."""
        found = await self._store.load_snapshot(session_id)
        return None if found is None else self.versioned(found)

    def versioned(self, snapshot: SessionSnapshot) -> Stored:
        """Return a snapshot that was just loaded, with its number as revision."""
        revision = self._note(snapshot)
        return Versioned(snapshot, revision, Position(len(snapshot.session.messages), EMPTY_CHAIN))

    async def save(
        self, changes: SessionChanges, on: Revision | None, merge: Merge | None
    ) -> Committed:
        """See `SessionWriter.save`."""
        theirs: Stored | None = None
        changes = written = self._as_stored(changes)
        if changes.checkpoint is not None:
            # First, since it may replace one that is removed below.
            await self._put_run(changes, changes.checkpoint, on)
        for attempt in range(_TRIES if self._compares else 1):
            now = self._seen
            if attempt or now is None or on != Revision(self._number, 1) or not self._compares:
                stored = await self._compared(changes, on)
                actual = None if stored is None else self._note(stored)
                if on is not None and not may_write(
                    _without_runs(changes), on, actual, merge, _nothing
                ):
                    assert stored is not None, "it has a revision"
                    assert merge is not None, "without one it is refused"
                    theirs = self.versioned(stored)
                    written = merge(changes, theirs)
            if await self._write(written):
                break
            await asyncio.sleep(random.random() * _PAUSE_S)
        else:
            raise StoreBusyError(
                f"others saved the session {_TRIES} times meanwhile",
                op=changes.op,
                hint="Nothing was written; try again",
            )
        for claim in changes.ended_runs:
            await self._store.delete_loop_checkpoint(claim.run_id)
        return Committed(revision=Revision(self._number, 1), changes=written, theirs=theirs)

    async def _put_run(
        self, changes: SessionChanges, run: RunCheckpoint, on: Revision | None
    ) -> None:
        """Write the checkpoint of a run. Raises StaleGenerationError for a deleted session."""
        await self._store.save_loop_checkpoint(run.run_id, run.checkpoint)
        # After the write, since a later deletion of the session also removes the checkpoint.
        if on is not None and not await self._store.exists(changes.session_id):
            await self._store.delete_loop_checkpoint(run.run_id)
            may_write(_without_runs(changes), on, None, None, _nothing)

    def _as_stored(self, changes: SessionChanges) -> SessionChanges:
        """Return the changes as they will be stored, redacted, so that they compare equal then."""
        store = self._store
        return store.redacted_changes(changes) if isinstance(store, BaseStore) else changes

    async def _compared(
        self, changes: SessionChanges, on: Revision | None
    ) -> SessionSnapshot | None:
        """Return the stored session; it is not read for a first save or a checkpoint alone."""
        if on is None or not changes.changes_session:
            return None if self._seen is None else self._seen.snapshot
        return await self._store.load_snapshot(changes.session_id)

    async def _write(self, changes: SessionChanges) -> bool:
        """Write the changes; return False when others saved meanwhile and the store compares."""
        if not changes.changes_session:
            return True
        before = None if self._seen is None else self._seen.snapshot
        snapshot = _changed(before, changes)
        if snapshot is None or not (self._whole or self._compares):
            await self._write_in_steps(changes)
        elif self._compares and self._seen is not None:
            if not await self._store.save_snapshot_cas(snapshot, self._seen.digest):
                return False
        else:
            await self._store.save_snapshot(snapshot)
        if snapshot is not None:
            self._note(snapshot)
        return True

    async def _write_in_steps(self, changes: SessionChanges) -> None:
        """Write part by part, in upstream's order, up to the first failure."""
        store, session_id = self._store, changes.session_id
        if changes.retained_artifact_uris:
            # No step stores them; `save_snapshot` refuses where the store cannot keep them.
            snapshot = _changed(None if self._seen is None else self._seen.snapshot, changes)
            if snapshot is not None:
                await store.save_snapshot(snapshot)
                return
        if changes.session is not None:
            await self._step("session", changes.session, store.save(changes.session))
        for collection in COLLECTIONS:
            values = changes.collections.get(collection)
            if values is not None:
                save = getattr(store, f"save_{collection.name}")
                await self._step(collection.name, values, save(session_id, values))

    async def _step(self, name: str, values: object, save: Awaitable[None]) -> None:
        self._trying = (name, values)
        await save
        self._trying = None
        self._advance(name, values)

    async def landed(self, changes: SessionChanges) -> Revision | None:
        """See `SessionWriter.landed`: a save was made if all that it added is stored.

        Others may have saved since. A store without save ids cannot distinguish it from an equal
        save of another live session.
        """
        stored = await self._store.load_snapshot(changes.session_id)
        before = None if self._seen is None else self._seen.snapshot
        attempted = _changed(before, self._as_stored(changes))
        if stored is None or attempted is None:
            return None
        if _equal(stored, attempted):
            return self._note(stored)
        if before is None or not _has_added(before, attempted, stored):
            return None
        # The revision of our save; the stored one is another by now.
        return self._note(attempted)

    async def runs(self, session_id: str, open_runs: Sequence[str]) -> tuple[RunCheckpoint, ...]:
        """See `SessionWriter.runs`: the store does not keep where a run's own messages begin."""
        found = [await self._store.load_loop_checkpoint(run_id) for run_id in open_runs]
        return tuple(
            RunCheckpoint(checkpoint=one)
            for one in found
            if one is not None and one.session_id == session_id
        )

    async def claim(self, run_id: str, seen: str | None, by: str) -> RunCheckpoint:
        """See `SessionWriter.claim`: this excludes no other claim."""
        found = await self._store.load_loop_checkpoint(run_id)
        if found is None:
            raise RunClaimedError(
                "there is no checkpoint of the run any more", run_id=run_id, op="claim_run"
            )
        return RunCheckpoint(checkpoint=found)


def _changed(before: SessionSnapshot | None, changes: SessionChanges) -> SessionSnapshot | None:
    """Return the snapshot with the changes in it; None while no session is known."""
    session = changes.session or (before.session if before is not None else None)
    if session is None:
        return None
    collections: dict[Collection, tuple[object, ...] | None] = (
        {} if before is None else before.collections()
    )
    collections.update(changes.collections)
    uris = changes.retained_artifact_uris
    if uris is None:
        uris = () if before is None else before.retained_artifact_uris
    if uris and collections.get(ARTIFACTS) is None:
        collections[ARTIFACTS] = ()
    return SessionSnapshot.of(session, collections, uris)


def _equal(one: SessionSnapshot, other: SessionSnapshot) -> bool:
    """Whether two snapshots are equal, an empty collection counting as one never saved."""
    return one is other or (
        one.session == other.session
        and one.retained_artifact_uris == other.retained_artifact_uris
        and all(
            _alike(getattr(one, collection.name), getattr(other, collection.name))
            for collection in COLLECTIONS
        )
    )


def _has_added(
    before: SessionSnapshot, attempted: SessionSnapshot, stored: SessionSnapshot
) -> bool:
    """Whether the save added values, and each of them is stored at its position."""
    added = False
    for was, new, now in zip(*map(_lists, (before, attempted, stored)), strict=True):
        if new == was:
            continue
        if now[: len(new)] != new:
            return False
        added = added or len(new) > len(was)
    return added


def _lists(snapshot: SessionSnapshot) -> tuple[tuple[object, ...], ...]:
    """Return the lists of a snapshot that grow, () for a collection that was never saved."""
    session = snapshot.session
    return (
        session.messages,
        session.cost_records,
        *(values or () for values in snapshot.collections().values()),
    )


def _alike(one: object, other: object) -> bool:
    return one == other or (not one and not other)


def _without_runs(changes: SessionChanges) -> SessionChanges:
    """Return the changes without runs, which such a store cannot claim."""
    return attrs.evolve(changes, checkpoint=None, ended_runs=())


def _nothing(_: str) -> None:
    return None
