"""Check a collection that was just added; a test runs this on its copy of the sources.

    python -m tests.added_collection FOLDER DIGEST

DIGEST is the digest of `samples.rich_snapshot("s")` without the collection.
"""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from a3s_store import FileSessionStore, MemorySessionStore, SqliteSessionStore, interop, salvage
from a3s_store.core.collections import COLLECTIONS
from a3s_store.core.snapshot import SessionSnapshot
from a3s_store.errors import InvalidSnapshotError
from a3s_store.runtime.state.invariants import validate_snapshot
from a3s_store.testing import samples
from a3s_store.wire import evolved
from tests.unit.runtime.windows import open_window

NEW = COLLECTIONS[-1]
MARK = "remarkable"
TABLES = (NEW.rows.table, *(inside.table for inside in NEW.rows.lists.values()))


def values(*names: str, session_id: str = "s") -> tuple[Any, ...]:
    """Return values of the new collection that belong to a session."""
    return NEW.bound_to(session_id, samples.items(NEW.name, *names)) or ()


def of(snapshot: SessionSnapshot | None) -> Any:
    """Return the new collection of a snapshot."""
    assert snapshot is not None
    return getattr(snapshot, NEW.name)


def rich(session_id: str = "s") -> SessionSnapshot:
    """Return a snapshot with values of the new collection that live sessions accept."""
    bound: Any = {one.name: () for one in COLLECTIONS if one.session_id is not None}
    bound[NEW.name] = values("one", MARK, session_id=session_id)
    return samples.small_snapshot(session_id, "hello").evolve(**bound)


async def stores(folder: Path) -> AsyncIterator[Any]:
    """Yield each of the three stores, empty."""
    async with MemorySessionStore() as memory:
        yield memory
    async with FileSessionStore.open(folder / "files") as files:
        yield files
    async with SqliteSessionStore.open(folder / "store.a3s") as sqlite:
        yield sqlite


async def saved_and_loaded(store: Any, digest: str) -> None:
    """The collection is saved and loaded alone and in snapshots, compared, and forked."""
    await getattr(store, f"save_{NEW.name}")("alone", values("a", "b"))
    assert await getattr(store, f"load_{NEW.name}")("alone") == values("a", "b")
    assert await getattr(store, f"load_{NEW.name}")("never") is None
    whole = samples.rich_snapshot("s")
    bare = evolved(whole, {NEW.name: None})
    assert bare.digest() == digest, "a session without the collection has another digest"
    assert whole.digest() != digest
    for snapshot in (whole, bare, rich()):
        await store.save_snapshot(snapshot)
        assert await store.load_snapshot("s") == snapshot
    assert not await store.save_snapshot_cas(bare, bare.digest())
    assert await store.save_snapshot_cas(rich(), rich().digest())
    forked = rich().fork("t")
    assert {NEW.session_of(value) for value in of(forked)} == {"t"}


async def kept_by_live_sessions(store: Any) -> None:
    """A live session keeps the collection, and merges it with that of another live session."""
    await store.save_snapshot(rich("live"))
    one = await open_window(store, session_id="live")
    other = await open_window(store, session_id="live")
    one.session.tool_names = ("changed",)
    one.session.total_cost = 1.0
    await one.save()
    assert of(await store.load_snapshot("live")) == of(rich("live"))
    added = values("added", session_id="live")
    one.session.other_collections[NEW.name] += added
    await one.save()
    other.session.total_cost = 2.0
    await other.save()
    assert of(await store.load_snapshot("live")) == (*of(rich("live")), *added)
    for live in (one, other):
        await live.close()


def checked() -> None:
    """Live sessions refuse values of another session and repeated identities."""
    validate_snapshot(rich())
    for wrong in (values("one", session_id="another"), values("one", "one")):
        try:
            validate_snapshot(evolved(rich(), {NEW.name: wrong}))
        except InvalidSnapshotError:
            continue
        raise AssertionError(f"accepted: {wrong}")


def rows(path: Path) -> int:
    """Return the number of rows in the tables of the new collection."""
    conn = sqlite3.connect(path)
    counts = [conn.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in TABLES]
    conn.close()
    return sum(counts)


async def deleted_and_erased(path: Path) -> None:
    """A deleted session leaves no row, an erased one no byte."""
    async with SqliteSessionStore.open(path) as store:
        for session_id in await store.list():
            await store.delete(session_id)
        await store.delete("alone")
        assert rows(path) == 0
        await store.save_snapshot(rich())
        assert rows(path) > 0
        await store.erase("s")
    assert MARK.encode() not in path.read_bytes()


async def verified(path: Path) -> None:
    """Verification reports rows without their session."""
    async with SqliteSessionStore.open(path) as store:
        await store.save_snapshot(rich())
        assert (await store.verify(depth="deep")).ok
    conn = sqlite3.connect(path)
    trigger = f"{TABLES[-1]}_cascade"
    (sql,) = conn.execute("SELECT sql FROM sqlite_schema WHERE name = ?", (trigger,)).fetchone()
    conn.executescript(f"DROP TRIGGER {trigger}; DELETE FROM {TABLES[0]}; {sql}")
    conn.close()
    async with SqliteSessionStore.open(path) as store:
        report = await store.verify()
    assert f"rows of {TABLES[-1]} have no {TABLES[0]}" in str(report.damage), report


async def salvaged(folder: Path) -> None:
    """Salvage recovers the collection from a file without its first page."""
    path = folder / "damaged.a3s"
    async with SqliteSessionStore.open(path) as store:
        await store.save_snapshot(rich())
        await store.compact(full=True)
    data = path.read_bytes()
    path.write_bytes(bytes(4096) + data[4096:])
    await salvage(path, folder / "salvaged.a3s")
    async with SqliteSessionStore.open(folder / "salvaged.a3s") as store:
        assert of(await store.load_snapshot("s")) == of(rich())


async def carried_and_shown(folder: Path) -> None:
    """The collection is exported, imported, and printed."""
    path = folder / "shown.a3s"
    async with SqliteSessionStore.open(path) as store, MemorySessionStore() as back:
        await store.save_snapshot(rich())
        assert (await interop.export_directory(store, folder / "directory")).ok
        assert (await interop.import_directory(back, folder / "directory")).ok
        assert await back.load_snapshot("s") == rich()
    assert MARK in await asyncio.to_thread(shown, path)


def shown(path: Path) -> str:
    """Return what `a3s-store show` prints of the collection."""
    command = [sys.executable, "-m", "a3s_store", "show", str(path), "s", "--collection", NEW.word]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


async def main(folder: Path, digest: str) -> None:
    """Run every check."""
    checked()
    async for store in stores(folder):
        await saved_and_loaded(store, digest)
        await kept_by_live_sessions(store)
    await deleted_and_erased(folder / "store.a3s")
    await verified(folder / "store.a3s")
    await salvaged(folder)
    await carried_and_shown(folder)
    print("all checks passed")


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))
