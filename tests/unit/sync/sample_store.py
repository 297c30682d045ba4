"""A small store with every shape of method that gets a blocking twin."""

from __future__ import annotations

import builtins
import contextlib
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable
from types import TracebackType
from typing import Self, TypeAlias, TypeVar

R = TypeVar("R")
Step: TypeAlias = Callable[["Unit"], Awaitable[R]]


class Reader:
    """Reads bytes."""

    size: int

    def __init__(self, data: bytes) -> None:
        self.size = len(data)
        self._data = data

    async def read(self, count: int) -> bytes:
        """Return up to `count` bytes."""
        taken, self._data = self._data[:count], self._data[count:]
        return taken

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Yield the bytes that are left, one at a time."""
        while part := await self.read(1):
            yield part

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._data = b"closed"


class Unit:
    """Records writes and applies them at the end of its block."""

    def __init__(self, store: SampleStore) -> None:
        self._store = store
        self._writes: list[str] = []

    async def load(self) -> str:
        """Return what is stored."""
        return self._store.value

    def write(self, text: str) -> None:
        """Record a write."""
        self._writes.append(text)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if kind is None:
            self._store.value += "".join(self._writes)


class SampleStore:
    """A store of one text."""

    def __init__(self) -> None:
        self.value = ""

    async def close(self) -> None:
        """Close it."""

    async def __aenter__(self) -> Self:
        return self

    def transaction(self) -> Unit:
        """Return a unit of writes."""
        return Unit(self)

    async def run_transaction(self, step: Step[R], *, retries: int = 5) -> R:
        """Call a function with a unit, and apply it."""
        async with self.transaction() as unit:
            return await step(unit)

    async def put(self, data: bytes | AsyncIterable[bytes]) -> int:
        """Store bytes; return how many."""
        if isinstance(data, bytes):
            return len(data)
        return sum([len(part) async for part in data])

    async def find(self, name: str) -> Reader | None:
        """Return a reader, or None."""
        return Reader(name.encode()) if name else None

    @contextlib.asynccontextmanager
    async def opened(self, name: str) -> AsyncIterator[Reader]:
        """Open a reader for a block."""
        async with Reader(name.encode()) as reader:
            yield reader

    def reading(self, name: str) -> contextlib.AbstractAsyncContextManager[Reader]:
        """Return a block with a reader."""
        return Reader(name.encode())

    async def pages(self, *, page: int = 2) -> AsyncIterator[int]:
        """Return three numbers, and fail."""
        for number in range(3):
            yield number
        raise LookupError

    async def list(self) -> list[str]:
        """Return a list."""
        return [self.value]

    async def names(self) -> builtins.list[str]:
        """Return a list, though `list` is a method here."""
        return ["a"]
