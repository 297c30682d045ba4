"""The common base of the generated classes: one async object and the loop that runs its methods."""

from __future__ import annotations

import contextlib
import functools
import threading
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, Protocol, Self, TypeVar

from a3s_store.core.base.opening import not_constructed
from a3s_store.errors import EventLoopRunningError
from a3s_store.sync import calls, event_loop
from a3s_store.sync.event_loop import LoopThread

R = TypeVar("R")
T = TypeVar("T")
T2 = TypeVar("T2")


class SyncObject(Generic[T]):
    """An object with blocking methods in place of the async ones of another object."""

    _kept: Any = None

    def __init__(self, target: T, loop: LoopThread) -> None:
        """Made by methods of a store."""
        self._async = target
        self._loop = loop

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self._async!r}>"

    # Hidden from type checkers, which refuse unknown names by themselves.
    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            """Raise what the async object raises for a name that neither has."""
            missing = getattr(type(self.__dict__.get("_async")), "__getattr__", None)
            if missing is not None:
                missing(self._async, name)
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def _run(self, work: Callable[[], Awaitable[R]]) -> R:
        return self._loop.run(work)

    def _next(self, step: Callable[[], Awaitable[R]]) -> R:
        """Return the next item; raise StopIteration where there is none.

        An item that came while its caller was interrupted is returned by the next call.
        """
        if self._kept:
            kept: R = self._kept.pop()
            return kept
        item: list[R] = []

        async def take() -> bool:
            try:
                item.append(await step())
            except StopAsyncIteration:
                return False
            return True

        try:
            is_item = self._run(take)
        except BaseException:
            self._kept = item
            raise
        if not is_item:
            raise StopIteration
        return item[0]

    def _iterate(self, items: AsyncIterator[R], page: int = 1) -> Iterator[R]:
        """Return the items, `page` of them with each call on the loop.

        Where the store reads pages of that size, nothing is read before it is needed.
        """
        try:
            while True:
                taken, end = self._run(lambda: _take(items, page))
                yield from taken
                if end is not None:
                    if isinstance(end, StopAsyncIteration):
                        return
                    raise end
        finally:
            self._leave(items)

    def _optional(self, found: T2 | None, twin: Callable[[T2, LoopThread], R]) -> R | None:
        return None if found is None else twin(found, self._loop)

    @contextlib.contextmanager
    def _entered(self, manager: AbstractAsyncContextManager[R]) -> Iterator[R]:
        entered = self._run(manager.__aenter__)
        try:
            yield entered
        except BaseException as error:
            given = (type(error), error, error.__traceback__)
            if not self._run(lambda: manager.__aexit__(*given)):
                raise
        else:
            self._run(lambda: manager.__aexit__(None, None, None))

    @contextlib.contextmanager
    def _context(
        self, manager: AbstractAsyncContextManager[T2], twin: Callable[[T2], R]
    ) -> Iterator[R]:
        with self._entered(manager) as entered:
            yield twin(entered)

    def _called(
        self, function: Callable[..., R], *twins: Callable[[Any, LoopThread], object] | None
    ) -> Callable[..., Coroutine[Any, Any, R]]:
        """Return an async function that calls this one on the caller's thread, with twins."""

        def call(*given: Any) -> R:
            made = zip(given, twins, strict=True)
            return function(*(one if twin is None else twin(one, self._loop) for one, twin in made))

        return calls.on_caller(functools.wraps(function)(call))

    def _items(self, given: Any) -> Any:
        """Return an async iterator in place of an iterable; bytes and text stay as they are."""
        if isinstance(given, bytes | bytearray | memoryview | str) or not hasattr(
            given, "__iter__"
        ):
            return given
        return calls.items_of(given)

    def _leave(self, items: AsyncIterator[Any]) -> None:
        """End an iteration that may be unfinished; an error of the loop is of no interest here."""
        leave: Callable[[], Coroutine[Any, Any, None]] | None = getattr(items, "aclose", None)
        if leave is None:
            return

        async def left() -> None:
            with contextlib.suppress(Exception):
                await leave()

        if event_loop.is_loop_running():  # collected as garbage on a thread with a loop
            self._loop.run_later(left())
        elif self._loop.is_ours():
            with contextlib.suppress(RuntimeError):  # StoreClosedError: the store was closed
                self._run(left)


class _AsyncStore(Protocol):
    async def close(self) -> None: ...

    async def __aenter__(self) -> object: ...


S = TypeVar("S", bound=_AsyncStore)


class SyncStore(SyncObject[S]):
    """Opens and closes a store with blocking methods."""

    _token: object
    _dropped: weakref.finalize[Any, Any]

    def __init__(self, target: S, loop: LoopThread) -> None:
        """Use `open` instead. Raises NotOpenedError for a path."""
        if not isinstance(loop, LoopThread):
            raise not_constructed(type(self).__name__)
        super().__init__(target, loop)

    @classmethod
    def _opened(cls, opening: Awaitable[S]) -> Self:
        token = object()
        loop = event_loop.lease(token)
        opened: list[S] = []
        is_unwanted = threading.Event()

        async def make() -> None:
            opened.append(await opening)
            if is_unwanted.is_set():  # no caller waits any more
                await opened[0].close()

        try:
            try:
                loop.run(make)
                store = cls(opened[0], loop)
            except BaseException:
                is_unwanted.set()
                if opened:  # interrupted when it was open already
                    loop.run(opened[0].close)
                raise
        except BaseException:
            loop.release(token)
            raise
        store._token = token
        store._dropped = weakref.finalize(store, loop.release_later, token)
        store._dropped.atexit = False
        event_loop.close_at_exit(store)
        return store

    def close(self) -> None:
        """Finish running operations, then release everything. Closing twice is success.

        With the last store of the process its thread ends. In a forked child nothing happens: the
        parent owns the store.
        """
        if not self._loop.is_ours() or not self._dropped.alive:
            return
        try:
            self._run(self._async.close)
        except EventLoopRunningError:
            raise
        except BaseException:
            self._release()  # a store that is closed in part accepts nothing any more
            raise
        self._release()

    def _release(self) -> None:
        event_loop.keep_open_at_exit(self)
        if self._dropped.detach() is not None:
            self._loop.release(self._token)

    def _close_at_exit(self) -> None:
        self._loop.run(self._async.close, seconds=event_loop.EXIT_SECONDS)

    def __enter__(self) -> Self:
        self._run(self._async.__aenter__)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


async def _take(items: AsyncIterator[R], count: int) -> tuple[list[R], Exception | None]:
    """Return the next items, and why there are no more: StopAsyncIteration, an error or None."""
    taken: list[R] = []
    try:
        while not taken or len(taken) != count:  # the store refuses a count that is no number
            taken.append(await anext(items))
    except Exception as end:
        return taken, end
    return taken, None
