"""Writes the state of a queue into its journal after changes.

Invariants: 1. one save runs at a time, and the next writes the newest state, however many changes
came meanwhile; 2. a stored state is read and taken in before it is replaced; 3. a failed save is an
event and delays nothing: the next change tries again, and so does stopping; 4. a state unchanged
since the last save is not written; 5. when the saving task ends in any way, its futures are done,
and the next change starts another task.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from a3s_store.errors import PersistenceError
from a3s_store.runtime.queue.journal import Kept, QueueJournal, ReleasableJournal


class JournalWriter:
    """Writes the state of one queue into its journal.

    `current` returns the state when a save begins, `absorb` gets the stored state before the first
    save, `failed` gets each error. To be used from one event loop, or from another after that one
    was closed.
    """

    def __init__(
        self,
        journal: QueueJournal,
        *,
        current: Callable[[], Kept],
        absorb: Callable[[Kept], None],
        failed: Callable[[Exception], None],
    ) -> None:
        self._journal = journal
        self._current = current
        self._absorb = absorb
        self._failed = failed
        self._loop: asyncio.AbstractEventLoop | None = None
        self._reading = asyncio.Lock()
        self._read = False
        # The stored state; None while it is unknown: not read yet, or after a failed save.
        self._recorded: Kept | None = None
        # Done when the next save has ended; None when no save is wanted.
        self._wanted: asyncio.Future[bool] | None = None
        # Done when the running save has ended.
        self._saving: asyncio.Future[bool] | None = None
        self._saver: asyncio.Task[None] | None = None
        self._behind = False

    async def recover(self) -> None:
        """Read and take in the stored state, once; later calls do nothing.

        Raises:
            PersistenceError: it could not be read; nothing was taken in.
        """
        self._enter()
        async with self._reading:
            if not self._read:
                try:
                    found = await self._journal.load()
                except Exception as error:
                    raise PersistenceError(
                        "the queue's journal could not be read",
                        op="recover",
                        hint="The stored entries are as they were; try again",
                    ) from error
                self._read = True
                self._recorded = found
                self._absorb(found)

    def changed(self) -> asyncio.Future[bool]:
        """Have the state written; the future is done when a save that begins after this has ended.

        Its result is False when that save was cancelled: call this again. It never has an error.
        Callers share the future: await it shielded from their own cancellation.
        """
        loop = self._enter()
        if self._wanted is None or self._wanted.done():
            self._wanted = loop.create_future()
        if self._saver is None:
            self._saver = loop.create_task(self._save_all(), name="queue journal")
            # A callback, since a task cancelled before its first step runs no `finally`.
            self._saver.add_done_callback(self._ended)
        return self._wanted

    async def settle(self) -> None:
        """Wait until all changes are stored; a failed save is tried once more."""
        self._enter()
        again = self._behind or self._saver is not None
        while again:
            wanted = self.changed()
            await asyncio.wait({wanted})
            cancelled = wanted.cancelled() or not wanted.result()
            again = cancelled or self._saver is not None

    def release(self) -> None:
        """Let another queue take over the journal's state, if the journal is shared."""
        if isinstance(self._journal, ReleasableJournal):
            self._journal.release()

    def _enter(self) -> asyncio.AbstractEventLoop:
        """Return the running loop, after noticing a saving task that ended with its loop."""
        loop = asyncio.get_running_loop()
        if self._loop is None or self._loop.is_closed():
            self._loop = loop
            self._reading = asyncio.Lock()
            if self._saver is not None:
                # It will never end, and nothing that awaits its futures runs any more.
                self._saver = self._saving = self._wanted = None
                self._behind = True
        elif self._saver is not None and self._saver.done():
            self._ended(self._saver)
        return loop

    async def _save_all(self) -> None:
        while self._wanted is not None:
            self._saving, self._wanted = self._wanted, None
            await self._save()
            done, self._saving = self._saving, None
            if not done.done():
                done.set_result(True)
        self._saver = None

    def _ended(self, saver: asyncio.Task[None]) -> None:
        """Finish the futures of a task that was cancelled or failed unexpectedly."""
        if self._saver is not saver:
            return  # it ended by itself
        waiting = [one for one in (self._saving, self._wanted) if one is not None]
        self._saver = self._saving = self._wanted = None
        self._behind = True
        cancelled = saver.cancelled()
        for one in waiting:
            if not one.done():
                one.set_result(not cancelled)
        if cancelled:
            self._failed(
                PersistenceError("the save of the queue's journal was cancelled", op="save_queue")
            )

    async def _save(self) -> None:
        self._behind = True
        try:
            await self.recover()
            state = self._current()
            if state != self._recorded:
                self._recorded = None
                await self._journal.save(*state)
                self._recorded = state
            self._behind = False
        except Exception as error:
            self._failed(error)
