"""Large streams are deleted in several transactions: none removes much, and nothing is left."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import pytest

from a3s_store import MemorySessionStore, NewItem, SqliteSessionStore, salvage
from a3s_store.backends.sqlite.rows import deleted_streams, unfinished
from a3s_store.backends.sqlite.write import streams
from a3s_store.errors import StaleItemError
from tests.programs import ROOT
from tests.support import database, session, with_store

COUNT: Final = 5 * deleted_streams.ROWS + 7
SECRET: Final = b"zebracadabra"
_TABLES: Final = ("stream", "stream_item", "stream_item_label", "blob")


def rows(path: Path) -> dict[str, int]:
    """Return how many rows the tables of streams have."""
    with database(path) as conn:
        return {
            name: conn.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in _TABLES
        }


NOTHING: Final = dict.fromkeys(_TABLES, 0)


async def finished(path: Path) -> None:
    """Wait until no deletion is unfinished."""
    async with asyncio.timeout(60):
        while rows(path)["stream"]:  # noqa: ASYNC110 - the file is the only one to tell
            await asyncio.sleep(0.01)


@contextlib.contextmanager
def stopped_before_steps(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Have no step done, as when the process dies after the first transaction."""
    with monkeypatch.context() as patched:
        patched.setattr(deleted_streams, "step", lambda _: False)
        yield


async def fill(store: Any, name: str = "s", *, tied: str | None = None) -> None:
    stream = store.stream(name, session=tied)
    items = [NewItem({"n": n, "w": SECRET.decode()}, labels={"n": f"{n}"}) for n in range(COUNT)]
    await stream.append(*items, metadata={"secret": SECRET.decode()})


async def removed_by_each(
    store: SqliteSessionStore, call: Callable[[], Awaitable[Any]]
) -> list[tuple[int, int]]:
    """Return how many rows, and bytes of values, each transaction of a call removed at most.

    The triggers are of this connection alone.
    """
    writer = store._engine.writer
    assert writer is not None
    made: list[list[int]] = [[0, 0]]

    def note(rows: int, size: int) -> int:
        made[-1][0] += rows
        made[-1][1] += size
        return 0

    def prepare(conn: sqlite3.Connection) -> None:
        conn.create_function("note", 2, note)
        for table, size in (
            ("stream_item", "0"),
            ("stream_item_label", "0"),
            ("blob", "length(OLD.data)"),
        ):
            conn.execute(
                f"CREATE TEMP TRIGGER seen_{table} AFTER DELETE ON main.{table} "
                f"BEGIN SELECT note({table != 'blob':d}, {size}); END"
            )
        conn.set_trace_callback(lambda ran: made.append([0, 0]) if ran == "COMMIT" else None)

    await writer.run(prepare)
    await call()
    await writer.run(lambda conn: conn.set_trace_callback(None))
    return [(count, size) for count, size in made]


def is_bounded(found: list[tuple[int, int]]) -> bool:
    return all(
        count <= deleted_streams.ROWS and size <= deleted_streams.BYTES for count, size in found
    )


async def _delete(store: Any) -> None:
    assert await store.stream("s").delete() == COUNT


async def _delete_prefix(store: Any) -> None:
    assert await store.delete_streams("s") == 1


async def _delete_session(store: Any) -> None:
    await store.delete("tied")


async def _erase(store: Any) -> None:
    await store.erase("tied")


async def _in_a_unit(store: Any) -> None:
    async with store.transaction() as tx:
        tx.stream("s").delete()
        tx.append("tied", session("x").messages)
    assert tx.results[0] == COUNT


async def _session_in_a_unit(store: Any) -> None:
    async with store.transaction() as tx:
        tx.delete("tied")


_WAYS = pytest.mark.parametrize(
    "delete",
    [_delete, _delete_prefix, _delete_session, _erase, _in_a_unit, _session_in_a_unit],
)


@_WAYS
def test_no_transaction_removes_more_than_one_step(
    tmp_path: Path, delete: Callable[[Any], Awaitable[None]]
) -> None:
    """Items and their labels count, whatever removes the stream; when it returns, all are gone."""
    path = tmp_path / "a.a3s"

    async def use(store: SqliteSessionStore) -> None:
        await store.save(session("tied"))
        await fill(store, tied="tied")
        found = await removed_by_each(store, lambda: delete(store))
        assert sum(count for count, _ in found) == 2 * COUNT
        assert is_bounded(found)
        assert rows(path) == NOTHING

    with_store(path, use, durability="normal")


