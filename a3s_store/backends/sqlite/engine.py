"""The two workers of an open store: start, write, read, work aside, close.

One connection writes, another reads, so that a long read never blocks a save. Errors of sqlite3 and
of the system are translated here, once, with operation and place.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import functools
import warnings
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from a3s_store.backends.sqlite import transaction
from a3s_store.backends.sqlite.connection import (
    connect,
    file_facts,
    integrity_check,
    opening,
)
from a3s_store.backends.sqlite.connection.work_connection import ChangedError, of_one_moment
from a3s_store.backends.sqlite.connection.worker_thread import WorkerThread
from a3s_store.backends.sqlite.errors import corruption_named, during
from a3s_store.backends.sqlite.idle_work import IdleWork
from a3s_store.backends.sqlite.read import decode
from a3s_store.backends.sqlite.write.group_commit import Change
from a3s_store.backends.sqlite.writing import Writing
from a3s_store.core.corruption import StaleReadError
from a3s_store.core.gil_yield import LOOK_EVERY
from a3s_store.errors import (
    CorruptionError,
    SchemaTooNewError,
    StoreClosedError,
    StoreReadOnlyError,
    StoreUnavailableError,
)
from a3s_store.wire.limits import in_force
from a3s_store.wire.orjson_memory import require_memory

if TYPE_CHECKING:
    from a3s_store.backends.sqlite.connection.settings import Settings
    from a3s_store.backends.sqlite.connection.work_connection import WorkConnection
    from a3s_store.backends.sqlite.connection.worker import Worker
    from a3s_store.backends.sqlite.log_poll import LogPoll
    from a3s_store.backends.sqlite.write.write_states import WriteTransaction
    from a3s_store.core.job_queue import Lane

R = TypeVar("R")


class Engine:
    """An open store; `writer` is None when it is read only, as a file of a newer release is."""

    def __init__(
        self, settings: Settings, writing: Writing, writer: Worker | None, reader: Worker
    ) -> None:
        self.settings = settings
        self.writer = writer
        self.reader = reader
        self.cache = writing.cache
        self._checkpointer = writing.checkpointer
        self.writing = writing
        self._watch = writing.watch
        self._reads = writing.reads()
        self._proves_chain = settings.prove_chain
        self._poll: LogPoll | None = None
        self.idle = None if writer is None else IdleWork(writing, writer)
        self._closing: concurrent.futures.Future[None] | None = None
        self._closing_on: asyncio.AbstractEventLoop
        # Threads of a store that is dropped without closing must end.
        self._workers = [worker for worker in dict.fromkeys((writer, reader)) if worker is not None]
        self._forgotten = weakref.finalize(self, _abandon, self._workers, str(settings.path))
        self._forgotten.atexit = False  # the workers' own hook gives them time

    @classmethod
    async def start(cls, settings: Settings) -> Engine:
        """Open the file and start both workers. Raises what `connect.open_writer` does.

        In memory one worker writes and reads.
        """
        writing = Writing(settings)
        if settings.in_memory:
            from a3s_store.backends.sqlite.connection import in_memory

            worker = await in_memory.start(settings, writing.opened, writing.commit_group)
            return cls(settings, writing, worker, worker)
        was_unchecked = integrity_check.is_required(settings.path)
        writer: Worker | None = None
        if not settings.read_only and await opening.may_write(settings):
            writer = WorkerThread(
                lambda: writing.opened(opening.open_brief(settings, connect.open_writer)),
                run_group=writing.commit_group,
                busy_seconds=settings.busy_seconds,
            )
            await writer.start()
        reader = WorkerThread(
            lambda: opening.open_brief(settings, connect.open_reader),
            busy_seconds=settings.busy_seconds,
        )
        try:
            await reader.start()
            if settings.read_only:
                await reader.run(connect.require_current)
        except BaseException:
            if writer is not None:
                await writer.close()
            await reader.close()
            raise
        engine = cls(settings, writing, writer, reader)
        engine._proves_chain |= was_unchecked
        if engine.idle is not None:
            engine.idle.begin()
        return engine

    def _note_damage(self) -> None:
        """Verify messages against their chain hashes from now on; drop cached ones."""
        if not self._proves_chain:
            self._proves_chain = True
            self.cache.clear()

    async def write(
        self,
        op: str,
        where: str,
        apply: Callable[[WorkConnection, WriteTransaction], R],
        lane: Lane = None,
        *,
        session_id: str | None = None,
        is_idle_work: bool = False,
    ) -> R:
        """Run `apply` in a write transaction, perhaps with other waiting changes; return its value.

        Changes of one lane keep their order; a change without a lane keeps its place among all.
        A cancelled caller's change is still made once it was accepted.

        Raises:
            StoreReadOnlyError, SchemaTooNewError: the store has no writer.
            StoreClosedError, StoreForkedError: as `Worker.run` does.
            StoreError: of this change, naming `op`, `where` and `session_id`; nothing was written.
        """
        try:
            return await self._write(op, where, apply, lane, session_id, is_idle_work)
        except Exception:
            with during(op, where):  # only here, since few changes fail
                raise

    async def _write(
        self,
        op: str,
        where: str,
        apply: Callable[[WorkConnection, WriteTransaction], R],
        lane: Lane,
        session_id: str | None,
        is_idle_work: bool,
    ) -> R:
        if self.settings.read_only:
            raise StoreReadOnlyError(
                "the store was opened for reading only", hint="Open it without `read_only`"
            )
        if self.writer is None or self.idle is None:
            raise SchemaTooNewError(
                "the file was written by a newer release and is open for reading only",
                hint="Install that release to write to it",
            )
        self.writer.check_alive()
        if not is_idle_work:
            self.idle.put_off()

        def prepared(conn: WorkConnection, cache: WriteTransaction) -> R:
            conn.prove_chain = self._proves_chain
            require_memory()
            with in_force(self.settings.limits):
                return apply(conn, cache)

        change = Change(op, where, prepared, session_id)
        self.idle.saving += 1
        try:
            result: R = await self.writer.run_batchable(change, lane)
        finally:
            self.idle.saving -= 1
            if self.writing.has_unfinished or self.writing.large_saves:
                self.idle.put_off()  # rows may be left to remove, perhaps later than that
        return result

    async def read(
        self,
        op: str,
        where: str,
        fetch: Callable[[WorkConnection], Any],
        build: Callable[[WorkConnection, Any], R],
        *,
        session_id: str | None = None,
        shows_damage: Callable[[R], bool] = lambda _: False,
    ) -> R:
        """Fetch rows in one read transaction on the reader's thread, and return `build` of them.

        `build` runs there too, outside the transaction. A value for which `shows_damage` is true,
        and an error of damage, are returned only after the disk was checked and the read retried.

        Raises:
            CorruptionError: a stored value is damaged; names `op`, `where` and `session_id`.
            StoreError: the read failed otherwise.
        """

        def read(conn: WorkConnection) -> R:
            conn.prove_chain = self._proves_chain
            try:
                with transaction.read(conn):
                    fetched = fetch(conn)
                return build(conn, fetched)
            except StaleReadError:
                # A missing row was deleted meanwhile, or lost: one snapshot tells which.
                with transaction.read(conn):
                    return build(conn, fetch(conn))

        def run(conn: WorkConnection) -> R:
            try:
                with during(op, where), corruption_named(session_id), self._collector():
                    require_memory()
                    self._refuse_another_database()
                    self._checkpointer.throttle_readers()
                    found = self._reads.run(conn, read, shows_damage)
            except CorruptionError:
                self._note_damage()
                raise
            if shows_damage(found):
                self._note_damage()
            return found

        with during(op, where):
            while True:
                reader = self.reader
                try:
                    return await reader.run(functools.partial(of_one_moment, run))
                except ChangedError:
                    # Another process writes now: the next connection takes locks.
                    await self._replace_reader(reader)

    async def _replace_reader(self, former: Worker) -> None:
        reader: Worker = WorkerThread(self._reads.opened)
        await reader.start()
        if self.reader is former:
            self._workers[self._workers.index(former)] = reader
            self.reader, reader = reader, former
        await reader.close()  # the former one, or the new one if another caller was quicker

    def _refuse_another_database(self) -> None:
        """Raise StoreReplacedError if the database was overwritten or cut since it was opened."""
        if self._watch is None:
            return
        try:
            refusal = self._watch.look_at_database()
        except OSError as error:
            self._reads.note(error)  # the read itself shows whether the disk can be read
            return
        if refusal is not None:
            raise refusal

    async def aside(
        self,
        op: str,
        where: str,
        function: Callable[[WorkConnection], R],
        shows_damage: Callable[[R], bool],
    ) -> R:
        """Run a long function on a thread and a reading connection of its own; return its value.

        A cancelled await interrupts it. `shows_damage`, and errors, as in `read`.
        """
        from a3s_store.backends.sqlite.connection.aside import run_aside

        def run(conn: WorkConnection) -> R:
            found = self._reads.run(conn, function, shows_damage)
            if shows_damage(found):
                self._note_damage()
            return found

        with during(op, where):
            if self.settings.in_memory:  # no other connection sees it
                return await self.reader.run(run)
            while True:
                with contextlib.suppress(ChangedError):
                    return await run_aside(
                        self._reads.opened, functools.partial(of_one_moment, run)
                    )

    async def wait_for_commit(self, sequence: int) -> None:
        """See `CommitLogMethods._commit_after`."""
        from a3s_store.backends.sqlite.log_poll import LogPoll

        self._poll = self._poll or LogPoll(self.writing.signal, self._watch)
        self._poll.begin(self)
        await self.writing.signal.wait(sequence)

    def read_later(self, function: Callable[[WorkConnection], object]) -> None:
        """Run a function on the reader's thread, without waiting. Raises StoreClosedError."""
        self.reader.check_alive()
        self.reader.run_later(function)

    def _collector(self) -> contextlib.AbstractContextManager[None]:
        if self.settings.pause_gc:
            return decode.COLLECTOR_PAUSE
        return contextlib.nullcontext()

    async def close(self) -> None:
        """Run what was accepted, checkpoint and close, which leaves one file; twice is fine.

        May be called from any event loop. Cancelled, it still closes.
        """
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
            # The loop that closes may end before it is done.
            await asyncio.wait({waited}, timeout=LOOK_EVERY)
            if waited.done() and not closing.cancelled():
                return

    async def _close(self) -> None:
        self._forgotten.detach()
        self.writing.signal.end()
        if self.idle is not None:
            self.idle.end()
            await self.idle.ended()
        self.writing.closing()
        # If this is cancelled in the middle, the rest is still done.
        try:
            if self.reader is not self.writer:
                await self.reader.close()
        finally:
            if self.writer is not None:
                with contextlib.suppress(StoreClosedError):  # by a fork, too
                    self.writer.check_alive()
                    if self.idle is not None:
                        self.writer.run_later(self.idle.jobs.trim_log_at_close)
                await self.writer.close()
            if self._watch is not None:
                self._watch.close()

    def facts(self) -> dict[str, Any]:
        """Return facts about the store that need no connection, by name (`health_check`)."""
        error = self._checkpointer.error
        found = self._file_facts()
        if found["journal_mode"] == "unknown":
            self._reads.note(StoreUnavailableError("the file's header could not be read"))
        return {
            "read_only": self.writer is None,
            "durability": self.settings.durability,
            **found,
            "wal_marked": self._watch is None or self._watch.is_marked,
            "checkpoints_failed": self._checkpointer.failures,
            "checkpoint_error": None if error is None else f"{error or type(error).__name__}",
            "read_errors": self._reads.failures,
            "saves_refused": self.saves_refused,
        }

    def _file_facts(self) -> dict[str, Any]:
        if self.settings.in_memory:
            from a3s_store.backends.sqlite.connection import in_memory

            return in_memory.facts()
        return file_facts.read(self.settings.path)

    @property
    def saves_refused(self) -> str | None:
        """Why saves are refused since the disk failed; None if they are not."""
        failure = self.writing.failure
        return None if failure is None else f"an earlier {failure[0]} met an I/O error"


def _abandon(workers: list[Worker], path: str) -> None:
    warnings.warn(f"the store {path!r} was never closed", ResourceWarning, stacklevel=2)
    for worker in workers:
        worker.abandon()


def _settle(closing: concurrent.futures.Future[None], task: asyncio.Future[None]) -> None:
    """Tell the other callers of `close`. A cancelled close may be incomplete, and starts again."""
    if task.cancelled():
        closing.cancel()
    else:
        task.exception()
        closing.set_result(None)
