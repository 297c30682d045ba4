"""The result of a store's `open`, which is awaited or entered."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Generator
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, NoReturn, TypeVar

from a3s_store.core.protocol import SessionStore
from a3s_store.errors import NoEventLoopError, NotOpenedError

S = TypeVar("S", bound=SessionStore)


class Opening(Generic[S]):
    """The result of `open()`: awaiting it opens the store; `async with` also closes it."""

    def __init__(self, make: Callable[[], Awaitable[S]]) -> None:
        self._make = make
        self._store: S | None = None

    def __await__(self) -> Generator[Any, None, S]:
        require_event_loop()
        return self._make().__await__()

    async def __aenter__(self) -> S:
        require_event_loop()
        self._store = await self._make()
        return self._store

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        assert self._store is not None, "entered before it was left"
        await self._store.close()

    # Hidden from type checkers, which refuse all of this by themselves.
    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> NoReturn:
            raise _not_opened(f"has no {name!r}")

        def __enter__(self) -> NoReturn:
            raise _not_opened("is no context manager of a plain `with`")

        def __exit__(self, *_: object) -> None:
            """Unreachable; `with` looks it up before `__enter__`."""


def _not_opened(what: str) -> NotOpenedError:
    return NotOpenedError(
        f"the store is not open yet, so it {what}",
        op="open",
        hint="Write `store = await Store.open(...)`, or `async with Store.open(...) as store`",
    )


def not_constructed(name: str) -> NotOpenedError:
    """Return the error for calling the class of a store instead of its `open`."""
    return NotOpenedError(
        f"{name} is opened by `open`, not by calling the class",
        op="open",
        hint=f"Write `async with {name}.open(path) as store`, or `await {name}.open(path)`",
    )


def require_event_loop() -> None:
    """Check that an asyncio event loop is running.

    Raises:
        NoEventLoopError: none is running in this thread.
    """
    try:
        asyncio.get_running_loop()
        return
    except RuntimeError:
        pass  # raised below, so that the traceback has one error only
    raise NoEventLoopError(
        "no asyncio event loop is running here, which stores need",
        op="open",
        hint="Run it by asyncio.run(); in a program on trio by trio-asyncio, or in a thread",
    )
