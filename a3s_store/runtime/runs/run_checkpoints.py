"""A run's state after each round of tools, kept so that a crash costs one round at most.

A checkpoint is saved between rounds, never within one, and removed when the run ends in this
process (K2, K3). So one that is found means that the process died, or that the run is still going
on. Losing one must not stop a run: a sink logs what fails and goes on. Going on from one is
different: `load_for_resume` raises, since acting on the wrong one would repeat what was done.

What a failed checkpoint is logged with is the error's own text, never a message's.

Upstream: loop_checkpoint.rs (runtime 11.4; 1.7, resume a run).
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Collection, Iterable, Sequence
from typing import Final

import attrs

from a3s_store.core.clock import Clock, system_clock
from a3s_store.core.protocol import Inventoried, Inventory, SessionStore
from a3s_store.errors import (
    CodecError,
    CorruptionError,
    InvalidSnapshotError,
    PersistenceError,
    SessionConfigError,
    SessionError,
)
from a3s_store.models import (
    CHECKPOINT_VERSION,
    LoopCheckpoint,
    Message,
    RunStatus,
    TokenUsage,
    VerificationReport,
)
from a3s_store.runtime.state.invariants import quoted
from a3s_store.runtime.state.runs import TERMINAL

_log = logging.getLogger("a3s_store.session")

_UNREADABLE: Final = (InvalidSnapshotError, CodecError, CorruptionError)


class LoopCheckpointSink:
    """The checkpoints of one run; without a store it does nothing, successfully.

    Upstream: `SessionStoreCheckpointSink`.
    """

    def __init__(
        self,
        store: SessionStore | None,
        session_id: str,
        run_id: str,
        *,
        clock: Clock = system_clock,
    ) -> None:
        self.session_id = session_id
        self.run_id = run_id
        self._store = store
        self._clock = clock

    async def save(
        self,
        *,
        turn: int,
        messages: Sequence[Message],
        usage: TokenUsage,
        tool_calls_count: int,
        reports: Sequence[VerificationReport] = (),
    ) -> bool:
        """Keep the run as it is after round `turn`, in place of its last checkpoint (K2).

        False when that failed, which was logged; the last checkpoint is then still there.
        """
        if self._store is None:
            return True
        try:
            checkpoint = LoopCheckpoint(
                run_id=self.run_id,
                session_id=self.session_id,
                turn=turn,
                messages=tuple(messages),
                total_usage=usage,
                tool_calls_count=tool_calls_count,
                verification_reports=tuple(reports),
                checkpoint_ms=self._clock(),
            )
            await self._store.save_loop_checkpoint(self.run_id, checkpoint)
        except Exception as error:
            _log.warning(
                "Loop checkpoint of run %s not saved, the run goes on: %s", self.run_id, error
            )
            return False
        return True

    async def load_latest(self) -> LoopCheckpoint | None:
        """The run's checkpoint; None when there is none, or none that is to be trusted (K7)."""
        if self._store is None:
            return None
        try:
            checkpoint = await self._store.load_loop_checkpoint(self.run_id)
            if checkpoint is not None:
                check_ownership(checkpoint, self.run_id, self.session_id)
        except Exception as error:
            _log.warning("Loop checkpoint of run %s not loaded: %s", self.run_id, error)
            return None
        return checkpoint

    async def clear(self) -> bool:
        """Remove the run's checkpoint, since it ended (K3, P17).

        False when that failed, which was logged.
        """
        if self._store is None:
            return True
        try:
            await self._store.delete_loop_checkpoint(self.run_id)
        except Exception as error:
            _log.warning("Loop checkpoint of run %s not removed: %s", self.run_id, error)
            return False
        return True


def check_ownership(checkpoint: LoopCheckpoint, run_id: str, session_id: str) -> None:
    """Refuse a checkpoint of a newer version, of another run, or of another session (K5, K6).

    Our stores refuse the first two themselves; somebody else's need not.

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
    """The checkpoint of a run of this session, to go on from. It stays where it is.

    Upstream: `resume_run` (runtime 1.7).

    Raises:
        SessionConfigError: there is no store.
        PersistenceError: the store could not load it; `__cause__` says why.
        SessionError: there is none, or it is not this session's, nor this run's.
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
    """A loop checkpoint of a session that is not stored; `checkpoint_ms` is when it was made."""

    run_id: str
    session_id: str
    checkpoint_ms: int


async def orphaned(
    store: SessionStore, *, live: Collection[str] = ()
) -> tuple[OrphanedCheckpoint, ...]:
    """The loop checkpoints whose session is gone, by run id. Nothing is removed.

    A session that was never saved looks the same, so `live` names those that are under way. Each
    checkpoint is loaded to see whose it is; one that cannot be read is logged and left out.
    Upstream has nothing like it: there checkpoints outlive their session for ever (K4).

    Raises:
        SessionConfigError: the store cannot say what it holds (`Inventoried`).
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
    """A loop checkpoint of a run that has ended; `status` is how, `checkpoint_ms` when it was made.

    A crash between a run's last save and the removal of its checkpoint leaves one where the store
    cannot do both in one commit; earlier releases did so in every store.
    """

    run_id: str
    session_id: str
    status: RunStatus
    checkpoint_ms: int


async def left_over(store: SessionStore) -> tuple[LeftOverCheckpoint, ...]:
    """The loop checkpoints of stored sessions whose run has ended, by run id. Nothing is removed.

    No live session goes on with one; `store.delete_loop_checkpoint(run_id)` removes it. The runs
    of each session that has a checkpoint are loaded. A session whose runs cannot be read is logged
    and left out, and so is a checkpoint that cannot be read.

    Raises:
        SessionConfigError: the store cannot say what it holds (`Inventoried`).
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
        raise SessionConfigError("the store keeps no inventory", field="store", op=op)
    return await store.inventory()


async def _readable(store: SessionStore, run_ids: Iterable[str]) -> AsyncIterator[LoopCheckpoint]:
    """The checkpoints of these runs that can be read; one may have been removed since."""
    for run_id in run_ids:
        try:
            checkpoint = await store.load_loop_checkpoint(run_id)
        except _UNREADABLE as error:
            _log.warning("Loop checkpoint of run %s passed over: %s", run_id, error)
            continue
        if checkpoint is not None:
            yield checkpoint


async def _ended_runs(store: SessionStore, session_id: str) -> dict[str, RunStatus]:
    try:
        records = await store.load_run_records(session_id)
    except _UNREADABLE as error:
        _log.warning("Runs of session %s passed over: %s", session_id, error)
        return {}
    return {
        record.snapshot.id: record.snapshot.status
        for record in records or ()
        if record.snapshot.status in TERMINAL
    }
