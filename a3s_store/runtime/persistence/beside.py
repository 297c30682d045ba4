"""Changes that others made to the stored session: taken in, merged, or avoided by a fork.

See `window` for the terms and the invariants.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable
from typing import Any, Final, Literal

import attrs

from a3s_store.core.batch import MADE
from a3s_store.core.changes import Stored
from a3s_store.core.merging.history import History
from a3s_store.core.merging.sessions import Sides
from a3s_store.core.revision import Revision
from a3s_store.core.snapshot import SessionSnapshot, forked
from a3s_store.errors import (
    SessionConfigError,
    SessionDeletedError,
    SessionError,
    StaleGenerationError,
    StaleSessionError,
    StoreError,
)
from a3s_store.models import Message
from a3s_store.runtime.persistence import base as bases
from a3s_store.runtime.persistence.base import Base, Ours, sides
from a3s_store.runtime.persistence.outcome import UNCHANGED, Outcome
from a3s_store.runtime.persistence.take_over import take_messages, take_over
from a3s_store.runtime.persistence.window import SessionWindow
from a3s_store.runtime.persistence.writer import writer_for
from a3s_store.runtime.state.invariants import validate_snapshot
from a3s_store.runtime.state.limits import check_session_id
from a3s_store.runtime.state.runs import TERMINAL

_log = logging.getLogger("a3s_store.session")
_SUFFIX: Final = 12
# Bytes of an id that every store takes: in a directory of files it is the name of one.
_MOST_BYTES: Final = 250


class WindowBesideOthers(SessionWindow):
    """The part of a window about changes by others, and forks."""

    def _stale(self, error: StaleGenerationError) -> StaleSessionError:
        """Note what others did, send the event, and return the error that says so."""
        known, actual = error.expected_revision, error.actual_revision
        given: dict[str, Any] = {
            "session_id": self.session.id,
            "expected": error.expected,
            "actual": error.actual,
            "expected_revision": known,
            "actual_revision": actual,
            "op": "save",
            "where": f"session {self.session.id}",
        }
        if known is not None and (actual is None or actual[1] != known[1]):
            deleted = SessionDeletedError(
                "the session was deleted elsewhere",
                recreated=actual is not None,
                reason="deleted",
                hint="Nothing was written; save_as saves the live session under another id",
                **given,
            )
            self.deleted = deleted
            self._tell("deleted", self.base, None, self.ours())
            return deleted
        if known is None:
            return StaleSessionError(
                "a session of this id was saved elsewhere",
                reason="exists",
                hint="Nothing was written; restore it, or choose another id",
                **given,
            )
        self._tell("refused", self.base, None, self.ours())
        return StaleSessionError(
            "the session was changed elsewhere",
            reason="changed",
            hint="Nothing was written; reload merges the stored changes with those made here",
            **given,
        )

    async def is_still_stored(self) -> bool:
        """Whether the stored session still exists, as far as is known; nothing is taken in.

        Where saves are made at once the last save knows; otherwise the store is asked. True for a
        session that was never saved, and when the store fails; False after `stop`.
        """
        if self.is_stopped or self.deleted is not None:
            return False
        if self.saves_itself or self.writer is None or self.base is None:
            return True
        try:
            revision = await self.writer.revision(self.session.id)
        except StoreError:
            return True
        return not self.base.revision.is_over(revision)

    async def refresh(self) -> Outcome:
        """Take in changes that others saved; if there are changes here, save both merged.

        Raises as `save`.
        """
        if self.writer is None or self.base is None:
            return UNCHANGED
        async with self._saving:
            self._refuse_ended("refresh")
            await self._resolve()
            revision = await self._revision()
            if revision == self.base.revision:
                return UNCHANGED
            if self.is_dirty:
                return await self._save_changes("refresh", self.on_conflict)
            return await self._take_theirs()

    async def _revision(self) -> Revision:
        """Return the stored revision. Raises SessionDeletedError if the session was deleted."""
        assert self.writer is not None, "asked before"
        assert self.base is not None, "asked before"
        revision = await self.writer.revision(self.session.id)
        if revision is None or self.base.revision.is_over(revision):
            raise self._stale(
                StaleGenerationError(
                    "the session was deleted",
                    expected=self.base.revision.generation,
                    actual=0 if revision is None else revision.generation,
                    expected_revision=self.base.revision,
                    actual_revision=revision,
                )
            )
        return revision

    async def _stored(self) -> Stored:
        """Load the stored session. Raises SessionDeletedError if it was deleted."""
        await self._revision()
        assert self.writer is not None, "asked before"
        found = await self.writer.load(self.session.id)
        if found is None:
            await self._revision()
            raise AssertionError("a deletion in between was raised")
        validate_snapshot(found.value)
        return found

    async def _take_theirs(self) -> Outcome:
        """Replace the live session by the stored one; changes made here are dropped."""
        theirs, before, base = await self._stored(), self.ours(), self.base
        self._take(sides(theirs), theirs.revision, before)
        self._tell("taken", base, theirs.revision, before, theirs)
        return Outcome(kind="merged", generation=theirs.revision.generation)

    def _take(self, stored: Sides, revision: Revision, before: Ours) -> None:
        assert self.base is not None, "there is something to compare with"
        now = self.ours()
        shown = bases.as_live(stored.snapshot, self.base.stored.snapshot, before.snapshot)
        shown_side = Sides(snapshot=shown, name_source=stored.name_source)
        take_over(self.session, before, now, shown_side)
        self._history_is(before.history, stored.session.messages)
        self._stored_is(stored.session, self.session.total_usage)
        is_same = not bases.changed(attrs.evolve(self.base, live=before.snapshot), now)
        live = self.snapshot() if is_same else shown
        self.base = Base(revision=revision, stored=stored, live=live)

    def _history_is(self, before: History, stored: tuple[Message, ...]) -> None:
        if self.held is None:
            take_messages(self.session, before, stored)
        else:
            self.held = History(stored)

    async def reload(self, keep: Literal["both", "stored", "ours_as_fork"]) -> Outcome:
        """Take in changes that others saved; for `keep` see `AgentSession.reload`.

        Raises as `save`.
        """
        if self.writer is None or self.base is None:
            return UNCHANGED
        async with self._saving:
            self._refuse_ended("reload")
            await self._resolve()
            is_dirty = self.is_dirty
            if is_dirty and keep == "both":
                return await self._save_changes("reload", "merge")
            if is_dirty and keep == "ours_as_fork":
                return await self._fork(self.ours(), "asked")
            if await self._revision() == self.base.revision and not is_dirty:
                return UNCHANGED
            return await self._take_theirs()

    async def rewrite(self, op: str, change: Callable[[], object]) -> None:
        """Replace the conversation by `change`, unless others changed the session meanwhile.

        Changes made here are saved first. A session without a store, or one that does not save
        itself, is changed at once; the condition is then that of its next save.

        Raises StaleSessionError when others changed the session: their changes are taken in and
        nothing is replaced. Raises also as `save`.
        """
        if self.writer is None or not self.saves_itself:
            change()
            return
        if self.base is None:
            # It was never saved, so no one else can have changed it.
            change()
            try:
                await self._save(op, "raise")
            except StoreError as error:
                self.report_failure(op, error)
            return
        async with self._saving:
            self._refuse_ended(op)
            before = self.base.revision
            outcomes = [await self._resolve()]
            try:
                outcomes.append(await self._save_changes(op, self.on_conflict))
            except StaleSessionError:
                raise
            except StoreError:
                _log.debug("session %s not saved before %s", self.session.id, op)
            for outcome in outcomes:
                # The caller has not seen messages that came in just now.
                if outcome.kind in ("merged", "forked"):
                    raise self._moved(op, before, self.base.revision, outcome.forked_as)
            history, usage = self.session.history, self.session.context_usage
            change()
            try:
                await self._save_changes(op, "raise")
            except SessionDeletedError:
                raise
            except StaleSessionError:
                self.session.rebase(history)
                self.session.context_usage = usage
                await self._take_theirs()
                raise
            except StoreError as error:
                # A failing store prevents no change of the live session.
                self.report_failure(op, error)

    def _moved(
        self, op: str, expected: Revision, actual: Revision, forked_as: str | None
    ) -> StaleSessionError:
        """Return the error of a rewrite before which changes of others were taken in."""
        return StaleSessionError(
            "the session was changed elsewhere",
            session_id=self.session.id,
            reason="changed",
            forked_as=forked_as,
            expected=expected.generation,
            actual=actual.generation,
            expected_revision=expected,
            actual_revision=actual,
            op=op,
            where=f"session {self.session.id}",
            hint="Nothing was replaced; the live session has the changes of the others",
        )

    # -- Forks --------------------------------------------------------------------------------

    async def _fork(self, ours: Ours, reason: str) -> Outcome:
        base, theirs = self.base, await self._stored()
        new_id = await self._save_fork(ours)
        mine = await self._still_mine()
        ended = {
            run.snapshot.id
            for run in ours.snapshot.run_records or ()
            if run.snapshot.status in TERMINAL
        }
        self.over = {one: by for one, by in self.over.items() if one in mine}
        self._take(sides(theirs), theirs.revision, self.ours())
        self._tell("forked", base, theirs.revision, ours, theirs, forked_as=new_id, reason=reason)
        for run in self.session.runs.snapshots():
            if run.id in ended and run.status not in TERMINAL:
                # It was saved while it ran and is cancelled here; the fork has its end.
                self.session.runs.mark_cancelled(run.id, f"kept as '{new_id}'")
        outcome = await self._save_changes("fork", "merge")
        generation = outcome.generation or theirs.revision.generation
        return Outcome(kind="forked", generation=generation, forked_as=new_id)

    async def _save_fork(self, ours: Ours, new_id: str | None = None) -> str:
        """Save the live session under another id, and return the id; `new_id` None makes one.

        Raises StaleGenerationError when `new_id` is the id of a stored session.
        """
        assert self.store is not None, "there is something to fork"
        while True:
            save_id = secrets.token_bytes(16)
            to = new_id or fork_id(self.session.id, save_id)
            copy = fork_of(ours.snapshot, to, made=new_id is None)
            name_source = MADE if new_id is None else ours.name_source
            changes = bases.whole(copy, save_id, name_source)
            try:
                await writer_for(self.store).save(changes, None, None)
            except StaleGenerationError:
                if new_id is not None:
                    raise
                continue
            except StoreError as error:
                raise self._failed(error) from error
            return to

    async def _still_mine(self) -> set[str]:
        """Return the ended runs whose checkpoint this live session may remove."""
        assert self.writer is not None, "asked before"
        runs = await self.writer.runs(self.session.id, tuple(self.over))
        return {run.run_id for run in runs if run.claimed_by in (self.token, None)}

    async def save_as(self, new_id: str) -> None:
        """Save the live session as another one. Raises as `AgentSession.save_as`."""
        if self.store is None:
            raise SessionConfigError(
                "the session has no store", field="session_store", op="save_as"
            )
        check_session_id(new_id)
        try:
            taken = await self.store.exists(new_id)
            if not taken:
                await self._save_fork(self.ours(), new_id)
        except StaleGenerationError:
            taken = True
        if taken:
            raise SessionError(
                f"session '{new_id}' is saved already",
                op="save_as",
                where=f"session {self.session.id}",
                hint="Choose another id",
            )

    async def save_conversation(self, messages: tuple[Message, ...]) -> str:
        """Save a copy of the session with this conversation under a new id, and return the id."""
        ours = self.ours()
        session = ours.snapshot.session.evolve(messages=messages)
        return await self._save_fork(
            attrs.evolve(ours, snapshot=ours.snapshot.evolve(session=session))
        )


def fork_id(session_id: str, save_id: bytes) -> str:
    """Return the id of a fork: the session's, shortened if too long, `~` and 12 hex digits."""
    begun = session_id.encode()[: _MOST_BYTES - _SUFFIX - 1].decode(errors="ignore")
    return f"{begun}~{save_id.hex()[:_SUFFIX]}"


def fork_of(snapshot: SessionSnapshot, new_id: str, *, made: bool) -> SessionSnapshot:
    """Return the fork of a snapshot under another id; `made` adds "(fork)" to the name."""
    copy = forked(snapshot, new_id)
    if made:
        config = copy.session.config
        config = config.evolve(name=f"{config.name} (fork)".strip())
        copy = copy.evolve(session=copy.session.evolve(config=config))
    return copy
