"""Saving a live session beside others that may save the same one: condition, merge, outcome.

A window is one live session of one process. It saves what changed since `base`, on the condition
that the store still has what was read or written then. Where others saved meanwhile, both are
merged in the store's transaction, or ours becomes another session, or the save is refused
(`OnConflict`).

Invariants: 1. nothing is written when nothing changed; 2. `base` changes only after a save
succeeded; 3. after a save of unknown outcome the store is asked for it before anything is saved
again; 4. changes of others are taken over without an await, so the session is always consistent.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from abc import abstractmethod
from typing import Final

import attrs

from a3s_store.core import live_window
from a3s_store.core.changes import Committed, RunCheckpoint, RunClaim, SessionChanges
from a3s_store.core.merging.history import History, HistoryConflictError
from a3s_store.core.merging.sessions import Sides
from a3s_store.core.revision import Revision
from a3s_store.errors import (
    EncodeError,
    InvalidIdError,
    InvalidSnapshotError,
    PersistenceError,
    RunClaimedError,
    SchemaError,
    StaleGenerationError,
    StaleSessionError,
    StoreBusyError,
    StoreClosedError,
    StoreError,
    StoreFullError,
)
from a3s_store.models import Message, SessionData, TokenUsage
from a3s_store.runtime.options import OnConflict
from a3s_store.runtime.persistence import base as bases
from a3s_store.runtime.persistence.attempt import Attempt
from a3s_store.runtime.persistence.base import Base, Ours
from a3s_store.runtime.persistence.outcome import UNCHANGED, Outcome
from a3s_store.runtime.persistence.window_state import WindowState

_log = logging.getLogger("a3s_store.session")
# After these errors nothing was written; after any other the outcome is not known.
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
# How many parts that cannot be written are left as they were stored, at most.
_MOST_PARTS: Final = 8


class SessionWindow(WindowState):
    """Saves a live session on the condition that the store has its base."""

    @abstractmethod
    def report_failure(self, op: str, error: Exception, *, part: str | None = None) -> Outcome:
        """Warn and send an event that a save failed, or that `part` was not saved."""

    @abstractmethod
    def _stale(self, error: StaleGenerationError) -> StaleSessionError:
        """Return the error of a save on a revision that is not the stored one."""

    @abstractmethod
    def _take(self, stored: Sides, revision: Revision, before: Ours) -> None:
        """Make the stored session live, merged with changes made here since `before`."""

    @abstractmethod
    def _history_is(self, before: History, stored: tuple[Message, ...]) -> None:
        """Start the history from the stored messages, with those added since `before`."""

    @abstractmethod
    async def _fork(self, ours: Ours, reason: str) -> Outcome:
        """Save ours as another session, and make the stored session live."""

    @abstractmethod
    def _stored_is(self, session: SessionData, usage: TokenUsage | None) -> None:
        """Note the stored session; `usage` is its total, if others changed it."""

    async def save(self, *, on_conflict: OnConflict | None = None) -> Outcome:
        """Save the changes, on the condition that the store has the base; nothing without a store.

        Raises:
            StaleSessionError: with `on_conflict` "raise", others saved meanwhile; nothing
                was written.
            SessionDeletedError: the session was deleted elsewhere.
            PersistenceError: the snapshot is invalid and was not written, or the store failed to
                save it as a whole, for the reason in `__cause__`. The base is as before.
            StoreError: a step failed on a store that saves step by step; earlier steps stay.
            SessionClosedError: saving was stopped.
        """
        return await self._save("save", on_conflict or self.on_conflict)

    async def save_run(self, run: RunCheckpoint) -> Outcome:
        """Save the checkpoint of a run under way, with the changes of the session.

        Only the checkpoint is saved where the session does not save itself, and where `on_conflict`
        is "raise" and others changed the session.

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
        # A run without a stored checkpoint leaves none to remove.
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
            # The conversation must be saved, so it is saved without the part that cannot be.
            self._refused[part] = bases.value_of(self.snapshot(), part)
            outcome = await self._save_changes(op, mode, run)
            return attrs.evolve(
                outcome, kind="partly_saved", parts=tuple(self._refused), error=error
            )

    async def _commit(self, attempt: Attempt) -> Outcome:
        """Pass an attempt to the store; its outcome is unknown until this returns."""
        assert self.writer is not None, "asked before"
        on = None if attempt.base is None else attempt.base.revision
        merge = None if attempt.mode == "raise" else attempt.merge
        attempt.work = asyncio.ensure_future(self.writer.save(attempt.changes, on, merge))
        # Retrieved in case the caller is cancelled.
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
            return error  # the error of the step, as in upstream
        return PersistenceError(
            f"Failed to save session {self.session.id}: {error}",
            op="save",
            where=f"session {self.session.id}",
            hint="It may have been saved all the same"
            if self.is_unsure
            else "The stored session is unchanged",
        )

    def _committed(self, attempt: Attempt, committed: Committed) -> Outcome:
        """Make the saved values the base, and take over changes that others had saved."""
        self._runs_saved(attempt.changes)
        if not attempt.changes.changes_session:
            # Changes by others were not read, since a checkpoint alone is written beside any.
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

    def stop_now(self) -> None:
        """Begin no more saves; one under way goes on."""
        self._stopped = True
        live_window.close_window(self.token)

    async def stop(self) -> None:
        """Save nothing any more, and wait until no save is under way.

        A later save would overwrite that of a session restored since.
        """
        self._stopped = True
        async with self._saving:
            if self._unsure is not None:
                await self._unsure.result()
            live_window.close_window(self.token)

    async def _resolve(self) -> Outcome:
        """Find out whether a save of unknown outcome was made."""
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
