"""Byte artifacts in a file: transactions, shared chunks, crashes, erasure, salvage."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from a3s_store import MemorySessionStore, SqliteSessionStore, salvage
from a3s_store.backends.sqlite.rows import expiry
from a3s_store.core.streams.byte_artifacts import CHUNK
from a3s_store.errors import InvalidArgumentError
from tests.support import database, session, with_store

SECRET = b"zebracadabra" * 3000


def noise(size: int, seed: int = 1) -> bytes:
    """Return bytes that zlib cannot compress."""
    import random

    return random.Random(seed).randbytes(size)


def rows(path: Path) -> dict[str, int]:
    with database(path) as conn:
        return {
            table: conn.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
            for table in ("stream", "stream_item", "blob")
        }


async def read(store: SqliteSessionStore, name: str) -> bytes | None:
    async with store.open_bytes("s", name) as reader:
        return None if reader is None else await reader.read()


def test_equal_chunks_are_stored_once_and_freed_with_the_last_version(tmp_path: Path) -> None:
    path = tmp_path / "a.a3s"
    data = noise(3 * CHUNK + 9000)

    async def use(store: SqliteSessionStore) -> None:
        await store.save(session("s"))
        await store.put_bytes("s", "a", data, media_type="x/y")
        await store.put_bytes("s", "b", data, media_type="x/y")
        changed = data[: 2 * CHUNK] + noise(CHUNK + 9000, 2)
        await store.put_bytes("s", "a", changed, media_type="x/y")
        assert rows(path) == {"stream": 1, "stream_item": 15, "blob": 6}
        await store.delete_bytes("s", "a")
        assert rows(path)["blob"] == 4
        assert await read(store, "b") == data
        await store.delete_bytes("s", "b")
        assert rows(path) == {"stream": 1, "stream_item": 0, "blob": 0}
        assert (await store.verify(depth="deep")).ok

    with_store(path, use)


def test_bytes_are_compressed_only_where_a_sample_shrinks(tmp_path: Path) -> None:
    path = tmp_path / "a.a3s"

    async def use(store: SqliteSessionStore) -> None:
        await store.save(session("s"))
        await store.put_bytes("s", "noise", noise(9000), media_type="x/y")
        await store.put_bytes("s", "text", b"text " * 9000, media_type="x/y")

    with_store(path, use)
    with database(path) as conn:
        found = conn.execute("SELECT encoding, size_bytes FROM blob ORDER BY 1").fetchall()
    assert found == [("raw", 9000), ("zlib", 45_000)]


def test_a_large_value_is_written_in_transactions_of_a_megabyte(tmp_path: Path) -> None:
    async def use(store: SqliteSessionStore) -> None:
        await store.save(session("s"))
        assert store._engine.writer is not None
        ran: list[str] = []
        await store._engine.writer.run(lambda conn: conn.set_trace_callback(ran.append))
        await store.put_bytes("s", "a", noise(20 * CHUNK), media_type="x/y")
        await store._engine.writer.run(lambda conn: conn.set_trace_callback(None))
        per_commit = [0]
        for one in ran:
            per_commit[-1] += one.startswith("INSERT INTO stream_item ")
            if one == "COMMIT":
                per_commit.append(0)
        assert [count for count in per_commit if count] == [4, 4, 4, 4, 5]
        assert [one.subject for one in (await store.commits()).entries] == ["s", "s"]

    with_store(tmp_path / "a.a3s", use)


def test_the_chunks_of_a_value_that_failed_expire(tmp_path: Path) -> None:
    path = tmp_path / "a.a3s"
    now = [1000.0]

    async def failing() -> AsyncIterator[bytes]:
        yield noise(9 * CHUNK)
        raise LookupError

    async def use(store: SqliteSessionStore) -> None:
        await store.save(session("s"))
        await store.put_bytes("s", "kept", noise(6 * CHUNK, 2), media_type="x/y")
        try:
            await store.put_bytes("s", "a", failing(), media_type="x/y")
        except LookupError:
            pass
        assert rows(path)["blob"] == 14
        now[0] += 2 * 86_400
        await store._engine.write(
            "expire", "", lambda conn, _: expiry.step(conn, int(now[0] * 1e3))
        )
        assert rows(path) == {"stream": 1, "stream_item": 7, "blob": 6}
        assert await read(store, "kept") == noise(6 * CHUNK, 2)
        assert (await store.verify(depth="deep")).ok

    with_store(path, use, clock=lambda: now[0])


_KILLED = """
import asyncio, sys
from a3s_store import SqliteSessionStore
from a3s_store.testing.samples import session

