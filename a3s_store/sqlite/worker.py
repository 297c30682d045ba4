"""One thread and one connection: the only file that knows aiosqlite.

Every operation is one plain function of a connection, run on the worker's thread in one trip.
Nothing interleaves with it, and a cancelled await cannot leave a transaction open: the job runs to
its end whether or not somebody still waits for it.

Invariants: 1. a job that was accepted is run, also when its caller was cancelled, its event loop
is being closed, or the interpreter ends; 2. nothing here keeps a process alive: the thread is a
daemon, and at exit the jobs still waiting get a bounded time; 3. after fork() the child neither
uses nor closes what it inherited.

Rejected: awaiting each statement (eleven trips a save, and a cancelled one leaves its transaction
open in nearly every case); `Connection._execute` (private, and no quicker).
"""

from __future__ import annotations

import asyncio
import atexit
import collections
import concurrent.futures
import contextlib
import os
import sqlite3
import threading
import warnings
import weakref
from collections.abc import Callable, Coroutine
from typing import Any, Concatenate, Final, ParamSpec, TypeVar

import aiosqlite
import attrs

from a3s_store.errors import StoreClosedError, StoreForkedError
from a3s_store.sqlite.connection import Work, WorkConnection

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")

# How often a trip that takes long looks whether the thread is still there.
_LOOK_EVERY: Final = 1.0
# At exit, how long all forgotten stores together may take to finish what they accepted.
EXIT_SECONDS: Final = 1.5


@attrs.frozen(eq=False)
class _Job:
    run: Callable[[WorkConnection], Any]
    answer: concurrent.futures.Future[Any]

    def step(self, conn: WorkConnection) -> None:
        if not self.answer.set_running_or_notify_cancel():
            return
        try:
            self.answer.set_result(self.run(conn))
        except BaseException as error:  # the caller's, whatever it is; the thread lives on
            self.answer.set_exception(error)


