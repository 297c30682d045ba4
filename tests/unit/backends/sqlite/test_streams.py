"""Streams in a file: cost, write states, expiry, deletion, erasure, damage, and other programs."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from a3s_store import (
    Limits,
    MemorySessionStore,
    NewItem,
    SqliteSessionStore,
    StreamUpdate,
    SyncSessionStore,
    salvage,
)
from a3s_store.backends.sqlite import engine, idle_work
from a3s_store.backends.sqlite.read import streams
from a3s_store.backends.sqlite.rows import deleted_streams, stream_items
from a3s_store.core.streams.requests import ItemQuery
from a3s_store.errors import (
    CorruptionError,
    EncodeError,
    InvalidArgumentError,
    InvalidIdError,
    StaleItemError,
    UnsupportedError,
)
from a3s_store.models import Message
from tests.support import database, session, with_store

SECRET = "zebracadabra"


def statements(store: SqliteSessionStore, ran: list[str]) -> Any:
    assert store._engine.writer is not None
    return store._engine.writer.run(lambda conn: conn.set_trace_callback(ran.append))


async def ran_by(store: SqliteSessionStore, call: Callable[[], Any]) -> list[str]:
    assert store._engine.writer is not None
    ran: list[str] = []
    await statements(store, ran)
    await call()
    await store._engine.writer.run(lambda conn: conn.set_trace_callback(None))
    return [one.split()[0] for one in ran if one.split()[0] in ("SELECT", "INSERT", "UPDATE")]


# -- Cost -----------------------------------------------------------------------------------------


def test_an_append_costs_the_same_however_long_the_stream_is(tmp_path: Path) -> None:
    async def use(store: SqliteSessionStore) -> None:
        stream = store.stream("a")
        for _ in range(3):
            await stream.append(*range(3))
        few = await ran_by(store, lambda: stream.append("x"))
        await stream.append(*range(2000))
        await stream.append(1)
        assert await ran_by(store, lambda: stream.append("x")) == few
        # The link is written last.
        assert few == ["SELECT", "INSERT", "INSERT", "UPDATE", "UPDATE"]

    with_store(tmp_path / "a.a3s", use)


@pytest.mark.parametrize("session_id", [None, "s"])
def test_a_value_that_is_set_again_writes_four_pages(
    tmp_path: Path, session_id: str | None
) -> None:
    """The item, its stream, the log and the commit link; no index, whose columns stay."""

    async def use(store: SqliteSessionStore) -> None:
        await store.save(session("s"))
        stream, writer = store.stream("kv", session=session_id), store._engine.writer
        assert writer is not None
        for number in range(50):
            await stream.put(f"key {number}", "x" * 1000)

        def copy(conn: sqlite3.Connection, mode: str) -> int:
            """Return how many pages the WAL has."""
            return int(conn.execute(f"PRAGMA wal_checkpoint({mode})").fetchone()[1])

        await writer.run(lambda conn: copy(conn, "TRUNCATE"))
        for number in range(20):
            await stream.put(f"key {number}", "y" * 1000)
        assert await writer.run(lambda conn: copy(conn, "PASSIVE")) <= 4 * 20 + 2

    with_store(tmp_path / "a.a3s", use, durability="normal")


@pytest.mark.parametrize("what", ["append", "put", "pop", "delete", "copy", "delete_streams"])
def test_a_save_after_a_change_of_a_stream_reads_nothing(tmp_path: Path, what: str) -> None:
    """Its header stays confirmed (spec of write states): the stream touches no row of a session."""

    async def use(store: SqliteSessionStore) -> None:
        stream = store.stream("a", session="s")
        await store.save(session("s", messages=(Message.user("a"),)))
        await stream.append({"large": "x" * 5000}, NewItem(2, id="k", labels={"a": "b"}), 3)

        async def save(text: str) -> None:
            await store.append("s", [Message.user(text)])

        await save("b")
        plain = await ran_by(store, lambda: save("c"))
        calls: dict[str, Callable[[], Any]] = {
            "append": lambda: stream.append({"large": "y" * 5000}),
            "put": lambda: stream.put("k", 3),
            "pop": stream.pop,
            "delete": lambda: stream.delete(labels={"a": "b"}),
            "copy": lambda: stream.copy("b"),
            "delete_streams": lambda: store.delete_streams(""),
        }
        await calls[what]()
        assert await ran_by(store, lambda: save("d")) == plain
        assert len((await store.load("s")).messages) == 4  # type: ignore[union-attr]
        assert (await store.verify(depth="deep")).ok

    with_store(tmp_path / "a.a3s", use)


def test_a_save_after_a_unit_of_streams_reads_nothing(tmp_path: Path) -> None:
    """Reads of streams that are checked at the commit, and all changes, touch no session."""

    async def use(store: SqliteSessionStore) -> None:
        await store.save(session("s", messages=(Message.user("a"),)))
        await store.stream("t").append(1)

        async def save(text: str) -> None:
            await store.append("s", [Message.user(text)])

        async def unit() -> None:
            async with store.transaction() as tx:
                await tx.stream("t").info()
                stream = tx.stream("a", session="s")
                stream.append({"large": "x" * 5000}, NewItem(2, id="k"), 3)
                stream.put("k", 4)
                stream.pop()
                stream.truncate(1)
                tx.stream("t").delete()

        await save("b")
        plain = await ran_by(store, lambda: save("c"))
        await unit()
        assert await ran_by(store, lambda: save("d")) == plain
        log = await store.latest_sequence()
        for _ in range(2):
            ran = await ran_by(store, unit)
        # `t` was not there any more: one row of the log for each unit.
        assert await store.latest_sequence() == log + 2
        assert ran.count("INSERT") > 3
        assert (await store.verify(depth="deep")).ok

    with_store(tmp_path / "a.a3s", use)


def test_an_item_that_a_unit_stored_expires_and_is_removed(tmp_path: Path) -> None:
    """The store's idle work learns of it, as of an item that was stored alone."""

    async def use(store: SqliteSessionStore) -> None:
        idle = store._engine.idle
        assert idle is not None
        idle.jobs.next_expiry = 2**60
        async with store.transaction() as tx:
            tx.stream("a").append(1)
        assert idle.jobs.next_expiry == 2**60
        async with store.transaction() as tx:
            tx.stream("a").put("k", 1, ttl=timedelta(hours=1))
        assert idle.jobs.next_expiry != 2**60

    with_store(tmp_path / "a.a3s", use)


