"""Jobs on their way from event loops to a thread, and which of them share a transaction.

A group is whatever waits when the thread asks for work: no timer waits for more. A group has at
most `PER_LANE` jobs of one lane, so that a thousand saves of one session do not delay the others.
Jobs of one lane keep their order. A job without a lane is taken alone, after all jobs put before
it and before all jobs put after it (decision D10).
"""

from __future__ import annotations

import asyncio
import collections
import contextlib
import queue
from collections.abc import Callable, Sequence
from typing import Any, Final

# How many jobs share a transaction.
GROUP: Final = 64
PER_LANE: Final = 8


class Job:
    """A piece of work for the thread, and the caller on an event loop who waits for its result.

    Made on the caller's event loop. The thread sets the outcome with `settle`; `tell` then
    wakes the caller on its own loop, where `when_done` is called once, even if the caller was
    cancelled. `leftover` is released there after that.
    """

    def __init__(self, work: Any, lane: str | None, *, batchable: bool = False) -> None:
        self.work = work
        self.lane = lane
        self.batchable = batchable
        self.loop = asyncio.get_running_loop()
        self.when_done: Callable[[], None] | None = None
        self.leftover: object = None
        self._told = self.loop.create_future()
        self.is_settled = False
        self._value: Any = None
        self._error: BaseException | None = None

    def settle(self, outcome: Callable[[], Any]) -> None:
        """Set the outcome to the value or error of `outcome()`; only the first call counts."""
        if self.is_settled:
            return
        try:
            self._value = outcome()
        except BaseException as error:  # the caller's, whatever it is; the thread goes on
            self._error = error
        self.is_settled = True

    async def result(self) -> Any:
        """Wait until the job is settled; return its value or raise its error."""
        await self._told
        if self._error is None:
            return self._value
        try:
            raise self._error
        finally:
            self._error = None  # its traceback refers to this job

    def tell(self) -> None:
        """On the job's loop: wake the caller of a settled job. More than once is fine."""
        if self.when_done is not None:
            self.when_done()
            self.when_done = None
        if not self._told.done():
            self._told.set_result(None)


class JobQueue:
    """Jobs in the order in which they were put: from any thread, taken by one."""

    def __init__(self) -> None:
        # None: stop. A SimpleQueue may be put to in a finalizer that interrupts another put.
        self._arrived: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._waiting: collections.deque[Job] = collections.deque()
        self._is_stopped = False

    def put(self, job: Job) -> None:
        """Accept a job."""
        self._arrived.put(job)

    def stop(self) -> None:
        """Have `take_or_wait` return nothing once all accepted jobs were taken."""
        self._arrived.put(None)

    def take(self) -> list[Job]:
        """Return the next job, or several that share a transaction; empty when no job waits."""
        while not self._arrived.empty():
            self._receive(self._arrived.get())
        return self._group()

    def take_or_wait(self) -> list[Job]:
        """Return as `take` does, but wait for a job; empty only once the queue was stopped."""
        while not (taken := self.take()):
            if self._is_stopped:
                break
            self._receive(self._arrived.get())
        return taken

    def _receive(self, job: Job | None) -> None:
        if job is None:
            self._is_stopped = True
        else:
            self._waiting.append(job)

    def _group(self) -> list[Job]:
        if not self._waiting:
            return []
        first = self._waiting.popleft()
        if not first.batchable or first.lane is None:
            return [first]
        taken = [first]
        passed: list[Job] = []
        lanes = collections.Counter([first.lane])
        while self._waiting and len(taken) < GROUP:
            job = self._waiting[0]
            if not job.batchable or job.lane is None:
                break
            self._waiting.popleft()
            if lanes[job.lane] < PER_LANE:
                lanes[job.lane] += 1
                taken.append(job)
            else:
                passed.append(job)
        self._waiting.extendleft(reversed(passed))
        return taken


def tell(jobs: Sequence[Job]) -> None:
    """Wake the callers of settled jobs, each on its own event loop; from any thread."""
    loops: dict[asyncio.AbstractEventLoop, list[Job]] = {}
    for job in jobs:
        loops.setdefault(job.loop, []).append(job)
    for loop, theirs in loops.items():
        # No caller waits on a loop that was closed.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(_tell, theirs)


def _tell(jobs: Sequence[Job]) -> None:
    leftovers: list[object] = []
    for job in jobs:
        job.tell()
        leftovers.append(job.leftover)
        job.leftover = None
    # The callers run first. Freeing comes after them, while the thread works on their next jobs.
    jobs[0].loop.call_soon(leftovers.clear)
