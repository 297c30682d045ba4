"""The state that a live session and its store share: what was last read or written, and its runs.

See `window` for the terms and the invariants.
"""

from __future__ import annotations

import asyncio
import logging
import weakref
from abc import ABC, abstractmethod
from typing import Any, Literal, TypeAlias

from a3s_store.core import live_window
from a3s_store.core.changes import SessionChanges, Stored
from a3s_store.core.merging.history import ConflictReason, History
from a3s_store.core.merging.sessions import Merged
from a3s_store.core.protocol import SessionStore
from a3s_store.core.revision import Revision
from a3s_store.core.snapshot import SessionSnapshot
from a3s_store.errors import (
    InvalidSnapshotError,
    PersistenceError,
    SessionClosedError,
    SessionDeletedError,
)
from a3s_store.runtime.context.session_memory import SessionMemory
from a3s_store.runtime.live_session import Session
from a3s_store.runtime.observation.session_events import SessionChangedElsewhere
from a3s_store.runtime.options import OnConflict
from a3s_store.runtime.persistence import base as bases
from a3s_store.runtime.persistence.attempt import Attempt
from a3s_store.runtime.persistence.base import Base, LastSeen, Ours, sides
from a3s_store.runtime.persistence.writer import PlainWriter, SessionWriter, writer_for
from a3s_store.runtime.queue.journal import BoundJournal
from a3s_store.runtime.state.invariants import validate_snapshot

_log = logging.getLogger("a3s_store.session")
Action: TypeAlias = Literal["taken", "merged", "forked", "refused", "deleted"]


class WindowState(ABC):
    """The state of one window: a live session, its store, and the base of both.

    `token` names the window in the runs it claims. `base` is what was last read or written, None
    before the first save. `held` is the conversation without the run under way, None when there is
    none. `claimed` are runs of this window with a stored checkpoint. `over` are runs that ended
    here and have a checkpoint that the next save removes, each with the id of the run that resumed
    it, or None. `conflict` is why the live changes cannot be merged into the stored session, None
    when no reason is known.
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
        self._last_seen = LastSeen()
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
        # Also closes the window of a live session that is dropped without being closed.
        weakref.finalize(self, live_window.close_window, self.token)
        # Both write outside of a save, and only for the same life of the session.
        if isinstance(session.queue_journal, BoundJournal):
            session.queue_journal.bind(self._last_seen.now)
        if isinstance(session.memory, SessionMemory):
            session.memory.bind(self._last_seen.now)

    @property
    @abstractmethod
    def saves_itself(self) -> bool:
        """Whether changes are saved at once."""

    @abstractmethod
    def snapshot(self) -> SessionSnapshot:
        """Return the live session as it would be saved now."""

    @property
    def is_dirty(self) -> bool:
        """Whether anything is not saved yet."""
        return bool(self.over) or bool(bases.changed(self.base, self.ours()))

    @property
    def is_stopped(self) -> bool:
        """Whether nothing is saved any more."""
        return self._stopped

    @property
    def is_unsure(self) -> bool:
        """Whether the outcome of the last save is not known."""
        return self._unsure is not None

    @property
    def base(self) -> Base | None:
        """The values last read or written; None before the first save."""
        return self._base

    @base.setter
    def base(self, base: Base) -> None:
        self._base, self._last_seen.revision = base, base.revision

    @property
    def deleted(self) -> SessionDeletedError | None:
        """The error once the session was found deleted elsewhere."""
        return self._last_seen.deleted

    @deleted.setter
    def deleted(self, error: SessionDeletedError) -> None:
        self._last_seen.deleted = error

    @property
    def revision(self) -> Revision | None:
        """The revision of the stored session that was last read or written; None before."""
        return self._last_seen.revision

    def ours(self) -> Ours:
        """Return the live session as it is now, with stored values for parts that were refused."""
        snapshot = self.snapshot()
        if self._refused:
            snapshot = bases.without(snapshot, self._refused, self.base)
        history = self.session.history if self.held is None else self.held
        return Ours(snapshot=snapshot, history=history, name_source=self.session.name_source)

    def restored(self, stored: Stored) -> None:
        """Start from a loaded session, once it is live."""
        if isinstance(self.writer, PlainWriter):
            stored = self.writer.versioned(stored.value)
        self.session.name_source = stored.name_source
        self.base = Base(revision=stored.revision, stored=sides(stored), live=self.snapshot())

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
        """Send the event about changes that others made, and the action taken here."""
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
            # Events that were checked before are not checked again.
            validate_snapshot(snapshot, before=None if self.base is None else self.base.live)
        except InvalidSnapshotError as error:
            raise PersistenceError(
                f"Refusing to save invalid session snapshot {self.session.id}: {error}",
                op="save",
                where=f"session {self.session.id}",
                hint="Nothing was written",
            ) from error
