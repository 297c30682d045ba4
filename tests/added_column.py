"""Check a column that was just added; a test runs this on its copy of the sources.

    python -m tests.added_column FOLDER DIGEST

FOLDER has `old.a3s`, written by the sources without the column; its session `s` is `old_snapshot`,
and DIGEST is its digest.
"""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

from a3s_store import FileSessionStore, MemorySessionStore, SqliteSessionStore, interop, salvage
from a3s_store.core.collections import COLLECTIONS
from a3s_store.core.snapshot import SessionSnapshot
from a3s_store.models import TraceEvent
from a3s_store.testing import samples
from a3s_store.wire import compact, encode
from tests.unit.runtime.windows import open_window

MARK = "machine-of-the-example"
EARLIER = "machine-of-an-earlier-writer"


def old_snapshot() -> SessionSnapshot:
    """Return trace events without the field, and one with an unknown key of the same name."""
    unknown = samples.trace_event("3").evolve(extra={"host": EARLIER})
    return snapshot_of(*samples.items("trace_events", "1", "2"), unknown)


def snapshot_of(*events: TraceEvent) -> SessionSnapshot:
    """Return a snapshot with these events that live sessions accept."""
    bound: Any = {one.name: () for one in COLLECTIONS if one.session_id is not None}
    return samples.small_snapshot("s", "hello").evolve(**bound, trace_events=events)


def host_of(event: TraceEvent) -> Any:
    """Return the new field."""
    return event.host  # type: ignore[attr-defined]


def with_host(name: str) -> TraceEvent:
    """Return an event with the new field."""
    new: Any = {"host": MARK}
    return samples.trace_event(name).evolve(**new)


async def traced(store: Any) -> tuple[TraceEvent, ...]:
    """Return the stored events."""
    found: tuple[TraceEvent, ...] | None = await store.load_trace_events("s")
    assert found is not None
    return found


async def migrated(path: Path, digest: str) -> None:
    """A file of the older schema keeps its digests; its unknown key is loaded as the field."""
    async with SqliteSessionStore.open(path) as store:
        snapshot = await store.load_snapshot("s")
        assert snapshot is not None
        assert snapshot.digest() == digest
        assert [host_of(one) for one in await traced(store)] == [None, None, EARLIER]
        assert (await traced(store))[2].extra == {}
        assert (await store.verify(depth="deep")).ok


async def saved_and_loaded(store: Any) -> None:
    """Every store saves and loads the field; a value without it is written as before."""
    assert b"host" not in compact(encode(samples.trace_event("1")))
    events = (samples.trace_event("1"), with_host("2"))
    await store.save_snapshot(snapshot_of(*events))
    assert await traced(store) == events
    one = await open_window(store, session_id="s")
    one.session.total_cost = 1.0
    await one.save()
    await one.close()
    assert await traced(store) == events


async def in_a_column(folder: Path, path: Path) -> None:
    """The column is verified, salvaged, exported, shown and erased with its row."""
    conn = sqlite3.connect(path)
    hosts = conn.execute("SELECT host FROM trace_event ORDER BY trace_event_key").fetchall()
    conn.close()
    assert hosts == [(None,), (MARK,)]
    async with SqliteSessionStore.open(path) as store, MemorySessionStore() as back:
        assert (await store.verify(depth="deep")).ok
        assert (await interop.export_directory(store, folder / "directory")).ok
        assert (await interop.import_directory(back, folder / "directory")).ok
        assert await traced(back) == await traced(store)
        events = await traced(store)
        await store.compact(full=True)
    assert MARK in await asyncio.to_thread(shown, path)
    data = path.read_bytes()
    (folder / "damaged.a3s").write_bytes(bytes(4096) + data[4096:])
    await salvage(folder / "damaged.a3s", folder / "salvaged.a3s")
    async with SqliteSessionStore.open(folder / "salvaged.a3s") as store:
        assert await traced(store) == events
    async with SqliteSessionStore.open(path) as store:
        await store.erase("s")
    assert MARK.encode() not in path.read_bytes()


def shown(path: Path) -> str:
    """Return what `a3s-store show` prints of the events."""
    show = ["show", str(path), "s", "--collection", "traces", "--json"]
    command = [sys.executable, "-m", "a3s_store", *show]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


async def main(folder: Path, digest: str) -> None:
    """Run every check."""
    await migrated(folder / "old.a3s", digest)
    async with MemorySessionStore() as memory:
        await saved_and_loaded(memory)
    async with FileSessionStore.open(folder / "files") as files:
        await saved_and_loaded(files)
    async with SqliteSessionStore.open(folder / "old.a3s") as sqlite:
        await saved_and_loaded(sqlite)
    await in_a_column(folder, folder / "old.a3s")
    print("all checks passed")


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))