def test_no_transaction_removes_many_bytes(tmp_path: Path) -> None:
    """Values are counted, too: 256 of a megabyte each would take long to free."""
    path = tmp_path / "a.a3s"
    each = 700_000

    async def use(store: SqliteSessionStore) -> None:
        for number in range(20):
            await store.stream("s").append(bytes([number]) * each)
        await store.stream("s").append(b"larger than a step" * 300_000)
        found = await removed_by_each(store, lambda: store.stream("s").delete())
        assert [size for _, size in found if size > deleted_streams.BYTES] == [18 * 300_000]
        assert sum(size for _, size in found) == 20 * each + 18 * 300_000
        assert rows(path) == NOTHING

    with_store(path, use, durability="normal")


@pytest.mark.parametrize("start", [0, 1, 200])
def test_a_truncation_that_leaves_few_items_is_made_in_steps(tmp_path: Path, start: int) -> None:
    """The few that stay are moved; the stream is what the same truncation of a model is."""
    path = tmp_path / "a.a3s"

    async def seen(store: Any) -> Any:
        info = await store.stream("s").info()
        items = [(i.seq, i.id, i.value, i.version) for i in await store.stream("s").items()]
        found = [(name, one.seq) for name, one in await store.find_items({"n": "0"})]
        return info.next, info.metadata, info.session_id, items, found

    async def change(store: Any) -> Any:
        await store.save(session("tied"))
        await fill(store, tied="tied")
        await store.stream("s").put("k", b"x" * 5000, labels={"n": "0"})
        await store.stream("s").truncate(COUNT)
        await store.stream("s").put("k", b"x" * 5000)
        return await store.stream("s").truncate(start)

    async def use(store: SqliteSessionStore) -> None:
        async with MemorySessionStore() as model:
            counted: list[int] = []

            async def call() -> None:
                counted.append(await change(store))

            found = await removed_by_each(store, call)
            assert is_bounded(found)
            assert counted == [await change(model)]
            assert await seen(store) == await seen(model)
            await store.stream("s").append("more")
            await model.stream("s").append("more")
            assert await seen(store) == await seen(model)
        assert (await store.verify(depth="deep")).ok
        assert rows(path)["stream_item"] == start + 1
        await store.delete("tied")
        assert rows(path) == NOTHING

    with_store(path, use, durability="normal")


def test_many_small_streams_share_the_bound_of_a_transaction(tmp_path: Path) -> None:
    path = tmp_path / "a.a3s"

    async def use(store: SqliteSessionStore) -> None:
        await store.save(session("tied"))
        for number in range(60):
            await store.stream(f"s{number}", session="tied").append(*range(20))
        found = await removed_by_each(store, lambda: store.delete("tied"))
        assert sum(count for count, _ in found) == 1200
        assert is_bounded(found)
        assert rows(path) == NOTHING

    with_store(path, use, durability="normal")


def test_deletion_by_prefix_takes_some_names_in_each_transaction(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "MOST_STREAMS", 4)
    logged: list[int] = []

    async def use(store: SqliteSessionStore) -> None:
        for number in range(10):
            await store.stream(f"s{number}").append(number)
        await store.stream("t").append(1)
        assert await store.delete_streams("s", dry_run=True) == 10
        writer = store._engine.writer
        assert writer is not None

        def trace(ran: str) -> None:
            if ran.startswith("INSERT INTO commit_log"):
                logged[-1] += 1
            elif ran == "COMMIT":
                logged.append(0)

        logged.append(0)
        await writer.run(lambda conn: conn.set_trace_callback(trace))
        assert await store.delete_streams("s") == 10
        assert [one.name for one in await store.streams()] == ["t"]

    with_store(tmp_path / "a.a3s", use)
    assert [count for count in logged if count] == [4, 4, 2]


def test_other_sessions_are_saved_between_the_steps(tmp_path: Path) -> None:
    async def use(store: SqliteSessionStore) -> int:
        await fill(store)
        deleting = asyncio.create_task(store.stream("s").delete())
        saves = 0
        while not deleting.done():
            await store.save(session("t", count=4 + saves % 2))
            saves += 1
        await deleting
        return saves

    assert with_store(tmp_path / "a.a3s", use) >= COUNT // deleted_streams.ROWS


