"""Jobs on their way from event loops to a thread, and which of them share a transaction.

A group is whatever waits when the thread asks for work: no timer waits for more. A group has at
most `PER_LANE` jobs of one lane, so that a thousand saves of one session do not delay the others.
Jobs of one lane keep their order; a job may be of several lanes. A job without a lane is taken
alone, after all jobs put before it and before all jobs put after it (decision D10).

A job that is done in several turns (`begun`, decision D43) is taken alone at each of them, and goes
to the end of the queue in between. Until it is done, no other job of its lane is taken, and none
without a lane that shares transactions.
"""

from __future__ import annotations

import asyncio
import collections
import contextvars
import queue
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeAlias

# How many jobs share a transaction.
GROUP: Final = 64
PER_LANE: Final = 8
# In the context of a caller: called on its loop with a job whose wait it gave up, being cancelled.
GIVEN_UP: Final[contextvars.ContextVar[Callable[[Job], None]]] = contextvars.ContextVar(
    "a3s_store_given_up"
)
# The lane of a job, or several; None: no lane.
Lane: TypeAlias = str | frozenset[str] | None


class Job:
    """A piece of work for the thread, and the caller on an event loop who waits for its result.

    Made on the caller's event loop. The thread sets the outcome with `settle`; `tell` then
    wakes the caller on its own loop, where `when_done` is called once, even if the caller was
    cancelled. `leftover` is released there after that.
    """

    def __init__(self, work: Any, lane: Lane, *, batchable: bool = False) -> None:
        self.work = work
        self.lanes = () if lane is None else (lane,) if isinstance(lane, str) else tuple(lane)
        self.batchable = batchable
        self.loop = asyncio.get_running_loop()
        self.when_done: Callable[[], None] | None = None
        self.leftover: object = None
        # The state of a job that takes several turns; None before the first one.
        self.begun: Any = None
        self._told = self.loop.create_future()
        self.is_settled = False
        self._value: Any = None
        self._error: BaseException | None = None

    def settle_value(self, value: Any) -> None:
        """Set the outcome to a value; not more than once."""
        self._value = value
        self.is_settled = True

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
        # How many of those were begun.
        self._begun = 0
        self._is_stopped = False

    def put(self, job: Job) -> None:
        """Accept a job."""
        self._arrived.put(job)

    def stop(self) -> None:
        """Have `take_or_wait` return nothing once all accepted jobs were taken."""
        self._arrived.put(None)

    def put_back(self, jobs: Sequence[Job]) -> None:
        """Have jobs taken again: begun ones after all that wait, the others before all."""
        self._receive_all()
        begun = [job for job in jobs if job.begun is not None]
        self._waiting.extendleft(job for job in reversed(jobs) if job.begun is None)
        self._waiting.extend(begun)
        self._begun += len(begun)

    def take(self) -> list[Job]:
        """Return the next job, or several that share a transaction; empty when no job waits."""
        self._receive_all()
        return self._beside_begun() if self._begun else self._group()

    def take_or_wait(self) -> list[Job]:
        """Return as `take` does, but wait for a job; empty only once the queue was stopped."""
        while not (self._waiting or self._is_stopped):
            self._receive(self._arrived.get())
        return self.take()

    def _receive_all(self) -> None:
        while not self._arrived.empty():
            self._receive(self._arrived.get())

    def _receive(self, job: Job | None) -> None:
        if job is None:
            self._is_stopped = True
        else:
            self._waiting.append(job)

    def _beside_begun(self) -> list[Job]:
        """Return what comes before the first begun job and may; else that one."""
        lanes = {lane for job in self._waiting if job.begun is not None for lane in job.lanes}
        first = next(at for at, job in enumerate(self._waiting) if job.begun is not None)
        before = [self._waiting.popleft() for _ in range(first)]
        later = self._waiting
        self._waiting = collections.deque()
        held: list[Job] = []
        for at, job in enumerate(before):
            if job.batchable and not job.lanes:
                held += before[at:]
                break
            if job.batchable and not lanes.isdisjoint(job.lanes):
                lanes.update(job.lanes)  # those behind it, which share a lane with it, wait, too
                held.append(job)
            else:
                self._waiting.append(job)
        taken = self._group()
        if not taken:
            taken = [later.popleft()]
            self._begun -= 1
        # Jobs of other lanes change places only, whose order does not matter.
        self._waiting.extend(held)
        self._waiting.extend(later)
        return taken

    def _group(self) -> list[Job]:
        if not self._waiting:
            return []
        first = self._waiting.popleft()
        if not (self._waiting and first.batchable and first.lanes):
            return [first]
        taken = [first]
        passed: list[Job] = []
        lanes = collections.Counter(first.lanes)
        while self._waiting and len(taken) < GROUP:
            job = self._waiting[0]
            if not job.batchable or not job.lanes:
                break
            self._waiting.popleft()
            if all(lanes[lane] < PER_LANE for lane in job.lanes):
                lanes.update(job.lanes)
                taken.append(job)
            else:
                lanes.update(dict.fromkeys(job.lanes, PER_LANE))  # none overtakes it
                passed.append(job)
        self._waiting.extendleft(reversed(passed))
        return taken


def tell(jobs: Sequence[Job]) -> None:
    """Wake the callers of settled jobs, each on its own event loop; from any thread."""
    loops: dict[asyncio.AbstractEventLoop, list[Job]] = {}
    for job in jobs:
        loops.setdefault(job.loop, []).append(job)
    for loop, theirs in loops.items():
        try:
            loop.call_soon_threadsafe(_tell, theirs)
        except RuntimeError:
            continue  # no caller waits on a loop that was closed


def _tell(jobs: Sequence[Job]) -> None:
    leftovers: list[object] = []
    for job in jobs:
        job.tell()
        if job.leftover:
            leftovers.append(job.leftover)
            job.leftover = None
    if leftovers:
        # The callers run first. Freeing comes after them, while the thread works on their next.
        jobs[0].loop.call_soon(leftovers.clear)