async def endless():
    for number in range(10**6):
        yield bytes([number % 256]) * (256 * 1024 - 1)
        print(number, flush=True)

async def main(path):
    async with SqliteSessionStore.open(path) as store:
        await store.save(session("s"))
        await store.put_bytes("s", "a", b"whole", media_type="x/y")
        await store.put_bytes("s", "a", endless(), media_type="x/y")

asyncio.run(main(*sys.argv[1:]))
"""


def test_a_killed_process_leaves_the_versions_of_before(tmp_path: Path) -> None:
    path = tmp_path / "a.a3s"
    process = subprocess.Popen(
        [sys.executable, "-c", _KILLED, str(path)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    for _ in range(14):
        process.stdout.readline()
    process.kill()
    process.communicate()

    async def use(store: SqliteSessionStore) -> None:
        assert [one.version for one in await store.list_bytes("s")] == [1]
        assert await read(store, "a") == b"whole"
        made = await store.put_bytes("s", "a", b"next", media_type="x/y")
        assert made.version == 2
        assert (await store.verify(depth="deep")).ok

    assert rows(path)["stream_item"] > 4
    with_store(path, use)


def test_no_byte_of_an_artifact_is_left_after_erase(tmp_path: Path) -> None:
    path = tmp_path / "a.a3s"

    async def use(store: SqliteSessionStore) -> None:
        await store.save(session("s"))
        await store.put_bytes("s", "zebraname", noise(9000) + SECRET, media_type="zebra/type")
        await store.erase("s")
        left = [
            file.name
            for file in tmp_path.iterdir()
            if any(word in file.read_bytes() for word in (SECRET[:12], b"zebraname", b"zebra/type"))
        ]
        assert left == []

    with_store(path, use)


def test_salvage_and_backup_have_the_artifacts(tmp_path: Path) -> None:
    path = tmp_path / "a.a3s"
    data = noise(5 * CHUNK + 3)

    async def fill(store: SqliteSessionStore) -> None:
        await store.save(session("s"))
        await store.put_bytes("s", "a", data, media_type="x/y")
        await store.backup(tmp_path / "copy.a3s")

    with_store(path, fill)
    report = asyncio.run(salvage(path, tmp_path / "new.a3s"))
    assert report.damage == ()

    async def look(store: SqliteSessionStore) -> Any:
        return await store.list_bytes("s"), await read(store, "a")

    found = with_store(path, look)
    assert found[1] == data
    for name in ("copy.a3s", "new.a3s"):
        assert with_store(tmp_path / name, look) == found


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
def test_media_types_are_redacted_and_stay_one_line(kind: str, tmp_path: Path) -> None:
    hidden = {"secret/type": "[gone]", "secret/lines": "a\r\nb"}

    def redact(text: str) -> str:
        return hidden.get(text, text)

    async def main() -> None:
        opening: Any = MemorySessionStore(redact=redact)
        if kind == "sqlite":
            opening = SqliteSessionStore.open(tmp_path / "a.a3s", redact=redact)
        async with opening as store:
            await store.save(session("s"))
            made = await store.put_bytes("s", "a", b"x", media_type="secret/type")
            assert made.media_type == "[gone]"
            with pytest.raises(InvalidArgumentError, match="media_type is one line"):
                await store.put_bytes("s", "a", b"y", media_type="secret/lines")
            assert await store.list_bytes("s") == (made,)

    asyncio.run(main())
