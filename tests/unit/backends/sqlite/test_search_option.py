"""The option `search` of `open` and `backup`: files without full-text indexes."""

from __future__ import annotations

import asyncio
import itertools
from pathlib import Path
from typing import Any

import pytest

from a3s_store import SqliteSessionStore, SyncSessionStore, connect
from a3s_store.agent_memory import MemoryItem
from a3s_store.backends.sqlite import idle_work
from a3s_store.backends.sqlite.rows import memory_index, search_index
from a3s_store.errors import InvalidArgumentError, SearchUnavailableError
from a3s_store.models import Message
from tests.support import database, session, with_store

INDEXES = (search_index.INDEX, memory_index.INDEX)


async def fill(store: SqliteSessionStore) -> None:
    texts = [f"message number{number}" for number in range(300)]
    await store.save(session("s").evolve(messages=tuple(map(Message.user, texts))))
    await store.memories("an agent").store_all(
        MemoryItem(id=str(n), content=f"memory number{n}", timestamp="2026-05-18T10:00:00Z")
        for n in range(300)
    )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file with both indexes."""
    made = tmp_path / "store" / "agent.a3s"
    made.parent.mkdir()

    async def use(store: SqliteSessionStore) -> None:
        await fill(store)
        assert await store.rebuild_search() == 600

    with_store(made, use)
    assert indexed(made) == [300, 300]
    return made


def indexed(path: Path) -> list[int | None]:
    """The watermark of each index; None where there is no index."""
    with database(path) as conn:
        return [one.watermark(conn) if one.exists(conn) else None for one in INDEXES]


async def finds_all(store: SqliteSessionStore) -> None:
    assert [hit.seq for hit in await store.search("number7")] == [7]
    assert len(await store.search("message", order="newest", limit=1000)) == 300
    assert [one.id for one in await store.memories("an agent").search_ranked("number7", 9)] == ["7"]
    assert len(await store.memories("an agent").search_ranked("memory", 1000)) == 300


def test_opening_without_search_drops_the_indexes_and_finds_the_same(path: Path) -> None:
    async def use(store: SqliteSessionStore) -> None:
        assert indexed(path) == [None, None]
        await finds_all(store)
        assert store.capabilities().search
        assert (await store.verify(depth="deep")).ok

    with_store(path, use, search=False)
    with_store(path, finds_all)


def test_a_store_without_search_makes_no_index(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither when it is idle, nor behind many memories, nor for a search."""
    monkeypatch.setattr(idle_work, "IDLE", 0.01)
    path = tmp_path / "agent.a3s"

    async def use(store: SqliteSessionStore) -> None:
        await fill(store)
        await store.save(session("t").evolve(messages=(Message.user("more"),) * 600))
        await store.memories("an agent").store(
            MemoryItem(id="x", content="more", timestamp="2026-05-18T10:00:00Z")
        )
        await finds_all(store)
        await asyncio.sleep(0.2)
        assert indexed(path) == [None, None]

    with_store(path, use, search=False)


def test_rebuild_search_is_refused_without_search(path: Path) -> None:
    async def use(store: SqliteSessionStore) -> None:
        with pytest.raises(SearchUnavailableError, match="search=False") as caught:
            await store.rebuild_search()
        assert caught.value.op == "rebuild_search"
        assert str(path) in str(caught.value)
        assert "search=True" in caught.value.hint
        assert indexed(path) == [None, None]

    with_store(path, use, search=False)


def test_a_read_only_store_without_search_changes_nothing(path: Path) -> None:
    before = path.read_bytes()
    with_store(path, finds_all, search=False, read_only=True)
    assert path.read_bytes() == before


def test_a_file_that_another_process_keeps_locked_opens_without_search_too(path: Path) -> None:
    """The indexes stay until the next opening that gets the lock, and are used until then."""
    with database(path) as other:
        other.execute("BEGIN IMMEDIATE")
        with_store(path, finds_all, search=False, busy_timeout_ms=50)
    assert indexed(path) == [300, 300]
    with_store(path, finds_all, search=False)
    assert indexed(path) == [None, None]


def test_a_store_in_memory_may_be_without_search() -> None:
    async def use() -> None:
        async with SqliteSessionStore.open(":memory:", search=False) as store:
            await fill(store)
            await finds_all(store)

    asyncio.run(use())


@pytest.mark.parametrize("value", [None, 1, 0, "yes"])
def test_search_is_true_or_false(path: Path, tmp_path: Path, value: Any) -> None:
    async def use(store: SqliteSessionStore) -> None:
        with pytest.raises(InvalidArgumentError) as caught:
            await store.backup(tmp_path / "copy.a3s", search=value)
        assert (caught.value.op, caught.value.argument) == ("backup", "search")
        assert not (tmp_path / "copy.a3s").exists()

    with_store(path, use)
    with pytest.raises(InvalidArgumentError) as caught:
        with_store(path, use, search=value)
    assert (caught.value.op, caught.value.argument) == ("open", "search")
    assert indexed(path) == [300, 300]


def test_each_way_to_open_takes_search(path: Path) -> None:
    async def main() -> None:
        async with connect(path, search=False) as store:
            await finds_all(store)

    asyncio.run(main())
    assert indexed(path) == [None, None]
    with SyncSessionStore.open(path) as store:
        assert store.rebuild_search() == 600
        store.backup(path.with_name("copy.a3s"), search=False)
    assert indexed(path.with_name("copy.a3s")) == [None, None]
    with SyncSessionStore.open(path, search=False):
        assert indexed(path) == [None, None]


# -- Backups --------------------------------------------------------------------------------------


