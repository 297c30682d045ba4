"""A store without memory, in a process of its own: the limit only goes down."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path

from a3s_store import SqliteSessionStore
from a3s_store.backends.sqlite.connection.work_connection import WorkConnection
from a3s_store.backends.sqlite.engine import Engine
from tests.support import session


def take_memory_away() -> None:
    """Set SQLite's heap limit so low that every allocation fails."""
    with contextlib.suppress(MemoryError), contextlib.closing(sqlite3.connect(":memory:")) as conn:
        conn.execute("PRAGMA hard_heap_limit = 1").close()


def checkpoint(engine: Engine, conn: WorkConnection) -> None:
    """A checkpoint without memory raises nothing and keeps its error."""
    take_memory_away()
    engine._checkpointer.checkpoint(conn)
    assert isinstance(engine._checkpointer.error, MemoryError)


def lock(engine: Engine, conn: WorkConnection) -> None:
    """The write lock that a checkpoint holds can be released without memory."""
    assert conn.guard is not None
    conn.guard.execute("BEGIN IMMEDIATE")
    take_memory_away()
    conn.guard.execute("ROLLBACK")
    assert not conn.guard.in_transaction


async def main(path: Path, scenario: Callable[[Engine, WorkConnection], None]) -> None:
    """Save, then play the scenario on the writer's thread."""
    async with SqliteSessionStore.open(path) as store:
        await store.save(session(count=50))
        engine = store._engine
        assert engine.writer is not None
        await engine.writer.run(lambda conn: scenario(engine, conn))


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), {"checkpoint": checkpoint, "lock": lock}[sys.argv[2]]))
