"""The methods of `ConditionalStore`, over a port that a backend implements.

A store that can compare and write in one transaction subclasses `ConditionalMethods`. Conditions on
stored values are functions of this module, which a backend calls inside its transaction.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, Literal, TypeAlias, overload

from a3s_store import models
from a3s_store.core.base.store import BaseStore, check_checkpoint
from a3s_store.core.batch import MADE, refuse_unwritable, refuse_unwritable_value
from a3s_store.core.changes import (
    Committed,
    Merge,
    RunCheckpoint,
    SessionChanges,
    Stored,
    batch_of,
)
from a3s_store.core.collections import LOOP_CHECKPOINTS, check_id
from a3s_store.core.revision import Revision, Versioned
from a3s_store.errors import EncodeError, RunClaimedError, StaleGenerationError

if TYPE_CHECKING:
    from a3s_store.core.snapshot import SessionSnapshot
    from a3s_store.models import SessionData

_SAVE_ID_BYTES: Final = 16


class ConditionalMethods(BaseStore):
    """Implements `ConditionalStore` over the port below."""

    # -- The port -----------------------------------------------------------------------------

    @abstractmethod
    async def _commit_changes(
        self, changes: SessionChanges, on: Revision | None, merge: Merge | None
    ) -> Committed:
        """Compare and write in one transaction, as `ConditionalStore.save_changes`."""

    @abstractmethod
    async def _fetch_versioned(self, session_id: str, *, collections: bool) -> Stored | None:
        """Return the session, with or without its collections, and its revision."""

    @abstractmethod
    async def _revision(self, session_id: str) -> Revision | None:
        """Return the revision of the session; None when it is not stored."""

    @abstractmethod
    async def _landed(self, session_id: str, save_id: bytes) -> Revision | None:
        """Return the revision that a save made; None when the save was not made."""

    @abstractmethod
    async def _run_checkpoints(self, session_id: str) -> tuple[RunCheckpoint, ...]:
        """Return the checkpoints of a session's runs, the oldest first."""

    @abstractmethod
    async def _claim_run(self, run_id: str, seen: str | None, by: str) -> RunCheckpoint:
        """Claim a run, as `ConditionalStore.claim_run`."""

    # -- The methods --------------------------------------------------------------------------

    async def revision(self, session_id: str) -> Revision | None:
        """See `ConditionalStore.revision`."""
        self._check_open("revision")
        return await self._revision(check_id(session_id))

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
        """See `ConditionalStore.load_versioned`."""
        self._check_open("load_versioned")
        found = await self._fetch_versioned(check_id(session_id), collections=snapshot)
        if found is None or snapshot:
            return found
        return Versioned(found.value.session, found.revision, found.position, found.name_source)

    async def save_changes(
        self, changes: SessionChanges, *, on: Revision | None, merge: Merge | None = None
    ) -> Committed:
        """See `ConditionalStore.save_changes`."""
        self._check_open(changes.op)
        _check_changes(changes)
        return await self._commit_changes(self.redacted_changes(changes), on, merge)

    async def landed(self, session_id: str, save_id: bytes) -> Revision | None:
        """See `ConditionalStore.landed`."""
        self._check_open("landed")
        check_save_id(save_id, "landed")
        return await self._landed(check_id(session_id), save_id)

    async def run_checkpoints(self, session_id: str) -> tuple[RunCheckpoint, ...]:
        """See `ConditionalStore.run_checkpoints`."""
        self._check_open("run_checkpoints")
        return await self._run_checkpoints(check_id(session_id))

    async def claim_run(self, run_id: str, *, seen: str | None, by: str) -> RunCheckpoint:
        """See `ConditionalStore.claim_run`."""
        self._check_open("claim_run")
        check_id(by, "token")
        if seen is not None:
            check_id(seen, "token")
        return await self._claim_run(check_id(run_id, "run id"), seen, by)


def _check_changes(changes: SessionChanges) -> None:
    """Refuse values of other types and invalid ids."""
    check_id(changes.session_id)
    check_save_id(changes.save_id, changes.op)
    if changes.name_source not in (None, MADE):
        raise EncodeError(f"expected None or {MADE!r}", op=changes.op, path="name_source")
    session = changes.session
    if session is not None and type(session) is not models.SessionData:
        what = f"expected a SessionData, found {type(session).__name__}"
        raise EncodeError(what, op=changes.op)
    if session is not None and session.id != changes.session_id:
        raise EncodeError("the session has another id", op=changes.op, path="id")
    for collection, values in changes.collections.items():
        if values is not None and type(values) is not tuple:
            what = f"expected a tuple, found {type(values).__name__}"
            raise EncodeError(what, op=changes.op, path=collection.name)
    uris = changes.retained_artifact_uris
    if uris is not None and (type(uris) is not tuple or not all(type(uri) is str for uri in uris)):
        raise EncodeError("expected texts", op=changes.op, path="retained_artifact_uris")
    for claim in changes.ended_runs:
        check_id(claim.run_id, LOOP_CHECKPOINTS.key)
        check_id(claim.token, "token")
    if changes.checkpoint is not None:
        _check_run(changes, changes.checkpoint)


