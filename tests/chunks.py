"""Look at large saves and appends between their transactions, which are made small."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable
from pathlib import Path
from typing import Any, Final

import pytest

from a3s_store import SqliteSessionStore
from a3s_store.backends.sqlite.write import write_states
from a3s_store.core.conversation import Bound
from tests.support import database, executed

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


async def chunks(store: SqliteSessionStore, step: Awaitable[Any]) -> list[int]:
    """Return how many messages each transaction inserts that inserts any, while a step is made."""
    found = [0]
    for statement in await executed(store, step):
        if statement.startswith("INSERT INTO message ("):
            found[-1] += 1
        elif statement == "COMMIT":
            found.append(0)
        elif statement == "ROLLBACK":
            found[-1] = 0
    return [number for number in found if number]


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
