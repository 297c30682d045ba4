"""The index of agent memory: its cost, when it is made, what removed texts leave, and damage."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from a3s_store import SqliteSessionStore, salvage
from a3s_store.agent_memory import MemoryItem
from a3s_store.backends.sqlite import idle_work
from a3s_store.backends.sqlite.rows import agent_memory, memory_index
from a3s_store.backends.sqlite.schema import search_table
from a3s_store.errors import CorruptionError, SchemaError
from tests.support import database, session, with_store

COUNT = 300


def item(number: int, content: str | None = None) -> MemoryItem:
    text = f"use number{number} of tabs" if content is None else content
    return MemoryItem(id=f"m{number}", content=text, timestamp="2026-05-18T10:00:00Z")


def items(numbers: Iterable[int]) -> list[MemoryItem]:
    return [item(number) for number in numbers]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file with 300 memories of one owner and 20 of another, all in the index."""
    made = tmp_path / "agent.a3s"

    async def fill(store: SqliteSessionStore) -> None:
        await store.memories("an agent").store_all(items(range(COUNT)))
        await store.memories("another").store_all(items(range(20)))
        assert await store.rebuild_search() == COUNT + 20

    with_store(made, fill)
    return made


def watermark(path: Path) -> int | None:
    with database(path) as conn:
        return memory_index.INDEX.watermark(conn)


def behind(path: Path) -> int:
    with database(path) as conn:
        return memory_index.INDEX.behind(conn)


async def ids(store: SqliteSessionStore, query: str, owner: str = "an agent") -> list[str]:
    found = await store.memories(owner).search_ranked(query, 1000)
    return [one.id for one in found]


async def statements(store: SqliteSessionStore, work: Any) -> list[str]:
    """The statements of the writer and the reader while something is awaited."""
    ran: list[str] = []
    engine = store._engine
    assert engine.writer is not None
    for worker in (engine.writer, engine.reader):
        await worker.run(lambda conn: conn.set_trace_callback(ran.append))
    await work
    for worker in (engine.writer, engine.reader):
        await worker.run(lambda conn: conn.set_trace_callback(None))
    return ran


# -- Cost -----------------------------------------------------------------------------------------


