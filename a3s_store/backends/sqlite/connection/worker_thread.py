"""A worker that is a plain thread with a queue.

Every operation is one plain function of a connection, run on the worker's thread. Nothing
interleaves with it, and a cancelled await cannot leave a transaction open: the job runs to its end
whether or not its caller still waits. A job needs one future of its event loop. The thread takes
jobs from the queue itself, batchable ones as a group, and wakes all callers of a group that are on
one loop with one call.

Nothing of an event loop is needed to reach the thread, and a loop that was closed is not reported
to, so loops may end at any moment. The thread is a daemon: a store that was never closed does not
keep the process alive. At exit, the jobs still waiting get a bounded time.

Rejected: awaiting each statement (eleven thread switches a save, and a cancelled one leaves its
transaction open in nearly every case); aiosqlite's thread (it dies when it reports to a closed
loop, and is no daemon).
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import functools
import os
import signal
import warnings
import weakref
from collections.abc import Callable, Sequence
from threading import Thread
from typing import Any, Final, NoReturn, TypeVar

from a3s_store.backends.sqlite.connection import fork_gate
from a3s_store.backends.sqlite.connection.retry_busy import retry_busy
from a3s_store.backends.sqlite.connection.work_connection import WorkConnection
from a3s_store.backends.sqlite.connection.worker import RunGroup
from a3s_store.core import job_queue
from a3s_store.core.gil_yield import GilYield
from a3s_store.core.job_queue import Job, JobQueue, Lane
from a3s_store.errors import StoreClosedError, StoreForkedError

R = TypeVar("R")

# How many jobs one event loop may have accepted and not done; further callers wait.
MAX_ACCEPTED: Final = 256
# At exit, how long all forgotten stores together may take to finish what they accepted.
EXIT_SECONDS: Final = 1.5
# How often a closing caller looks whether the thread has ended.
POLL_SECONDS: Final = 0.002


class _LoopState:
    """What a worker keeps for one event loop that uses it."""

    def __init__(self, look: Callable[[Sequence[Job]], None]) -> None:
        self.places = asyncio.Semaphore(MAX_ACCEPTED)
        self.gil_yield: GilYield[Job] = GilYield(look)


class WorkerThread:
    """A thread that owns one connection and runs functions of it, one after the other.

    Implements `worker.Worker`. Batchable jobs are run by `run_group`, several at a time.
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
        self._loops: dict[asyncio.AbstractEventLoop, _LoopState] = {}
        self._thread: Thread | None = None
        self._opening: Job | None = None
        self._is_unwanted = False
        self._is_stopped = False
        # Set by the thread before it refuses, for the last time, what waits.
        self._has_ended = False

    # -- On an event loop -------------------------------------------------------------------------

    async def start(self) -> None:
        """Start the thread and open the connection there. Raises whatever `connect` raises."""
        opening = self._opening = Job(None, None)
        self._thread = Thread(target=self._main, name="a3s-store", daemon=True)
        self._thread.start()
        try:
            await opening.result()
        except BaseException:
            self._is_unwanted = True
            self._stop()
            await self._ended()
            raise
        _WORKERS.add(self)

    async def run(self, function: Callable[[WorkConnection], R]) -> R:
        """Run a function of the connection on the thread; return its value or raise its error.

        When the await is cancelled the function still runs to its end, once it was accepted: a
        full queue lets callers wait before that. Raises StoreClosedError and StoreForkedError.
        """
        self.check_alive()
        result: R = await self._result(Job(function, None))
        return result

    async def run_batchable(self, work: Any, lane: Lane) -> Any:
        """Have `run_group` do this with others that wait, in order among those of the same lanes.

        With no lane it is run alone, after all that came before it and before all that come after
        it. Cancelled and raises as in `run`.
        """
        return await self._result(Job(work, lane, batchable=True))

    def run_later(self, function: Callable[[WorkConnection], object]) -> None:
        """Have a function run on the thread without waiting; its result is dropped.

        To be called on an event loop.
        """
        self._queue.put(Job(function, None))

    async def _result(self, job: Job) -> Any:
        state = self._state_of(job.loop)
        await state.places.acquire()
        try:
            self.check_alive()
        except StoreClosedError:
            state.places.release()
            raise
        job.when_done = state.places.release
        self._queue.put(job)
        if self._has_ended:
            _refuse([job])  # the thread may have looked for the last time before it was put
        state.gil_yield.begin(job)
        try:
            return await job.result()
        except asyncio.CancelledError:
            given_up = job_queue.GIVEN_UP.get(None)
            if given_up is not None:
                given_up(job)
            raise
        finally:
            state.gil_yield.end(job)

    def _state_of(self, loop: asyncio.AbstractEventLoop) -> _LoopState:
        state = self._loops.get(loop)
        if state is None:
            self._loops = {each: its for each, its in self._loops.items() if not each.is_closed()}
            state = self._loops[loop] = _LoopState(self._look)
        return state

    def _look(self, jobs: Sequence[Job]) -> None:
        """Wake waiting callers that the thread could not wake, since it died or had no memory."""
        if not self._is_alive():
            _refuse(jobs)
        for job in jobs:
            if job.is_settled:
                job.tell()

    def check_alive(self) -> None:
        """Raise StoreForkedError or StoreClosedError when no job can be run any more."""
        if self._pid != os.getpid():
            raise StoreForkedError(
                "the store was opened before fork()", hint="Open a new one in the child"
            )
        if not self._is_alive():
            raise _closed()

    def abandon(self) -> None:
        """Have the thread run what was accepted, close and end; from anywhere, without waiting."""
        if self._pid == os.getpid():
            _WORKERS.discard(self)
            self._stop()

    async def close(self) -> None:
        """Run what was accepted, then close the connection and end the thread; twice is fine.

        Cancelled, it raises once nothing is left open. In a forked child nothing happens: the
        parent owns the thread.
        """
        if self._pid != os.getpid():
            return
        self._stop()
        was_cancelled = await self._ended()
        _WORKERS.discard(self)
        if was_cancelled:
            raise asyncio.CancelledError

    def finish(self, seconds: float) -> None:
        """At exit: let the thread run what it accepted and close, for at most so long."""
        self.abandon()
        if self._thread is not None:
            self._thread.join(seconds)

    def _stop(self) -> None:
        self._is_stopped = True
        self._queue.stop()

    def _is_alive(self) -> bool:
        return self._thread is not None and self._thread.is_alive() and not self._has_ended

    async def _ended(self) -> bool:
        return self._thread is not None and await wait_for_end(self._thread)

    # -- On the thread ----------------------------------------------------------------------------

    def _main(self) -> None:
        opening, self._opening = self._opening, None
        assert opening is not None, "the thread is started by `start`"
        try:
            conn = retry_busy(self._connect, self._busy_seconds, lambda: self._is_unwanted)
        except BaseException as error:
            self._has_ended = True
            opening.settle(functools.partial(_raise, error))
            job_queue.tell([opening])
            return
        opening.settle(lambda: None)
        job_queue.tell([opening])
        del opening
        try:
            # One unit each: forks would wait in vain for a thread that always has more to do.
            quiet = contextlib.suppress(Exception)
            while jobs := self._queue.take_or_wait():
                with quiet, fork_gate.inside():
                    self._run(conn, jobs)
                del jobs  # an idle thread keeps no job, nor the event loop of one
        finally:
            try:
                conn.close()
            finally:
                self._has_ended = True
                while jobs := self._queue.take():
                    _refuse(jobs)

    def _run(self, conn: WorkConnection, jobs: Sequence[Job]) -> None:
        afterwards = None
        if jobs[0].batchable:
            assert self._run_group is not None, "only a writer is given such jobs"
            try:
                afterwards = self._run_group(conn, jobs)
            except BaseException as error:  # no caller may be left waiting
                for job in jobs:
                    job.settle(functools.partial(_raise, error))
        else:
            jobs[0].settle(functools.partial(jobs[0].work, conn))
        left = [job for job in jobs if not job.is_settled]
        if left:
            self._queue.put_back(left)
            jobs = [job for job in jobs if job.is_settled]
        job_queue.tell(jobs)
        if afterwards is not None:
            afterwards(conn)


