"""Rows that an index lost, and blobs with wrong bytes, are reported as damage."""

from __future__ import annotations

import asyncio
import hashlib
import sqlite3
import zlib
from pathlib import Path

import pytest

from a3s_store.backends.sqlite import SqliteSessionStore
from a3s_store.backends.sqlite.rows import blobs
from a3s_store.backends.sqlite.schema import migrate
from a3s_store.errors import CorruptionError, EncodeError
from a3s_store.testing.samples import loop_checkpoint, session
from tests.everything import entry


def hide_from_index(path: Path, table: str, key: str) -> None:
    """Change one bit of a key in the index by which it is found; the table keeps it."""
    conn = sqlite3.connect(path)
    name = f"sqlite_autoindex_{table}_1"
    (page,) = conn.execute("SELECT pageno FROM dbstat WHERE name = ?", (name,)).fetchone()
    conn.close()
    data = bytearray(path.read_bytes())
    at = data.index(key.encode(), 4096 * (page - 1), 4096 * page)
    data[at + len(key) - 1] ^= 1
    path.write_bytes(data)


def test_a_session_that_its_index_lost_is_not_taken_for_one_never_saved(tmp_path: Path) -> None:
    """Reported as never saved, the id would get a second session."""
    path = tmp_path / "store"

    async def main() -> None:
        async with SqliteSessionStore.open(path) as store:
            for number in range(3):
                await store.save(session(f"session-{number}", ("a",)))
        hide_from_index(path, "owner", "session-1")
        async with SqliteSessionStore.open(path) as store:
            with pytest.raises(CorruptionError) as raised:
                await store.load("session-1")
            assert raised.value.session_id == "session-1"
            with pytest.raises(CorruptionError):
                await store.save(session("session-1", ("b",)))
            found = await store.load("session-1", on_damage="report")
            assert found.value == session("session-1", ("a",))
            assert await store.load("never saved") is None

    asyncio.run(main())


def test_a_queue_is_not_taken_for_empty_where_the_index_lost_its_session(tmp_path: Path) -> None:
    """Its tasks would count as never saved."""
    path = tmp_path / "store"

    async def main() -> None:
        async with SqliteSessionStore.open(path) as store:
            await store.save(session("session-1", ("a",)))
            await store.save_queue_entries("session-1", claimed_by=None, put=[entry(1)])
        hide_from_index(path, "owner", "session-1")
        async with SqliteSessionStore.open(path) as store:
            with pytest.raises(CorruptionError):
                await store.claim_queue_entries("session-1", by="a", may_take=lambda _: True)
            with pytest.raises(CorruptionError):
                await store.save_queue_entries("session-1", claimed_by="a", put=[entry(2)])

    asyncio.run(main())


def test_a_checkpoint_that_its_index_lost_is_not_taken_for_one_never_saved(tmp_path: Path) -> None:
    path = tmp_path / "store"

    async def main() -> None:
        async with SqliteSessionStore.open(path) as store:
            for number in range(3):
                run = f"run-{number}"
                await store.save_loop_checkpoint(run, loop_checkpoint(run))
        hide_from_index(path, "loop_checkpoint", "run-1")
        async with SqliteSessionStore.open(path) as store:
            with pytest.raises(CorruptionError, match="index"):
                await store.load_loop_checkpoint("run-1")
            assert await store.load_loop_checkpoint("never saved") is None

    asyncio.run(main())


@pytest.fixture
def conn() -> sqlite3.Connection:
    found = sqlite3.connect(":memory:", isolation_level=None)
    for statements in migrate.steps().values():
        for statement in statements:
            found.execute(statement)
    return found


@pytest.mark.parametrize("length", [blobs.THRESHOLD, 6_000_000])
def test_a_blob_comes_back_whatever_its_size(conn: sqlite3.Connection, length: int) -> None:
    text = "".join(chr(0x20 + number % 90) for number in range(length))
    assert blobs.get(conn, blobs.put(conn, text)) == text
    conn.close()


@pytest.mark.parametrize("size", [-1, 9_000_000, 50_000_000, 2**40, 2**63 - 1])
def test_a_blob_that_lies_about_its_size_is_damage(conn: sqlite3.Connection, size: int) -> None:
    conn.execute(
        "INSERT INTO blob (blob_key, hash, size_bytes, encoding, data) VALUES (1, ?, ?, 'zlib', ?)",
        (hashlib.sha256(b"").digest(), size, zlib.compress(bytes(50_000_000))),
    )
    with pytest.raises(ValueError, match="blob"):
        blobs.get(conn, 1)
    conn.close()


def test_a_text_that_could_not_be_read_again_is_not_written(
    conn: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blobs, "MOST_BYTES", 20_000)
    with pytest.raises(EncodeError, match="too large"):
        blobs.put(conn, "x" * 20_001)
    assert blobs.get(conn, blobs.put(conn, "x" * 20_000)) == "x" * 20_000
    conn.close()
