"""Run the coroutines of an adapter for callers with an event loop, and for those without one.

An adapter is written once, as coroutines over a store. `Calls` runs them with an async store on the
loop of the caller (blocking calls of other threads on the loop in which the adapter was made), or
with a `SyncSessionStore` on the thread of the caller (awaited calls on a worker thread).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, Generic, Protocol, TypeAlias, TypeVar, cast

from a3s_store import StreamStore, SyncSessionStore, TransactionalStore
from a3s_store.errors import EventLoopRunningError, NoEventLoopError, UnsupportedError

R = TypeVar("R")
_END: Final = object()


class Streams(StreamStore, TransactionalStore, Protocol):
    """A store with streams and transactions, as adapters need it."""


AnyStore: TypeAlias = StreamStore | SyncSessionStore


class Calls:
    """Runs functions that return coroutines; each is called with the store to use."""

    def __init__(self, store: AnyStore) -> None:
        """Raises UnsupportedError where the store has no streams or no transactions."""
        known = store.capabilities()
        for capability in ("streams", "transactions"):
            if not getattr(known, capability):
                raise UnsupportedError(
                    f"an adapter needs a store with {capability}",
                    capability=capability,
                    hint="Use SqliteSessionStore, SyncSessionStore or MemorySessionStore",
                )
        self._blocks = isinstance(store, SyncSessionStore)
        self._store = cast(Streams, _Blocking(store) if self._blocks else store)
        self._pool: ThreadPoolExecutor | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        with contextlib.suppress(RuntimeError):  # made without a loop
            self._loop = asyncio.get_running_loop()

    async def awaited(self, work: Callable[[Streams], Awaitable[R]]) -> R:
        """Await what a function returns."""
        if self._blocks:
            return await asyncio.to_thread(self.blocking, work)
        return await work(self._store)

    def blocking(self, work: Callable[[Streams], Awaitable[R]]) -> R:
        """Call a function, and wait for what it returns.

        Raises:
            EventLoopRunningError: called on the thread of the loop that it would block.
            NoEventLoopError: the adapter of an async store was made without a running loop.
        """
        if self._blocks:
            return _result(_awaited(work, self._store))
        if _running() is not None and _running() is self._loop:
            what = "a blocking call would block the event loop that it waits for"
            raise EventLoopRunningError(what, hint="Await the async method of the same meaning")
        if self._loop is None or self._loop.is_closed():
            raise NoEventLoopError(
                "blocking calls run on the loop in which the adapter was made; there is none",
                hint="Make the adapter of a SyncSessionStore",
            )
        return asyncio.run_coroutine_threadsafe(_awaited(work, self._store), self._loop).result()

    def blocking_in_loops(self, work: Callable[[Streams], Awaitable[R]]) -> R:
        """Do the same inside of event loops too, which wait: over a `SyncSessionStore`."""
        if _running() is None:
            return self.blocking(work)
        if self._pool is None:
            self._pool = ThreadPoolExecutor(1, thread_name_prefix="a3s-store-adapter")
        return self._pool.submit(self.blocking, work).result()

    async def items(self, make: Callable[[Streams], AsyncIterator[R]]) -> AsyncIterator[R]:
        """Yield what an async iterator yields."""
        items = _Steps(make)
        while (item := await self.awaited(items.step)) is not _END:
            yield cast(R, item)

    def blocking_items(self, make: Callable[[Streams], AsyncIterator[R]]) -> Iterator[R]:
        """Yield what an async iterator yields, waiting for each."""
        items = _Steps(make)
        while (item := self.blocking(items.step)) is not _END:
            yield cast(R, item)


class _Steps(Generic[R]):
    """Takes one item after the other from an iterator that is made with the first."""

    def __init__(self, make: Callable[[Streams], AsyncIterator[R]]) -> None:
        self._make = make
        self._items: AsyncIterator[R] | None = None

    async def step(self, store: Streams) -> object:
        """Return the next item, or the end."""
        if self._items is None:
            self._items = self._make(store)
        return await anext(self._items, _END)


class _Blocking:
    """Coroutine functions over the blocking methods of an object: they never suspend."""

    def __init__(self, target: Any) -> None:
        self._target = target

    @property
    def name(self) -> str:
        """The name of a stream."""
        found: str = self._target.name
        return found

    def __getattr__(self, name: str) -> Callable[..., Coroutine[Any, Any, Any]]:
        method = getattr(self._target, name)

        async def call(*given: Any, **named: Any) -> Any:
            return method(*given, **named)

        return call

    def stream(self, name: str) -> _Blocking:
        """Return a stream; its methods are coroutine functions, too."""
        return _Blocking(self._target.stream(name))

    async def iterate(self, **conditions: Any) -> AsyncIterator[Any]:
        """Yield the items of a stream."""
        for item in self._target.iterate(**conditions):
            yield item

    @contextlib.asynccontextmanager
    async def transaction(self) -> AsyncIterator[Any]:
        """Enter a transaction, for the methods that record calls."""
        with self._target.transaction() as recording:
            yield recording


async def _awaited(work: Callable[[Streams], Awaitable[R]], store: Streams) -> R:
    return await work(store)


def _result(coroutine: Coroutine[Any, Any, R]) -> R:
    """Return the result of a coroutine that never suspends."""
    try:
        coroutine.send(None)
    except StopIteration as done:
        result: R = done.value
        return result
    coroutine.close()
    raise AssertionError("an adapter awaited something else than its store")


def _running() -> asyncio.AbstractEventLoop | None:
    with contextlib.suppress(RuntimeError):
        return asyncio.get_running_loop()
    return None