async def wait_for_end(thread: Thread, each_time: Callable[[], object] = lambda: None) -> bool:
    """Wait until a thread that was asked to end has ended, even while the loop shuts down.

    `each_time` is called before each look. Returns whether the caller was cancelled meanwhile.
    """
    was_cancelled = False
    while thread.is_alive():
        each_time()
        try:
            await asyncio.sleep(POLL_SECONDS)
        except asyncio.CancelledError:
            was_cancelled = True
    return was_cancelled


def _refuse(jobs: Sequence[Job]) -> None:
    for job in jobs:
        job.settle(functools.partial(_raise, _closed()))
    job_queue.tell(jobs)


def _closed() -> StoreClosedError:
    return StoreClosedError("the store's thread has ended", hint="Open the store again")


def _raise(error: BaseException) -> NoReturn:
    raise error


# Workers that run. Weak: one that has ended leaves by itself.
_WORKERS: weakref.WeakSet[WorkerThread] = weakref.WeakSet()
# In a forked child, the inherited workers: it uses none, and must not close their connections.
_INHERITED: list[WorkerThread] = []


def _finish_all() -> None:
    # A user who presses Ctrl-C again and again waits for no longer than this, and loses nothing.
    interrupt: Any = None
    with contextlib.suppress(ValueError):  # this is not the main thread
        interrupt = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        each = EXIT_SECONDS / max(1, len(_WORKERS))
        # Writers last: only they copy the WAL when they are the last to close.
        for worker in sorted(_WORKERS, key=lambda one: one._run_group is not None):
            if not worker._is_stopped:
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
