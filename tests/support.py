"""Helpers of many tests: open a store for one function, read its file with sqlite3, compare rows.

Sample values are made by `a3s_store.testing.samples`; those that most tests use are named here too.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from a3s_store.backends.sqlite import SqliteSessionStore
from a3s_store.core.conversation import Bound
from a3s_store.core.retention import RetentionPolicy
from a3s_store.testing.samples.numbered import (
    artifact,
    checkpoint,
    messages,
    run,
    session,
    trace,
)

__all__ = [
    "Rows",
    "all_rows",
    "artifact",
    "changes",
    "checkpoint",
    "database",
    "in_chunks",
    "messages",
    "policy",
    "run",
    "session",
    "statements_changed",
    "trace",
    "with_store",
]

R = TypeVar("R")


def policy(newest: int | None = 100, days: int | None = None, **more: Any) -> RetentionPolicy:
    """Return a policy that deletes no session, and by default loses no message."""
    return RetentionPolicy(
        **{"keep_generations": newest, "keep_branches_days": days, "trash_days": None, **more}
    )


def with_store(path: Path, use: Callable[[SqliteSessionStore], Awaitable[R]], **options: Any) -> R:
    """Open a store in an event loop of its own, call `use` with it, close it; return the result."""

    async def main() -> R:
        async with SqliteSessionStore.open(path, **options) as store:
            return await use(store)

    return asyncio.run(main())


@contextlib.contextmanager
def database(path: Path) -> Iterator[sqlite3.Connection]:
    """Open the file as any other SQLite program does."""
    conn = sqlite3.connect(path)
    try:
        yield conn
    finally:
        conn.close()


Rows = dict[str, dict[Any, tuple[Any, ...]]]


def all_rows(path: Path) -> Rows:
    """Return every row of every table, by table and primary key."""
    found: Rows = {}
    with database(path) as conn:
        tables = conn.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall()
        for (table,) in tables:
            columns = conn.execute(f"PRAGMA table_info({table})").fetchall()
            keys = [c[1] for c in sorted(columns, key=lambda c: int(c[5])) if c[5]]
            rows = conn.execute(f"SELECT {', '.join(keys)}, * FROM {table}").fetchall()
            found[table] = {row[: len(keys)]: row[len(keys) :] for row in rows}
    return found


def changes(before: Rows, after: Rows) -> dict[str, tuple[int, int, int]]:
    """Return the numbers of rows inserted, changed and removed, by table.

    Tables without a change are left out, and so is the commit link, which every commit changes.
    """
    found = {}
    for table, rows in after.items():
        if table == "file_link":
            continue
        old = before[table]
        inserted = len(rows.keys() - old.keys())
        changed = sum(1 for key in rows.keys() & old.keys() if rows[key] != old[key])
        removed = len(old.keys() - rows.keys())
        if inserted or changed or removed:
            found[table] = (inserted, changed, removed)
    return found


def in_chunks(store: SqliteSessionStore, most: int = 2, chunk: int = 2) -> SqliteSessionStore:
    """Have saves with more new messages than `most` write `chunk` of them in each transaction."""
    states = store._engine.writing.states
    states.most_new, states.chunk = Bound(most, 1 << 20), Bound(chunk, 1 << 18)
    return store


async def executed(
    store: SqliteSessionStore, step: Awaitable[Any], *, reads: bool = False
) -> list[str]:
    """The statements that the writer, or the reader, executes while the step is awaited."""
    found: list[str] = []
    worker = store._engine.reader if reads else store._engine.writer
    assert worker is not None
    await worker.run(lambda conn: conn.set_trace_callback(found.append))
    await step
    await worker.run(lambda conn: conn.set_trace_callback(None))
    return found


async def statements_changed(store: SqliteSessionStore) -> int:
    """Return the number of rows that the store's writer inserted, updated or deleted so far."""
    assert store._engine.writer is not None
    return await store._engine.writer.run(lambda conn: conn.total_changes)
