"""The search index: its cost, when it is made, what is left of removed messages, and damage."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from a3s_store import SqliteSessionStore, salvage
from a3s_store.backends.sqlite import idle_work
from a3s_store.backends.sqlite.read import search
from a3s_store.backends.sqlite.rows import search_index
from a3s_store.backends.sqlite.schema import search_table
from a3s_store.core.search.queries import parsed
from a3s_store.core.search.values import SearchFilter
from a3s_store.errors import SchemaError, SearchUnavailableError
from a3s_store.models import Message
from tests.support import database, session, statements_changed, with_store

Use = Callable[[SqliteSessionStore], Awaitable[Any]]


def talk(word: str, count: int) -> tuple[Message, ...]:
    return tuple(Message.user(f"{word} number{number} of many") for number in range(count))


async def save(store: SqliteSessionStore, name: str, count: int, word: str = "word") -> None:
    await store.save(session(name).evolve(messages=talk(word, count)))


def places(page: Any) -> list[tuple[str, int]]:
    return [(one.session_id, one.seq) for one in page]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file with three sessions, all of whose messages are in the index."""
    made = tmp_path / "agent.a3s"

    async def fill(store: SqliteSessionStore) -> None:
        for name in ("a", "b", "c"):
            await save(store, name, 100, f"word{name}")
        assert await store.rebuild_search() == 300

    with_store(made, fill)
    return made


def watermark(path: Path) -> int | None:
    with database(path) as conn:
        return search_index.watermark(conn)


# -- Cost -----------------------------------------------------------------------------------------


def test_a_save_has_no_statement_and_no_row_for_search(path: Path, tmp_path: Path) -> None:
    async def use(store: SqliteSessionStore) -> tuple[list[str], int]:
        await save(store, "x", 3)
        assert store._engine.writer is not None
        ran: list[str] = []
        await store._engine.writer.run(lambda conn: conn.set_trace_callback(ran.append))
        before = await statements_changed(store)
        await save(store, "x", 6)
        await store.append("x", talk("more", 3))
        changed = await statements_changed(store) - before
        await store._engine.writer.run(lambda conn: conn.set_trace_callback(None))
        return ran, changed

    ran, changed = with_store(path, use)
    assert not [sql for sql in ran if "search_" in sql]
    ran_without, changed_without = with_store(tmp_path / "new.a3s", use)
    assert (len(ran), changed) == (len(ran_without), changed_without)


def test_a_step_adds_64_messages_at_most_and_as_much_content(path: Path) -> None:
    added: list[int] = []

    async def use(store: SqliteSessionStore) -> None:
        await save(store, "x", 100)
        await save(store, "long", 4, "long " * 80_000)
        for _ in range(5):
            before = watermark(path) or 0
            await store._change_index(search_index.step)
            added.append((watermark(path) or 0) - before)

    with_store(path, use)
    assert added == [64, 38, 2, 0, 0]


async def _until_indexed(path: Path) -> None:
    async with asyncio.timeout(60):
        while watermark(path) is None:  # noqa: ASYNC110 - the file is the only one to tell
            await asyncio.sleep(0.01)