def test_a_search_reads_the_rows_it_compares_and_no_others(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[int] = []
    verified = agent_memory._verified

    def counted(owner: str, row: tuple[Any, ...]) -> agent_memory.MemoryRow:
        read.append(row[0])
        return verified(owner, row)

    monkeypatch.setattr(agent_memory, "_verified", counted)

    async def use(store: SqliteSessionStore) -> None:
        assert await ids(store, "number7") == ["m7"]
        assert read == [8]
        read.clear()
        assert await ids(store, "number7 number250 nothing") == ["m7", "m250"]
        assert read == [8, 251]

    with_store(path, use)


def test_new_memories_are_stored_without_a_statement_for_the_index(path: Path) -> None:
    """They are added later, 64 of them in a transaction of their own."""

    async def use(store: SqliteSessionStore) -> None:
        ran = await statements(store, store.memories("an agent").store(item(9999)))
        assert [sql for sql in ran if "INTO agent_memory " in sql]
        assert not [sql for sql in ran if sql.startswith(("INSERT INTO memory_", "UPDATE memory_"))]
        assert await ids(store, "number9999") == ["m9999"]

    with_store(path, use)
    assert watermark(path) == COUNT + 20


def test_a_store_is_followed_by_as_many_steps_as_it_stored_memories(tmp_path: Path) -> None:
    path = tmp_path / "agent.a3s"

    async def use(store: SqliteSessionStore) -> None:
        memories = store.memories("an agent")
        await memories.store_all(items(range(memory_index.BEHIND - 1)))
        assert watermark(path) is None
        await memories.store(item(memory_index.BEHIND - 1))
        assert watermark(path) == memory_index.ROWS
        await memories.store_all(items(range(1000, 2000)))
        assert behind(path) < memory_index.BEHIND
        for number in range(3000, 3100):
            await memories.store(item(number))
            assert behind(path) < memory_index.BEHIND

    with_store(path, use)


def test_only_a_changed_text_changes_the_index(path: Path) -> None:
    async def use(store: SqliteSessionStore) -> None:
        memories = store.memories("an agent")
        same = item(7).evolve(access_count=3, tags=("used",))
        ran = await statements(store, memories.store(same))
        assert not [sql for sql in ran if "INTO memory_index" in sql]
        ran = await statements(store, memories.store(item(7, "use spaces")))
        assert len([sql for sql in ran if "INTO memory_index (memory_index, rowid" in sql]) == 1
        assert await ids(store, "number7") == []
        assert await ids(store, "spaces") == ["m7"]

    with_store(path, use)


@pytest.mark.parametrize("what", ["clear", "replace"])
def test_a_change_of_very_many_memories_gives_the_index_up(
    path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    """No one waits for it, and steps make it again; searches find the same meanwhile."""
    monkeypatch.setattr(memory_index, "MOST", COUNT - 1)

    async def use(store: SqliteSessionStore) -> None:
        memories = store.memories("an agent")
        if what == "clear":
            work: Any = memories.clear()
        else:
            work = memories.store_all(item(number, f"spaces {number}") for number in range(COUNT))
        ran = await statements(store, work)
        assert not [sql for sql in ran if "INTO memory_index (memory_index, rowid" in sql]
        assert await ids(store, "tabs") == []
        assert len(await ids(store, "spaces")) == (0 if what == "clear" else COUNT)
        assert len(await ids(store, "tabs", "another")) == 20

    with_store(path, use)


def test_an_idle_writer_makes_the_index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(idle_work, "IDLE", 0.01)
    path = tmp_path / "agent.a3s"

    async def use(store: SqliteSessionStore) -> None:
        monkeypatch.setattr(memory_index, "BEHIND", 1000)
        await store.memories("an agent").store_all(items(range(300)))
        monkeypatch.setattr(memory_index, "BEHIND", 256)
        async with asyncio.timeout(60):
            while watermark(path) != 300:  # noqa: ASYNC110 - the file is the only one to tell
                await asyncio.sleep(0.01)

    with_store(path, use)


def test_a_search_that_finds_the_index_far_behind_waits_for_some_steps(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory_index, "BEHIND", 10_000)
    monkeypatch.setattr(idle_work, "IDLE", 3600)

    async def use(store: SqliteSessionStore) -> None:
        await store.memories("an agent").store_all(items(range(1000, 2000)))
        assert watermark(path) == 320
        assert await ids(store, "number1999") == ["m1999"]
        assert watermark(path) == 320 + 8 * memory_index.ROWS

    with_store(path, use)


def test_small_files_have_no_index(tmp_path: Path) -> None:
    path = tmp_path / "agent.a3s"

    async def use(store: SqliteSessionStore) -> None:
        await store.memories("an agent").store_all(items(range(50)))
        assert len(await ids(store, "tabs")) == 50

    with_store(path, use)
    assert watermark(path) is None


def test_rows_are_found_by_indexes_alone(path: Path) -> None:
    with database(path) as conn:
        ran: list[str] = []
        conn.set_trace_callback(ran.append)
        [*agent_memory.with_keys(conn, "an agent", [1, 2])]
        for are_few in (True, False):
            [*agent_memory.above(conn, "an agent", 300, are_few=are_few)]
        agent_memory.count(conn, "an agent")
        conn.set_trace_callback(None)
        for sql in ran:
            plan = [row[3] for row in conn.execute(f"EXPLAIN QUERY PLAN {sql}")]
            scans = [line for line in plan if line.startswith("SCAN")]
            assert all("json_each" in line or "VIRTUAL" in line for line in scans), (sql, plan)


# -- Removed texts --------------------------------------------------------------------------------

SECRET = "zebracadabra"


def copies(path: Path) -> int:
    return sum(file.read_bytes().count(SECRET[:8].encode()) for file in path.parent.glob("agent*"))


def of_index(path: Path) -> int:
    """How many of the index's blocks have the beginning of the secret."""
    with database(path) as conn:
        blocks = conn.execute("SELECT block FROM memory_index_data").fetchall()
    return sum(SECRET[:8].encode() in block for (block,) in blocks)


async def _store_secret(store: SqliteSessionStore) -> None:
    memories = store.memories("secretive")
    await memories.store_all(item(n, f"{SECRET} {n}") for n in range(5))
    await store._change_index(memory_index.step)
    await store.memories("an agent").store_all(items(range(1000, 1200)))
    while await store._read_file("test", memory_index.INDEX.behind):
        await store._change_index(memory_index.step)


@pytest.mark.parametrize("how", ["delete", "replace", "clear", "delete session"])
def test_a_removed_text_is_found_no_more_and_no_word_of_it_is_left(path: Path, how: str) -> None:
    """From the removal on; its bytes go with the next compaction, and with each erasure."""

    async def use(store: SqliteSessionStore) -> None:
        memories = store.memories("secretive")
        await _store_secret(store)
        assert of_index(path)
        if how == "clear":
            await memories.clear()
        elif how == "delete session":
            await store.save(session("secretive"))
            await store.delete("secretive")
        for number in range(5):
            if how == "delete":
                await memories.delete(f"m{number}")
            elif how == "replace":
                await memories.store(item(number, "nothing"))
        assert await ids(store, SECRET, "secretive") == []
        await store.compact()
        assert not of_index(path)
        assert len(await ids(store, "tabs")) == 500
        await store.erase()

    with_store(path, use)
    assert not copies(path)


def test_no_word_is_left_of_texts_removed_after_the_index_was_given_up(path: Path) -> None:
    async def use(store: SqliteSessionStore) -> None:
        await _store_secret(store)
        await store._change_index(memory_index.INDEX.give_up)
        await store.memories("secretive").clear()
        await store.erase()

    with_store(path, use)
    assert not copies(path)


def test_compact_drops_an_index_that_was_given_up(path: Path) -> None:
    async def use(store: SqliteSessionStore) -> None:
        await store._change_index(memory_index.INDEX.give_up)
        await store.compact()

    with_store(path, use)
    with database(path) as conn:
        assert not memory_index.INDEX.exists(conn)


def test_the_key_of_a_removed_memory_is_indexed_again(path: Path) -> None:
    async def use(store: SqliteSessionStore) -> None:
        await store.memories("another").clear()
        assert watermark(path) == COUNT
        await store.memories("third").store_all(items(range(5000, 5020)))
        while watermark(path) != COUNT + 20:
            await store._change_index(memory_index.step)
        assert await ids(store, "number5003", "third") == ["m5003"]
        assert await ids(store, "number3", "third") == []

    with_store(path, use)


def test_keys_that_a_removal_behind_the_index_leaves_free_are_indexed_again(path: Path) -> None:
    """The last indexed memories are removed while others are last, and then those."""

    async def use(store: SqliteSessionStore) -> None:
        await store.memories("third").store_all(items(range(5000, 5010)))
        await store.memories("another").clear()
        await store.memories("third").clear()
        await store.memories("fourth").store_all(items(range(6000, 6010)))
        assert await ids(store, "number6003", "fourth") == ["m6003"]

    with_store(path, use)


# -- Damage, and other builds ---------------------------------------------------------------------


def test_a_damaged_index_shows_no_wrong_hit_and_verify_notices_it(path: Path) -> None:
    with database(path) as conn:
        conn.execute("UPDATE memory_index_data SET block = zeroblob(20) WHERE id > 10")
        conn.commit()

    async def use(store: SqliteSessionStore) -> None:
        assert set(await ids(store, "number7")) <= {"m7"}
        report = await store.verify(depth="deep")
        assert [one.part for one in report.damage] == ["search"]
        assert "memory" in str(report.damage[0])
        await store.rebuild_search()
        assert (await store.verify(depth="deep")).ok
        assert await ids(store, "number7") == ["m7"]

    with_store(path, use)


def _lose_structure(path: Path) -> None:
    with database(path) as conn:
        conn.execute("DELETE FROM memory_index_data")
        conn.commit()


def test_an_index_that_lost_its_structure_is_given_up_and_made_again(path: Path) -> None:
    _lose_structure(path)

    async def use(store: SqliteSessionStore) -> None:
        assert len(await ids(store, "tabs")) == COUNT
        assert watermark(path) is None
        await store._change_index(memory_index.step)
        assert watermark(path) == memory_index.ROWS
        assert len(await ids(store, "tabs")) == COUNT

    with_store(path, use)


def test_no_change_fails_because_of_the_index(path: Path) -> None:
    for how in ("delete", "store", "clear", "erase", "compact"):
        with_store(path, lambda store: store.rebuild_search())
        _lose_structure(path)

        async def use(store: SqliteSessionStore, how: str = how) -> None:
            memories = store.memories("an agent")
            if how == "delete":
                await memories.delete("m1")
            elif how == "store":
                await memories.store(item(2, "other"))
            elif how == "clear":
                await memories.clear()
            elif how == "erase":
                await store.erase()
            else:
                await store.compact()
            assert len(await ids(store, "tabs", "another")) == 20

        with_store(path, use)
        assert (watermark(path) or 0) <= memory_index.ROWS + 1, "it is made again at most"


def test_clearing_damaged_memories_gives_the_index_up(path: Path) -> None:
    """Which words it has of them is not known."""
    with database(path) as conn:
        conn.execute("UPDATE agent_memory SET content = 'other' WHERE memory_key = 5")
        conn.commit()
    with_store(path, lambda store: store.memories("an agent").clear())
    assert watermark(path) is None


def test_a_damaged_memory_that_is_found_is_an_error(path: Path) -> None:
    with database(path) as conn:
        conn.execute("UPDATE agent_memory SET content = 'other' WHERE memory_key = 8")
        conn.commit()

    async def use(store: SqliteSessionStore) -> None:
        with pytest.raises(CorruptionError):
            await ids(store, "number7")

    with_store(path, use)


def test_a_lost_memory_is_missed_by_each_search(path: Path) -> None:
    with database(path) as conn:
        conn.execute("DELETE FROM agent_memory WHERE memory_key = 8")
        conn.commit()

    async def use(store: SqliteSessionStore) -> None:
        for query in ("number7", "number8", "nothing"):
            with pytest.raises(CorruptionError):
                await ids(store, query)

    with_store(path, use)


def test_an_index_of_words_of_another_version_is_made_again(path: Path) -> None:
    with database(path) as conn:
        conn.execute("UPDATE memory_search_state SET words_version = 0")
        conn.commit()

    async def use(store: SqliteSessionStore) -> None:
        assert await ids(store, "number7") == ["m7"]
        assert await store.rebuild_search() == COUNT + 20

    with_store(path, use)
    assert watermark(path) == COUNT + 20


def test_without_fts5_memories_are_stored_changed_and_cleared(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search_table, "MODULE", "fts_of_another_build")

    async def use(store: SqliteSessionStore) -> None:
        memories = store.memories("an agent")
        await memories.store_all(items(range(9000, 9400)))
        await memories.store(item(1, "other"))
        await memories.delete("m2")
        assert len(await memories.search("tabs", 1000)) == COUNT + 400 - 2
        assert (await store.verify(depth="deep")).ok
        await store._change_index(memory_index.step)
        ran = await statements(store, store.compact())
        assert not [sql for sql in ran if "'merge'" in sql]

    with_store(path, use)


# -- Files ----------------------------------------------------------------------------------------


def test_a_read_only_store_searches(path: Path) -> None:
    async def use(store: SqliteSessionStore) -> None:
        assert await ids(store, "number7") == ["m7"]

    with_store(path, use, read_only=True)


def test_a_backup_is_searched_as_its_original(path: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.a3s"
    with_store(path, lambda store: store.backup(copy))
    assert watermark(copy) == COUNT + 20


def test_a_salvaged_file_has_no_index_of_the_damaged_one(path: Path, tmp_path: Path) -> None:
    new = tmp_path / "new.a3s"
    asyncio.run(salvage(path, new))

    async def use(store: SqliteSessionStore) -> None:
        assert await ids(store, "number7") == ["m7"]
        assert await store.memories("an agent").count() == COUNT

    with_store(new, use)
    with database(new) as conn:
        words = conn.execute("SELECT count(*) FROM memory_search_state").fetchone()
        assert words == (0,) or memory_index.INDEX.exists(conn)


def test_another_virtual_table_of_that_name_is_refused(path: Path) -> None:
    with database(path) as conn:
        conn.execute("DROP TABLE memory_index")
        conn.execute("CREATE VIRTUAL TABLE memory_index USING fts5(text, tokenize='porter')")
        conn.commit()
    with pytest.raises(SchemaError, match="virtual table 'memory_index'"):
        with_store(path, lambda store: store.list())


def test_a_table_of_the_users_with_a_name_of_the_index_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "agent.a3s"
    with_store(path, lambda store: store.list())
    with database(path) as conn:
        conn.execute("CREATE TABLE memory_index_data (mine TEXT)")
        conn.execute("INSERT INTO memory_index_data VALUES ('kept')")
        conn.commit()

    async def use(store: SqliteSessionStore) -> None:
        await store.memories("an agent").store_all(items(range(300)))
        await store.rebuild_search()
        assert await ids(store, "number7") == ["m7"]

    with_store(path, use)
    with database(path) as conn:
        assert conn.execute("SELECT mine FROM memory_index_data").fetchall() == [("kept",)]


def test_a_step_that_is_interrupted_leaves_the_index_before_it(path: Path) -> None:
    class StopError(Exception):
        pass

    async def use(store: SqliteSessionStore) -> None:
        await store.memories("an agent").store_all(items(range(1000, 1010)))

        def stopped(conn: sqlite3.Connection) -> None:
            memory_index.step(conn)
            raise StopError

        with pytest.raises(StopError):
            await store._change_index(stopped)
        assert watermark(path) == COUNT + 20
        assert await ids(store, "number1003") == ["m1003"]

    with_store(path, use)
