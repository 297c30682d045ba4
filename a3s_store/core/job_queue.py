"""Jobs on their way to a worker's thread, and which of them go together (decision D10).

A group is what waits when the thread comes to it: nobody waits for company. At most `PER_LANE` of
one lane are in it, so that a session that is saved a thousand times at once does not hold up the
others; within a lane order is kept, and what has no lane is neither overtaken nor overtakes.
"""

from __future__ import annotations

import asyncio
import collections
import concurrent.futures
import contextlib
from collections.abc import Callable, Sequence
from typing import Any, Final

# How many jobs share a transaction.
GROUP: Final = 64
PER_LANE: Final = 8


class Job:
    """Something for the thread to do, and the caller on an event loop who waits for the answer.

    `answer` is set on the thread; the caller is told afterwards, on the loop, where `when_done` is
    called once, whether or not the caller still waits. `leftover` is let go of there, after that.
    """

    def __init__(self, work: Any, lane: str | None, *, batchable: bool = False) -> None:
        self.work = work
        self.lane = lane
        self.batchable = batchable
        self.loop = asyncio.get_running_loop()
        self.answer: concurrent.futures.Future[Any] = concurrent.futures.Future()
        self.when_done: Callable[[], None] | None = None
        self.leftover: object = None
        self._news = self.loop.create_future()

    def begin(self) -> bool:
        """On the thread: whether it is still to be done. Its caller cannot be refused any more."""
        return self.answer.set_running_or_notify_cancel()

    def settle(self, outcome: Callable[[], Any]) -> None:
        """On the thread: set the answer to what `outcome` answers or raises, if there is none."""
        if self.answer.done():
            return
        try:
            self.answer.set_result(outcome())
        except BaseException as error:  # the caller's, whatever it is; the thread lives on
            self.answer.set_exception(error)

    async def news(self) -> None:
        """Wait, on the loop, until told to look again."""
        if self._news.done():
            self._news = self.loop.create_future()
        if not self.answer.done():
            await self._news

    def told(self) -> None:
        """On the loop: have the caller look again."""
        if self.answer.done() and self.when_done is not None:
            self.when_done()
            self.when_done = None
        if not self._news.done():
            self._news.set_result(None)


class JobQueue:
    """Jobs in the order in which they came. Put from any loop, taken on one thread."""

    def __init__(self) -> None:
        self._waiting: collections.deque[Job] = collections.deque()

    def put(self, job: Job) -> None:
        """Accept a job: from now on it will be done."""
        self._waiting.append(job)

    def take(self) -> list[Job]:
        """What is to be done next: one job, or several that go together; none when none waits."""
        try:
            first = self._waiting.popleft()
        except IndexError:
            return []
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

    def tell(self, jobs: Sequence[Job]) -> None:
        """Have the callers of these jobs look again, each on its own loop."""
        loops: dict[asyncio.AbstractEventLoop, list[Job]] = {}
        for job in jobs:
            loops.setdefault(job.loop, []).append(job)
        for loop, theirs in loops.items():
            # A loop that was closed has nobody waiting.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(_tell, theirs)

    def tell_all(self) -> None:
        """Have the callers of all that wait look again."""
        self.tell(list(self._waiting))


def _tell(jobs: Sequence[Job]) -> None:
    leftovers: list[object] = []
    for job in jobs:
        job.told()
        leftovers.append(job.leftover)
        job.leftover = None
    # The callers run first. Then, while the thread is at work for them again, there is time.
    jobs[0].loop.call_soon(leftovers.clear)
