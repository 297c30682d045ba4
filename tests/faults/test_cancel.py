"""A cancelled save is done or not at all, and the store goes on."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import threading
from pathlib import Path

import pytest

from a3s_store import SessionSnapshot, SqliteSessionStore
from tests.support import database, messages, run, session, trace, with_store

# Seconds after which a caller that still waits fails the test.
DEADLINE = 20.0
CANCELS = int(os.environ.get("A3S_CANCELS", "200"))


def whole(number: int) -> SessionSnapshot:
    """A snapshot with its number in every part."""
    return SessionSnapshot(
        session=session(messages=messages(5 + number % 7, tag=f"v{number}"), updated_at=number),
        trace_events=tuple(trace(number + i) for i in range(number % 5)),
        run_records=(run(number, number % 4),),
    )


def test_saves_cancelled_at_random_moments_are_whole_or_absent(tmp_path: Path) -> None:
    path = tmp_path / "agent.a3s"
    rng = random.Random(20260521)
    outcome = {"whole": 0, "absent": 0}

    async def use(store: SqliteSessionStore) -> None:
        await store.save_snapshot(whole(0))
        last = 0
        for number in range(1, CANCELS + 1):
            save = asyncio.create_task(store.save_snapshot(whole(number)))
            # Before it has begun, as it begins, or within the time that it takes.
            if number % 4:
                await asyncio.sleep(rng.choice((0.0, rng.uniform(0.0, 0.003))))
            save.cancel()
            async with asyncio.timeout(DEADLINE):
                cancelled = (await asyncio.gather(save, return_exceptions=True))[0] is not None
            # Writes are in order, so after another one the cancelled save is done or never will be.
            await store.delete("unknown")
            found = await store.load_snapshot("fix-login")
            assert found in (whole(last), whole(number))
            assert cancelled or found == whole(number)
            outcome["whole" if found == whole(number) else "absent"] += 1
            last = number if found == whole(number) else last

    with_store(path, use)
    assert min(outcome.values()) > CANCELS // 20, outcome
    with database(path) as conn:
        assert conn.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def test_a_cancel_while_the_file_is_locked_leaves_no_lock_behind(tmp_path: Path) -> None:
    """Awaiting BEGIN is not enough: the lock would be granted later, and never released."""
    path = tmp_path / "agent.a3s"

    async def use(store: SqliteSessionStore) -> None:
        await store.save(session(count=1))
        with database(path) as other:
            other.execute("BEGIN IMMEDIATE")
            save = asyncio.create_task(store.save(session(count=2)))
            await asyncio.sleep(0.05)
            save.cancel()
            with pytest.raises(asyncio.CancelledError):
                await save
            other.execute("ROLLBACK")
        await store.save(session("next"))
        with database(path) as other:
            other.execute("BEGIN IMMEDIATE")
            other.execute("ROLLBACK")
        assert await store.load("fix-login") == session(count=2), "it was accepted, so it was saved"

    with_store(path, use)


def test_a_cancelled_open_leaves_nothing_open(tmp_path: Path) -> None:
    path = tmp_path / "agent.a3s"

    async def main() -> None:
        for _ in range(20):
            opening = asyncio.ensure_future(_open(path))
            await asyncio.sleep(0.002)
            opening.cancel()
            result = (await asyncio.gather(opening, return_exceptions=True))[0]
            if isinstance(result, SqliteSessionStore):
                await result.close()

    asyncio.run(main())
    with_store(path, lambda store: store.save(session()))
    assert [found.name for found in tmp_path.iterdir()] == ["agent.a3s"]


async def _open(path: Path) -> SqliteSessionStore:
    return await SqliteSessionStore.open(path)


def test_a_save_of_an_ended_loop_blocks_no_save_of_the_next_loop(tmp_path: Path) -> None:
    """An accepted save that was not yet handed to the thread runs with the next one."""
    path = tmp_path / "agent.a3s"
    store: list[SqliteSessionStore] = []
    saves: list[asyncio.Task[None]] = []

    async def first() -> None:
        store.append(await SqliteSessionStore.open(path))
        loop = asyncio.get_running_loop()
        saves.append(loop.create_task(store[0].save(session("early"))))
        loop.call_soon(loop.stop)  # after the first step of the save, before that of the drain
        await asyncio.sleep(60)

    async def second() -> list[str]:
        await store[0].save(session("late"))
        found = await store[0].list()
        await store[0].close()
        return found

    loop = asyncio.new_event_loop()
    main = loop.create_task(first())
    with contextlib.suppress(RuntimeError):
        loop.run_until_complete(main)
    for task in asyncio.all_tasks(loop):
        task.cancel()
    loop.run_until_complete(asyncio.gather(main, *saves, return_exceptions=True))
    loop.close()
    assert asyncio.run(asyncio.wait_for(second(), 20)) == ["early", "late"]


def test_a_cancelled_close_still_closes(tmp_path: Path) -> None:
    path = tmp_path / "agent.a3s"

    async def main() -> None:
        store = await SqliteSessionStore.open(path)
        await store.save(session())
        closing = asyncio.create_task(store.close())
        await asyncio.sleep(0)
        closing.cancel()
        await asyncio.gather(closing, return_exceptions=True)
        await store.close()

    asyncio.run(main())
    assert [found.name for found in tmp_path.iterdir()] == ["agent.a3s"]


def test_a_loop_that_ends_with_saves_pending_leaves_the_thread_to_the_others(
    tmp_path: Path,
) -> None:
    """aiosqlite's thread dies when it reports to a closed loop: none may close before it has."""
    path = tmp_path / "agent.a3s"
    loop = asyncio.new_event_loop()
    store = loop.run_until_complete(_open(path))
    tasks: list[asyncio.Task[None]] = []

    async def leave(round_: int) -> None:
        for number in range(20):
            tasks.append(asyncio.create_task(store.save(session(f"{round_}-{number}"))))
        await asyncio.sleep(0.0005 * (round_ % 5))

    for round_ in range(30):
        asyncio.run(leave(round_))
        loop.run_until_complete(store.save(session("mine", count=round_)))
    saved = loop.run_until_complete(store.list())
    loop.run_until_complete(store.close())
    loop.close()
    assert "mine" in saved
    assert [found.name for found in tmp_path.iterdir()] == ["agent.a3s"]


def test_a_save_is_done_though_its_drain_is_cancelled(
    tmp_path: Path,
) -> None:
    async def use(store: SqliteSessionStore) -> None:
        save = asyncio.create_task(store.save(session()))
        await asyncio.sleep(0)
        for task in asyncio.all_tasks() - {save, asyncio.current_task()}:
            task.cancel()
        await asyncio.wait_for(save, 10)
        assert await store.load("fix-login") == session()

    with_store(tmp_path / "agent.a3s", use)


def test_each_job_returns_when_it_is_done_not_when_all_are(tmp_path: Path) -> None:
    """One drain for many would return the first result after the last job only."""

    async def use(store: SqliteSessionStore) -> None:
        worker = store._engine.writer
        assert worker is not None
        gate = threading.Event()
        first = asyncio.create_task(worker.run(lambda _: "done"))
        second = asyncio.create_task(worker.run(lambda _: gate.wait(10)))
        assert await asyncio.wait_for(first, 5) == "done"
        assert not second.done()
        gate.set()
        assert await second

    with_store(tmp_path / "agent.a3s", use)
