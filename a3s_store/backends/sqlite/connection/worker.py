"""The interface of a worker: a thread that owns one connection and runs functions of it.

The engine and the methods of the store use this interface only. `worker_thread.WorkerThread`
implements it. What every implementation guarantees:

1. a job that was accepted is run, also when its caller was cancelled, its event loop is being
   closed, or the interpreter ends;
2. no worker keeps a process alive;
3. after fork() the child neither uses nor closes what it inherited;
4. jobs run one after the other, each on the worker's thread, and each caller gets its own result;
5. no event loop that is closed does harm to the callers of others.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeVar

from a3s_store.backends.sqlite.connection.work_connection import WorkConnection
from a3s_store.core.job_queue import Job, Lane

R = TypeVar("R")
# Called on the thread once the callers have been told.
Afterwards = Callable[[WorkConnection], None]
# Runs jobs that may share a transaction, settles each, and returns what to do afterwards. Jobs that
# it leaves unsettled are run again: `JobQueue.put_back`.
RunGroup = Callable[[WorkConnection, Sequence[Job]], Afterwards | None]


class Worker(Protocol):
    """A thread that owns one connection and runs functions of it, one after the other."""

    async def start(self) -> None:
        """Start the thread and open the connection there.

        Cancelled, or with an error, nothing stays open. Raises what opening raises.
        """

    async def run(self, function: Callable[[WorkConnection], R]) -> R:
        """Run a function of the connection on the thread; return its value or raise its error.

        Cancelled, the function still runs to its end once it was accepted. A full queue lets
        callers wait before that.

        Raises:
            StoreClosedError: the thread has ended, before or while this waited.
            StoreForkedError: in a forked child.
        """

    async def run_batchable(self, work: Any, lane: Lane) -> Any:
        """Have the worker's `RunGroup` do this with others that wait, in order within lanes.

        None: alone, after all jobs accepted before it. Cancelled and raises as `run` does.
        """

    def run_later(self, function: Callable[[WorkConnection], object]) -> None:
        """Have a function run on the thread without waiting; its result is dropped.

        To be called on an event loop.
        """

    def check_alive(self) -> None:
        """Raise StoreForkedError or StoreClosedError when no job can be run any more."""

    def abandon(self) -> None:
        """Have the thread run what was accepted, close and end; from anywhere, without waiting."""

    async def close(self) -> None:
        """Run what was accepted, then close the connection and end the thread; twice is fine.

        Cancelled, it still closes. In a forked child nothing happens: the parent owns the thread.
        """
