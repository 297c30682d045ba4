"""The WAL stays short under load, is copied when idle, and no caller waits for either."""

from __future__ import annotations

import asyncio
import threading
import time
from pathlib import Path

import pytest

from a3s_store import SqliteSessionStore
from a3s_store.backends.sqlite.connection import wal_checkpoint
from a3s_store.backends.sqlite.connection.wal_checkpoint import LOG_BYTES
from a3s_store.core.gil_yield import YIELD_EVERY, YIELD_FOR
from a3s_store.models import Message
from tests.support import messages, session, with_store

# A test that would wait for ever fails after so many seconds instead.
DEADLINE = 20.0


def large(number: int, size: int) -> Message:
    return Message.user(f"{number} ".ljust(size, "x"))


SIZE = 200_000


class Savers:
    """Two tasks that save large messages one after the other, and how long the log became."""

    def __init__(self, path: Path, each: int) -> None:
        self.log = path.with_name(path.name + "-wal")
        self.each = each
        self.longest = 0

    async def save(self, store: SqliteSessionStore) -> None:
        await asyncio.gather(self._save(store, "a"), self._save(store, "b"))

    async def _save(self, store: SqliteSessionStore, name: str) -> None:
        for number in range(self.each):
            await store.save(session(name, messages=(large(number, SIZE),)))
            self.longest = max(self.longest, self.log.stat().st_size)

    @property
    def written(self) -> int:
        return 2 * self.each * SIZE


@pytest.mark.slow
def test_the_log_is_begun_again_while_two_savers_and_two_readers_never_pause(
    tmp_path: Path,
) -> None:
    """More is written than a log that is twice as long as one called long would hold."""
    path = tmp_path / "agent.a3s"
    savers = Savers(path, 200)
    reads = [0, 0]

    async def read(store: SqliteSessionStore, number: int) -> None:
        while True:
            assert await store.load("small") == session("small", count=50)
            reads[number] += 1

    async def main() -> None:
        async with (
            SqliteSessionStore.open(path, durability="normal") as one,
            SqliteSessionStore.open(path, cache_bytes=0) as other,
        ):
            await one.save(session("small", count=50))
            reading = [asyncio.create_task(read(store, n)) for n, store in enumerate((one, other))]
            try:
                await savers.save(one)
            finally:
                for task in reading:
                    task.cancel()
                answers = await asyncio.gather(*reading, return_exceptions=True)
            assert all(isinstance(answer, asyncio.CancelledError) for answer in answers)

    asyncio.run(main())
    assert savers.longest < 2 * wal_checkpoint.LONG < savers.written
    assert min(reads) > 0


@pytest.mark.slow
def test_the_log_is_begun_again_though_there_is_always_a_read_waiting(tmp_path: Path) -> None:
    """Each reader has further long reads waiting while it runs one.

    Without giving way there would hardly be a moment without a read, and the log would hold nearly
    all that is written. How long it becomes is a matter of luck here, so the bound is a wide one.
    """
    path = tmp_path / "agent.a3s"
    savers = Savers(path, 250)
    generations = 1000
    reads = [0, 0]
    done = threading.Event()

    async def ask(store: SqliteSessionStore, number: int) -> None:
        while not done.is_set():
            assert len(await store.generations("small")) == generations
            reads[number] += 1

    def reader(number: int) -> None:
        async def ask_and_ask() -> None:
            async with SqliteSessionStore.open(path) as store:
                await asyncio.gather(*(ask(store, number) for _ in range(3)))

        asyncio.run(ask_and_ask())

    async def main() -> None:
        async with SqliteSessionStore.open(path, durability="normal") as store:
            saves = (store.save(session("small", updated_at=n)) for n in range(generations))
            await asyncio.gather(*saves)
            reading = [asyncio.create_task(asyncio.to_thread(reader, n)) for n in range(2)]
            try:
                await savers.save(store)
            finally:
                done.set()
                await asyncio.gather(*reading)

    asyncio.run(main())
    assert savers.longest < 4 * wal_checkpoint.LONG < savers.written
    assert min(reads) > 0