def test_a_damaged_stream_that_a_unit_read_or_changes_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.a3s"

    def damage() -> None:
        with database(path) as conn:
            conn.execute("UPDATE stream SET next_seq = 7")
            conn.commit()

    async def use(store: SqliteSessionStore) -> None:
        await store.stream("a").append(1)

        async def damaged_in_the_block() -> None:
            async with store.transaction() as tx:
                await tx.stream("a").info()
                tx.stream("b").append(1)
                damage()

        with pytest.raises(CorruptionError, match=r"transaction: .*stream 'a' in "):
            await damaged_in_the_block()
        async with store.transaction() as tx:
            with pytest.raises(CorruptionError, match="stream 'a'"):
                await tx.stream("a").info()
        with pytest.raises(CorruptionError, match="stream 'a', call 1 of a unit"):
            async with store.transaction() as tx:
                tx.stream("a").append(1)
        assert await store.latest_sequence() == 1

    with_store(path, use)


def test_a_change_of_a_stream_in_one_group_with_saves_leaves_them_right(tmp_path: Path) -> None:
    async def use(store: SqliteSessionStore) -> None:
        await store.save(session("s", messages=(Message.user("a"),)))
        await store.stream("a").append(NewItem(0, id="k"))
        for turn in range(5):
            done = await asyncio.gather(
                *(store.append("s", [Message.user(f"{turn}.{n}")]) for n in range(3)),
                *(store.stream(f"{n}").append(turn) for n in range(3)),
                store.stream("a").append(NewItem(1, id="k")),
                store.update("s", name=f"turn {turn}"),
                return_exceptions=True,
            )
            refused = [one for one in done if isinstance(one, BaseException)]
            assert [type(one) for one in refused] == [StaleItemError]
        loaded = await store.load("s")
        assert loaded is not None
        assert (len(loaded.messages), loaded.config.name) == (16, "turn 4")
        assert [one.count for one in await store.streams()] == [5, 5, 5, 1]
        assert (await store.verify(depth="deep")).ok

    with_store(tmp_path / "a.a3s", use)


