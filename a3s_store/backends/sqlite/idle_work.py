"""The work of a writer that no caller waits for: begun once no save has come for a while."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import time
import weakref
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, Final

from a3s_store.backends.sqlite.rows import log_trim
from a3s_store.core.clock import unix_ms

if TYPE_CHECKING:
    from a3s_store.backends.sqlite.connection.work_connection import WorkConnection
    from a3s_store.backends.sqlite.connection.worker import Afterwards, Worker
    from a3s_store.backends.sqlite.writing import Writing

# Seconds without a save after which the WAL is copied into the database.
IDLE: Final = 1.0
# The most seconds to wait for an item of a stream to expire.
LONGEST: Final = 3600.0
# Seconds between two steps of work that is done while nothing is saved.
BETWEEN_STEPS: Final = 0.02
# Seconds between two looks in one opening at what a policy removes. The file's note of the last run
# lasts a day of another clock, which must have passed by then.
BETWEEN_PRUNES: Final = 86_460.0


class IdleJobs:
    """The jobs of an idle writer. Each runs on the writer's thread, in a short transaction."""

    def __init__(self, writing: Writing) -> None:
        self._writing = writing
        # Whether messages or memories may lack their words in a search index.
        self.may_index = False
        self._indexing: list[Callable[[sqlite3.Connection], bool]] = []
        # The store's clock in Unix milliseconds, and when the next item of a stream expires. None:
        # none does; 0: it has to be read.
        self.now_ms: Callable[[], int] = lambda: unix_ms(time.time())
        self.next_expiry: int | None = 0

    def go_on_migrating(self, conn: WorkConnection) -> None:
        """Make some of what rows of an older schema lack: a job of an idle writer."""
        if self._writing.left_by_migration and not self._writing.commit_step(
            conn, "migrate", self._writing.left_by_migration[0]
        ):
            del self._writing.left_by_migration[0]

    def next_step(self) -> Afterwards | None:
        """Return the next step of work for an idle writer, None if there is none."""
        if self._writing.left_by_migration:
            return self.go_on_migrating
        if self._writing.may_trim_log:
            return self.trim_log
        if self.next_expiry is not None and self.next_expiry <= self.now_ms():
            return self.remove_expired
        return self.index_texts if self.may_index and self._writing.settings.search else None

    def remove_expired(self, conn: WorkConnection) -> None:
        """Remove some of the items of streams that have expired: a job of an idle writer."""
        from a3s_store.backends.sqlite.rows import expiry  # few programs let any expire

        now_ms = self.now_ms()
        self.next_expiry = None  # after a failure the next expiring item tries again
        with contextlib.suppress(sqlite3.Error):  # a failing read is left to saves and loads
            found = expiry.next_expiry(conn)
            if found is not None and found <= now_ms:
                has_more = self._writing.commit_step(
                    conn, "expire", lambda conn: expiry.step(conn, now_ms)
                )
                found = 0 if has_more else expiry.next_expiry(conn)
                found = None if found is not None and 0 < found <= now_ms else found
            self.next_expiry = found

    def remove_unfinished(self, conn: WorkConnection) -> None:
        """Remove some of the rows that deletions have left; on the writer's thread."""
        from a3s_store.backends.sqlite.rows import deleted_streams

        step = deleted_streams.step
        self._writing.has_unfinished = self._writing.commit_step(conn, "collect", step)

    def trim_log(self, conn: WorkConnection) -> None:
        """Remove some of the oldest rows of the commit log, if it is due; a job of an idle writer.

        A log that is short enough costs two lookups, and no transaction.
        """
        self._writing.may_trim_log = False
        keep = self._writing.settings.log_kept
        if log_trim.is_due(conn, *keep):
            self._writing.may_trim_log = self._writing.commit_step(
                conn, "trim_log", lambda conn: log_trim.step(conn, *keep)
            )

    def trim_log_at_close(self, conn: WorkConnection) -> None:
        """Do one step of trimming the log, if it is due and no other process is writing.

        Stores that are open briefly are never idle.
        """
        if not self._writing.may_trim_log:
            return
        conn.set_busy_timeout(0)
        try:
            self.trim_log(conn)
        finally:
            self._writing.limit_wait(conn)

    def index_texts(self, conn: WorkConnection) -> None:
        """Add some of the texts that the search indexes lack: a job of an idle writer."""
        from a3s_store.backends.sqlite.rows import memory_index, search_index

        if not self._indexing:
            # A failing read is left to saves and loads, which report it.
            with contextlib.suppress(sqlite3.Error):
                if search_index.behind(conn) >= search_index.BEHIND:
                    self._indexing.append(search_index.step)
                if memory_index.is_due(conn):
                    self._indexing.append(memory_index.step)
        if self._indexing and not self._writing.commit_step(conn, "search", self._indexing[0]):
            del self._indexing[0]
        self.may_index = bool(self._indexing)


