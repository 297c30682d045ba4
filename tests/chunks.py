"""Look at large saves and appends between their transactions, which are made small."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest

from a3s_store import SqliteSessionStore
from a3s_store.backends.sqlite.write import write_states
from a3s_store.core.conversation import Bound
from tests.support import database

# The most new messages that one transaction takes, and how many each of several writes.
MOST: Final = 40
CHUNK: Final = 10


def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have stores that are opened afterwards make their saves in small chunks."""
    monkeypatch.setattr(write_states, "MOST_NEW", Bound(MOST, 1 << 20))
    monkeypatch.setattr(write_states, "CHUNK", Bound(CHUNK, 100_000))


def count(conn: sqlite3.Connection, table: str = "message") -> int:
    found: int = conn.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
    return found


def rows(path: Path) -> tuple[int, int, int]:
    """Return how many messages, branches and notes are in the file."""
    with database(path) as conn:
        return count(conn), count(conn, "branch"), count(conn, "unfinished")


async def transactions(
    store: SqliteSessionStore, saving: asyncio.Task[Any], each: Callable[[], object] | None = None
) -> list[int]:
    """Return how many messages are stored after each transaction until a save has ended."""
    assert store._engine.writer is not None
    found: list[int] = []
    while not saving.done():
        found.append(await store._engine.writer.run(count))
        if each is not None:
            each()
    with contextlib.suppress(BaseException):
        await saving
    return found


async def begun(path: Path) -> None:
    """Wait until rows of a large save are in the file."""
    async with asyncio.timeout(60):
        while not rows(path)[2]:  # noqa: ASYNC110 - the file is the only one to tell
            await asyncio.sleep(0)


async def collected(path: Path, messages: int) -> None:
    """Wait until only so many messages are left, and no note."""
    async with asyncio.timeout(60):
        while rows(path)[::2] != (messages, 0):  # noqa: ASYNC110 - as above
            await asyncio.sleep(0.01)