class Worker:
    """A thread that owns one connection and runs functions of it, one after the other."""

    def __init__(self, connect: Callable[[], WorkConnection]) -> None:
        self._pid = os.getpid()
        self._connect = connect
        self._waiting: collections.deque[_Job] = collections.deque()
        self._carrying: set[asyncio.Task[None]] = set()
        self._thread: threading.Thread | None = None
        self._raw: WorkConnection | None = None
        self._opening = threading.Lock()
        self._unwanted = False
        # aiosqlite's thread is no daemon: a store that was never closed would keep the process
        # alive for ever. A thread inherits that property from the one that makes it, so the
        # connection object is made on a daemon thread. Setting it on aiosqlite's private
        # attribute would do the same less politely.
        self._db = _on_daemon_thread(lambda: aiosqlite.Connection(self._opened, 64))

    def _opened(self) -> WorkConnection:
        self._thread = threading.current_thread()
        raw = self._connect()
        # What was accepted and found no way to the thread, its loop having ended, is run at last.
        raw.before_close = lambda: self._drain(raw)
        with self._opening:
            self._raw = raw
            if self._unwanted:
                raw.close()
        return raw

    async def start(self) -> None:
        """Start the thread and open the connection there. Raises whatever `connect` raises."""
        try:
            await self._db
        except BaseException as error:
            # aiosqlite forgets a connection whose opening was cancelled; it would stay open.
            with self._opening:
                self._unwanted = True
                if self._raw is not None:
                    self._raw.close()
            while self._thread is None and isinstance(error, asyncio.CancelledError):
                with contextlib.suppress(asyncio.CancelledError):
                    await asyncio.sleep(0.002)  # started, but not there yet
            await self._ended()
            raise
        _WORKERS.add(self)

    async def run(
        self,
        function: Callable[Concatenate[WorkConnection, P], R],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> R:
        """Run a function of the connection on the worker's thread; answer or raise what it does.

        When the await is cancelled the function still runs to its end.
        """
        self._check_alive()
        answer: concurrent.futures.Future[R] = concurrent.futures.Future()
        job = _Job(lambda conn: function(conn, *args, **kwargs), answer)
        self._waiting.append(job)
        while not answer.done():
            try:
                await self._carried(self._carry(answer))
            except asyncio.CancelledError:
                if _cancelled_itself():
                    raise
                continue  # somebody cancelled the carrier before it began: another one
            if not self._alive() and answer.cancel():
                raise StoreClosedError("the store's thread has ended", hint="Open the store again")
        return answer.result()

    async def close(self) -> None:
        """Close the connection once everything accepted has run; twice is fine."""
        while self._alive():
            try:
                await self._carried(self._shut())
            except asyncio.CancelledError:
                if _cancelled_itself():
                    raise
        if self._raw is not None and not self._raw.closed.is_set():
            # The thread died on a closed loop. Nobody else uses the connection any more.
            await asyncio.to_thread(self._raw.close)
        _WORKERS.discard(self)

    def abandon(self) -> None:
        """Ask the thread to finish and end, from anywhere, without waiting."""
        if self._pid == os.getpid():
            _WORKERS.discard(self)
            # stop() would have the thread report to the event loop of this thread, which may be
            # closed before it does. A thread of its own has none; at exit none can be made, and
            # there is no loop left to speak of.
            try:
                _on_daemon_thread(self._db.stop)
            except RuntimeError:
                with warnings.catch_warnings(), contextlib.suppress(RuntimeError):
                    warnings.simplefilter("ignore", DeprecationWarning)
                    self._db.stop()

    def finish(self, seconds: float) -> None:
        """At exit: let the thread run what it accepted, for at most so long, then close."""
        self.abandon()
        thread, raw = self._thread, self._raw
        if thread is None or raw is None:
            return
        thread.join(seconds)
        if thread.is_alive() or raw.closed.is_set():
            return
        # The thread ended early: the event loop of a job was closed under it. Nobody else uses
        # the connection any more, so what was accepted is run here.
        raw.close()

    def _check_alive(self) -> None:
        if self._pid != os.getpid():
            raise StoreForkedError(
                "the store was opened before fork()", hint="Open a new one in the child"
            )
        if not self._alive():
            raise StoreClosedError("the store's thread has ended", hint="Open the store again")

    def _alive(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def _drain(
        self, conn: sqlite3.Connection, until: concurrent.futures.Future[Any] | None = None
    ) -> None:
        """Run what waits, in order, up to the job with this answer; None: all of it.

        Those before it come first even if their own trip never began.
        """
        assert isinstance(conn, WorkConnection), "made by our own connector"
        while until is None or not until.done():
            try:
                job = self._waiting.popleft()
            except IndexError:
                return
            job.step(conn)

    async def _carry(self, answer: concurrent.futures.Future[Any]) -> None:
        """One trip to the thread, in a task of our own, so that no caller's end takes it along."""
        try:
            await self._db.execute_fetchall(Work.of(lambda conn: self._drain(conn, answer)))
        except ValueError as error:
            # aiosqlite's word for closed. What waited is run before closing; this came too late.
            if answer.cancel():
                raise StoreClosedError("the store is closed", hint="Open it again") from error
            await self._ended()
        except asyncio.CancelledError:
            await self._reported()

    async def _reported(self) -> None:
        """The loop is shutting down. It must not be gone before the thread has reported to it.

        aiosqlite's thread would die on the closed loop, with everything behind this job. It reports
        in order, so an answer to something sent now comes after all the others.
        """
        while self._alive():
            try:
                await self._db.execute_fetchall(Work.of(lambda _: None))
            except asyncio.CancelledError:
                continue
            except ValueError:
                await self._ended()
            return

    async def _shut(self) -> None:
        try:
            await self._db.close()
        except asyncio.CancelledError:
            pass  # it was told to end all the same
        await self._ended()

    async def _ended(self) -> None:
        """Wait for the thread to end, which it was told to, even while the loop shuts down.

        aiosqlite's thread reports to the loop last of all and would die noisily on a closed one.
        """
        while self._alive():
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(0.002)

    async def _carried(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._carrying.add(task)
        task.add_done_callback(self._carried_through)
        # Waiting does not cancel what is waited for. A thread that died (the loop of somebody
        # else's job was closed under it) will never report, so it is looked at now and then.
        while not (await asyncio.wait({task}, timeout=_LOOK_EVERY))[0]:
            if not self._alive():
                task.cancel()
                return
        task.result()

    def _carried_through(self, task: asyncio.Task[None]) -> None:
        self._carrying.discard(task)
        if not task.cancelled():
            task.exception()  # looked at, in case the caller is gone and nobody else does


def _cancelled_itself() -> bool:
    """Whether it is the current task that was cancelled, not one that it waits for."""
    task = asyncio.current_task()
    return task is None or task.cancelling() > 0


def _on_daemon_thread(make: Callable[[], T]) -> T:
    made: list[T] = []
    thread = threading.Thread(target=lambda: made.append(make()), daemon=True)
    thread.start()
    thread.join()
    return made[0]


# Stores that are open. Weak: a store that is dropped without closing is collected as ever.
_WORKERS: weakref.WeakSet[Worker] = weakref.WeakSet()
# In a forked child, what it inherited: closing it there could take the parent's log away.
_INHERITED: list[Worker] = []


def _finish_all() -> None:
    each = EXIT_SECONDS / max(1, len(_WORKERS))
    for worker in list(_WORKERS):
        warnings.warn(f"{worker!r} was never closed", ResourceWarning, stacklevel=1)
        worker.finish(each)


def _after_fork() -> None:
    _INHERITED.extend(_WORKERS)
    _WORKERS.clear()


atexit.register(_finish_all)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