def _check_run(changes: SessionChanges, run: RunCheckpoint) -> None:
    checkpoint = run.checkpoint
    if type(checkpoint) is not models.LoopCheckpoint:
        what = f"expected a LoopCheckpoint, found {type(checkpoint).__name__}"
        raise EncodeError(what, op=changes.op, path="checkpoint")
    run_id = check_id(checkpoint.run_id, LOOP_CHECKPOINTS.key)
    check_checkpoint(LOOP_CHECKPOINTS, run_id, checkpoint, changes.op)
    if checkpoint.session_id != changes.session_id:
        what = "the run belongs to another session"
        raise EncodeError(what, op=changes.op, path="checkpoint.session_id")
    length = run.base_length
    if length is not None and (type(length) is not int or not 0 <= length < 2**63):
        what = "expected a number of messages"
        raise EncodeError(what, op=changes.op, path="checkpoint.base_length")
    if run.claimed_by is not None:
        check_id(run.claimed_by, "token")


def check_save_id(save_id: object, op: str) -> None:
    """Check the id of a save.

    Raises:
        EncodeError: it is not 16 bytes.
    """
    if type(save_id) is not bytes or len(save_id) != _SAVE_ID_BYTES:
        raise EncodeError(f"expected {_SAVE_ID_BYTES} bytes", op=op, path="save_id")


def run_taken(run_id: str) -> RunClaimedError:
    """Return the error for writing or removing the checkpoint of a run claimed by another."""
    return RunClaimedError(
        "another live session has taken over the run, or ended it",
        run_id=run_id,
        where=f"run {run_id!r}",
        hint="Load the session again: it has everything that the run finished",
    )


def refuse_unwritable_changes(changes: SessionChanges) -> None:
    """Check everything that changes write, as `batch.refuse_unwritable` does.

    Raises:
        EncodeError: a value cannot be written.
    """
    refuse_unwritable(batch_of(changes))
    if changes.checkpoint is not None:
        refuse_unwritable_value(changes.checkpoint.checkpoint)


# Returns the claim of a run in a tuple; None when the run has no checkpoint.
ClaimedBy: TypeAlias = Callable[[str], tuple[str | None] | None]


def may_write(
    changes: SessionChanges,
    on: Revision | None,
    actual: Revision | None,
    merge: Merge | None,
    claimed_by: ClaimedBy,
) -> bool:
    """Return whether changes may be written as they are; False means that `merge` is called.

    Raises:
        StaleGenerationError: nothing may be written, merged or not.
        RunClaimedError: a run of the changes belongs to another live session.
    """
    if on is not None and on.is_over(actual):
        # First, since a deleted session has no runs: none was taken over.
        raise _stale(on, actual)
    # Before the generations are compared: a run that was taken over must not be merged with itself.
    _refuse_claimed(changes, claimed_by)
    if changes.is_written_at(on, actual):
        return True
    if merge is None or on is None:
        raise _stale(on, actual)
    return False


def ask(
    merge: Merge, changes: SessionChanges, theirs: Stored, claimed_by: ClaimedBy
) -> SessionChanges:
    """Return the changes that `merge` returns for these, after checking them.

    Raises:
        EncodeError, InvalidIdError, RunClaimedError: the returned changes are not valid.
        Exception: `merge` raised it.
    """
    merged = merge(changes, theirs)
    _check_changes(merged)
    if (merged.session_id, merged.save_id) != (changes.session_id, changes.save_id):
        what = "the merge returned the changes of another session or of another save"
        raise EncodeError(what, op=changes.op, path="save_id")
    _refuse_claimed(merged, claimed_by)
    return merged


def _refuse_claimed(changes: SessionChanges, claimed_by: ClaimedBy) -> None:
    """Raise RunClaimedError when a run of the changes belongs to another live session by now."""
    for claim in changes.ended_runs:
        if claimed_by(claim.run_id) != (claim.token,):
            raise run_taken(claim.run_id)
    run = changes.checkpoint
    if run is not None:
        found = claimed_by(run.run_id)
        if found != (run.claimed_by,) and not (found is None and changes.begins_run):
            raise run_taken(run.run_id)


def _stale(on: Revision | None, actual: Revision | None) -> StaleGenerationError:
    expected = 0 if on is None else on.generation
    number = 0 if actual is None else actual.generation
    what = f"the session is at generation {number}, not {expected}"
    hint = "Load it again, apply the change, and save that"
    if on is not None and on.is_over(actual):
        what = f"the session was deleted after generation {expected}"
        what += "" if actual is None else f", and created again: it is at {number}"
        hint = "Save it under another id to keep this conversation"
    return StaleGenerationError(
        what,
        expected=expected,
        actual=number,
        expected_revision=on,
        actual_revision=actual,
        hint=hint,
    )
