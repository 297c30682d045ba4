"""One thread and one connection: the only file that knows aiosqlite.

Every operation is one plain function of a connection, run on the worker's thread. Nothing
interleaves with it, and a cancelled await cannot leave a transaction open: the job runs to its end
whether or not its caller still waits. Jobs wait in a queue of our own; a *drain*, one call that is
submitted to the thread, runs all that wait when it arrives, so that sixteen callers need one, and
batchable jobs are handed over as a group (`job_queue`).

Invariants: 1. a job that was accepted is run, also when its caller was cancelled, its event loop
is being closed, or the interpreter ends; 2. nothing here keeps a process alive: the thread is a
daemon, and at exit the jobs still waiting get a bounded time; 3. after fork() the child uses
nothing that it inherited; 4. once it is open, the thread reports to no caller's event loop but
through `JobQueue.tell`, so that none can be closed under it.

Rejected: awaiting each statement (eleven thread switches a save, and a cancelled one leaves its
transaction open in nearly every case); `Connection._execute` (private, and no quicker).
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import functools
import os
import signal
import sqlite3
import threading
import time
import warnings
import weakref
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, NoReturn, TypeVar, cast

import aiosqlite

from a3s_store.backends.sqlite.connection import fork_gate
from a3s_store.backends.sqlite.connection.work_connection import QueuedCall, WorkConnection
from a3s_store.core.gil_yield import Patience
from a3s_store.core.job_queue import Job, JobQueue
from a3s_store.errors import StoreBusyError, StoreClosedError, StoreForkedError

R = TypeVar("R")
T = TypeVar("T")
# Something to be done on the thread when callers were told.
Afterwards = Callable[[WorkConnection], None]
# Runs jobs that may share a transaction, settles each, and returns what to do afterwards.
RunGroup = Callable[[WorkConnection, Sequence[Job]], Afterwards | None]

# How many jobs one event loop may have waiting; further callers wait before theirs is accepted.
ROOM: Final = 256
# At exit, how long all forgotten stores together may take to finish what they accepted.
EXIT_SECONDS: Final = 1.5


class _Here:
    """What a worker knows of one event loop that uses it."""

    def __init__(self, look: Callable[[_Here], None]) -> None:
        self.room = asyncio.Semaphore(ROOM)
        self.patience = Patience(lambda: look(self))
        # How many drains had begun when this loop last scheduled one.
        self.scheduled_at = -1


class Worker:
    """A thread that owns one connection and runs functions of it, one after the other.

    Batchable jobs are run by `run_group`, several at a time.
    """

    def __init__(
        self,
        connect: Callable[[], WorkConnection],
        *,
        run_group: RunGroup | None = None,
        busy_seconds: float = 0.0,
    ) -> None:
        """`connect` is called again while the file is busy, for at most `busy_seconds`."""
        self._pid = os.getpid()
        self._busy_seconds = busy_seconds
        self._connect = connect
        self._run_group = run_group
        self._queue = JobQueue()
        self._arrived = 0
        self._here: dict[asyncio.AbstractEventLoop, _Here] = {}
        self._thread: threading.Thread | None = None
        self._raw: WorkConnection | None = None
        self._opening = threading.Lock()
        self._unwanted = False
        self._stopped = False
        # aiosqlite's thread is no daemon: a store that was never closed would keep the process
        # alive for ever. A thread inherits that property from the one that makes it, so the
        # connection object is made on a daemon thread. Setting it on aiosqlite's private
        # attribute would do the same less politely.
        self._db = _on_daemon_thread(lambda: aiosqlite.Connection(self._opened, 64))

    def _opened(self) -> WorkConnection:
        self._thread = threading.current_thread()
        raw = retry_busy(self._connect, self._busy_seconds, lambda: self._unwanted)
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

    async def run(self, function: Callable[[WorkConnection], R]) -> R:
        """Run a function of the connection on the worker's thread; answer or raise what it does.

        When the await is cancelled the function still runs to its end, once it was accepted: a
        full queue lets callers wait before that.
        """
        self.check_alive()
        answer: R = await self._done(Job(function, None))
        return answer

    async def run_batchable(self, work: Any, lane: str | None) -> Any:
        """Have `run_group` do this with others that wait, in order among those of the same lane.

        With no lane it is run alone, after all that came before it and before all that come after
        it. Cancelled as in `run`.
        """
        self.check_alive()
        return await self._done(Job(work, lane, batchable=True))

    def run_later(self, function: Callable[[WorkConnection], object]) -> None:
        """Run a function on the worker's thread some time; nobody hears what became of it.

        To be called on an event loop.
        """
        job = Job(function, None)
        self._queue.put(job)
        self._schedule(self._here_on(job.loop), job.loop)

    async def _done(self, job: Job) -> Any:
        here = self._here_on(job.loop)
        await here.room.acquire()
        try:
            self.check_alive()
        except StoreClosedError:
            here.room.release()
            raise
        job.when_done = here.room.release
        self._queue.put(job)
        here.patience.begin(job)
        try:
            while not job.answer.done():
                if not self._alive() and job.answer.cancel():
                    job.told()
                    raise StoreClosedError(
                        "the store's thread has ended", hint="Open the store again"
                    )
                self._schedule(here, job.loop)
                await job.news()
        finally:
            here.patience.end(job)
        return job.answer.result()

    def _here_on(self, loop: asyncio.AbstractEventLoop) -> _Here:
        here = self._here.get(loop)
        if here is None:
            self._here = {other: it for other, it in self._here.items() if not other.is_closed()}
            here = self._here[loop] = _Here(self._look)
        return here

    def _schedule(self, here: _Here, loop: asyncio.AbstractEventLoop) -> None:
        """Schedule a drain of the queue, unless one of this loop's is under way.

        That one will run what waits by then: it is submitted in the loop's next turn.
        """
        if here.scheduled_at != self._arrived:
            here.scheduled_at = self._arrived
            loop.call_soon(self._submit, here, loop)

    def _look(self, here: _Here) -> None:
        """Wake all waiting callers: the thread, or the drain they rely on, may be gone."""
        here.scheduled_at = -1
        self._queue.tell_all()

    def _drain(self, conn: sqlite3.Connection) -> None:
        """Run what waits, in order. Jobs whose own drain was never submitted are run as well."""
        assert isinstance(conn, WorkConnection), "made by our own connector"
        if self._pid != os.getpid():
            return  # in a forked child: what was accepted is the parent's to do
        self._arrived += 1
        while taken := self._queue.take():
            # Some may have been refused meanwhile: those must not be done.
            jobs = [job for job in taken if job.begin()]
            if not jobs:
                continue
            # One unit each: forks would wait in vain for a thread that always has more to do.
            with fork_gate.inside():
                self._run(conn, jobs)

    def _run(self, conn: WorkConnection, jobs: Sequence[Job]) -> None:
        if not jobs[0].batchable:
            jobs[0].settle(functools.partial(jobs[0].work, conn))
            self._queue.tell(jobs)
            return
        assert self._run_group is not None, "only a writer is given such jobs"
        afterwards = None
        try:
            afterwards = self._run_group(conn, jobs)
        except BaseException as error:  # nobody must be left waiting
            for job in jobs:
                job.settle(functools.partial(_raise, error))
        self._queue.tell(jobs)
        if afterwards is not None:
            afterwards(conn)

    def _submit(self, here: _Here, loop: asyncio.AbstractEventLoop) -> None:
        """Submit one drain to the thread, which tells the callers itself and reports to no loop."""
        trip = self._db.execute_fetchall(QueuedCall.of(self._drain)).__await__()
        try:
            with _reporting_to_nobody():
                next(trip)  # into the thread's queue; the rest would be waiting for the report
        except ValueError:
            # aiosqlite's word for closed. What waited is run before closing; this came too late,
            # and is refused once the thread has ended.
            loop.call_later(0.002, self._look, here)
        finally:
            trip.close()

    def interrupt(self) -> None:
        """Have the statement that is running, if any, raise; from any thread."""
        if self._raw is not None and self._pid == os.getpid():
            with contextlib.suppress(sqlite3.ProgrammingError):  # closed already
                self._raw.interrupt()

    async def close(self) -> None:
        """Close the connection once everything accepted has run; twice is fine.

        In a forked child nothing happens: it is the parent's.
        """
        if self._pid != os.getpid():
            return
        if self._alive():
            self._stop()
        cancelled = await self._ended()
        if self._raw is not None and not self._raw.closed.is_set():
            # The thread died on a closed loop. Nobody else uses the connection any more.
            await asyncio.to_thread(self._raw.close)
        _WORKERS.discard(self)
        if cancelled:
            raise asyncio.CancelledError  # kept back until nothing was left open

    def abandon(self) -> None:
        """Ask the thread to finish and end, from anywhere, without waiting."""
        if self._pid == os.getpid():
            _WORKERS.discard(self)
            self._stop()

    def _stop(self) -> None:
        self._stopped = True
        with _reporting_to_nobody():
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

    def check_alive(self) -> None:
        """Raise StoreForkedError or StoreClosedError when nothing can be run any more."""
        if self._pid != os.getpid():
            raise StoreForkedError(
                "the store was opened before fork()", hint="Open a new one in the child"
            )
        if not self._alive():
            raise StoreClosedError("the store's thread has ended", hint="Open the store again")

    def _alive(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    async def _ended(self) -> bool:
        """Wait for the thread to end, which it was told to, even while the loop shuts down.

        Answers whether the caller was cancelled meanwhile.
        """
        cancelled = False
        while self._alive():
            try:
                await asyncio.sleep(0.002)
            except asyncio.CancelledError:
                cancelled = True
        return cancelled


def retry_busy(open_file: Callable[[], T], seconds: float, is_unwanted: Callable[[], bool]) -> T:
    """Open a file, each attempt one unit of work, again while it is busy and still wanted.

    SQLite's own wait cannot be cut short, so each attempt is to wait only for a moment.
    """
    until = time.monotonic() + seconds
    while True:
        try:
            with fork_gate.inside():
                return open_file()
        except StoreBusyError:
            if is_unwanted() or time.monotonic() >= until:
                raise
        time.sleep(0.005)


def _raise(error: BaseException) -> NoReturn:
    raise error


class _Nobody:
    """The loop to which aiosqlite's thread reports: it is never closed, and does not listen."""

    def create_future(self) -> asyncio.Future[Any]:
        return asyncio.Future(loop=_NOBODY)

    def get_debug(self) -> bool:
        return False

    def call_soon_threadsafe(self, *report: object) -> None:
        pass