class IdleWork:
    """A timer on the event loop of the last save. It does not keep a dropped store alive."""

    def __init__(self, writing: Writing, writer: Worker) -> None:
        self.jobs = IdleJobs(writing)
        self._writing = writing
        self._writer = writer
        self._wrote = 0.0
        # How many callers wait for a save.
        self.saving = 0
        self._timer: tuple[asyncio.AbstractEventLoop, asyncio.TimerHandle] | None = None
        self._has_ended = False
        # Prunes the store by its policy, in steps that wait for `until_idle`.
        self.prune: Callable[[], Coroutine[Any, Any, None] | None] | None = None
        self._pruning: asyncio.Task[None] | None = None
        self._prune_after = 0.0

    def begin(self) -> None:
        """Start the timer at opening, if an earlier process left work."""
        if self._writing.has_unfinished:
            self._wait(asyncio.get_running_loop(), 0.0)
        elif self._writing.left_by_migration:
            self._wait(asyncio.get_running_loop(), IDLE)
        else:
            # Nothing may ever be saved in this opening; what is stored gets older.
            self._wait(asyncio.get_running_loop(), BETWEEN_PRUNES)

    def put_off(self) -> None:
        """Wait until no save has come for `IDLE` seconds from now."""
        self._wrote = time.monotonic()
        self.jobs.may_index = True
        loop = asyncio.get_running_loop()
        # A timer of another loop may never fire: that loop may have ended. One of this loop may be
        # hours ahead.
        if (
            self._timer is None
            or self._timer[0] is not loop
            or self._timer[1].when() > loop.time() + IDLE
        ):
            self._wait(loop, IDLE)

    def end(self) -> None:
        """Begin no more work."""
        self._has_ended = True
        if self._timer is not None and self._timer[0] is asyncio.get_running_loop():
            self._timer[1].cancel()  # another loop's timer finds that it has ended
        if self._pruning is not None and not self._pruning.done():
            with contextlib.suppress(RuntimeError):  # its loop may be closed
                self._pruning.get_loop().call_soon_threadsafe(self._pruning.cancel)

    async def ended(self) -> None:
        """Wait until nothing of this loop goes on."""
        pruning = self._pruning
        if pruning is not None and pruning.get_loop() is asyncio.get_running_loop():
            await asyncio.wait({pruning})

    async def until_idle(self) -> None:
        """Wait until no save has come for `IDLE` seconds, and no other work is to be done."""
        while (left := self._left()) > 0 or self._is_busy():  # noqa: ASYNC110, time tells
            await asyncio.sleep(max(left, BETWEEN_STEPS))

    def _left(self) -> float:
        return self._wrote + IDLE - time.monotonic()

    def _is_busy(self) -> bool:
        work = self._writing
        return bool(self.saving or work.large_saves or work.has_unfinished)

    def _wait(self, loop: asyncio.AbstractEventLoop, seconds: float) -> None:
        """Set the timer, in place of the present one."""
        if self._timer is not None and self._timer[0] is loop:
            self._timer[1].cancel()
        self._timer = loop, loop.call_later(seconds, _fire, weakref.ref(self), loop)

    def work(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin the next step, or wait longer."""
        self._timer = None
        left = self._left()
        if self._has_ended:
            return
        if self._writing.has_unfinished:
            self._writer.run_later(self.jobs.remove_unfinished)
            self._wait(loop, BETWEEN_STEPS)
        elif left > 0 or self.saving or self._writing.large_saves:
            self._wait(loop, left if left > 0 else IDLE)
        elif (step := self.jobs.next_step()) is not None:
            self._writer.run_later(step)
            self._wait(loop, BETWEEN_STEPS)
        elif self._begins_to_prune(loop):
            self._wait(loop, IDLE)
        else:
            if self._writing.checkpointer.has_work():
                self._writer.run_later(self._writing.checkpoint)
            self._wait(loop, self._until_next())

    def _until_next(self) -> float:
        """Return the seconds until there may be work again, though nothing is saved."""
        seconds = max(self._prune_after - time.monotonic(), IDLE)
        if self.jobs.next_expiry is not None:
            # Then an item of a stream expires, unless the clock is set meanwhile.
            expiry = (self.jobs.next_expiry - self.jobs.now_ms()) / 1000
            seconds = min(seconds, max(expiry, IDLE), LONGEST)
        return seconds

    def _begins_to_prune(self, loop: asyncio.AbstractEventLoop) -> bool:
        """Begin to prune by the store's policy if it is time; return whether that goes on."""
        if self._pruning is not None and not self._pruning.done():
            return self._pruning.get_loop() is loop
        if self.prune is None or time.monotonic() < self._prune_after:
            return False
        self._prune_after = time.monotonic() + BETWEEN_PRUNES
        work = self.prune()
        if work is None:
            return False
        self._pruning = loop.create_task(work)
        return True


def _fire(idle: weakref.ref[IdleWork], loop: asyncio.AbstractEventLoop) -> None:
    found = idle()
    if found is not None:
        found.work(loop)