def test_an_idle_writer_indexes_messages_once_there_are_many(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(idle_work, "IDLE", 0.01)
    path = tmp_path / "agent.a3s"

    async def use(store: SqliteSessionStore) -> None:
        await save(store, "s", search_index.BEHIND - 1)
        await asyncio.sleep(0.2)
        assert watermark(path) is None
        await save(store, "t", 1)
        await _until_indexed(path)

    with_store(path, use)


def test_a_search_of_many_new_messages_waits_for_some_steps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(idle_work, "IDLE", 3600)
    path = tmp_path / "agent.a3s"

    async def use(store: SqliteSessionStore) -> None:
        await save(store, "s", 2000)
        assert len(await store.search("number1999")) == 1
        assert watermark(path) == 8 * search_index.ROWS
        assert len(await store.search("number3")) == 1

    with_store(path, use)


def test_rows_are_found_by_indexes_alone(path: Path) -> None:
    asked = search_index.expression(parsed("worda number3").expression, [1, 2], ["user"])
    with database(path) as conn:
        for sql, given in (
            *(
                (search._POSITIONS.format(**which, where="true"), ("[1,2]",))
                for which in (search._CURRENT, search._OLDER)
            ),
            ("SELECT rowid FROM search_index WHERE search_index MATCH ?", (asked,)),
        ):
            plan = [row[3] for row in conn.execute(f"EXPLAIN QUERY PLAN {sql}", given)]
            scans = [line for line in plan if line.startswith("SCAN")]
            assert all("VIRTUAL TABLE" in line for line in scans), plan


def test_one_call_looks_at_a_limited_number_of_messages(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "MOST", 64)

    async def use(store: SqliteSessionStore) -> None:
        where = SearchFilter(role="user", until=0)
        after: str | None = None
        for left in reversed(range(300 // 64 + 1)):
            page = await store.search("many", where=where, order="newest", after=after, limit=63)
            assert not page.items
            after = page.next
            assert (after is not None) == bool(left)
        assert (await store.search("many")).partial

    with_store(path, use)


# -- Removed messages -----------------------------------------------------------------------------


def _instances(path: Path) -> list[Any]:
    with database(path) as conn:
        conn.execute("CREATE VIRTUAL TABLE temp.v USING fts5vocab(main, search_index, 'instance')")
        return conn.execute("SELECT term, doc, col, offset FROM v ORDER BY 1, 2, 3, 4").fetchall()


def test_a_deletion_leaves_the_index_that_never_had_the_messages(
    path: Path, tmp_path: Path
) -> None:
    async def fill(store: SqliteSessionStore) -> None:
        for name in ("a", "b"):
            await save(store, name, 100, f"word{name}")
        await store.rebuild_search()

    other = tmp_path / "other.a3s"
    with_store(other, fill)
    with_store(path, lambda store: store.delete("c"))
    assert _instances(path) == _instances(other)


def test_the_key_of_a_removed_message_is_indexed_again(path: Path) -> None:
    async def use(store: SqliteSessionStore) -> None:
        await store.delete("c")
        await save(store, "d", 100, "wordd")
        while watermark(path) != 300:
            await store._change_index(search_index.step)
        assert len(await store.search("wordd", limit=1000)) == 100
        assert not (await store.search("wordc")).items

    with_store(path, use)


def test_keys_that_a_removal_behind_the_index_leaves_free_are_indexed_again(path: Path) -> None:
    """The last indexed messages are removed while others are last, and then those."""

    async def use(store: SqliteSessionStore) -> None:
        await save(store, "d", 10)
        await store.delete("c")
        await store.delete("d")
        await save(store, "e", 10, "worde")
        assert len(await store.search("worde", limit=1000)) == 10

    with_store(path, use)


def test_no_byte_of_an_erased_word_is_left(path: Path) -> None:
    secret = b"zebracadabra"

    async def use(store: SqliteSessionStore) -> None:
        await save(store, "x", 3, secret.decode())
        await store._change_index(search_index.step)
        await save(store, "y", 200, "later")
        await store.rebuild_search()
        found = [file.read_bytes().count(secret) for file in path.parent.iterdir()]
        assert sum(found) > 3
        await store.erase("x")
        assert not any(secret[:8] in file.read_bytes() for file in path.parent.iterdir())
        assert len(await store.search("later", limit=1000)) == 200

    with_store(path, use)
    assert not any(secret[:8] in file.read_bytes() for file in path.parent.iterdir())


def test_words_of_a_session_deleted_earlier_go_with_the_next_erasure(path: Path) -> None:
    async def use(store: SqliteSessionStore) -> None:
        await save(store, "x", 70, "zebracadabra")
        await store.rebuild_search()
        await store.delete("x")
        await store.erase("a")

    with_store(path, use)
    assert b"zebraca" not in path.read_bytes()


def test_no_word_is_left_of_sessions_deleted_after_the_index_was_given_up(path: Path) -> None:
    """Nothing tells it of deletions then, so an erasure drops it."""

    async def use(store: SqliteSessionStore) -> None:
        await save(store, "x", 70, "zebracadabra")
        await store.rebuild_search()
        await store._change_index(search_index.give_up)
        await store.delete("x")
        await store.erase("a")

    with_store(path, use)
    assert b"zebraca" not in path.read_bytes()


# -- Damage, and builds without FTS5 --------------------------------------------------------------


def _overwrite_index(path: Path) -> None:
    with database(path) as conn:
        conn.execute("UPDATE search_index_data SET block = zeroblob(20) WHERE id > 10")
        conn.commit()


def test_a_damaged_index_shows_no_wrong_hit_and_verify_notices_it(path: Path) -> None:
    _overwrite_index(path)

    async def use(store: SqliteSessionStore) -> None:
        assert {one[0] for one in places(await store.search("worda"))} <= {"a"}
        report = await store.verify(depth="deep")
        assert [one.part for one in report.damage] == ["search"]
        assert await store.rebuild_search() == 300
        assert (await store.verify(depth="deep")).ok
        assert len(await store.search("worda", limit=1000)) == 100

    with_store(path, use)


def test_an_index_that_lost_its_structure_is_given_up_and_made_again(path: Path) -> None:
    with database(path) as conn:
        conn.execute("DELETE FROM search_index_data")
        conn.commit()

    async def use(store: SqliteSessionStore) -> None:
        assert len(await store.search("worda", limit=1000)) == 100
        assert watermark(path) is None
        assert len(await store.search("worda", limit=1000)) == 100
        await store._change_index(search_index.step)
        assert watermark(path) == search_index.ROWS
        assert len(await store.search("worda", limit=1000)) == 100

    with_store(path, use)


def test_a_deletion_does_not_fail_because_of_the_index(path: Path) -> None:
    with database(path) as conn:
        conn.execute("DELETE FROM search_index_data")
        conn.commit()
    with_store(path, lambda store: store.delete("a"))
    assert watermark(path) is None


def test_an_index_of_words_of_another_version_is_made_again(path: Path) -> None:
    with database(path) as conn:
        conn.execute("UPDATE search_state SET words_version = 0")
        conn.commit()

    async def use(store: SqliteSessionStore) -> None:
        assert len(await store.search("wordb", limit=1000)) == 100
        assert await store.rebuild_search() == 300

    with_store(path, use)
    assert watermark(path) == 300


def test_without_fts5_only_searches_are_refused(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search_table, "MODULE", "fts_of_another_build")

    async def use(store: SqliteSessionStore) -> None:
        for call in (store.search("word"), store.rebuild_search()):
            with pytest.raises(SearchUnavailableError):
                await call
        await save(store, "x", 300)
        assert (await store.verify(depth="deep")).ok
        await store._change_index(search_index.step)

    with_store(path, use)
    assert watermark(path) == 300


def test_a_damaged_message_is_left_out_and_the_page_is_partial(path: Path) -> None:
    with database(path) as conn:
        conn.execute(
            "UPDATE message SET content = replace(content, 'number7 ', 'number8 ') "
            "WHERE content LIKE '%worda number7 %'"
        )
        conn.commit()

    async def use(store: SqliteSessionStore) -> None:
        page = await store.search("worda number8*", order="newest", limit=50)
        assert ("a", 8) in places(page)
        assert ("a", 7) not in places(page)

    with_store(path, use)
    with database(path) as conn:
        conn.execute("UPDATE search_state SET watermark = 0")
        conn.commit()

    async def scan(store: SqliteSessionStore) -> None:
        page = await store.search("worda number8", order="newest")
        assert (places(page), page.partial) == ([("a", 8)], True)

    with_store(path, scan)


# -- Files ----------------------------------------------------------------------------------------


def test_a_read_only_store_searches(path: Path) -> None:
    async def use(store: SqliteSessionStore) -> None:
        assert len(await store.search("worda", limit=1000)) == 100

    with_store(path, use, read_only=True)


def test_a_backup_is_searched_as_its_original(path: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.a3s"
    with_store(path, lambda store: store.backup(copy))
    assert watermark(copy) == 300

    async def use(store: SqliteSessionStore) -> None:
        assert len(await store.search("worda", limit=1000)) == 100

    with_store(copy, use)


def test_a_salvaged_file_has_no_index_of_the_damaged_one(path: Path, tmp_path: Path) -> None:
    new = tmp_path / "new.a3s"
    asyncio.run(salvage(path, new))
    assert watermark(new) is None

    async def use(store: SqliteSessionStore) -> None:
        assert len(await store.search("worda", limit=1000)) == 100

    with_store(new, use)


def test_another_virtual_table_of_that_name_is_refused(path: Path) -> None:
    with database(path) as conn:
        conn.execute("DROP TABLE search_index")
        conn.execute("CREATE VIRTUAL TABLE search_index USING fts5(text, tokenize='porter')")
        conn.commit()
    with pytest.raises(SchemaError, match="virtual table 'search_index'"):
        with_store(path, lambda store: store.list())


def test_compact_keeps_the_index(path: Path) -> None:
    async def use(store: SqliteSessionStore) -> None:
        await store.delete("a")
        await store.compact()
        assert len(await store.search("wordb", limit=1000)) == 100
        assert (await store.verify(depth="deep")).ok

    with_store(path, use)


def test_a_step_that_is_interrupted_leaves_the_index_before_it(path: Path) -> None:
    """Words and watermark change in one transaction."""

    class StopError(Exception):
        pass

    async def use(store: SqliteSessionStore) -> None:
        await save(store, "x", 10)

        def stopped(conn: sqlite3.Connection) -> None:
            search_index.step(conn)
            raise StopError

        with pytest.raises(StopError):
            await store._change_index(stopped)
        assert watermark(path) == 300
        assert len(await store.search("word", limit=1000)) == 10

    with_store(path, use)
    assert not [row for row in _instances(path) if row[1] > 300]
