"""Fixtures of more than one module: the stores on which a fact has to hold."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from a3s_store import MemorySessionStore, SqliteSessionStore


@pytest.fixture(params=["memory", "sqlite"])
def on_store(
    request: pytest.FixtureRequest, tmp_path: Path
) -> Callable[[Callable[[Any], Awaitable[None]]], None]:
    """Does a piece of work with a store, and closes the store after."""

    async def main(work: Callable[[Any], Awaitable[None]]) -> None:
        if request.param == "memory":
            async with MemorySessionStore() as memory:
                await work(memory)
        else:
            async with SqliteSessionStore.open(tmp_path / "sessions.db") as sqlite:
                await work(sqlite)

    return lambda work: asyncio.run(main(work))
