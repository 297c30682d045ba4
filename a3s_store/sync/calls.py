"""One call of a blocking caller: its task on the loop, and the inbox of the thread that waits.

The work may have functions called on that thread (`on_caller`, `items_of`).
"""

from __future__ import annotations

import asyncio
import contextvars
import functools
import queue
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable
from typing import Any, Final, Generic, TypeVar

from a3s_store.core.job_queue import GIVEN_UP, Job
from a3s_store.errors import InvalidArgumentError, StoreClosedError, StoreError
from a3s_store.printable import short_repr

R = TypeVar("R")
T = TypeVar("T")


class Call(Generic[R]):
    """A coroutine that runs on the loop, and the inbox of the thread that waits for it.

    The inbox has functions to call on the waiting thread, and None when the wait is over.
    """

    def __init__(self, work: Callable[[], Awaitable[R]]) -> None:
        self._work: Callable[[], Awaitable[R]] | None = work
        # Which thread waits; tests interrupt one by a function in its inbox.
        self.caller = threading.get_ident()
        self.inbox: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self.is_done = False
        self._is_unwanted = False
        self._task: asyncio.Task[R] | None = None
        # How many jobs that the store accepted go on after the task, which was cancelled.
        self._left = 0
        self._has_ended = False

    def begin(self, loop: asyncio.AbstractEventLoop) -> None:
        """Start the task; on the loop's thread, as are `cancel` and the end."""
        work, self._work = self._work, None  # it refers to the store, which may be dropped
        if self._is_unwanted or work is None:
            self._end(None)
            return
        _CALL.set(self)
        GIVEN_UP.set(self._given_up)
        self._task = loop.create_task(_awaited(work))
        self._task.add_done_callback(self._end)

    def cancel(self) -> None:
        """Cancel the task, also one that was not started yet."""
        self._is_unwanted = True
        if self._task is not None:
            self._task.cancel()

    def _end(self, task: asyncio.Task[R] | None) -> None:
        if task is not None and not task.cancelled():
            task.exception()  # its caller may not wait any more
        self._has_ended = True
        self._tell_if_over()

    def _given_up(self, job: Job) -> None:
        """Have the wait last until a job has ended that goes on without the task."""
        when_done = job.when_done
        if when_done is None:  # it has ended
            return

        def done() -> None:
            when_done()
            self._left -= 1
            self._tell_if_over()

        self._left += 1
        job.when_done = done

    def _tell_if_over(self) -> None:
        if self._has_ended and not self._left:
            self.is_done = True
            self.tell()

    def tell(self) -> None:
        """End the wait."""
        self.inbox.put(None)

    def wait(self, seconds: float | None, *, serves: bool = True) -> bool:
        """Wait for the end, and meanwhile call what the work asks this thread to call.

        Without `serves` nothing is called. Returns False after `seconds`.
        """
        while True:
            try:
                asked = self.inbox.get(timeout=seconds)
            except queue.Empty:
                return False
            if asked is None:
                return True
            if serves:
                asked()

    def result(self) -> R:
        """Return the result of the task, or raise its error."""
        task, self._task = self._task, None  # its context refers to this call
        if task is None or not task.done():
            raise ended()
        return task.result()


async def _awaited(work: Callable[[], Awaitable[R]]) -> R:
    return await work()


def without_loop(work: Callable[[], Awaitable[R]]) -> R:
    """Return what a coroutine of a closed store returns, or raise its error; it cannot wait."""
    coroutine = _awaited(work)
    try:
        coroutine.send(None)
    except StopIteration as done:
        result: R = done.value
        return result
    except StoreError:
        raise
    except RuntimeError as error:  # it asked for the running loop
        raise ended() from error
    coroutine.close()
    raise ended()


# The call whose work runs, for work that has something called on the thread of its caller.
_CALL: Final[contextvars.ContextVar[Call[Any]]] = contextvars.ContextVar("a3s_store_sync_call")


def on_caller(function: Callable[..., R]) -> Callable[..., Coroutine[Any, Any, R]]:
    """Return an async function that calls this one on the thread that waits for the work.

    Where it returns a coroutine, InvalidArgumentError is raised in the work.
    """

    async def call(*given: Any) -> R:
        loop = asyncio.get_running_loop()
        future: asyncio.Future[R] = loop.create_future()

        def serve() -> None:
            try:
                value = function(*given)
                if isinstance(value, Coroutine):
                    value.close()
                    raise _is_async(function)
                settle = functools.partial(_settle, future, value=value)
            except Exception as error:  # any other interrupts the wait, which ends the work
                settle = functools.partial(_settle, future, error=error)
            loop.call_soon_threadsafe(settle)

        _CALL.get().inbox.put(serve)
        return await future

    return call


def _is_async(function: Callable[..., object]) -> InvalidArgumentError:
    return InvalidArgumentError(
        f"the function returned a coroutine, and must not be async: {short_repr(function)}",
        argument="function",
        hint="Pass a function made with `def`, or use SqliteSessionStore and await its methods",
    )


def _settle(
    future: asyncio.Future[Any], *, value: Any = None, error: Exception | None = None
) -> None:
    if future.done():
        return
    if isinstance(error, StopIteration):  # a future refuses it
        error = StoreError("a function that was passed to the store raised StopIteration")
    if error is None:
        future.set_result(value)
    else:
        future.set_exception(error)


_END: Final = object()


def items_of(given: Iterable[T]) -> AsyncIterator[T]:
    """Return the items of an iterable, each taken on the thread that waits for the work."""

    async def items() -> AsyncIterator[T]:
        iterator = await on_caller(iter)(given)
        take = on_caller(next)
        while (item := await take(iterator, _END)) is not _END:
            yield item

    return items()


def ended() -> StoreClosedError:
    """Return the error for a call of a closed store."""
    return StoreClosedError("the store is closed", hint="Open the store again")
