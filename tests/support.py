"""What several tests need: sessions to save, and a count of the rows a save wrote."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from a3s_store.backends.sqlite import SqliteSessionStore
from a3s_store.models import (
    LoopCheckpoint,
    Message,
    RunEventRecord,
    RunRecord,
    RunSnapshot,
    RunStatus,
    SessionData,
    TextDelta,
    ToolArtifact,
    TraceEvent,
    TraceEventKind,
)

R = TypeVar("R")


def messages(count: int, *, start: int = 0, tag: str = "m") -> tuple[Message, ...]:
    """Messages that are all different, by turns of the user and the assistant."""
    made = []
    for number in range(start, start + count):
        text = f"{tag} {number}: " + "words " * (number % 7)
        made.append(Message.user(text) if number % 2 == 0 else Message.assistant(text))
    return tuple(made)


def session(session_id: str = "fix-login", count: int = 4, **fields: Any) -> SessionData:
    """A session with `count` messages."""
    given: dict[str, Any] = {"messages": messages(count)}
    given |= {"created_at": 1_779_100_000, "updated_at": 1_779_100_000}
    return SessionData(id=session_id, **(given | fields))


def trace(number: int) -> TraceEvent:
    """A trace event that differs from those of other numbers."""
    return TraceEvent(
        kind=TraceEventKind.TOOL_EXECUTION,
        name=f"tool-{number}",
        success=True,
        exit_code=0,
        duration_ms=number,
        output_bytes=10,
    )


def run(number: int, events: int, session_id: str = "fix-login") -> RunRecord:
    """A run with so many events."""
    return RunRecord(
        snapshot=RunSnapshot(
            id=f"run-{number}",
            session_id=session_id,
            status=RunStatus.EXECUTING,
            prompt="go on",
            created_at_ms=1_000 + number,
            updated_at_ms=2_000 + events,
            event_count=events,
        ),
        events=tuple(
            RunEventRecord(sequence=i, timestamp_ms=i, event=TextDelta(text=f"{number}/{i}"))
            for i in range(events)
        ),
    )


def artifact(number: int, size: int = 10) -> ToolArtifact:
    """An artifact whose content has `size` characters and depends on the number."""
    text = f"{number:08d}" * (size // 8 + 1)
    return ToolArtifact(
        artifact_id=f"tool-output:bash:{number:016x}",
        artifact_uri=f"a3s://tool-output/bash/{number:016x}",
        tool_name="bash",
        content=text[:size],
        original_bytes=size,
        shown_bytes=min(size, 100),
    )


def checkpoint(
    history: tuple[Message, ...], run_id: str = "run-1", session_id: str = "fix-login"
) -> LoopCheckpoint:
    """A loop checkpoint with this history."""
    return LoopCheckpoint(
        run_id=run_id, session_id=session_id, turn=1, messages=history, checkpoint_ms=5
    )


def with_store(path: Path, use: Callable[[SqliteSessionStore], Awaitable[R]], **options: Any) -> R:
    """Open a store in an event loop of its own, use it, close it."""

    async def main() -> R:
        async with SqliteSessionStore.open(path, **options) as store:
            return await use(store)

    return asyncio.run(main())


@contextlib.contextmanager
def database(path: Path) -> Iterator[sqlite3.Connection]:
    """A plain connection to the file, as any SQLite program would have."""
    conn = sqlite3.connect(path)
    try:
        yield conn
    finally:
        conn.close()


Rows = dict[str, dict[Any, tuple[Any, ...]]]


def all_rows(path: Path) -> Rows:
    """Every row of every table, by table and primary key."""
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
    """By table: rows inserted, changed, removed; tables without any are left out.

    So is the commit link, a row that every commit changes.
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


async def statements_changed(store: SqliteSessionStore) -> int:
    """How many rows the store's writer has inserted, updated or deleted since it was opened."""
    assert store._engine.writer is not None
    return await store._engine.writer.run(lambda conn: conn.total_changes)
