"""A save of a live session that was handed to its store and has no known outcome yet."""

from __future__ import annotations

import asyncio

import attrs

from a3s_store.core.changes import Committed, SessionChanges, Stored
from a3s_store.core.merging.history import HistoryConflictError
from a3s_store.core.merging.sessions import Merged
from a3s_store.runtime.options import OnConflict
from a3s_store.runtime.persistence import base as bases
from a3s_store.runtime.persistence.base import Base, Ours


@attrs.define
class Attempt:
    """The changes of one save, the merge it made, and the store's task."""

    ours: Ours
    changes: SessionChanges
    base: Base | None
    mode: OnConflict
    merged: Merged | None = None
    theirs: Stored | None = None
    # Goes on when the waiting task is cancelled.
    work: asyncio.Task[Committed] | None = None

    def merge(self, changes: SessionChanges, theirs: Stored) -> SessionChanges:
        """Merge the changes with the stored session; see `Merge`. Raises HistoryConflictError."""
        base = self.base
        assert base is not None, "a first save is not merged"
        spoke = base.stored.snapshot.session.messages != theirs.value.session.messages
        if self.mode == "fork" and spoke and self.ours.history.is_changed:
            raise HistoryConflictError("asked")
        self.theirs = theirs
        self.merged = bases.merged(base, self.ours, changes, theirs)
        # `landed` asks for these should the outcome stay unknown.
        self.changes = bases.merged_changes(changes, self.merged)
        return self.changes

    @property
    def is_under_way(self) -> bool:
        """Whether the store still works on it, in this event loop."""
        work, loop = self.work, asyncio.get_running_loop()
        return work is not None and not work.done() and work.get_loop() is loop

    async def result(self) -> Committed | None:
        """Return the store's result; None when it failed, or belongs to another event loop."""
        work = self.work
        if work is not None and self.is_under_way:
            await asyncio.wait([work])
        if work is None or not work.done() or work.cancelled():
            return None
        return None if work.exception() is not None else work.result()