def test_expiry_removes_as_much_in_each_transaction(tmp_path: Path) -> None:
    now = [1_000.0]

    async def use(store: SqliteSessionStore) -> None:
        labels, ttl = {"a": "1", "b": "2", "c": "3"}, timedelta(seconds=5)
        await store.stream("s").append(*(NewItem(n, labels=labels, ttl=ttl) for n in range(COUNT)))
        for number in range(6):
            large = bytes([number]) * 1_500_000
            await store.stream("s").append(NewItem(large, ttl=ttl))
        now[0] += 10
        idle, writer = store._engine.idle, store._engine.writer
        assert idle is not None
        assert writer is not None

        async def expire() -> None:
            while idle.jobs.next_expiry is not None:
                await writer.run(idle.jobs.remove_expired)

        found = await removed_by_each(store, expire)
        assert sum(count for count, _ in found) == 4 * COUNT + 6
        assert is_bounded(found)

    with_store(tmp_path / "a.a3s", use, clock=lambda: now[0], durability="normal")


def test_a_large_byte_artifact_is_removed_in_steps_and_not_read(tmp_path: Path) -> None:
    path = tmp_path / "a.a3s"

    async def use(store: SqliteSessionStore) -> None:
        await store.save(session("s"))
        large = os.urandom(12 << 20)
        await store.put_bytes("s", "large", large, media_type="a/b")
        await store.put_bytes("s", "large", large[: 6 << 20], media_type="a/b")
        await store.put_bytes("s", "small", large[: 3 << 20], media_type="a/b")
        found = await removed_by_each(store, lambda: store.delete_bytes("s", "large"))
        assert is_bounded(found)
        assert sum(size for _, size in found) == 9 << 20  # the others are in "small"
        assert [one.name for one in await store.list_bytes("s")] == ["small"]
        assert rows(path)["stream_item"] == 13
        assert (await store.verify(depth="deep")).ok
        await store.delete_bytes("s", "small")
        assert rows(path) == {**NOTHING, "stream": 1}

    with_store(path, use, durability="normal")


def test_a_name_is_gone_with_the_first_transaction_and_may_be_used_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.a3s"

    async def use(store: SqliteSessionStore) -> None:
        await store.save(session("tied"))
        await fill(store, tied="tied")
        with stopped_before_steps(monkeypatch):
            assert await store.stream("s").delete() == COUNT
        assert rows(path)["stream_item"] == COUNT - deleted_streams.ROWS // 2
        assert await store.stream("s").info() is None
        assert await store.stream("s").items() == ()
        assert (await store.streams()).items == ()
        assert (await store.find_items({"n": "1000"})).items == ()
        assert await store.delete_streams("") == 0
        entries = (await store.commits(subjects={"s"})).entries
        assert [one.op for one in entries] == ["append", "delete"]
        with stopped_before_steps(monkeypatch):
            await store.stream("s").append("new")
            assert [(one.seq, one.value) for one in await store.stream("s").items()] == [(0, "new")]
            await store.stream("s").copy("t")
            with pytest.raises(StaleItemError):
                await store.stream("s").copy("t")
            report = await store.verify(depth="deep")
            assert report.ok
            await store.delete("tied")  # which the deleted stream is tied to no more

    with stopped_before_steps(monkeypatch):
        with_store(path, use)

    async def wait(store: SqliteSessionStore) -> None:
        async with asyncio.timeout(60):
            while rows(path)["stream"] > 2:  # noqa: ASYNC110 - the file is the only one to tell
                await asyncio.sleep(0.01)
        assert [one.name for one in await store.streams()] == ["s", "t"]

    with_store(path, wait)
    assert rows(path) == {**NOTHING, "stream": 2, "stream_item": 2}


def test_a_cancelled_caller_has_the_rest_removed(tmp_path: Path) -> None:
    path = tmp_path / "a.a3s"

    async def use(store: SqliteSessionStore) -> None:
        await fill(store)
        deleting = asyncio.create_task(store.stream("s").delete())
        while await store.stream("s").info() is not None:  # noqa: ASYNC110 - none tells earlier
            await asyncio.sleep(0)
        deleting.cancel()
        await asyncio.wait({deleting})
        await finished(path)

    with_store(path, use)
    assert rows(path) == NOTHING


_DELETES: Final = """
import asyncio, sys
from a3s_store import SqliteSessionStore
from a3s_store.backends.sqlite.rows import deleted_streams
step = deleted_streams.step
def told(conn):
    print("step", flush=True)
    return step(conn)
deleted_streams.step = told
async def main():
    async with SqliteSessionStore.open(sys.argv[1]) as store:
        await store.stream("s").delete()
asyncio.run(main())
"""