@pytest.mark.parametrize(
    ("query", "index"),
    [
        (ItemQuery(name="a", last=3), "(stream_key=?"),
        (ItemQuery(name="a", after=3, limit=3), "(stream_key=? AND seq>?"),
        (ItemQuery(name="a", id="k"), "stream_item_by_id (stream_key=? AND item_id=?"),
        (
            ItemQuery(name="a", id_prefix="k", order="id", limit=2),
            "stream_item_by_id (stream_key=? AND item_id>? AND item_id<?",
        ),
    ],
)
def test_items_are_found_by_an_index(tmp_path: Path, query: ItemQuery, index: str) -> None:
    path = tmp_path / "a.a3s"
    with_store(path, lambda store: store.stream("a").append(1))
    with database(path) as conn:
        given = {**stream_items.parameters(query, 1, 0), "most": 9}
        plan = [
            row[3] for row in conn.execute(f"EXPLAIN QUERY PLAN {streams.statement(query)}", given)
        ]
    assert index in plan[0]
    assert not [line for line in plan if "SCAN" in line or "TEMP" in line]


def test_large_values_are_stored_once(tmp_path: Path) -> None:
    path = tmp_path / "a.a3s"

    async def use(store: SqliteSessionStore) -> None:
        await store.stream("a").append(b"x" * 100_000, b"x" * 100_000)
        await store.stream("a").copy("b")
        await store.stream("packed", compress=True).append({"y": "y" * 100_000})
        assert (await store.stream("packed").items())[0].value == {"y": "y" * 100_000}

    with_store(path, use)
    with database(path) as conn:
        found = conn.execute("SELECT encoding, length(data) FROM blob ORDER BY 1").fetchall()
    assert found[0] == ("raw", 100_000)
    assert found[1][0] == "zlib"
    assert len(found) == 2


# -- Expiry ---------------------------------------------------------------------------------------


def test_an_idle_writer_removes_expired_items_in_steps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "IDLE", 0.01, raising=False)
    monkeypatch.setattr(idle_work, "IDLE", 0.01)
    path = tmp_path / "a.a3s"
    now = [1000.0]

    def count() -> int:
        with database(path) as conn:
            return int(conn.execute("SELECT count(*) FROM stream_item").fetchone()[0])

    async def use(store: SqliteSessionStore) -> None:
        soon = timedelta(seconds=5)
        many = [
            NewItem({"n": n, "x": "x" * 5000}, ttl=soon) for n in range(deleted_streams.ROWS + 10)
        ]
        await store.stream("a").append(*many, "stays", NewItem("later", ttl=timedelta(days=1)))
        await asyncio.sleep(0.2)
        assert count() == deleted_streams.ROWS + 12
        now[0] += 6
        assert len(await store.stream("a").items()) == 2
        # The timer was set for the expiry by the clock of before; a write wakes the writer too.
        await store.stream("b").append(1)
        async with asyncio.timeout(60):
            while count() > 3:  # noqa: ASYNC110 - the file is the only one to tell
                await asyncio.sleep(0.02)
        assert [one.value for one in await store.stream("a").items()] == ["stays", "later"]
        assert (await store.verify(depth="deep")).ok

    with_store(path, use, clock=lambda: now[0])
    with database(path) as conn:
        assert conn.execute("SELECT count(*) FROM blob").fetchone() == (0,)


