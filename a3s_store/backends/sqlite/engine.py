"""The two workers of an open file: what runs where, what an error is called, and the way out.

One connection writes, another reads, so that a long read never blocks a save. Everything that
sqlite3 or the system raises is given its name here, once, with what was tried and where.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import copy
import functools
import sqlite3
import time
import warnings
import weakref
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

from a3s_store.backends.sqlite import transaction
from a3s_store.backends.sqlite.connection import connect, file_facts, wal_checkpoint
from a3s_store.backends.sqlite.connection.connect import Settings
from a3s_store.backends.sqlite.connection.file_watch import FileWatch
from a3s_store.backends.sqlite.connection.work_connection import WorkConnection
from a3s_store.backends.sqlite.connection.worker import Afterwards, Worker
from a3s_store.backends.sqlite.errors import corruption_named, during
from a3s_store.backends.sqlite.read import decode
from a3s_store.backends.sqlite.write import group_commit
from a3s_store.backends.sqlite.write.group_commit import Change, Outcome
from a3s_store.core.corruption import StaleReadError
from a3s_store.core.gil_yield import LOOK_EVERY
from a3s_store.core.job_queue import Job
from a3s_store.core.session_cache import CacheTransaction, SessionCache
from a3s_store.errors import (
    SchemaTooNewError,
    StoreError,
    StoreReadOnlyError,
    StoreUnavailableError,
)

R = TypeVar("R")

# Seconds without a save after which the log is copied into the database.
IDLE: Final = 1.0


class _Writing:
    """What the writer's thread does with changes; it must not keep a dropped store alive."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.cache = SessionCache(settings.cache_max_sessions, settings.cache_max_items)
        self.checkpointer = wal_checkpoint.WalCheckpointer(settings.wal)
        self.watch: FileWatch | None = None
        self._failure: StoreError | None = None

    def open(self) -> WorkConnection:
        """Open the writing connection; the files at the path now are those that were opened."""
        conn = connect.open_writer(self.settings)
        try:
            self.watch = FileWatch(self.settings.path)
            conn.log_salt = self.watch.salt
        except BaseException:
            conn.close()
            raise
        return conn

    def commit_group(self, conn: WorkConnection, jobs: Sequence[Job]) -> Afterwards | None:
        """Commit the changes of these jobs and set their answers.

        Answers what is to be done once the callers were told: they need not wait for a checkpoint.
        """
        changes: list[Change] = [job.work for job in jobs]
        refusal = self._refusal(conn)
        if refusal is None:
            outcomes = self._commit(conn, changes)
        else:
            outcomes = [Outcome(cause=_own(refusal)) for _ in changes]
        for outcome in outcomes:
            if group_commit.is_io_failure(outcome.cause):
                self._note_failure(outcome.cause)
        for job, change, outcome in zip(jobs, changes, outcomes, strict=True):
            job.settle(functools.partial(_answer, change, outcome))
            job.leftover = outcome.gone
        return self.checkpointer.checkpoint if self.checkpointer.is_due() else None

    def _commit(self, conn: WorkConnection, changes: Sequence[Change]) -> list[Outcome]:
        """Commit, and see to it that what was committed is found again, before anybody is told.

        That is: in the files that were opened, and with the mark in the database that there is more
        in its log. Others' readers may keep the mark from being copied: waiting for them would
        let any of them stop a save, so it is acknowledged without the mark.
        """
        assert self.watch is not None, "the writer was opened"
        before = conn.total_changes
        outcomes = group_commit.commit(conn, self.cache, changes)
        if conn.total_changes == before or all(outcome.cause for outcome in outcomes):
            return outcomes
        replaced = self._replaced(conn)
        if replaced is not None:
            return [
                outcome if outcome.cause is not None else Outcome(cause=_own(replaced))
                for outcome in outcomes
            ]
        if not self.watch.is_marked:
            self.checkpointer.checkpoint(conn)
            with contextlib.suppress(OSError):
                self.watch.look_at_database()
        return outcomes

    def _replaced(self, conn: WorkConnection) -> Exception | None:
        assert self.watch is not None, "the writer was opened"
        try:
            return self.watch.look(conn)
        except (sqlite3.Error, OSError) as error:
            return error

    def _note_failure(self, error: BaseException | None) -> None:
        self._failure = StoreUnavailableError(str(error))
        connect.require_integrity_check(self.settings.path)

    def _refusal(self, conn: WorkConnection) -> Exception | None:
        """Why nothing can be saved: nobody would find it, or an I/O error came before.

        After that nobody knows what the disk holds.
        """
        if self._failure is None and group_commit.is_io_failure(self.checkpointer.error):
            self._note_failure(self.checkpointer.error)
        if self._failure is not None:
            refusal = StoreUnavailableError(
                "an earlier save or checkpoint met an I/O error",
                hint="Check the disk, then close the store and open it again",
            )
            refusal.__cause__ = self._failure
            return refusal
        return self._replaced(conn)


