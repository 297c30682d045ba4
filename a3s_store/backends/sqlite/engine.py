"""The two workers of an open file: what runs where, what an error is called, and the way out.

One connection writes, another reads, so that a long read never blocks a save. Everything that
sqlite3 or the system raises is given its name here, once, with what was tried and where.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import functools
import threading
import time
import warnings
import weakref
from collections.abc import Callable
from typing import Any, Final, TypeVar

import attrs

from a3s_store.backends.sqlite import transaction
from a3s_store.backends.sqlite.connection import (
    connect,
    failing_reads,
    file_facts,
    integrity_check,
    network_mounts,
)
from a3s_store.backends.sqlite.connection.aside import run_aside
from a3s_store.backends.sqlite.connection.retry_busy import retry_busy
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

# Seconds without a save after which the log is copied into the database.
IDLE: Final = 1.0
# Milliseconds that one attempt to open the file waits for others: an opening that is cancelled
# meanwhile ends as soon.
OPENING_MS: Final = 100


class Engine:
    """An open file. `writer` is None when a newer release wrote it: it can be read only."""

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
        # A store that is dropped without closing: its threads must not go on for ever.
        workers = [worker for worker in (writer, reader) if worker is not None]
        self._forgotten = weakref.finalize(self, _abandon, workers, str(settings.path))
        self._forgotten.atexit = False  # the workers' own hook gives them time

    @classmethod
    async def start(cls, settings: Settings) -> Engine:
        """Open the file and start both workers. Raises what `connection.open_writer` does."""
        writing = Writing(settings)
        was_unchecked = integrity_check.is_required(settings.path)
        writer: Worker | None = None
        if not settings.read_only and await _may_write(settings):
            writer = WorkerThread(
                lambda: writing.opened(_opened(settings, connect.open_writer)),
                run_group=writing.commit_group,
                busy_seconds=settings.busy_seconds,
            )
            await writer.start()
        reader = WorkerThread(
            lambda: _opened(settings, connect.open_reader),
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
        """From now on, verify messages against their chain; those that are cached were not."""
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
        """Fetch in one read transaction on the reader's thread, then build values of it there.

        Errors name the session. Before a value that shows damage is returned, the disk is looked
        at, as before an error of damage is raised.
        """

        def read(conn: WorkConnection) -> R:
            conn.prove_chain = self._proves_chain
            try:
                with transaction.read(conn):
                    fetched = fetch(conn)
                return build(conn, fetched)
            except StaleReadError:
                # What is missing was deleted meanwhile, or is damaged: one moment will tell.
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
                    # A writer has come since: the next connection reads beside it, with locks.
                    await self._replace_reader(reader)

    async def _replace_reader(self, former: Worker) -> None:
        reader: Worker = WorkerThread(self._reads.opened)
        await reader.start()
        if self.reader is former:
            self.reader, reader = reader, former
        await reader.close()  # the former one, or this one where another caller was quicker

    def _refuse_another_database(self) -> None:
        """Raise StoreReplacedError where the database has another content than was opened."""
        if self._watch is None:
            return
        try:
            refusal = self._watch.look_at_database()
        except OSError as error:
            self._reads.note(error)  # the read itself tells whether the disk can be read
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
        """Run what may take long on a thread and a reading connection of its own.

        A cancelled await interrupts it. `shows_damage` as in `read`.
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
        self._writing.closing()
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
        """Why no save is taken any more, since the disk failed; None where saves are taken."""
        failure = self._writing.failure
        return None if failure is None else f"an earlier {failure[0]} met an I/O error"


def _briefly(settings: Settings) -> Settings:
    return attrs.evolve(settings, busy_timeout_ms=min(OPENING_MS, settings.busy_timeout_ms))


async def _may_write(settings: Settings) -> bool:
    unwanted = threading.Event()
    brief = _briefly(settings)

    def look() -> bool:
        return failing_reads.opening(settings.path, lambda: connect.may_write(brief))

    def look_and_warn() -> bool:
        found = retry_busy(look, settings.busy_seconds, unwanted.is_set)
        network_mounts.warn(settings.path, permitted=settings.network_mount)
        return found

    try:
        with during("open", str(settings.path)):
            return await asyncio.to_thread(look_and_warn)
    finally:
        unwanted.set()


def _opened(settings: Settings, open_it: Callable[[Settings], WorkConnection]) -> WorkConnection:
    brief = _briefly(settings)
    conn = failing_reads.opening(settings.path, lambda: open_it(brief))
    conn.set_busy_timeout(settings.busy_timeout_ms)
    return conn


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
