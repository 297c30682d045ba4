"""What a store does when the memory is gone, in a process of its own: the limit only goes down."""

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
    """From now on SQLite gets none."""
    with contextlib.suppress(MemoryError), contextlib.closing(sqlite3.connect(":memory:")) as conn:
        conn.execute("PRAGMA hard_heap_limit = 1").close()


def checkpoint(engine: Engine, conn: WorkConnection) -> None:
    """Nothing is raised, and what it failed with is known."""
    take_memory_away()
    engine._checkpointer.checkpoint(conn)
    assert isinstance(engine._checkpointer.error, MemoryError)


def lock(engine: Engine, conn: WorkConnection) -> None:
    """What a checkpoint holds while it runs can be let go of."""
    assert conn.guard is not None
    conn.guard.execute("BEGIN IMMEDIATE")
    take_memory_away()
    conn.guard.execute("ROLLBACK")
    assert not conn.guard.in_transaction


async def main(path: Path, scene: Callable[[Engine, WorkConnection], None]) -> None:
    """Save, then play the scene on the writer's thread."""
    async with SqliteSessionStore.open(path) as store:
        await store.save(session(count=50))
        engine = store._engine
        assert engine.writer is not None
        await engine.writer.run(lambda conn: scene(engine, conn))


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), {"checkpoint": checkpoint, "lock": lock}[sys.argv[2]]))
