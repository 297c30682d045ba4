"""Watches of a SQLite file: what wakes them, what they hold, what ends them."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import weakref
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from a3s_store import Commit, SqliteSessionStore
from a3s_store.backends.sqlite import log_poll
from a3s_store.backends.sqlite.connection.work_connection import WorkConnection
from a3s_store.backends.sqlite.log_poll import LogPoll
from a3s_store.core.commit_signal import CommitSignal
from a3s_store.core.protocol import Watch
from a3s_store.errors import CorruptionError, StoreReplacedError
from a3s_store.testing.samples import session
from tests.support import with_store

NEVER = 1e6


async def _sequence(step: Awaitable[object]) -> int:
    async with asyncio.timeout(30):
        found = await step
    assert isinstance(found, Commit)
    return found.sequence


async def _waiting(watch: Watch) -> asyncio.Task[object]:
    """Return a step that waits for the next commit."""
    step = asyncio.ensure_future(anext(watch))
    await asyncio.sleep(0.1)
    assert not step.done()
    return step


def test_a_commit_of_this_process_wakes_watches_without_a_look(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_poll, "OFTEN", NEVER)

    async def use(store: SqliteSessionStore) -> None:
        waiting = await _waiting(store.watch(after=0))
        await store.save(session("s"))
        assert await _sequence(waiting) == 1

    with_store(tmp_path / "agent.a3s", use)


class _Looking:
    """A store whose every third look finds a commit, unless looks do not end."""

    def __init__(self, *, ends: bool = True) -> None:
        self.signal = CommitSignal()
        self.poll = LogPoll(self.signal, None)
        self.looks = 0
        self.ends = ends
        self.conn = sqlite3.connect(":memory:", factory=WorkConnection)
        self.close = weakref.finalize(self, sqlite3.Connection.close, self.conn)
        self.conn.execute("CREATE TABLE commit_log (sequence INTEGER)")

    def read_later(self, function: Callable[[WorkConnection], object]) -> None:
        self.looks += 1
        if self.looks % 3 == 0:
            self.conn.execute("INSERT INTO commit_log VALUES (?)", (self.looks // 3,))
        if self.ends:
            function(self.conn)

    async def wait(self, seen: int) -> None:
        self.poll.begin(self)
        self.poll.begin(self)
        async with asyncio.timeout(30):
            await self.signal.wait(seen)


def test_the_log_is_looked_at_only_while_a_watch_waits() -> None:
    async def main() -> None:
        log = _Looking()
        for seen in range(2):
            await log.wait(seen)
        assert log.looks == 6
        await asyncio.sleep(4 * log_poll.OFTEN)
        assert log.looks == 6

    asyncio.run(main())


def test_a_timer_keeps_no_store() -> None:
    async def main() -> None:
        log = _Looking()
        log.poll.begin(log)
        made = weakref.ref(log)
        del log
        assert made() is None

    asyncio.run(main())


def test_a_look_is_not_started_while_one_is_under_way() -> None:
    async def main() -> None:
        log = _Looking(ends=False)
        waiting = asyncio.create_task(log.wait(0))
        await asyncio.sleep(5 * log_poll.OFTEN)
        assert log.looks == 1
        waiting.cancel()

    asyncio.run(main())


def test_after_a_minute_of_silence_looks_are_seldom() -> None:
    assert log_poll.interval(0) == log_poll.interval(59.9) == 0.05
    assert log_poll.interval(60) == 0.25


def test_a_cancelled_step_leaves_no_read_open(tmp_path: Path) -> None:
    """The WAL can be reset at once: nothing reads an older state."""

    async def use(store: SqliteSessionStore) -> None:
        for number in range(20):
            await store.save(session("s", (f"{number}",)))
        watch = store.watch(after=0)
        for _ in range(10):
            step = asyncio.ensure_future(anext(watch))
            for _ in range(3):
                await asyncio.sleep(0)
            step.cancel()
            await asyncio.wait([step])
            assert not await store._engine.reader.run(lambda conn: conn.in_transaction)
        assert [await _sequence(anext(watch)) for _ in range(20)] == [*range(1, 21)]

    with_store(tmp_path / "agent.a3s", use)


def test_watches_of_several_loops_see_the_commits_and_the_end(tmp_path: Path) -> None:
    async def use(store: SqliteSessionStore) -> None:
        seen: list[list[int]] = [[], []]
        begun = [threading.Event(), threading.Event()]

        async def watch(number: int) -> None:
            async for one in store.watch(after=0):
                assert isinstance(one, Commit)
                seen[number].append(one.sequence)
                begun[number].set()

        loops = [
            threading.Thread(target=lambda n=n: asyncio.run(watch(n)), daemon=True)
            for n in range(2)
        ]
        for each in loops:
            each.start()
        for number in range(5):
            await store.save(session("s", (f"{number}",)))
        for event in begun:
            assert await asyncio.to_thread(event.wait, 30)
        while not all(len(each) == 5 for each in seen):  # noqa: ASYNC110 - of other loops
            await asyncio.sleep(0.01)
        await store.close()
        for one in loops:
            await asyncio.to_thread(one.join, 30)
            assert not one.is_alive()
        assert seen == [[1, 2, 3, 4, 5]] * 2

    with_store(tmp_path / "agent.a3s", use)


@pytest.mark.parametrize("is_open", [True, False])
def test_a_store_opened_for_reading_watches_those_who_write(tmp_path: Path, is_open: bool) -> None:
    """A file that no process had open is read without locks, until a process writes."""
    path = tmp_path / "agent.a3s"

    async def save() -> None:
        async with SqliteSessionStore.open(path) as store:
            await store.save(session("s"))

    async def main() -> None:
        async with SqliteSessionStore.open(path) as store:
            await store.save(session("s"))
            if not is_open:
                await store.close()
            async with SqliteSessionStore.open(path, read_only=True) as reading:
                waiting = await _waiting(reading.watch())
                if not is_open:
                    store = await SqliteSessionStore.open(path)
                await store.save(session("t"))
                assert await _sequence(waiting) == 2
                await store.close()

    asyncio.run(main())


def _zeroed(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(bytes(path.stat().st_size))


def test_a_file_that_is_overwritten_ends_its_watches_with_the_error(tmp_path: Path) -> None:
    path = tmp_path / "agent.a3s"

    async def main() -> None:
        store = await SqliteSessionStore.open(path)
        await store.save(session("s"))
        waiting = await _waiting(store.watch())
        _zeroed(path)
        with pytest.raises((StoreReplacedError, CorruptionError)):
            await _sequence(waiting)
        await store.close()

    asyncio.run(main())