# -- Deletion and erasure -------------------------------------------------------------------------


def test_no_byte_of_a_tied_stream_is_left_after_erase(tmp_path: Path) -> None:
    path = tmp_path / "a.a3s"

    async def use(store: SqliteSessionStore) -> None:
        await store.save(session("s"))
        await store.save(session("t"))
        tied = store.stream(f"of\x1f{SECRET}", session="s")
        await tied.append(
            NewItem({SECRET: 1}, id=SECRET, labels={SECRET: SECRET}, metadata=SECRET),
            SECRET.encode() * 2000,
            metadata=SECRET,
        )
        await tied.pop()
        await store.stream("kept").append("kept")
        report = await store.erase("s")
        assert report.found == ("s",)
        assert [one.name for one in await store.streams()] == ["kept"]
        left = [file.name for file in tmp_path.iterdir() if SECRET.encode() in file.read_bytes()]
        assert left == []
        assert all(SECRET not in one.subject for one in (await store.commits()).entries)
        assert (await store.verify(depth="deep")).ok

    with_store(path, use)


def test_deleting_a_session_frees_the_blobs_of_its_streams(tmp_path: Path) -> None:
    path = tmp_path / "a.a3s"

    async def use(store: SqliteSessionStore) -> None:
        await store.save(session("s"))
        await store.stream("a", session="s").append(b"x" * 9000, b"y" * 9000)
        await store.stream("b").append(b"y" * 9000)
        await store.delete("s")

    with_store(path, use)
    with database(path) as conn:
        assert conn.execute("SELECT count(*) FROM blob").fetchone() == (1,)
        assert conn.execute("SELECT count(*) FROM stream_item").fetchone() == (1,)


def test_redaction_is_applied_to_texts_and_refuses_names(tmp_path: Path) -> None:
    path = tmp_path / "a.a3s"

    async def use(store: SqliteSessionStore) -> None:
        item = NewItem({"a": [SECRET]}, labels={"k": SECRET}, metadata={SECRET: SECRET})
        await store.stream("a").append(item, SECRET, metadata=SECRET)
        for call in (
            store.stream(SECRET).append(1),
            store.stream("a").append(NewItem(1, id=SECRET)),
            store.stream("a").copy(SECRET),
        ):
            with pytest.raises(InvalidIdError):
                await call
        assert (await store.stream("a").items())[0].value == {"a": ["[gone]"]}

    with_store(path, use, redact=lambda text: text.replace(SECRET, "[gone]"))
    assert SECRET.encode() not in path.read_bytes()


def test_values_above_the_limits_are_refused(tmp_path: Path) -> None:
    async def use(store: SqliteSessionStore) -> None:
        stream = store.stream("a")
        for item in ("x" * 1001, b"x" * 1001, ["x" * 600] * 2, NewItem(1, metadata="x" * 1001)):
            with pytest.raises(EncodeError, match="1000 is the limit"):
                await stream.append(1, item)
        await stream.append("x" * 1000, b"x" * 1000)
        assert await stream.info() is not None

    with_store(tmp_path / "a.a3s", use, limits=Limits(value_size=1000))


# -- Damage ---------------------------------------------------------------------------------------


async def _fill(store: SqliteSessionStore) -> None:
    await store.save(session("s"))
    await store.stream("a", session="s").append(
        NewItem({"n": 1}, id="k", labels={"l": "1"}, metadata=[1]),
        NewItem(b"bytes", ttl=timedelta(days=1000)),
        {"large": "x" * 9000},
        metadata={"m": 1},
    )
    await store.stream("a").pop()
    await store.stream("a").append({"large": "z" * 9000})
    await store.stream("b").append("other")


