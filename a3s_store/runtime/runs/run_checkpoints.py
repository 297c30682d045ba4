"""Checkpoints of runs in a store: loading one to resume from, and finding those left behind.

A checkpoint is saved between two rounds of tools and removed when the run has ended (K2, K3). So a
stored one means that the process died, or that the run still goes on. `load_for_resume` raises for
any other than the run's own, since resuming from it would repeat calls of tools.

Upstream: loop_checkpoint.rs (runtime 11.4; 1.7, resume a run).
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Collection, Iterable
from typing import Final

import attrs

from a3s_store.core.protocol import Inventoried, Inventory, SessionStore
from a3s_store.errors import (
    CodecError,
    CorruptionError,
    InvalidSnapshotError,
    PersistenceError,
    SessionConfigError,
    SessionError,
)
from a3s_store.models import CHECKPOINT_VERSION, LoopCheckpoint, RunStatus
from a3s_store.runtime.state.invariants import quoted
from a3s_store.runtime.state.runs import TERMINAL

_log = logging.getLogger("a3s_store.session")

_UNREADABLE: Final = (InvalidSnapshotError, CodecError, CorruptionError)


def check_ownership(checkpoint: LoopCheckpoint, run_id: str, session_id: str) -> None:
    """Refuse a checkpoint of a newer version, of another run, or of another session (K5, K6).

    Our stores refuse the first two themselves; an application's store may not.

    Raises:
        InvalidSnapshotError
    """
    if checkpoint.schema_version > CHECKPOINT_VERSION:
        raise InvalidSnapshotError(
            f"loop checkpoint for run {run_id} has schema version {checkpoint.schema_version} "
            f"but this build supports at most {CHECKPOINT_VERSION}"
        )
    if checkpoint.run_id != run_id:
        raise InvalidSnapshotError(
            f"loop checkpoint key mismatch: requested run {quoted(run_id)}, payload belongs to "
            f"{quoted(checkpoint.run_id)}"
        )
    if checkpoint.session_id != session_id:
        raise InvalidSnapshotError(
            f"loop checkpoint ownership mismatch for run {quoted(run_id)}: current session is "
            f"{quoted(session_id)}, payload belongs to {quoted(checkpoint.session_id)}"
        )


async def load_for_resume(
    store: SessionStore | None, run_id: str, session_id: str
) -> LoopCheckpoint:
    """Load the checkpoint of a run of this session, to resume from it. It stays stored.

    Upstream: `resume_run` (runtime 1.7).

    Raises:
        SessionConfigError: there is no store.
        PersistenceError: the store could not load it; `__cause__` says why.
        SessionError: there is none, or it is of another session or run.
    """
    if store is None:
        raise SessionConfigError(
            "resume_run requires a session_store on this session",
            field="session_store",
            op="resume_run",
        )
    where = f"session {session_id}"
    try:
        checkpoint = await store.load_loop_checkpoint(run_id)
    except Exception as error:
        what = f"load_loop_checkpoint('{run_id}') failed: {error}"
        raise PersistenceError(what, op="resume_run", where=where) from error
    if checkpoint is None:
        what = f"no loop checkpoint found for run '{run_id}'"
        hint = "A run that ended has none"
        raise SessionError(what, op="resume_run", where=where, hint=hint)
    try:
        check_ownership(checkpoint, run_id, session_id)
    except InvalidSnapshotError as error:
        what = f"refusing to resume checkpoint '{run_id}': {error}"
        raise SessionError(what, op="resume_run", where=where) from error
    return checkpoint


@attrs.frozen(kw_only=True)
class OrphanedCheckpoint:
    """A checkpoint of a session that is not stored; `checkpoint_ms` is when it was made."""

    run_id: str
    session_id: str
    checkpoint_ms: int


async def orphaned(
    store: SessionStore, *, live: Collection[str] = ()
) -> tuple[OrphanedCheckpoint, ...]:
    """Return the checkpoints of sessions that are not stored, by run id. Nothing is removed.

    A live session that was never saved is not stored either, so `live` names those. Each checkpoint
    is loaded; one that cannot be read is logged and left out. Upstream has no equivalent: there
    checkpoints outlive their sessions (K4).

    Raises:
        SessionConfigError: the store has no inventory (`Inventoried`).
        StoreError: the store failed.
    """
    inventory = await _inventory(store, "orphaned")
    alive = {*inventory.sessions, *live}
    return tuple(
        [
            OrphanedCheckpoint(
                run_id=one.run_id, session_id=one.session_id, checkpoint_ms=one.checkpoint_ms
            )
            async for one in _readable(store, inventory.loop_checkpoints)
            if one.session_id not in alive
        ]
    )


@attrs.frozen(kw_only=True)
class LeftOverCheckpoint:
    """A checkpoint of a run that ended with `status`; `checkpoint_ms` is when it was made.

    A crash between a run's last save and the removal of its checkpoint leaves one, where the store
    cannot do both in one commit; earlier releases left one in every store.
    """

    run_id: str
    session_id: str
    status: RunStatus
    checkpoint_ms: int


async def left_over(store: SessionStore) -> tuple[LeftOverCheckpoint, ...]:
    """Return the checkpoints of stored sessions for runs that have ended, by run id.

    Nothing is removed: `store.delete_loop_checkpoint(run_id)` removes one. The runs of each session
    with a checkpoint are loaded. A session with unreadable runs and an unreadable checkpoint are
    logged and left out.

    Raises:
        SessionConfigError: the store has no inventory (`Inventoried`).
        StoreError: the store failed.
    """
    inventory = await _inventory(store, "left_over")
    stored = set(inventory.sessions)
    ended: dict[str, dict[str, RunStatus]] = {}
    found: list[LeftOverCheckpoint] = []
    async for one in _readable(store, inventory.loop_checkpoints):
        if one.session_id not in stored:
            continue
        if one.session_id not in ended:
            ended[one.session_id] = await _ended_runs(store, one.session_id)
        status = ended[one.session_id].get(one.run_id)
        if status is not None:
            found.append(
                LeftOverCheckpoint(
                    run_id=one.run_id,
                    session_id=one.session_id,
                    status=status,
                    checkpoint_ms=one.checkpoint_ms,
                )
            )
    return tuple(found)


async def _inventory(store: SessionStore, op: str) -> Inventory:
    if not isinstance(store, Inventoried):
        raise SessionConfigError("the store has no inventory", field="store", op=op)
    return await store.inventory()


async def _readable(store: SessionStore, run_ids: Iterable[str]) -> AsyncIterator[LoopCheckpoint]:
    """Load those of these checkpoints that are stored and can be read."""
    for run_id in run_ids:
        try:
            checkpoint = await store.load_loop_checkpoint(run_id)
        except _UNREADABLE as error:
            _log.warning("Loop checkpoint of run %s skipped: %s", run_id, error)
            continue
        if checkpoint is not None:
            yield checkpoint


async def _ended_runs(store: SessionStore, session_id: str) -> dict[str, RunStatus]:
    try:
        records = await store.load_run_records(session_id)
    except _UNREADABLE as error:
        _log.warning("Runs of session %s skipped: %s", session_id, error)
        return {}
    return {
        record.snapshot.id: record.snapshot.status
        for record in records or ()
        if record.snapshot.status in TERMINAL
    }