def test_the_log_of_an_idle_store_is_copied_into_the_database(tmp_path: Path) -> None:
    """Asking with `PRAGMA wal_checkpoint` would copy it; the database's size tells as well."""
    path = tmp_path / "agent.a3s"

    async def use(store: SqliteSessionStore) -> None:
        history: tuple[Message, ...] = ()
        for number in range(20):
            history += (large(number, 30_000),)
            await store.save(session(messages=history))
        before = path.stat().st_size
        assert before < 20 * 30_000
        deadline = time.monotonic() + DEADLINE
        while path.stat().st_size < 20 * 30_000:
            assert time.monotonic() < deadline, "it was not copied"
            await asyncio.sleep(0.05)
        await store.save(session(count=1))
        assert await store.load("fix-login") == session(count=1)

    with_store(path, use)


def test_a_few_saves_are_not_worth_copying(tmp_path: Path) -> None:
    """A checkpoint has syncs of its own, and would delay the next save."""

    async def use(store: SqliteSessionStore) -> None:
        writer = store._engine.writer
        assert writer is not None
        for number in range(1, wal_checkpoint.WORTH_COPYING + 1):
            await store.save(session(count=number))
            # The caller is told before the save is counted; this comes behind both.
            await writer.run(lambda _: None)
            assert store._engine._checkpointer.has_work() is (
                number == wal_checkpoint.WORTH_COPYING
            )

    with_store(tmp_path / "agent.a3s", use)


def test_callers_are_told_before_the_log_is_copied(tmp_path: Path) -> None:
    """The checkpoint waits here until the caller goes on: it would wait in vain if that came later.

    The saved message is longer than the log may grow, so this save is followed by a checkpoint.
    """
    told = threading.Event()
    copied = threading.Event()
    order: list[str] = []

    def look(statement: str) -> None:
        if "wal_checkpoint" in statement:
            order.append("told in time" if told.wait(DEADLINE) else "not told")
            copied.set()

    async def use(store: SqliteSessionStore) -> None:
        assert store._engine.writer is not None
        await store.health_check()  # the first write marks the database as open
        await store._engine.writer.run(lambda conn: conn.set_trace_callback(look))
        await store.save(session(messages=(large(0, 2 * LOG_BYTES),)))
        order.append("saved")
        told.set()
        assert await asyncio.to_thread(copied.wait, DEADLINE)
        await store._engine.writer.run(lambda conn: conn.set_trace_callback(None))
        assert order == ["saved", "told in time"]

    with_store(tmp_path / "agent.a3s", use)


def test_a_save_and_a_load_come_to_an_end_on_a_loop_that_is_never_idle(tmp_path: Path) -> None:
    async def use(store: SqliteSessionStore) -> None:
        async def spin() -> None:
            while True:
                sum(range(200))
                await asyncio.sleep(0)

        spinning = [asyncio.create_task(spin()) for _ in range(4)]
        try:
            async with asyncio.timeout(DEADLINE):
                for number in range(5):
                    history = messages(50, tag=f"turn {number}")
                    await store.save(session(messages=history))
                    assert await store.load("fix-login") == session(messages=history)
                    assert await store.list() == ["fix-login"]
        finally:
            for task in spinning:
                task.cancel()
            await asyncio.gather(*spinning, return_exceptions=True)

    with_store(tmp_path / "agent.a3s", use, cache_bytes=0)


def test_the_loop_lends_its_lock_while_somebody_waits_and_no_longer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The thread goes on only once the loop has slept for it a few times."""
    lent: list[float] = []
    sleep = time.sleep

    def counting(seconds: float) -> None:
        if seconds == YIELD_FOR:
            lent.append(seconds)
        sleep(seconds)

    monkeypatch.setattr(time, "sleep", counting)

    async def use(store: SqliteSessionStore) -> None:
        assert store._engine.writer is not None
        enough = threading.Event()
        waiting = asyncio.create_task(store._engine.writer.run(lambda _: enough.wait(DEADLINE)))
        while not waiting.done():
            await asyncio.sleep(0)
            if len(lent) >= 5:
                enough.set()
        assert waiting.result(), "nothing was lent"
        before = len(lent)
        await asyncio.sleep(10 * YIELD_EVERY)
        assert len(lent) == before

    with_store(tmp_path / "agent.a3s", use)
