"""Saves that waited together share one transaction, and nothing else: not their errors (D10)."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from a3s_store import SessionSnapshot, SqliteSessionStore
from a3s_store.errors import (
    EncodeError,
    StaleGenerationError,
    StoreBusyError,
    StoreError,
    StoreFullError,
)
from a3s_store.models import Message, TextBlock
from tests.support import (
    all_rows,
    checkpoint,
    database,
    messages,
    session,
    trace,
    with_store,
)

BAD = Message(role="user", content=(TextBlock(text="\ud800"),))


@contextlib.asynccontextmanager
async def traced(store: SqliteSessionStore) -> AsyncIterator[list[str]]:
    """The statements that the writer runs meanwhile.

    The first write after opening marks the database as open, with a commit of its own.
    """
    found: list[str] = []
    assert store._engine.writer is not None
    await store.health_check()
    await store._engine.writer.run(lambda conn: conn.set_trace_callback(found.append))
    yield found
    await store._engine.writer.run(lambda conn: conn.set_trace_callback(None))


def said(statements: list[str], word: str) -> int:
    return sum(statement.startswith(word) for statement in statements)


async def all_of(*saves: Any) -> list[Any]:
    """What each of these came to, started together."""
    return list(await asyncio.gather(*saves, return_exceptions=True))


# -- One COMMIT -----------------------------------------------------------------------------------


def test_sixteen_saves_at_once_are_one_commit_and_all_there(tmp_path: Path) -> None:
    path = tmp_path / "agent.a3s"
    sessions = [session(f"s{n:02}", count=n) for n in range(16)]

    async def use(store: SqliteSessionStore) -> None:
        async with traced(store) as statements:
            hold_writer(store)
            await asyncio.gather(*map(store.save, sessions))
        assert said(statements, "BEGIN") == 1
        assert said(statements, "COMMIT") == 1
        assert said(statements, "SAVEPOINT") == 16
        assert [await store.load(item.id) for item in sessions] == sessions

    with_store(path, use)
    assert with_store(path, lambda store: store.list()) == [item.id for item in sessions]


def test_a_save_by_itself_has_no_savepoint(tmp_path: Path) -> None:
    async def use(store: SqliteSessionStore) -> None:
        async with traced(store) as statements:
            await store.save(session())
        assert said(statements, "COMMIT") == 1
        assert said(statements, "SAVEPOINT") == 0

    with_store(tmp_path / "agent.a3s", use)


def test_sixteen_savers_that_go_on_share_few_commits(tmp_path: Path) -> None:
    path = tmp_path / "agent.a3s"

    async def saver(store: SqliteSessionStore, name: str) -> None:
        for count in range(1, 11):
            await store.save(session(name, count=count))

    async def use(store: SqliteSessionStore) -> None:
        names = [f"s{n:02}" for n in range(16)]
        async with traced(store) as statements:
            await asyncio.gather(*(saver(store, name) for name in names))
        assert said(statements, "COMMIT") <= 160 / 4
        for name in names:
            assert await store.load(name) == session(name, count=10)
            assert await store.generation(name) == 10

    with_store(path, use)


def hold_writer(store: SqliteSessionStore) -> None:
    """Have the writer do nothing for a moment, so that the saves that follow wait together."""
    gate = threading.Event()
    assert store._engine.writer is not None
    store._engine.writer.run_later(lambda _: gate.wait(10))
    asyncio.get_running_loop().call_later(0.05, gate.set)


def test_five_saves_of_one_session_at_once_are_five_generations_and_the_last_wins(
    tmp_path: Path,
) -> None:
    async def use(store: SqliteSessionStore) -> None:
        async with traced(store) as statements:
            hold_writer(store)
            await asyncio.gather(*(store.save(session(count=n)) for n in (3, 9, 1, 7, 5)))
        assert said(statements, "COMMIT") == 1
        assert [g.length for g in await store.generations("fix-login")] == [3, 9, 1, 7, 5]
        assert await store.load("fix-login") == session(count=5)

    with_store(tmp_path / "agent.a3s", use)


def test_more_saves_of_one_session_than_a_group_takes_keep_their_order(tmp_path: Path) -> None:
    async def use(store: SqliteSessionStore) -> None:
        await asyncio.gather(*(store.save(session(count=n % 5)) for n in range(100)))
        found = [g.length for g in await store.generations("fix-login")]
        assert found == [n % 5 for n in range(100)]

    with_store(tmp_path / "agent.a3s", use)


def test_a_group_of_all_kinds_of_saves_keeps_them_all(tmp_path: Path) -> None:
    path = tmp_path / "agent.a3s"

    async def use(store: SqliteSessionStore) -> None:
        async with traced(store) as statements:
            hold_writer(store)
            await asyncio.gather(
                store.save(session(count=4)),
                store.save_loop_checkpoint("run-1", checkpoint(messages(6))),
                store.save_trace_events("fix-login", [trace(1)]),
                store.save(session(count=6)),
                store.save_snapshot(SessionSnapshot(session=session("other"))),
            )
        assert said(statements, "COMMIT") == 1

    with_store(path, use)
    assert len(all_rows(path)["message"]) == 6 + 4, "what one wrote the others find"

    async def look(store: SqliteSessionStore) -> None:
        assert await store.load_loop_checkpoint("run-1") == checkpoint(messages(6))
        assert await store.load_trace_events("fix-login") == (trace(1),)
        assert await store.load("fix-login") == session(count=6)
        assert await store.load("other") == session("other")

    with_store(path, look)


# -- Everybody's own error ------------------------------------------------------------------------


def test_one_that_cannot_be_saved_fails_alone_with_its_own_error(tmp_path: Path) -> None:
    path = tmp_path / "agent.a3s"

    async def use(store: SqliteSessionStore) -> None:
        await store.save(session("stale", count=1))
        async with traced(store) as statements:
            hold_writer(store)
            answers = await all_of(
                store.save(session("one")),
                store.save(session("bad", messages=(*messages(3), BAD))),
                store.save(session("two")),
                store.save(session("stale", count=9), expected_generation=7),
                store.save(session("three")),
                store.rewind("absent", 1),
                store.save(session("four")),
            )
        assert said(statements, "COMMIT") == 1
        assert answers.count(None) == 4
        bad, stale, absent = answers[1], answers[3], answers[5]
        assert isinstance(bad, EncodeError)
        assert bad.path == "messages[3].content[0].text"
        assert "bad" in str(bad)
        assert isinstance(stale, StaleGenerationError)
        assert (stale.expected, stale.actual) == (7, 1)
        assert isinstance(absent, StoreError)
        assert "absent" in str(absent)
        assert await store.list() == ["four", "one", "stale", "three", "two"]
        assert await store.generation("bad") == 0
        assert await store.load("stale") == session("stale", count=1)

    with_store(path, use)
    assert "bad" not in str(all_rows(path)["owner"])


def test_of_two_savers_that_build_on_the_same_generation_one_is_refused(tmp_path: Path) -> None:
    """Also in one transaction: the second sees what the first did."""

    async def use(store: SqliteSessionStore) -> None:
        await store.save(session(count=1))
        answers = await all_of(
            store.save(session(count=2), expected_generation=1),
            store.save(session(count=3), expected_generation=1),
            store.save(session(count=4), expected_generation=2),
        )
        assert [type(answer) for answer in answers] == [
            type(None),
            StaleGenerationError,
            type(None),
        ]
        assert await store.load("fix-login") == session(count=4)
        assert await store.generation("fix-login") == 3

    with_store(tmp_path / "agent.a3s", use)


def test_a_save_that_does_not_fit_takes_none_of_the_others_along(tmp_path: Path) -> None:
    """SQLite takes the whole transaction back; each is then tried by itself."""
    path = tmp_path / "agent.a3s"
    huge = Message.user("too much " * 200_000)

    async def use(store: SqliteSessionStore) -> None:
        await store.save(session("before"))
        writer = store._engine.writer
        assert writer is not None
        await writer.run(lambda conn: _limit(conn, 40))
        small = [session(f"s{n}") for n in range(4)]
        answers = await all_of(
            store.save(small[0]),
            store.save(small[1]),
            store.save(session("huge", messages=(huge,))),
            store.save(small[2]),
            store.save(session("before", count=6)),
            store.save(small[3]),
        )
        assert isinstance(answers.pop(2), StoreFullError)
        assert answers == [None] * 5
        assert await store.list() == ["before", "s0", "s1", "s2", "s3"]
        assert [await store.load(item.id) for item in small] == small
        assert await store.load("before") == session("before", count=6)
        for name in ("before", "s0", "s1", "s2", "s3"):
            assert await store.generation(name) == (2 if name == "before" else 1)

        with pytest.raises(StoreFullError):
            await store.save(session("huge", messages=(huge,)))
        await writer.run(lambda conn: _limit(conn, 10_000))
        await store.save(session("huge", messages=(huge,)))
        await store.save(session("before", count=7))
        assert await store.load("huge") == session("huge", messages=(huge,))

    with_store(path, use)
    assert with_store(path, lambda store: store.load("before")) == session("before", count=7)
    with database(path) as conn:
        assert conn.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def _limit(conn: Any, more: int) -> None:
    """Let the file grow by so many pages, and no more."""
    (pages,) = conn.execute("PRAGMA page_count").fetchone()
    conn.execute(f"PRAGMA max_page_count = {pages + more}").fetchall()


def test_a_file_that_is_locked_is_everybodys_error_and_nothing_is_written(tmp_path: Path) -> None:
    path = tmp_path / "agent.a3s"

    async def use(store: SqliteSessionStore) -> None:
        await store.save(session("held", count=1))
        before = all_rows(path)
        with database(path) as other:
            other.execute("BEGIN IMMEDIATE")
            answers = await all_of(
                *(store.save(session(f"s{n}")) for n in range(5)),
                store.save(session("held", count=2)),
            )
        assert [type(answer) for answer in answers] == [StoreBusyError] * 6
        for n in range(5):
            assert f"s{n}" in str(answers[n]), "each names its own session"
        assert all_rows(path) == before
        assert await store.load("held") == session("held", count=1)
        await asyncio.gather(*(store.save(session(f"s{n}")) for n in range(5)))
        assert await store.list() == ["held", "s0", "s1", "s2", "s3", "s4"]

    with_store(path, use, busy_timeout_ms=20)


def test_a_caller_that_is_cancelled_takes_none_of_its_group_along(tmp_path: Path) -> None:
    async def use(store: SqliteSessionStore) -> None:
        saves = [asyncio.create_task(store.save(session(f"s{n}"))) for n in range(6)]
        await asyncio.sleep(0)
        saves[0].cancel()
        saves[3].cancel()
        answers = await all_of(*saves)
        cancelled = [isinstance(answer, asyncio.CancelledError) for answer in answers]
        assert cancelled == [True, False, False, True, False, False]
        # They were accepted, so they were saved.
        assert await store.list() == [f"s{n}" for n in range(6)]

    with_store(tmp_path / "agent.a3s", use)


# -- Order ----------------------------------------------------------------------------------------


def test_delete_and_fork_keep_their_place_among_the_saves(tmp_path: Path) -> None:
    async def use(store: SqliteSessionStore) -> None:
        await asyncio.gather(
            store.save(session("a", count=1)),
            store.save(session("a", count=2)),
            store.delete("a"),
            store.save(session("a", count=3)),
            store.fork("a", "b"),
            store.save(session("a", count=4)),
            store.save(session("b", count=6)),
            store.fork("a", "c"),
            store.delete("b"),
        )
        assert await store.list() == ["a", "c"]
        assert await store.load("a") == session("a", count=4)
        assert await store.load("c") == session("c", count=4)
        assert [g.length for g in await store.generations("a")] == [3, 4]
        assert await store.generation("b") == 0

    with_store(tmp_path / "agent.a3s", use)


def test_a_crowd_of_saves_of_one_session_is_not_overtaken_by_its_deletion(tmp_path: Path) -> None:
    """More than a group takes of one session: the rest waits, and what comes after it as well."""

    async def use(store: SqliteSessionStore) -> None:
        await asyncio.gather(
            *(store.save(session("a", count=n % 5)) for n in range(20)),
            store.fork("a", "b"),
            *(store.save(session("a", count=n % 3)) for n in range(20)),
            store.delete("a"),
        )
        assert await store.list() == ["b"]
        assert await store.load("b") == session("b", count=19 % 5)

    with_store(tmp_path / "agent.a3s", use)


def test_saves_of_two_event_loops_share_a_store(tmp_path: Path) -> None:
    path = tmp_path / "agent.a3s"

    async def use(store: SqliteSessionStore) -> None:
        def elsewhere(name: str) -> None:
            async def save_many() -> None:
                for count in range(1, 6):
                    await asyncio.gather(
                        *(store.save(session(f"{name}-{n}", count=count)) for n in range(10)),
                        store.save_trace_events("shared", [trace(count).evolve(name=name)]),
                    )

            asyncio.run(save_many())

        await asyncio.gather(*(asyncio.to_thread(elsewhere, name) for name in ("left", "right")))

    with_store(path, use)

    async def look(store: SqliteSessionStore) -> None:
        names = [f"{side}-{n}" for side in ("left", "right") for n in range(10)]
        assert await store.list() == names
        for name in names:
            assert await store.load(name) == session(name, count=5)
            assert [g.length for g in await store.generations(name)] == [1, 2, 3, 4, 5]
        assert await store.generation("shared") == 10
        (last,) = await store.load_trace_events("shared") or ()
        assert last.evolve(name="") == trace(5).evolve(name="")

    with_store(path, look)