@pytest.mark.parametrize(
    ("change", "position"),
    [
        ("UPDATE stream_item SET json = '{\"n\":2}' WHERE item_id = 'k'", 0),
        ("UPDATE stream_item SET version = 7 WHERE item_id = 'k'", 0),
        ("UPDATE stream_item SET expires_at_ms = NULL WHERE bytes IS NOT NULL", 1),
        ("UPDATE stream_item SET labels = '{\"l\":\"2\"}' WHERE item_id = 'k'", 0),
        ("UPDATE blob SET data = zeroblob(length(data))", 3),
        ("UPDATE stream_item SET stream_key = 2, seq = 9 WHERE item_id = 'k'", 9),
        ("UPDATE stream SET next_seq = 1 WHERE name = 'a'", None),
    ],
)
def test_damage_is_noticed_by_reads_and_by_verify(
    tmp_path: Path, change: str, position: int | None
) -> None:
    path = tmp_path / "a.a3s"
    with_store(path, _fill)
    with database(path) as conn:
        conn.execute(change)
        conn.commit()

    async def use(store: SqliteSessionStore) -> None:
        async def read_all() -> None:
            for name in ("a", "b"):
                await store.stream(name).info()
                await store.stream(name).items()

        with pytest.raises(CorruptionError) as caught:
            await read_all()
        assert (caught.value.part, caught.value.position) == ("streams", position)
        report = await store.verify(depth="deep")
        assert ("streams", position) in {(one.part, one.position) for one in report.damage}

    with_store(path, use)


def test_verify_notices_labels_by_which_nothing_is_found(tmp_path: Path) -> None:
    path = tmp_path / "a.a3s"
    with_store(path, _fill)
    with database(path) as conn:
        conn.execute("DELETE FROM stream_item_label")
        conn.commit()

    async def use(store: SqliteSessionStore) -> None:
        (found,) = (await store.verify(depth="deep")).damage
        assert (found.part, found.position) == ("streams", 0)

    with_store(path, use)


async def _shown(store: SqliteSessionStore) -> Any:
    return [
        (
            *(info.name, info.count, info.next, info.metadata, info.session_id),
            *(info.changed_at_ms, await store.stream(info.name).items()),
        )
        for info in await store.streams()
    ]


def test_salvage_brings_streams_back_as_they_were(tmp_path: Path) -> None:
    path, new = tmp_path / "a.a3s", tmp_path / "new.a3s"
    with_store(path, _fill)
    report = asyncio.run(salvage(path, new))
    assert (report.damage, report.streams) == ((), 2)
    assert with_store(new, _shown) == with_store(path, _shown)

    async def go_on(store: SqliteSessionStore) -> None:
        assert (await store.stream("a").append("next")).first == 4
        assert len((await store.find_items({"l": "1"})).items) == 1
        await store.delete("s")
        assert [one.name for one in await store.streams()] == ["b"]

    with_store(new, go_on)


def test_salvage_leaves_out_damaged_items_and_keeps_those_of_a_lost_stream(tmp_path: Path) -> None:
    path, new = tmp_path / "a.a3s", tmp_path / "new.a3s"
    with_store(path, _fill)
    with database(path) as conn:
        conn.execute("UPDATE stream_item SET json = '5' WHERE item_id = 'k'")
        conn.execute("UPDATE stream SET name = 'c' WHERE name = 'b'")
        conn.commit()
    report = asyncio.run(salvage(path, new))
    assert {one.part for one in report.damage} == {"streams"}

    async def look(store: SqliteSessionStore) -> dict[str, list[Any]]:
        return {
            one.name: [item.seq for item in await store.stream(one.name).items()]
            for one in await store.streams()
        }

    assert with_store(new, look) == {"a": [1, 3], "recovered-2": [0]}


