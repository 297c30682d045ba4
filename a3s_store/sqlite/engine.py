"""The two workers of an open file: what runs where, what an error is called, and the way out.

One connection writes, another reads, so that a long read never blocks a save. Everything that
sqlite3 or the system raises is given its name here, once, with what was tried and where.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import functools
import sqlite3
import warnings
import weakref
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from a3s_store.errors import (
    SchemaTooNewError,
    StoreClosedError,
    StoreError,
    StoreUnavailableError,
    during,
)
from a3s_store.sqlite import connection, reading, tx, wal
from a3s_store.sqlite.connection import Settings, WorkConnection
from a3s_store.sqlite.worker import Worker

R = TypeVar("R")


class Engine:
    """An open file. `writer` is None when a newer release wrote it: it can be read only."""

    def __init__(self, settings: Settings, writer: Worker | None, reader: Worker) -> None:
        self.settings = settings
        self.writer = writer
        self.reader = reader
        self._keeper = wal.LogKeeper(settings.wal)
        self._failure: StoreError | None = None
        self._identity = connection.identity(settings.path)
        self._closing: concurrent.futures.Future[None] | None = None
        # A store that is dropped without closing: its threads must not go on for ever.
        workers = [worker for worker in (writer, reader) if worker is not None]
        self._forgotten = weakref.finalize(self, _abandon, workers, str(settings.path))
        self._forgotten.atexit = False  # the workers' own hook gives them time

    @classmethod
    async def start(cls, settings: Settings) -> Engine:
        """Open the file and start both workers. Raises what `connection.open_writer` does."""
        writer: Worker | None = None
        if await asyncio.to_thread(connection.may_write, settings):
            writer = Worker(lambda: connection.open_writer(settings))
            await writer.start()
        reader = Worker(lambda: connection.open_reader(settings))
        try:
            await reader.start()
        except BaseException:
            if writer is not None:
                await writer.close()
            raise
        return cls(settings, writer, reader)

    async def write(self, op: str, where: str, job: Callable[[WorkConnection], R]) -> R:
        """Run a job that writes, in transactions of its own, on the writer's thread."""
        if self.writer is None:
            raise SchemaTooNewError(
                "the file was written by a newer release and is open for reading only",
                op=op,
                where=where,
                hint="Install that release to write to it",
            )

        def run(conn: WorkConnection) -> R:
            with during(op, where), reading.damage_named(), self._watch_for_failure():
                self._check_in_place()
                answer = job(conn)
            self._keeper.after_commit(conn)
            return answer

        with during(op, where):
            return await self.writer.run(run)

    async def read(
        self,
        op: str,
        where: str,
        fetch: Callable[[WorkConnection], Any],
        build: Callable[[Any], R],
    ) -> R:
        """Fetch in one read transaction on the reader's thread, then build values of it there."""

        def run(conn: WorkConnection) -> R:
            with during(op, where), reading.damage_named():
                with tx.read(conn):
                    fetched = fetch(conn)
                return build(fetched)

        with during(op, where):
            return await self.reader.run(run)

    def _check_in_place(self) -> None:
        """A file that was moved, removed or replaced would take saves along that nobody finds."""
        try:
            moved = connection.identity(self.settings.path) != self._identity
        except FileNotFoundError:
            moved = True
        if moved:
            raise StoreUnavailableError(
                "the file was moved, removed or replaced while the store was open",
                hint="Close the store, see what is at its path, and open it again",
            )

    @contextlib.contextmanager
    def _watch_for_failure(self) -> Iterator[None]:
        """After an I/O error nobody knows what the disk holds: refuse to write until reopened."""
        if self._failure is not None:
            raise StoreUnavailableError(
                "an earlier save met an I/O error",
                hint="Check the disk, then close the store and open it again",
            ) from self._failure
        try:
            yield
        except sqlite3.OperationalError as error:
            if (getattr(error, "sqlite_errorcode", 0) & 0xFF) == sqlite3.SQLITE_IOERR:
                self._failure = StoreUnavailableError(str(error))
            raise

    async def close(self) -> None:
        """Finish what was accepted, checkpoint, leave one file; twice is fine, from any loop."""
        while True:
            closing = self._closing
            waited: asyncio.Future[None]
            if closing is None or closing.cancelled():
                closing = self._closing = concurrent.futures.Future()
                waited = asyncio.create_task(self._close())
                waited.add_done_callback(functools.partial(_settle, closing))
            else:
                waited = asyncio.wrap_future(closing)
            await asyncio.wait({waited})
            if not closing.cancelled():
                return

    async def _close(self) -> None:
        self._forgotten.detach()
        # When the event loop is shut down in the middle, what remains is still done.
        try:
            await self.reader.close()
        finally:
            if self.writer is not None:
                try:
                    with contextlib.suppress(StoreClosedError):
                        await self.writer.run(self._keeper.checkpoint)
                finally:
                    await self.writer.close()

    def facts(self) -> dict[str, Any]:
        """Measurements that need no connection."""
        return {
            "read_only": self.writer is None,
            "durability": self.settings.durability,
            "database_bytes": self.settings.path.stat().st_size,
            "log_bytes": self._keeper.size(),
        }

    def advice(self) -> Iterator[str]:
        """What could be better, a sentence each."""
        if self._keeper.error is not None:
            yield f"The last checkpoint failed: {self._keeper.error}. Check the disk."
        if wal.has_reset_bug():
            yield (
                f"SQLite {sqlite3.sqlite_version} has the WAL-reset bug. This store's own "
                "checkpoints avoid it; do not let other programs checkpoint the open file."
            )


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
