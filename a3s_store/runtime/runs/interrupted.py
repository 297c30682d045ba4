"""Which runs a crash interrupted, and whether one of them can be gone on with.

A run that was resumed and crashed again leaves two checkpoints, the later of which has all that the
earlier has. So of several the furthest counts, and the others are its beginning.
"""

from __future__ import annotations

from collections.abc import Sequence

from a3s_store.core.protocol import SessionStore
from a3s_store.errors import SessionError
from a3s_store.models import LoopCheckpoint
from a3s_store.runtime.live_session import Session
from a3s_store.runtime.runs.run_checkpoints import load_for_resume
from a3s_store.runtime.state.runs import TERMINAL


async def unfinished(
    store: SessionStore | None, session: Session, *, but: str | None = None
) -> list[LoopCheckpoint]:
    """The checkpoints of the session's runs that never ended, oldest run first.

    `but` is the id of a run that is under way. Raises StoreError.
    """
    if store is None:
        return []
    runs = session.runs.snapshots()
    open_runs = [run.id for run in runs if run.status not in TERMINAL and run.id != but]
    found = [await store.load_loop_checkpoint(run_id) for run_id in open_runs]
    return [one for one in found if one is not None and one.session_id == session.id]


def furthest(found: Sequence[LoopCheckpoint]) -> tuple[LoopCheckpoint, ...]:
    """Those that no other one went on from."""
    return tuple(one for one in found if not any(goes_on(later, one) for later in found))


def goes_on(later: LoopCheckpoint, earlier: LoopCheckpoint) -> bool:
    """Whether one checkpoint has all that the other has, and more."""
    length = len(earlier.messages)
    return later.turn > earlier.turn and later.messages[:length] == earlier.messages


async def checkpoint_of(
    store: SessionStore | None, session: Session, run_id: str
) -> LoopCheckpoint:
    """The checkpoint from which a run of the session can be gone on with.

    Raises:
        SessionError: there is no store or no checkpoint, it is another session's, the run has
            ended, or the conversation went on without it.
    """
    where = f"session {session.id}"
    run = session.runs.snapshot(run_id)
    if run is not None and run.status in TERMINAL:
        # A crash between the last save and the removal of the checkpoint leaves it behind.
        raise SessionError(
            f"run '{run_id}' has ended as {run.status}",
            op="resume_run",
            where=where,
            hint="interrupted_runs() answers those that can be resumed",
        )
    checkpoint = await load_for_resume(store, run_id, session.id)
    now = session.messages
    if checkpoint.messages[: len(now)] != now:
        # The run's conversation would take the place of what was said since.
        raise SessionError(
            f"the conversation went on without run '{run_id}'",
            op="resume_run",
            where=where,
            hint="Give the run up with abandon_run; ask again for what it was to do",
        )
    return checkpoint