def test_a_backup_has_the_streams(tmp_path: Path) -> None:
    path, copy = tmp_path / "a.a3s", tmp_path / "copy.a3s"
    with_store(path, _fill)
    with_store(path, lambda store: store.backup(copy))
    assert with_store(copy, _shown) == with_store(path, _shown)


# -- Other processes and crashes ------------------------------------------------------------------

_WRITER = """
import asyncio, sys
from a3s_store import NewItem, SqliteSessionStore
from a3s_store.errors import StaleItemError

async def main(path, name):
    async with SqliteSessionStore.open(path) as store:
        stream = store.stream("a")
        won = 0
        for number in range(60):
            await stream.append([name, number])
            try:
                await stream.append(NewItem(name, id=str(number)))
                won += 1
            except StaleItemError:
                pass
        print(won)

asyncio.run(main(*sys.argv[1:]))
"""


def test_two_processes_append_to_one_stream(tmp_path: Path) -> None:
    """Each item is there once, those of a process in order; of two with an id exactly one wins."""
    path = tmp_path / "a.a3s"
    with_store(path, lambda store: store.list())
    running = [
        subprocess.Popen(
            [sys.executable, "-c", _WRITER, str(path), name], stdout=subprocess.PIPE, text=True
        )
        for name in ("x", "y")
    ]
    won = [int(one.communicate(timeout=120)[0]) for one in running]
    assert sum(won) == 60

    async def look(store: SqliteSessionStore) -> None:
        found = await store.stream("a").items()
        assert [one.seq for one in found] == [*range(180)]
        for name in ("x", "y"):
            mine = [one.value[1] for one in found if one.id is None and one.value[0] == name]
            assert mine == [*range(60)]
        assert (await store.verify(depth="deep")).ok

    with_store(path, look)


_KILLED = """
import asyncio, sys
from a3s_store import NewItem, SqliteSessionStore

async def main(path):
    async with SqliteSessionStore.open(path) as store:
        stream = store.stream("a")
        for number in range(10**6):
            await stream.append(*([number, "x" * 3000] for _ in range(20)), metadata=number)
            print(number, flush=True)

asyncio.run(main(*sys.argv[1:]))
"""


