"""A save of a live session that its store was asked for, and whose outcome is not known yet."""

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
    """What a save was made of, and what came of a merge."""

    ours: Ours
    changes: SessionChanges
    base: Base | None
    mode: OnConflict
    merged: Merged | None = None
    theirs: Stored | None = None
    # The store's work, which goes on when the waiting task is cancelled.
    work: asyncio.Task[Committed] | None = None

    def merge(self, changes: SessionChanges, theirs: Stored) -> SessionChanges:
        """See `Merge`. Raises HistoryConflictError."""
        base = self.base
        assert base is not None, "a first save is not merged"
        spoke = base.stored.snapshot.session.messages != theirs.value.session.messages
        if self.mode == "fork" and spoke and self.ours.history.is_changed:
            raise HistoryConflictError("asked")
        self.theirs = theirs
        self.merged = bases.merged(base, self.ours, changes, theirs)
        # Should the outcome stay unknown, this is what was written.
        self.changes = bases.merged_changes(changes, self.merged)
        return self.changes

    @property
    def is_under_way(self) -> bool:
        """Whether the store is still at it, in this event loop."""
        work, loop = self.work, asyncio.get_running_loop()
        return work is not None and not work.done() and work.get_loop() is loop

    async def result(self) -> Committed | None:
        """The result of the store's work; None when it failed, or was another event loop's."""
        work = self.work
        if work is not None and self.is_under_way:
            await asyncio.wait([work])
        if work is None or not work.done() or work.cancelled():
            return None
        return None if work.exception() is not None else work.result()