_NOBODY: Final = cast(asyncio.AbstractEventLoop, _Nobody())


@contextlib.contextmanager
def _reporting_to_nobody() -> Iterator[None]:
    """Have aiosqlite take a loop that is never closed for the one that runs here.

    What is sent to the thread inside is reported there. The caller's loop may be closed meanwhile,
    and a thread that reports to a closed loop dies, with everything that still waits.
    """
    running = asyncio._get_running_loop()
    asyncio._set_running_loop(_NOBODY)
    try:
        yield
    finally:
        asyncio._set_running_loop(running)


def _on_daemon_thread(make: Callable[[], T]) -> T:
    made: list[T] = []
    thread = threading.Thread(target=lambda: made.append(make()), daemon=True)
    thread.start()
    thread.join()
    return made[0]


# Stores that are open. Weak: a store that is dropped without closing is collected as ever.
_WORKERS: weakref.WeakSet[Worker] = weakref.WeakSet()
# In a forked child, what it inherited: it is not used there, and its connections are not its own.
_INHERITED: list[Worker] = []


def _finish_all() -> None:
    # Whoever presses Ctrl-C again and again waits for no longer than this, and loses nothing.
    interrupt: Any = None
    with contextlib.suppress(ValueError):  # this is not the main thread
        interrupt = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        each = EXIT_SECONDS / max(1, len(_WORKERS))
        for worker in list(_WORKERS):
            if not worker._stopped:
                warnings.warn(f"{worker!r} was never closed", ResourceWarning, stacklevel=1)
            worker.finish(each)
    finally:
        if interrupt is not None:
            signal.signal(signal.SIGINT, interrupt)


def _after_fork() -> None:
    _INHERITED.extend(_WORKERS)
    _WORKERS.clear()


atexit.register(_finish_all)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
