"""An async store over `SyncSessionStore`, so that what tests async stores tests the sync face too.

Each call runs on a thread. To cancel it is to interrupt that thread, as Ctrl-C does. The methods
are those that the sync store has, whatever was added to it.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import inspect
import threading
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any, Final, Self

from a3s_store import SyncSessionStore
from a3s_store.core.protocol import SessionStore
from a3s_store.sync.base import SyncObject

# Waiting watches have a thread each.
_THREADS: Final = concurrent.futures.ThreadPoolExecutor(64)


class Interrupted(BaseException):
    """Raised on the waiting thread, as KeyboardInterrupt is in the main thread."""


async def _called(loop_thread: Any, function: Callable[..., Any], *given: Any, **named: Any) -> Any:
    thread: list[int] = []

    def run() -> Any:
        thread.append(threading.get_ident())
        return function(*given, **named)

    work = asyncio.get_running_loop().run_in_executor(_THREADS, run)
    try:
        return await asyncio.shield(work)
    except asyncio.CancelledError as cancelled:
        while not work.done():
            for call in tuple(loop_thread._calls) if thread else ():
                if call.caller == thread[0]:
                    call.inbox.put(_interrupt)
            await asyncio.wait({work}, timeout=0.05)
        if work.exception() is None:
            cancelled.args = (work.result(),)  # too late to be interrupted
        raise


def _interrupt() -> None:
    raise Interrupted


class _AsyncObject:
    """The async twin of an object of the sync face."""

    def __init__(self, target: Any) -> None:
        self.target = target
        # An item whose step was done before it could be cancelled.
        self._late: list[Any] = []

    def __aiter__(self) -> AsyncIterator[Any]:
        if hasattr(self.target, "__next__"):
            return self
        return _items(self.target._loop, iter(self.target))

    async def __anext__(self) -> Any:
        if self._late:
            return self._late.pop()
        end = object()
        try:
            found = await _called(self.target._loop, next, self.target, end)
        except asyncio.CancelledError as cancelled:
            self._late += cancelled.args
            raise
        if found is end:
            raise StopAsyncIteration
        return found

    async def __aenter__(self) -> Self:
        await _called(self.target._loop, self.target.__enter__)
        return self

    async def __aexit__(self, *error: Any) -> None:
        await _called(self.target._loop, self.target.__exit__, *error)


async def _items(loop: Any, iterator: Iterator[Any]) -> AsyncIterator[Any]:
    end = object()
    try:
        while (item := await _called(loop, next, iterator, end)) is not end:
            yield item
    finally:
        await _called(loop, iterator.close)  # type: ignore[attr-defined]


@contextlib.asynccontextmanager
async def _block(loop: Any, manager: Any, twin: type[_AsyncObject]) -> AsyncIterator[Any]:
    entered = await _called(loop, manager.__enter__)
    try:
        yield None if entered is None else twin(entered)
    except BaseException as error:
        given = (type(error), error, error.__traceback__)
        if not await _called(loop, manager.__exit__, *given):
            raise
    else:
        await _called(loop, manager.__exit__, None, None, None)


def _method(name: str, source: Any, twins: dict[str, type[_AsyncObject]]) -> Any:
    function = inspect.getattr_static(source, name)
    if isinstance(function, property):
        return property(lambda self: getattr(self.target, name))
    returns = function.__annotations__.get("return", "")
    if returns.startswith("Iterator["):

        def iterate(self: _AsyncObject, *given: Any, **named: Any) -> AsyncIterator[Any]:
            return _items(self.target._loop, getattr(self.target, name)(*given, **named))

        return iterate
    if returns.startswith("AbstractContextManager["):
        entered = returns.removeprefix("AbstractContextManager[").split(" ")[0].rstrip("]")

        def block(self: _AsyncObject, *given: Any, **named: Any) -> Any:
            manager = getattr(self.target, name)(*given, **named)
            return _block(self.target._loop, manager, twins[entered])

        return block
    if not _is_async(name, source):

        def call(self: _AsyncObject, *given: Any, **named: Any) -> Any:
            found = getattr(self.target, name)(*given, **named)
            twin = type(self) if returns == "Self" else twins.get(returns)
            return found if twin is None else twin(found)

        return call

    async def run(self: _AsyncObject, *given: Any, **named: Any) -> Any:
        blocking = [await _blocking(one, twins) for one in given]
        return await _called(self.target._loop, getattr(self.target, name), *blocking, **named)

    return run


async def _blocking(value: Any, twins: dict[str, type[_AsyncObject]]) -> Any:
    """Return what the sync face takes in place of an async function or iterable."""
    if isinstance(value, AsyncIterable):
        return [one async for one in value]
    if not inspect.iscoroutinefunction(value):
        return value
    loop = asyncio.get_running_loop()

    def call(target: SyncObject[Any]) -> Any:
        twin = twins[type(target).__name__](target)
        return asyncio.run_coroutine_threadsafe(value(twin), loop).result()

    return call


def _is_async(name: str, source: type[SyncObject[Any]]) -> bool:
    return "_run" in inspect.getsource(getattr(source, name)) or name == "close"


def _twin(source: type[SyncObject[Any]], twins: dict[str, type[_AsyncObject]]) -> type[Any]:
    names = {name for name in dir(source) if not name.startswith("_") and name != "open"}
    members = {name: _method(name, source, twins) for name in names}
    return type(f"Async{source.__name__}", (_AsyncObject,), members)


def _twins() -> dict[str, type[_AsyncObject]]:
    from a3s_store.sync._generated import store

    made: dict[str, type[_AsyncObject]] = {}
    for name, value in vars(store).items():
        if isinstance(value, type) and issubclass(value, SyncObject) and name.startswith("Sync"):
            made[name] = _twin(value, made)
    return made


AsyncTwin: Final = _twins()["SyncSessionStore"]


async def open_sync(path: Path | str, **options: Any) -> SessionStore:
    """Open a store by the sync face, on a thread; return it with async methods."""
    return AsyncTwin(await asyncio.to_thread(SyncSessionStore.open, path, **options))  # type: ignore
