"""The steps of the demonstration. Each opens the store, does one thing and returns plain data."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import attrs

from a3s_store import SessionSummary, SqliteSessionStore, StoreError

from . import crash
from .session import RUN_ID, SESSION_ID, TWO_MORE, checkpoint, snapshot

FORK_ID: Final = "fix-login-mac"
FORK_AT: Final = 10


async def save(path: Path) -> dict[str, Any]:
    """Save a session with its collections in one transaction, and load it again.

    Returns how many values were saved of each kind.
    """
    now = int(time.time())
    saved = snapshot(now)
    counts = {kind.name: len(values or ()) for kind, values in saved.collections().items()}
    async with SqliteSessionStore.open(path) as store:
        began = time.monotonic()
        await store.save_snapshot(saved)
        milliseconds = (time.monotonic() - began) * 1000
        await store.save_loop_checkpoint(RUN_ID, checkpoint(now))
        equal = await store.load_snapshot(SESSION_ID) == saved
    return {
        "id": SESSION_ID,
        "messages": len(saved.session.messages),
        "cost_records": len(saved.session.cost_records),
        "tasks": len(saved.session.tasks),
        **counts,
        "loop_checkpoints": 1,
        "milliseconds": round(milliseconds, 1),
        "loaded_equal": equal,
    }


async def save_two_more_messages(path: Path) -> dict[str, Any]:
    """Save the session with two more messages; return which rows were written."""
    async with SqliteSessionStore.open(path) as store:
        session = await store.load(SESSION_ID)
        assert session is not None, "saved a moment ago"
        before = _all_rows(path)
        await store.save(session.evolve(messages=session.messages + TWO_MORE))
        return _changes(before, _all_rows(path))


async def fork(path: Path) -> dict[str, Any]:
    """Fork the session after a few messages; return which rows were written."""
    async with SqliteSessionStore.open(path) as store:
        before = _all_rows(path)
        await store.fork(SESSION_ID, FORK_ID, at=FORK_AT)
        return _changes(before, _all_rows(path))


async def summaries(path: Path) -> tuple[SessionSummary, ...]:
    """Return a summary of every session in the store, those updated last first."""
    async with SqliteSessionStore.open(path) as store:
        return await store.summaries()


def kill_and_recover(path: Path) -> dict[str, Any]:
    """Kill a process in the middle of a save; return what the store contains afterwards.

    Raises:
        StoreError: see `crash.crash` and `verify_after_crash`.
    """
    crashed = crash.crash(path)
    return attrs.asdict(crashed) | asyncio.run(verify_after_crash(path, crashed))


async def verify_after_crash(path: Path, crashed: crash.Crash) -> dict[str, Any]:
    """Check that the interrupted save is in the store as a whole, or not at all.

    Raises:
        StoreError: neither is the case, or the file is damaged.
    """
    async with SqliteSessionStore.open(path) as store:
        found = await store.load_snapshot(crash.SESSION_ID)
        generation = await store.generation(crash.SESSION_ID)
        other = await store.load(SESSION_ID)
    with _read_only(path) as conn:
        (integrity,) = conn.execute("PRAGMA integrity_check").fetchone()
    digest = None if found is None else found.digest()
    possible = {
        (crashed.acknowledged, crashed.before): "before",
        (crashed.acknowledged + 1, crashed.after): "after",
    }
    state = possible.get((generation, digest or ""))
    if integrity != "ok" or state is None or other is None or found is None:
        raise StoreError(
            f"after the kill the store is not as it should be: integrity {integrity}, "
            f"generation {generation}, digest {digest}",
            op="demo",
            hint="Please report this",
        )
    return {
        "integrity": integrity,
        "generation": generation,
        "digest": digest,
        "messages": len(found.session.messages),
        "state": state,
    }


# -- Counting rows --------------------------------------------------------------------------------


@contextlib.contextmanager
def _read_only(path: Path) -> Iterator[sqlite3.Connection]:
    """Open the file as any other SQLite program would."""
    conn = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
    try:
        yield conn
    finally:
        conn.close()


_Rows = dict[str, dict[Any, tuple[Any, ...]]]


def _all_rows(path: Path) -> _Rows:
    """Return every row of every table, by table and primary key."""
    found: _Rows = {}
    with _read_only(path) as conn:
        names = "SELECT name FROM sqlite_schema WHERE type = 'table'"
        for (table,) in conn.execute(names).fetchall():
            columns = conn.execute(f"PRAGMA table_info({table})").fetchall()
            keys = [column[1] for column in columns if column[5]]
            rows = conn.execute(f"SELECT {', '.join(keys)}, * FROM {table}").fetchall()
            found[table] = {row[: len(keys)]: row[len(keys) :] for row in rows}
    return found


def _changes(before: _Rows, after: _Rows) -> dict[str, Any]:
    """Count new and changed rows by table; tables without any are left out."""
    inserted, changed = {}, {}
    for table, rows in after.items():
        old = before[table]
        if new := len(rows.keys() - old.keys()):
            inserted[table] = new
        if different := sum(rows[key] != old[key] for key in rows.keys() & old.keys()):
            changed[table] = different
    total = sum(inserted.values()) + sum(changed.values())
    return {"rows_written": total, "inserted": inserted, "changed": changed}