def test_a_killed_process_leaves_whole_appends(tmp_path: Path) -> None:
    path = tmp_path / "a.a3s"
    for turn in range(3):
        process = subprocess.Popen(
            [sys.executable, "-c", _KILLED, str(path)], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        told = [int(process.stdout.readline()) for _ in range(5 + turn)][-1]
        process.kill()
        told = max([told, *map(int, process.communicate()[0].split())])

        async def look(store: SqliteSessionStore, told: int = told) -> None:
            info = await store.stream("a").info()
            assert info is not None
            found = await store.stream("a").items(last=20)
            assert info.count % 20 == 0
            assert info.metadata >= told
            assert [one.value[0] for one in found] == [info.metadata] * 20
            assert (await store.verify(depth="deep")).ok

        with_store(path, look)


def test_a_file_of_schema_13_gets_streams(tmp_path: Path) -> None:
    path = tmp_path / "a.a3s"
    with_store(path, lambda store: store.save(session("s")))
    with database(path) as conn:
        for table in ("stream_item_label", "stream_item", "stream", "memory_search_state"):
            conn.execute(f"DROP TABLE {table}")
        conn.execute("PRAGMA user_version = 13")
        conn.commit()

    async def use(store: SqliteSessionStore) -> None:
        await store.stream("a", session="s").append(1)
        with pytest.raises(StaleItemError):
            await store.stream("a").append(2, expected_next=0)
        assert (await store.verify(depth="deep")).ok

    with_store(path, use)


def test_a_full_disk_or_a_failing_statement_writes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.a3s"

    async def use(store: SqliteSessionStore) -> None:
        stream = store.stream("a")
        await stream.append(NewItem(b"x" * 9000, id="k"), 1)
        before = await _shown(store)
        assert store._engine.writer is not None

        def deny(action: int, table: str | None, *_: Any) -> int:
            refused = action == sqlite3.SQLITE_UPDATE and table == "stream"
            return sqlite3.SQLITE_DENY if refused else sqlite3.SQLITE_OK

        await store._engine.writer.run(lambda conn: conn.set_authorizer(deny))
        for call in (stream.append(2), stream.put("k", 5), stream.pop(), stream.copy("b")):
            with pytest.raises(Exception, match="not authorized"):
                await call
        await store._engine.writer.run(lambda conn: conn.set_authorizer(None))
        assert await _shown(store) == before
        assert (await store.verify(depth="deep")).ok

    with_store(path, use)


@pytest.mark.parametrize("kind", ["sqlite", "memory"])
def test_an_item_expires_by_the_clock_also_after_it_went_back(tmp_path: Path, kind: str) -> None:
    now = [1_000_000.0]

    async def use(store: Any) -> None:
        stream = store.stream("locks")
        now[0] += 1e6
        await stream.put("a", 1)
        now[0] -= 1e6
        await stream.put("lock", 1, ttl=timedelta(seconds=10))
        assert await stream.get("lock") is not None
        now[0] += 11
        assert await stream.get("lock") is None
        assert await stream.get("a") is not None

    def clock() -> float:
        return now[0]

    if kind == "memory":
        asyncio.run(use(MemorySessionStore(clock=clock)))
    else:
        with_store(tmp_path / "s.a3s", use, clock=clock)


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
def test_updates_at_the_same_time_all_succeed(kind: str, tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(kind, tmp_path) as store:
            log = store.stream("log")
            change = lambda info, _: StreamUpdate([0 if info is None else info.next])  # noqa: E731
            await asyncio.gather(*(log.update(change) for _ in range(30)))
            assert [item.value for item in await log.items()] == [*range(30)]

    asyncio.run(main())


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
def test_an_update_refuses_what_is_no_list_of_items(kind: str, tmp_path: Path) -> None:
    async def is_async(*_: Any) -> None:
        raise AssertionError

    wrong: tuple[Any, ...] = ("abc", b"abc", {"a": 1}, 5, None, {1}, memoryview(b"a"))
    changes: list[Any] = [lambda *_: 5, lambda *_: [1], is_async, lambda *_: StreamUpdate(wrong[0])]

    async def main() -> None:
        async with opened(kind, tmp_path) as store:
            for change in changes:
                with pytest.raises(InvalidArgumentError):
                    await store.stream("log").update(change)
            assert (await store.streams()).items == ()

    asyncio.run(main())
    for items in wrong:
        with pytest.raises(InvalidArgumentError, match="items is a list or tuple"):
            StreamUpdate(items)
    assert StreamUpdate((1, 2)).items == (1, 2)


def opened(kind: str, tmp_path: Path) -> Any:
    if kind == "memory":
        return MemorySessionStore()
    return SqliteSessionStore.open(tmp_path / "a.a3s")


def test_methods_that_a_transaction_has_not_say_what_to_do(tmp_path: Path) -> None:
    names = (
        "streams",
        "find_items",
        "delete_streams",
        "put_bytes",
        "open_bytes",
        "list_bytes",
        "delete_bytes",
    )

    async def use(opening: Any) -> None:
        async with opening as store, store.transaction() as tx:
            for name in names:
                with pytest.raises(UnsupportedError, match="a transaction has no") as raised:
                    getattr(tx, name)("s")
                assert raised.value.hint
            assert not hasattr(tx, "other")

    for kind in ("memory", "sqlite"):
        asyncio.run(use(opened(kind, tmp_path)))
    with SyncSessionStore.open(tmp_path / "sync.a3s") as store, store.transaction() as tx:
        for name in names:
            with pytest.raises(UnsupportedError, match="a transaction has no"):
                getattr(tx, name)("s")
        assert not hasattr(tx, "other")
        assert not hasattr(store, "other")
