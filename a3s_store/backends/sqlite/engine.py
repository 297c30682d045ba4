"""The two workers of an open store: start, write, read, work aside, close.

One connection writes, another reads, so that a long read never blocks a save. Errors of sqlite3 and
of the system are translated here, once, with operation and place.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import functools
import time
import warnings
import weakref
from collections.abc import Callable
from typing import Any, Final, TypeVar

from a3s_store.backends.sqlite import transaction
from a3s_store.backends.sqlite.connection import (
    connect,
    failing_reads,
    file_facts,
    integrity_check,
    opening,
)
from a3s_store.backends.sqlite.connection.aside import run_aside
from a3s_store.backends.sqlite.connection.settings import Settings
from a3s_store.backends.sqlite.connection.work_connection import WorkConnection
from a3s_store.backends.sqlite.connection.worker import Worker
from a3s_store.backends.sqlite.connection.worker_thread import WorkerThread
from a3s_store.backends.sqlite.errors import corruption_named, during
from a3s_store.backends.sqlite.read import decode
from a3s_store.backends.sqlite.write.group_commit import Change
from a3s_store.backends.sqlite.writing import Writing
from a3s_store.core.corruption import StaleReadError
from a3s_store.core.gil_yield import LOOK_EVERY
from a3s_store.core.session_cache import CacheTransaction
from a3s_store.errors import (
    CorruptionError,
    SchemaTooNewError,
    StoreReadOnlyError,
    StoreUnavailableError,
)
from a3s_store.wire.limits import in_force
from a3s_store.wire.orjson_memory import require_memory

R = TypeVar("R")

# Seconds without a save after which the WAL is copied into the database.
IDLE: Final = 1.0


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
        self._writing = writing
        self._watch = writing.watch
        self._reads = failing_reads.ReadRetry(
            settings.path,
            lambda: connect.open_reader(settings),
            lambda error: writing.note_failure("read", error),
        )
        self._proves_chain = settings.prove_chain
        self._wrote = 0.0
        self._idle: tuple[asyncio.AbstractEventLoop, asyncio.TimerHandle] | None = None
        self._closing: concurrent.futures.Future[None] | None = None
        self._closing_on: asyncio.AbstractEventLoop
        # Threads of a store that is dropped without closing must end.
        self._workers = [worker for worker in (writer, reader) if worker is not None]
        self._forgotten = weakref.finalize(self, _abandon, self._workers, str(settings.path))
        self._forgotten.atexit = False  # the workers' own hook gives them time

    @classmethod
    async def start(cls, settings: Settings) -> Engine:
        """Open the file and start both workers. Raises what `connect.open_writer` does."""
        writing = Writing(settings)
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
        apply: Callable[[WorkConnection, CacheTransaction], R],
        lane: str | None = None,
        *,
        session_id: str | None = None,
    ) -> R:
        """Run `apply` in a write transaction, perhaps with other waiting changes; return its value.

        Changes of one lane keep their order; a change without a lane keeps its place among all.
        A cancelled caller's change is still made once it was accepted.

        Raises:
            StoreReadOnlyError, SchemaTooNewError: the store has no writer.
            StoreClosedError, StoreForkedError: as `Worker.run` does.
            StoreError: of this change, naming `op`, `where` and `session_id`; nothing was written.
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

            def prepared(conn: WorkConnection, cache: CacheTransaction) -> R:
                conn.prove_chain = self._proves_chain
                require_memory()
                with in_force(self.settings.limits):
                    return apply(conn, cache)

            change = Change(op, where, prepared, session_id)
            answer: R = await self.writer.run_batchable(change, lane)
        return answer

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
                    return await reader.run(functools.partial(_of_one_moment, run))
                except _ChangedError:
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

        def run(conn: WorkConnection) -> R:
            found = self._reads.run(conn, function, shows_damage)
            if shows_damage(found):
                self._note_damage()
            return found

        with during(op, where):
            while True:
                with contextlib.suppress(_ChangedError):
                    return await run_aside(
                        self._reads.opened, functools.partial(_of_one_moment, run)
                    )

    def _collector(self) -> contextlib.AbstractContextManager[None]:
        if self.settings.pause_gc:
            return decode.COLLECTOR_PAUSE
        return contextlib.nullcontext()

    def _note_write(self) -> None:
        """Have the WAL copied once no save has come for `IDLE` seconds."""
        self._wrote = time.monotonic()
        loop = asyncio.get_running_loop()
        # A timer of another loop may never fire: that loop may have ended.
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
        if self._idle is not None and self._idle[0] is asyncio.get_running_loop():
            self._idle[1].cancel()  # another loop's timer finds the engine closing
        self._writing.closing()
        # If this is cancelled in the middle, the rest is still done.
        try:
            await self.reader.close()
        finally:
            if self.writer is not None:
                await self.writer.close()
            if self._watch is not None:
                self._watch.close()

    def facts(self) -> dict[str, Any]:
        """Return facts about the store that need no connection, by name (`health_check`)."""
        error = self._checkpointer.error
        found = file_facts.read(self.settings.path)
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

    @property
    def saves_refused(self) -> str | None:
        """Why saves are refused since the disk failed; None if they are not."""
        failure = self._writing.failure
        return None if failure is None else f"an earlier {failure[0]} met an I/O error"


class _ChangedError(Exception):
    """A file that is read without locks was changed meanwhile."""


def _of_one_moment(run: Callable[[WorkConnection], R], conn: WorkConnection) -> R:
    """Return what `run` returns. Raises _ChangedError if the file changed while it was read."""
    try:
        found = run(conn)
    except Exception:
        if conn.is_current():
            raise
        raise _ChangedError from None
    if not conn.is_current():
        raise _ChangedError
    return found


def _when_idle(store: weakref.ref[Engine], loop: asyncio.AbstractEventLoop) -> None:
    engine = store()
    if engine is not None:
        engine._checkpoint_if_idle(loop)


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
