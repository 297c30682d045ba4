"""Run coroutines for blocking callers, on an event loop in a thread of its own.

One daemon thread for each process, shared by all stores of `a3s_store.sync`: it is started with the
first of them and ends with the last, or at exit, after the stores were closed. Invariants: 1. the
task of a caller that is interrupted (Ctrl-C) is cancelled; its end, and that of the jobs that the
store had accepted, is awaited for five seconds at most (such a save is made whole); 2. a forked
child never touches the loop of its parent; 3. no loop ends while a call runs on it.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import contextvars
import os
import signal
import threading
import time
import weakref
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final, Protocol, TypeVar

from a3s_store import _forks
from a3s_store.errors import (
    EventLoopRunningError,
    StoreError,
    StoreForkedError,
)
from a3s_store.sync.calls import Call, ended, without_loop

R = TypeVar("R")

# How long an interrupted call may take to end before its caller goes on.
END_SECONDS: Final = 5.0
# At exit, how long each store may take to close.
EXIT_SECONDS: Final = 1.5
# How often an ending loop looks whether its calls have ended.
_POLL_SECONDS: Final = 0.002


class Closable(Protocol):
    """A store as the handler of the exit uses it."""

    def _close_at_exit(self) -> None: ...


class LoopThread:
    """An event loop in a daemon thread; `lease` returns the one of this process."""

    def __init__(self) -> None:
        self._pid = os.getpid()
        self._leases: set[object] = set()
        self._calls: set[Call[Any]] = set()
        self._has_ended = False
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._thread = threading.Thread(target=self._main, name="a3s-store-sync", daemon=True)
        self._thread.start()

    # -- On the caller's thread ---------------------------------------------------------------

    def run(self, work: Callable[[], Awaitable[R]], *, seconds: float | None = None) -> R:
        """Call a function on the loop and await what it returns; return the result.

        A coroutine would be left behind by an interrupt before the call. An exception that
        interrupts the wait, KeyboardInterrupt for example, cancels the work and is raised once
        that has ended.

        Raises:
            EventLoopRunningError: called on a thread with a running event loop.
            StoreForkedError, StoreClosedError: this loop is the parent's, or has ended.
            TimeoutError: it was not done within `seconds`, and goes on.
        """
        refusal = self._refusal()
        if refusal is not None:
            raise refusal
        call = Call(work)
        self._calls.add(call)
        try:
            if self._has_ended:  # looked at after the call was added, set before calls are told
                return without_loop(work)
            try:
                self._begin(call)
                is_over = call.wait(seconds)
            except BaseException:
                self._interrupt(call)
                raise
        finally:
            self._calls.discard(call)
        if not is_over:
            raise TimeoutError(f"not done within {seconds} seconds")
        return call.result()

    def is_ours(self) -> bool:
        """Return whether this process started it: False in a forked child."""
        return self._pid == os.getpid()

    def run_later(self, work: Coroutine[Any, Any, object]) -> None:
        """Begin a coroutine without waiting for it, where that is still possible."""
        if self.is_ours() and not self._has_ended:
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._loop.create_task, work)
                return
        work.close()

    def release(self, lease: object) -> None:
        """End a lease; with the last one, end the thread, and wait for that."""
        if self.is_ours() and self._drop(lease):
            self._thread.join(END_SECONDS)

    def release_later(self, lease: object) -> None:
        """End a lease without waiting: from a finalizer, which may run on any thread at any time.

        It takes no lock, which the interrupted code may hold.
        """
        if self.is_ours():
            with contextlib.suppress(RuntimeError):  # the loop is closed
                self._loop.call_soon_threadsafe(self._drop, lease)

    def _refusal(self) -> StoreError | None:
        if not self.is_ours():
            return StoreForkedError(
                "the store was opened before fork()", hint="Open a new one in the child"
            )
        if is_loop_running():
            return loop_is_running()
        return None

    def _begin(self, call: Call[Any]) -> None:
        try:
            self._loop.call_soon_threadsafe(
                call.begin, self._loop, context=contextvars.copy_context()
            )
        except RuntimeError as error:
            raise ended() from error

    def _interrupt(self, call: Call[Any]) -> None:
        if not call.is_done:
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(call.cancel)
                call.wait(END_SECONDS, serves=False)

    def _drop(self, lease: object) -> bool:
        """End a lease; return whether the thread is to end now."""
        global _current
        with _LOCK:
            self._leases.discard(lease)
            if self._leases or _current is not self:
                return False
            _current = None
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._stop.set)
        return True

    # -- On its own thread --------------------------------------------------------------------

    def _main(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            serving = self._loop.create_task(self._serve())
            while not serving.done():
                # A hook that raises SystemExit ends its call, not the loop of all stores.
                with contextlib.suppress(KeyboardInterrupt, SystemExit):
                    self._loop.run_until_complete(serving)
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        finally:
            self._has_ended = True
            for call in tuple(self._calls):
                call.tell()
            # Not `shutdown_default_executor`, which starts a thread: none starts at exit.
            self._loop.close()

    async def _serve(self) -> None:
        """Run until it is to end, then until calls and their tasks have ended."""
        await self._stop.wait()
        until = time.monotonic() + END_SECONDS
        while self._is_at_work() and time.monotonic() < until:  # noqa: ASYNC110
            await asyncio.sleep(_POLL_SECONDS)
        self._has_ended = True
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
        await asyncio.sleep(0)

    def _is_at_work(self) -> bool:
        return bool(self._calls) or len(asyncio.all_tasks()) > 1


def is_loop_running() -> bool:
    """Return whether this thread has a running event loop, which a call would block."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def loop_is_running() -> EventLoopRunningError:
    """Return the error for a call on a thread whose event loop runs."""
    return EventLoopRunningError(
        "an event loop is running on this thread, and this call would block it",
        hint="Use SqliteSessionStore and await its methods, or call this on another thread",
    )


# -- The one of this process ----------------------------------------------------------------------

_LOCK = threading.RLock()
_current: LoopThread | None = None
# Stores that are closed at exit. Weak: one that is dropped leaves by itself.
_OPEN: weakref.WeakSet[Closable] = weakref.WeakSet()
# In a forked child, the loops of its parent: closing one would take its file descriptors away.
_INHERITED: list[LoopThread] = []


def lease(token: object) -> LoopThread:
    """Return the loop of this process, started if need be; it runs until all are released."""
    global _current
    if is_loop_running():
        raise loop_is_running().locate("open", "")
    with _forks.unit(), _LOCK:
        if _current is None:
            _current = LoopThread()
        _current._leases.add(token)
        return _current


def close_at_exit(store: Closable) -> None:
    """Have an open store closed when the interpreter ends."""
    _OPEN.add(store)
    # Registered last it runs first, before the handler that ends the threads of SQLite stores.
    atexit.unregister(_close_all)
    atexit.register(_close_all)


def keep_open_at_exit(store: Closable) -> None:
    """Undo `close_at_exit`, since the store was closed."""
    _OPEN.discard(store)


def _close_all() -> None:
    # Ctrl-C again and again shortens nothing here, and no store is left half closed.
    interrupt: Any = None
    with contextlib.suppress(ValueError):  # this is not the main thread
        interrupt = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        for store in tuple(_OPEN):
            with contextlib.suppress(Exception):  # what it accepted is finished by its own handler
                store._close_at_exit()
    finally:
        if interrupt is not None:
            signal.signal(signal.SIGINT, interrupt)


def _after_fork() -> None:
    global _LOCK, _current
    _LOCK = threading.RLock()  # another thread may have held it
    if _current is not None:
        _INHERITED.append(_current)
    _current = None
    _OPEN.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
