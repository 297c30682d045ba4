"""A live session beside others that may save the same one: on what it saves, and what then happens.

A window is one live session of one process. It saves what changed since `base`, on the condition
that the store still has what was read or written then. Where others saved meanwhile, both come
together in the store's transaction, or ours becomes a session of its own, or the save is refused
(`OnConflict`).

Invariants: 1. nothing is written when nothing changed; 2. `base` moves only once a save succeeded;
3. a save of unknown outcome is asked for before anything is saved again; 4. changes from elsewhere
are taken over without a pause, so the session is always whole.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import weakref
from abc import ABC, abstractmethod
from typing import Any, Final, Literal, TypeAlias

import attrs

from a3s_store.core import live_window
from a3s_store.core.changes import Committed, RunCheckpoint, RunClaim, SessionChanges, Stored
from a3s_store.core.merging.history import ConflictReason, History, HistoryConflictError
from a3s_store.core.merging.sessions import Merged, Sides
from a3s_store.core.protocol import SessionStore
from a3s_store.core.revision import Revision
from a3s_store.core.snapshot import SessionSnapshot
from a3s_store.errors import (
    EncodeError,
    InvalidIdError,
    InvalidSnapshotError,
    PersistenceError,
    RunClaimedError,
    SchemaError,
    SessionClosedError,
    SessionDeletedError,
    StaleGenerationError,
    StaleSessionError,
    StoreBusyError,
    StoreClosedError,
    StoreError,
    StoreFullError,
)
from a3s_store.models import Message, SessionData, TokenUsage
from a3s_store.runtime.context.session_memory import SessionMemory
from a3s_store.runtime.live_session import Session
from a3s_store.runtime.observation.session_events import SessionChangedElsewhere
from a3s_store.runtime.options import OnConflict
from a3s_store.runtime.persistence import base as bases
from a3s_store.runtime.persistence.attempt import Attempt
from a3s_store.runtime.persistence.base import Base, Known, Ours, sides
from a3s_store.runtime.persistence.outcome import UNCHANGED, Outcome
from a3s_store.runtime.persistence.writer import PlainWriter, SessionWriter, writer_for
from a3s_store.runtime.queue.journal import BoundJournal
from a3s_store.runtime.state.invariants import validate_snapshot

_log = logging.getLogger("a3s_store.session")
Action: TypeAlias = Literal["taken", "merged", "forked", "refused", "deleted"]
# After these, nothing was written; after any other error that is not known.
_NOT_WRITTEN: Final = (
    EncodeError,
    InvalidIdError,
    InvalidSnapshotError,
    RunClaimedError,
    SchemaError,
    StaleGenerationError,
    StoreBusyError,
    StoreClosedError,
    StoreFullError,
    HistoryConflictError,
)
# How many parts that cannot be written are left as they were stored.
_MOST_PARTS: Final = 8


class SessionWindow(ABC):
    """Keeps one live session and one store at what both sides have.

    `token` names it in the runs it claims. `base` is what was last read or written, None before
    the first save. `held` is the conversation without the run under way, None when there is none.
    `claimed` are runs whose checkpoint is stored and ours; `over` are runs that ended here and
    whose checkpoints go with the next save, each with the run that goes on from it or None.
    `conflict` is why the changes here cannot be part of the stored session, None when they can as
    far as is known.
    """

    def __init__(
        self,
        session: Session,
        store: SessionStore | None,
        *,
        on_conflict: OnConflict,
        token: str | None = None,
    ) -> None:
        self.session = session
        self.store = store
        self.on_conflict: OnConflict = on_conflict
        self.token = token if token is not None else live_window.open_window()
        self.writer: SessionWriter | None = None if store is None else writer_for(store)
        self._known = Known()
        self._base: Base | None = None
        self.held: History | None = None
        self.claimed: set[str] = set()
        self.over: dict[str, str | None] = {}
        self.conflict: ConflictReason | None = None
        self._saving = asyncio.Lock()
        self._stopped = False
        self._unsure: Attempt | None = None
        # The values of parts that could not be written.
        self._refused: dict[str, Any] = {}
        # One that is dropped without being closed is not at work any more.
        weakref.finalize(self, live_window.close_window, self.token)
        # Both are written outside a save, for the life of the session too.
        if isinstance(session.queue_journal, BoundJournal):
            session.queue_journal.bind(self._known.now)
        if isinstance(session.memory, SessionMemory):
            session.memory.bind(self._known.now)

    @property
    @abstractmethod
    def saves_itself(self) -> bool:
        """Whether changes are saved at once."""

    @abstractmethod
    def snapshot(self) -> SessionSnapshot:
        """The live session as it would be saved now."""

    @abstractmethod
    def told_failed(self, operation: str, error: Exception, *, part: str | None = None) -> Outcome:
        """Say, by a warning and an event, that a save failed, or that of `part`."""

    @abstractmethod
    def _stale(self, error: StaleGenerationError) -> StaleSessionError:
        """The error of a save on what is not stored any more."""

    @abstractmethod
    def _take(self, stored: Sides, revision: Revision, before: Ours) -> None:
        """Make live what is stored, which `before` is a part of, and what is new since."""

    @abstractmethod
    def _history_is(self, before: History, stored: tuple[Message, ...]) -> None:
        """Begin the history from what is stored, with what was said since `before`."""

    @abstractmethod
    async def _fork(self, ours: Ours, reason: str) -> Outcome:
        """Save ours as a session of its own, and go on with what is stored."""

    @abstractmethod
    def _stored_is(self, session: SessionData, usage: TokenUsage | None) -> None:
        """Note what is stored now; `usage` is the total, if it came from elsewhere."""

    @property
    def is_dirty(self) -> bool:
        """Whether there is something to be saved."""
        return bool(self.over) or bool(bases.changed(self.base, self.ours()))

    @property
    def is_stopped(self) -> bool:
        """Whether nothing is saved any more."""
        return self._stopped

    @property
    def is_unsure(self) -> bool:
        """Whether it is not known if the last save was made."""
        return self._unsure is not None

    @property
    def base(self) -> Base | None:
        """The values last read or written; None before the first save."""
        return self._base

    @base.setter
    def base(self, base: Base) -> None:
        self._base, self._known.revision = base, base.revision

    @property
    def deleted(self) -> SessionDeletedError | None:
        """The error once the session was found deleted elsewhere."""
        return self._known.deleted

    @deleted.setter
    def deleted(self, error: SessionDeletedError) -> None:
        self._known.deleted = error

    @property
    def revision(self) -> Revision | None:
        """Where the stored session was when it was last read or written here; None: never."""
        return self._known.revision

    def ours(self) -> Ours:
        """The live session as it is now, with parts that cannot be written as they are stored."""
        snapshot = self.snapshot()
        if self._refused:
            snapshot = bases.without(snapshot, self._refused, self.base)
        history = self.session.history if self.held is None else self.held
        return Ours(snapshot=snapshot, history=history, name_source=self.session.name_source)

    def restored(self, stored: Stored) -> None:
        """Begin from what was loaded, once it was made live."""
        if isinstance(self.writer, PlainWriter):
            stored = self.writer.versioned(stored.value)
        self.session.name_source = stored.name_source
        self.base = Base(revision=stored.revision, stored=sides(stored), live=self.snapshot())

    # -- Saving -------------------------------------------------------------------------------

    async def save(self, *, on_conflict: OnConflict | None = None) -> Outcome:
        """Save what changed, on what was last read; nothing without a store.

        Raises:
            StaleSessionError: with `on_conflict` "raise", others saved meanwhile; nothing
                was written.
            SessionDeletedError: the session was deleted elsewhere.
            PersistenceError: the snapshot breaks its own rules and was not handed over, or the
                store failed to save it as a whole; `__cause__` says why. The base is as before.
            StoreError: a step failed on a store that saves step by step; earlier steps stay.
            SessionClosedError: it was stopped.
        """
        return await self._save("save", on_conflict or self.on_conflict)

    async def save_run(self, run: RunCheckpoint) -> Outcome:
        """Keep the checkpoint of a run under way, with what changed of the session.

        The checkpoint alone is kept where the session does not save itself, and where `on_conflict`
        is "raise" and others changed the session: the rest waits then.

        Raises RunClaimedError when another live session took the run over, and as `save`.
        """
        if self.saves_itself:
            try:
                return await self._save("checkpoint", self.on_conflict, run)
            except StaleSessionError:
                if self.base is None or self.deleted is not None:
                    raise
        if self.writer is None:
            return UNCHANGED
        async with self._saving:
            self._refuse_ended("checkpoint")
            resumed = [one for one, by in self.over.items() if by == run.run_id]
            changes = SessionChanges(
                session_id=self.session.id,
                save_id=secrets.token_bytes(16),
                op="checkpoint",
                checkpoint=run,
                begins_run=run.run_id not in self.claimed,
                ended_runs=tuple(RunClaim(one, self.token) for one in resumed),
            )
            try:
                await self.writer.save(changes, self.revision, None)
            except StaleGenerationError as error:
                raise self._stale(error) from error
            self._runs_saved(changes)
        return UNCHANGED

    async def _save(self, op: str, mode: OnConflict, run: RunCheckpoint | None = None) -> Outcome:
        if self.writer is None:
            return UNCHANGED
        async with self._saving:
            self._refuse_ended(op)
            await self._resolve()
            return await self._save_changes(op, mode, run)

    async def _save_changes(
        self, op: str, mode: OnConflict, run: RunCheckpoint | None = None
    ) -> Outcome:
        # A run whose first checkpoint was not stored leaves none behind.
        self.over = {one: by for one, by in self.over.items() if one in self.claimed}
        ours = self.ours()
        change = bases.changed(self.base, ours)
        claims = tuple(RunClaim(run_id, self.token) for run_id in self.over)
        if not change and not claims and run is None:
            return UNCHANGED
        self._refuse_invalid(ours.snapshot)
        save_id = secrets.token_bytes(16)
        changes = attrs.evolve(
            bases.changes_of(self.session.id, self.base, ours, change, save_id, op),
            checkpoint=run,
            begins_run=run is not None and run.run_id not in self.claimed,
            ended_runs=claims,
        )
        try:
            if self.conflict is not None:
                raise HistoryConflictError(self.conflict)
            return await self._commit(Attempt(ours, changes, self.base, mode))
        except HistoryConflictError as conflict:
            self.conflict = None
            outcome = await self._fork(ours, conflict.reason)
            if run is not None:
                await self._save_changes(op, mode, run)
            return outcome
        except RunClaimedError:
            if run is not None:
                raise
            return await self._fork(ours, "claimed")
        except EncodeError as error:
            part = bases.part_of(error)
            if part is None or part in self._refused or len(self._refused) >= _MOST_PARTS:
                raise self._failed(error) from error
            # No field may cost the conversation: it is saved without what cannot be written.
            self._refused[part] = bases.value_of(self.snapshot(), part)
            outcome = await self._save_changes(op, mode, run)
            return attrs.evolve(
                outcome, kind="partly_saved", parts=tuple(self._refused), error=error
            )

    async def _commit(self, attempt: Attempt) -> Outcome:
        """Hand an attempt to the store; until this returns its outcome is not known."""
        assert self.writer is not None, "asked before"
        on = None if attempt.base is None else attempt.base.revision
        merge = None if attempt.mode == "raise" else attempt.merge
        attempt.work = asyncio.ensure_future(self.writer.save(attempt.changes, on, merge))
        # A caller that is cancelled does not ask for its result.
        attempt.work.add_done_callback(lambda work: work.cancelled() or work.exception())
        self._unsure = attempt
        try:
            committed = await asyncio.shield(attempt.work)
        except _NOT_WRITTEN as error:
            self._unsure = None
            if isinstance(error, StaleGenerationError):
                raise self._stale(error) from error
            if isinstance(error, EncodeError | RunClaimedError | HistoryConflictError):
                raise
            raise self._failed(error) from error
        except StoreError as error:
            raise self._failed(error) from error
        self._unsure = None
        return self._committed(attempt, committed)

    def _failed(self, error: StoreError) -> StoreError:
        assert self.store is not None, "it failed"
        if not self.store.capabilities().atomic_session_snapshots:
            return error  # that of the step, as upstream has it
        return PersistenceError(
            f"Failed to save session {self.session.id}: {error}",
            op="save",
            where=f"session {self.session.id}",
            hint="What is stored is as it was",
        )

    def _committed(self, attempt: Attempt, committed: Committed) -> Outcome:
        """Begin from what was saved, and take over what others had saved."""
        self._runs_saved(attempt.changes)
        if not attempt.changes.changes_session:
            # A checkpoint alone is kept whatever others saved: that was not read.
            return Outcome(kind="saved", generation=committed.revision.generation)
        revision, before = committed.revision, attempt.ours
        stored = bases.stored_after(attempt.base, committed.changes)
        if committed.theirs is None:
            self.base = Base(revision=revision, stored=stored, live=before.snapshot)
            self._history_is(before.history, before.history.view)
            self._stored_is(stored.session, None)
            _log.debug("Session %s saved", self.session.id)
            return Outcome(kind="saved", generation=revision.generation)
        self._take(stored, revision, before)
        theirs, merged = committed.theirs, attempt.merged
        self._tell("merged", attempt.base, revision, before, theirs, merged)
        return Outcome(kind="merged", generation=revision.generation)

    def _tell(
        self,
        action: Action,
        base: Base | None,
        revision: Revision | None,
        ours: Ours,
        theirs: Stored | None = None,
        merged: Merged | None = None,
        **more: str,
    ) -> None:
        """Send the event that says what others did, and what was done here."""
        self.session.events.send(
            SessionChangedElsewhere(
                session_id=self.session.id,
                action=action,
                base_generation=None if base is None else base.revision.generation,
                generation=None if revision is None else revision.generation,
                our_messages=len(ours.history.appended),
                their_messages=bases.new_messages(base, theirs),
                runs=bases.new_runs(base, theirs),
                overwritten=() if merged is None else merged.overwritten,
                renamed_artifacts=() if merged is None else merged.renamed_artifacts,
                **more,
            )
        )
        _log.info("session %s was changed elsewhere: %s", self.session.id, action)

    def _runs_saved(self, changes: SessionChanges) -> None:
        for claim in changes.ended_runs:
            self.over.pop(claim.run_id, None)
            self.claimed.discard(claim.run_id)
        if changes.checkpoint is not None:
            self.claimed.add(changes.checkpoint.run_id)

    def _refuse_ended(self, op: str) -> None:
        if self.deleted is not None:
            raise self.deleted
        if self._stopped:
            where = f"session {self.session.id}"
            raise SessionClosedError("the session is closed", op=op, where=where)

    def _refuse_invalid(self, snapshot: SessionSnapshot) -> None:
        try:
            # Events that were looked at before are not looked at again.
            validate_snapshot(snapshot, before=None if self.base is None else self.base.live)
        except InvalidSnapshotError as error:
            raise PersistenceError(
                f"Refusing to save invalid session snapshot {self.session.id}: {error}",
                op="save",
                where=f"session {self.session.id}",
                hint="Nothing was written",
            ) from error

    def stop_now(self) -> None:
        """Begin no save any more; one under way goes on."""
        self._stopped = True
        live_window.close_window(self.token)

    async def stop(self) -> None:
        """Save nothing any more; when this returns, no save is under way.

        What comes late would be saved over the session that was restored since.
        """
        self._stopped = True
        async with self._saving:
            if self._unsure is not None:
                await self._unsure.result()
            live_window.close_window(self.token)

    async def _resolve(self) -> Outcome:
        """Find out whether a save of unknown outcome was made, before anything is saved again."""
        attempt = self._unsure
        if attempt is None or self.writer is None:
            return UNCHANGED
        committed = await attempt.result()
        if committed is None:
            try:
                revision = await self.writer.landed(attempt.changes)
            except StoreError as error:
                raise self._failed(error) from error
            if revision is not None:
                theirs = attempt.theirs
                committed = Committed(revision=revision, changes=attempt.changes, theirs=theirs)
        self._unsure = None
        return UNCHANGED if committed is None else self._committed(attempt, committed)