def test_a_backup_without_search_has_all_but_the_indexes(path: Path, tmp_path: Path) -> None:
    """It is one file, has no byte of them, and is searched as its original."""
    whole, lean = tmp_path / "whole.a3s", tmp_path / "lean.a3s"

    async def copy(store: SqliteSessionStore) -> None:
        for target, search in ((whole, True), (lean, False)):
            report = await store.backup(target, search=search)
            assert report.bytes == target.stat().st_size
            with database(target) as conn:
                assert report.pages == conn.execute("PRAGMA page_count").fetchone()[0]

    with_store(path, copy)
    assert indexed(path) == indexed(whole) == [300, 300]
    assert indexed(lean) == [None, None]
    assert lean.stat().st_size < whole.stat().st_size
    with database(lean) as conn:
        assert conn.execute("PRAGMA freelist_count").fetchone() == (0,)
        names = [name for (name,) in conn.execute("SELECT name FROM sqlite_schema")]
        assert not [name for name in names if name.startswith(("search_index", "memory_index"))]
    assert sorted(one.name for one in tmp_path.iterdir()) == ["lean.a3s", "store", "whole.a3s"]

    async def check(store: SqliteSessionStore) -> None:
        await finds_all(store)
        assert (await store.verify(depth="deep")).ok
        await store.rebuild_search()

    with_store(lean, check)
    assert indexed(lean) == [300, 300]


def test_a_backup_without_search_of_a_file_without_indexes_is_an_ordinary_one(
    tmp_path: Path,
) -> None:
    path, copy = tmp_path / "agent.a3s", tmp_path / "copy.a3s"

    async def use(store: SqliteSessionStore) -> None:
        await store.save(session("s"))
        await store.backup(copy, search=False)

    with_store(path, use)
    with_store(copy, lambda store: store.verify(depth="deep"))


# -- Compaction -----------------------------------------------------------------------------------


def segments(path: Path, table: str) -> int:
    """How many segments an index has."""
    with database(path) as conn:
        found = conn.execute(f"SELECT count(DISTINCT segid) FROM {table}_idx").fetchone()
    return int(found[0])


async def _many_segments(store: SqliteSessionStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give both indexes many segments, and words of removed texts in them."""
    monkeypatch.setattr(search_index, "ROWS", 10)
    monkeypatch.setattr(memory_index, "ROWS", 10)
    monkeypatch.setattr("a3s_store.backends.sqlite.rows.word_index._MERGES", 0)
    await store.rebuild_search()
    for number in range(0, 300, 30):
        await store.memories("an agent").delete(str(number))


@pytest.mark.parametrize("full", [False, True])
def test_compact_merges_the_segments_of_each_index_into_one(
    path: Path, monkeypatch: pytest.MonkeyPatch, full: bool
) -> None:
    async def use(store: SqliteSessionStore) -> None:
        await _many_segments(store, monkeypatch)
        assert segments(path, "search_index") > 20
        assert segments(path, "memory_index") > 20
        await store.compact(full=full)
        assert segments(path, "search_index") == segments(path, "memory_index") == 1
        with database(path) as conn:
            conn.execute("CREATE VIRTUAL TABLE temp.v USING fts5vocab(main, memory_index, 'row')")
            words = {word for (word,) in conn.execute("SELECT term FROM v")}
            blocks = b"".join(
                block for (block,) in conn.execute("SELECT block FROM memory_index_data")
            )
        assert "number30" not in words
        assert "number31" in words
        assert blocks.count(b"number") < 300, "each word is there once, behind a common beginning"
        assert (await store.verify(depth="deep")).ok

    with_store(path, use)


def test_a_step_of_merging_writes_a_limited_number_of_pages_and_others_save_between(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("a3s_store.backends.sqlite.rows.word_index._COMPACT_PAGES", 1)

    async def use(store: SqliteSessionStore) -> None:
        texts = (" ".join(f"w{n}x{m}" for m in range(100)) for n in range(200))
        await store.save(session("long").evolve(messages=tuple(map(Message.user, texts))))
        await _many_segments(store, monkeypatch)
        writer = store._engine.writer
        assert writer is not None
        ran: list[str] = []
        await writer.run(lambda conn: conn.set_trace_callback(ran.append))
        done = asyncio.create_task(store.compact())
        saved = 0
        while not done.done():
            await store.save(session("beside", saved + 1))
            saved += 1
        await done
        await writer.run(lambda conn: conn.set_trace_callback(None))
        merges = [place for place, sql in enumerate(ran) if "'merge'" in sql]
        assert len(merges) > 10
        for first, second in itertools.pairwise(merges):
            assert "COMMIT" in ran[first:second], "each step is a transaction of its own"
        saves = [place for place, sql in enumerate(ran) if "INTO generation" in sql]
        assert [place for place in saves if merges[0] < place < merges[-1]]
        assert saved > 1
        modes = await writer.run(lambda conn: conn.execute("PRAGMA secure_delete").fetchone())
        assert modes == (2,), "bytes are overwritten in these steps alone"

    with_store(path, use)


def test_compact_of_one_segment_merges_nothing(path: Path) -> None:
    async def use(store: SqliteSessionStore) -> None:
        await store.compact()
        writer = store._engine.writer
        assert writer is not None
        ran: list[str] = []
        await writer.run(lambda conn: conn.set_trace_callback(ran.append))
        await store.compact()
        await writer.run(lambda conn: conn.set_trace_callback(None))
        assert len([sql for sql in ran if "'merge'" in sql]) == len(INDEXES)

    with_store(path, use)