@pytest.mark.skipif(os.name == "nt", reason="killed by a signal")
@pytest.mark.parametrize("steps", [1, 4])
def test_a_deletion_that_is_killed_is_finished_by_the_next_writer(
    tmp_path: Path, steps: int
) -> None:
    path = tmp_path / "a.a3s"
    with_store(path, fill)
    with subprocess.Popen(
        [sys.executable, "-c", _DELETES, str(path)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        for _ in range(steps):
            assert process.stdout.readline() == "step\n"
        process.send_signal(signal.SIGKILL)
    assert rows(path)["stream"] == 1

    async def wait(store: SqliteSessionStore) -> None:
        assert await store.stream("s").info() is None
        await finished(path)
        assert (await store.verify(depth="deep")).ok

    with_store(path, wait)
    assert rows(path) == NOTHING


def delete_in_part(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def use(store: SqliteSessionStore) -> None:
        await store.save(session("tied"))
        await fill(store, tied="tied")
        await store.stream("s").delete()

    with stopped_before_steps(monkeypatch):
        with_store(path, use)
    assert rows(path)["stream"] == 1


def test_erase_leaves_no_piece_of_an_interrupted_deletion(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.a3s"
    delete_in_part(path, monkeypatch)
    assert SECRET in path.read_bytes()
    with_store(path, lambda store: store.erase("tied"))
    assert SECRET not in path.read_bytes()
    assert rows(path) == NOTHING


def test_an_erase_that_is_interrupted_is_no_success_and_can_be_repeated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.a3s"
    real = deleted_streams.step

    def fails(conn: sqlite3.Connection) -> bool:
        raise sqlite3.OperationalError("database or disk is full")

    async def use(store: SqliteSessionStore) -> None:
        await store.save(session("tied"))
        await fill(store, tied="tied")
        with monkeypatch.context() as patched:
            patched.setattr(deleted_streams, "step", fails)
            with pytest.raises(Exception, match="pieces of them may be left") as raised:
                await store.erase("tied")
            assert type(raised.value).__name__ == "ErasureIncompleteError"
        assert deleted_streams.step is real
        await store.erase("tied")

    with_store(path, use)
    assert SECRET not in path.read_bytes()


def test_salvage_and_backup_cope_with_an_interrupted_deletion(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, copied = tmp_path / "a.a3s", tmp_path / "copied.a3s"
    delete_in_part(path, monkeypatch)
    with stopped_before_steps(monkeypatch):
        with_store(path, lambda store: store.backup(copied))
    report = asyncio.run(salvage(path, tmp_path / "new.a3s"))
    assert report.streams == 0
    assert rows(tmp_path / "new.a3s") == NOTHING
    with_store(copied, lambda store: finished(copied))
    assert rows(copied) == NOTHING


def test_an_open_writer_finds_a_deletion_by_one_index(tmp_path: Path) -> None:
    """It is asked at each opening, however many streams there are."""
    path = tmp_path / "a.a3s"
    with_store(path, fill)
    with database(path) as conn:
        ran: list[str] = []
        conn.set_trace_callback(ran.append)
        assert unfinished.deleted_stream(conn) is None
        conn.set_trace_callback(None)
        plan = conn.execute(f"EXPLAIN QUERY PLAN {ran[-1]}").fetchall()
    assert [row[3].split("(")[0] for row in plan] == [
        "SEARCH stream USING COVERING INDEX sqlite_autoindex_stream_1 "
    ]


def test_a_damaged_index_of_names_does_not_hold_the_writer(tmp_path: Path) -> None:
    """It has a deleted stream of which there is no row: no step finds anything to remove."""
    path = tmp_path / "a.a3s"
    with_store(path, fill)
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as conn:
        conn.execute("PRAGMA journal_mode = DELETE").fetchall()
        (size,) = conn.execute("PRAGMA page_size").fetchone()
        (root,) = conn.execute(
            "SELECT rootpage FROM sqlite_schema WHERE name = 'sqlite_autoindex_stream_1'"
        ).fetchone()
        conn.execute("UPDATE stream SET name = ?", (unfinished.DELETED_STREAMS + "1",))
        start = (root - 1) * size
        page = path.read_bytes()[start : start + size]
        conn.execute("DELETE FROM stream_item")
        conn.execute("DELETE FROM stream")
    with path.open("r+b") as file:
        file.seek(start)
        file.write(page)
    with contextlib.closing(sqlite3.connect(path)) as conn:
        assert unfinished.deleted_stream(conn) is not None
        assert not deleted_streams.step(conn)