class _ChangedError(Exception):
    """A file that was read without locks was written meanwhile."""


def _of_one_moment(run: Callable[[WorkConnection], R], conn: WorkConnection) -> R:
    """Return what `run` returns. Raises _ChangedError where it saw two moments of the file."""
    try:
        found = run(conn)
    except Exception:
        if conn.is_current():
            raise
        raise _ChangedError from None
    if not conn.is_current():
        raise _ChangedError
    return found


def _own(error: Exception) -> Exception:
    """One to raise for each caller: its session is noted in it."""
    return copy.copy(error) if isinstance(error, StoreError) else error


def _answer(change: Change, outcome: Outcome) -> Any:
    if outcome.cause is not None:
        raise change.named(outcome.cause)
    return outcome.answer


class Engine:
    """An open file. `writer` is None when a newer release wrote it: it can be read only."""

    def __init__(
        self, settings: Settings, writing: _Writing, writer: Worker | None, reader: Worker
    ) -> None:
        self.settings = settings
        self.writer = writer
        self.reader = reader
        self.cache = writing.cache
        self._checkpointer = writing.checkpointer
        self._writing = writing
        self._watch = writing.watch
        self._wrote = 0.0
        self._idle: tuple[asyncio.AbstractEventLoop, asyncio.TimerHandle] | None = None
        self._closing: concurrent.futures.Future[None] | None = None
        self._closing_on: asyncio.AbstractEventLoop
        # A store that is dropped without closing: its threads must not go on for ever.
        workers = [worker for worker in (writer, reader) if worker is not None]
        self._forgotten = weakref.finalize(self, _abandon, workers, str(settings.path))
        self._forgotten.atexit = False  # the workers' own hook gives them time

    @classmethod
    async def start(cls, settings: Settings) -> Engine:
        """Open the file and start both workers. Raises what `connection.open_writer` does."""
        writing = _Writing(settings)
        writer: Worker | None = None
        if not settings.read_only and await asyncio.to_thread(connect.may_write, settings):
            writer = Worker(writing.open, run_group=writing.commit_group)
            await writer.start()
        reader = Worker(lambda: connect.open_reader(settings))
        try:
            await reader.start()
            if settings.read_only:
                await reader.run(connect.require_current)
        except BaseException:
            if writer is not None:
                await writer.close()
            await reader.close()
            raise
        return cls(settings, writing, writer, reader)

    async def write(
        self,
        op: str,
        where: str,
        apply: Callable[[WorkConnection, CacheTransaction], R],
        lane: str | None = None,
        *,
        session_id: str | None = None,
    ) -> R:
        """Apply a change in a transaction, perhaps with others that wait.

        Changes of one lane keep their order; one without a lane keeps its place among all. Errors
        name the session.
        """
        with during(op, where):
            if self.settings.read_only:
                raise StoreReadOnlyError(
                    "the store was opened for reading only", hint="Open it without `read_only`"
                )
            if self.writer is None:
                raise SchemaTooNewError(
                    "the file was written by a newer release and is open for reading only",
                    hint="Install that release to write to it",
                )
            self.writer.check_alive()
            self._note_write()
            answer: R = await self.writer.run_batchable(Change(op, where, apply, session_id), lane)
        return answer

    async def read(
        self,
        op: str,
        where: str,
        fetch: Callable[[WorkConnection], Any],
        build: Callable[[WorkConnection, Any], R],
        *,
        session_id: str | None = None,
    ) -> R:
        """Fetch in one read transaction on the reader's thread, then build values of it there.

        Errors name the session.
        """

        def run(conn: WorkConnection) -> R:
            with during(op, where), corruption_named(session_id), self._collector():
                self._refuse_another_database()
                self._checkpointer.throttle_readers()
                try:
                    with transaction.read(conn):
                        fetched = fetch(conn)
                    return build(conn, fetched)
                except StaleReadError:
                    # What is missing was deleted meanwhile, or is damaged: one moment will tell.
                    with transaction.read(conn):
                        return build(conn, fetch(conn))

        with during(op, where):
            while True:
                reader = self.reader
                try:
                    return await reader.run(functools.partial(_of_one_moment, run))
                except _ChangedError:
                    # A writer has come since: the next connection reads beside it, with locks.
                    await self._replace_reader(reader)

    async def _replace_reader(self, former: Worker) -> None:
        reader = Worker(lambda: connect.open_reader(self.settings))
        await reader.start()
        if self.reader is former:
            self.reader, reader = reader, former
        await reader.close()  # the former one, or this one where another caller was quicker

    def _refuse_another_database(self) -> None:
        """Raise StoreReplacedError where the database has another content than was opened."""
        refusal = None if self._watch is None else self._watch.look_at_database()
        if refusal is not None:
            raise refusal

    async def aside(self, op: str, where: str, function: Callable[[WorkConnection], R]) -> R:
        """Run what may take long on a thread and a reading connection of its own.

        A cancelled await interrupts it.
        """
        with during(op, where):
            while True:
                worker = Worker(lambda: connect.open_reader(self.settings))
                await worker.start()
                try:
                    return await worker.run(functools.partial(_of_one_moment, function))
                except _ChangedError:
                    continue
                finally:
                    worker.interrupt()
                    await worker.close()

    def _collector(self) -> contextlib.AbstractContextManager[None]:
        if self.settings.pause_gc:
            return decode.COLLECTOR_PAUSE
        return contextlib.nullcontext()

    def _note_write(self) -> None:
        """Have the log copied once nothing was saved for a while."""
        self._wrote = time.monotonic()
        loop = asyncio.get_running_loop()
        # The timer of a loop that has ended, or is another thread's, is none of this one's.
        if self._idle is None or self._idle[0] is not loop:
            self._wait_for_idle(loop, IDLE)

    def _wait_for_idle(self, loop: asyncio.AbstractEventLoop, seconds: float) -> None:
        self._idle = loop, loop.call_later(seconds, _when_idle, weakref.ref(self), loop)

    def _checkpoint_if_idle(self, loop: asyncio.AbstractEventLoop) -> None:
        self._idle = None
        left = self._wrote + IDLE - time.monotonic()
        if self._closing is not None or self.writer is None:
            return
        if left > 0:
            self._wait_for_idle(loop, left)
        elif self._checkpointer.has_work():
            self.writer.run_later(self._checkpointer.checkpoint)

    async def close(self) -> None:
        """Finish what was accepted, checkpoint, leave one file; twice is fine, from any loop."""
        while True:
            closing = self._closing
            waited: asyncio.Future[None]
            if closing is None or closing.cancelled() or self._closing_on.is_closed():
                closing = self._closing = concurrent.futures.Future()
                self._closing_on = asyncio.get_running_loop()
                waited = asyncio.create_task(self._close())
                waited.add_done_callback(functools.partial(_settle, closing))
            else:
                waited = asyncio.wrap_future(closing)
            # The loop that closes may itself be closed before it is done.
            await asyncio.wait({waited}, timeout=LOOK_EVERY)
            if waited.done() and not closing.cancelled():
                return

    async def _close(self) -> None:
        self._forgotten.detach()
        if self._idle is not None and self._idle[0] is asyncio.get_running_loop():
            self._idle[1].cancel()  # another loop's timer finds that there is nothing to do
        # When the event loop is shut down in the middle, what remains is still done.
        try:
            await self.reader.close()
        finally:
            if self.writer is not None:
                await self.writer.close()
            if self._watch is not None:
                self._watch.close()

    def facts(self) -> dict[str, Any]:
        """Measurements that need no connection."""
        error = self._checkpointer.error
        return {
            "read_only": self.writer is None,
            "durability": self.settings.durability,
            **file_facts.read(self.settings.path),
            "wal_marked": self._watch is None or self._watch.is_marked,
            "checkpoints_failed": self._checkpointer.failures,
            "checkpoint_error": None if error is None else f"{error or type(error).__name__}",
        }


def _when_idle(store: weakref.ref[Engine], loop: asyncio.AbstractEventLoop) -> None:
    engine = store()
    if engine is not None:
        engine._checkpoint_if_idle(loop)


def _abandon(workers: list[Worker], path: str) -> None:
    warnings.warn(f"the store {path!r} was never closed", ResourceWarning, stacklevel=2)
    for worker in workers:
        worker.abandon()


def _settle(closing: concurrent.futures.Future[None], task: asyncio.Future[None]) -> None:
    """Tell those who wait. A closing that was cancelled may not be whole: it is begun again."""
    if task.cancelled():
        closing.cancel()
    else:
        task.exception()
        closing.set_result(None)
