"""Former bugs between threads, event loops and processes, each in its smallest form."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import signal
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ParamSpec

import pytest

from a3s_store import SqliteSessionStore
from a3s_store.backends.sqlite import transaction
from a3s_store.backends.sqlite.connection.connect import open_writer
from a3s_store.backends.sqlite.connection.settings import Settings
from a3s_store.backends.sqlite.connection.work_connection import WorkConnection
from a3s_store.backends.sqlite.connection.worker import Worker
from a3s_store.backends.sqlite.connection.worker_thread import WorkerThread
from a3s_store.core.job_queue import Job
from a3s_store.core.session_cache import CacheEntry, CacheTransaction
from a3s_store.errors import StoreClosedError
from a3s_store.models import Message
from tests.programs import output_of
from tests.support import database, session, with_store

P = ParamSpec("P")
# Seconds in which what must not hang has surely ended.
SURELY = 10.0


def dies(test: Callable[P, None]) -> Callable[P, None]:
    """For tests whose thread dies of an error that nothing is there to catch."""
    return pytest.mark.filterwarnings(
        "ignore:Exception in thread a3s-store:pytest.PytestUnhandledThreadExceptionWarning"
    )(test)


@contextlib.contextmanager
def a_loop() -> Iterator[asyncio.AbstractEventLoop]:
    """An event loop that is closed at the end, if it is not before."""
    loop = asyncio.new_event_loop()
    try:
        yield loop
    finally:
        loop.close()


async def opened(path: Path) -> SqliteSessionStore:
    return await SqliteSessionStore.open(path)


class Poisoned(Job):
    """A job at which the thread dies, as of an error in the queue itself."""

    @property
    def batchable(self) -> bool:
        raise MemoryError

    @batchable.setter
    def batchable(self, value: bool) -> None:
        pass


class Busy:
    """Keeps a worker's thread busy for a caller on `loop`, until `end`."""

    def __init__(self, worker: Worker, loop: asyncio.AbstractEventLoop) -> None:
        assert isinstance(worker, WorkerThread)
        self._inside = threading.Event()
        self._go_on = threading.Event()
        self._worker = worker
        self._job = loop.create_task(worker.run(self._wait))
        while not self._inside.is_set():
            loop.run_until_complete(asyncio.sleep(0.001))

    def _wait(self, conn: object) -> None:
        self._inside.set()
        self._go_on.wait(SURELY)

    async def poison(self) -> None:
        """Have the thread die of its next job."""
        self._worker._queue.put(Poisoned(None, None))

    def end(self) -> None:
        """Let the thread go on."""
        self._go_on.set()

    def wait_for_death(self) -> None:
        assert self._worker._thread is not None
        self._worker._thread.join(SURELY)
        assert not self._worker._is_alive()


# -- Processes ------------------------------------------------------------------------------------


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_child_runs_none_of_its_parents_saves_whatever_it_closes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "agent.a3s"
    writers = tmp_path / "writers"
    names = [f"s{n}" for n in range(5)]
    write = transaction.write

    @contextlib.contextmanager
    def noted(*arguments: Any) -> Iterator[None]:
        with writers.open("a") as file:
            file.write(f"{os.getpid()}\n")
        with write(*arguments):
            yield

    with a_loop() as loop:
        store = loop.run_until_complete(opened(path))
        monkeypatch.setattr(transaction, "write", noted)
        saves = [loop.create_task(store.save(session(name))) for name in names]
        # One step: they are accepted.
        loop.call_soon(loop.stop)
        loop.run_forever()
        child = os.fork()
        if child == 0:
            try:
                signal.alarm(20)
                asyncio.run(store.close())
                os._exit(0)
            finally:
                os._exit(1)
        _, status = os.waitpid(child, 0)
        assert os.waitstatus_to_exitcode(status) == 0
        loop.run_until_complete(asyncio.gather(*saves))
        for name in names:
            assert loop.run_until_complete(store.generation(name)) == 1
        loop.run_until_complete(store.close())
    assert set(writers.read_text().split()) == {str(os.getpid())}


# -- A thread that died ---------------------------------------------------------------------------


@dies
def test_a_save_that_was_refused_is_not_done_later(tmp_path: Path) -> None:
    """Its caller may have saved something newer through another store meanwhile."""
    path = tmp_path / "agent.a3s"
    old, new = (session(messages=(Message.user(text),)) for text in ("old", "new"))

    async def main() -> None:
        store = await SqliteSessionStore.open(path)
        writer = store._engine.writer
        assert writer is not None
        busy = await asyncio.to_thread(busy_elsewhere, writer)
        await busy.poison()
        # More than may wait at once: some are not even accepted.
        saves = [asyncio.create_task(store.save(old)) for _ in range(300)]
        await asyncio.sleep(0.05)
        busy.end()
        busy.wait_for_death()
        answers = await asyncio.gather(*saves, return_exceptions=True)
        assert {type(answer) for answer in answers} == {StoreClosedError}

        async with SqliteSessionStore.open(path) as other:
            await other.save(new)
        await store.close()

    def busy_elsewhere(writer: Worker) -> Busy:
        with a_loop() as loop:
            return Busy(writer, loop)

    asyncio.run(main())
    assert with_store(path, lambda store: store.load("fix-login")) == new
    assert with_store(path, lambda store: store.generation("fix-login")) == 1


@dies
def test_a_loop_can_end_though_the_thread_died_after_another_loops_end(tmp_path: Path) -> None:
    async def save_and_leave() -> None:
        saving = asyncio.create_task(store.save(session()))
        await asyncio.sleep(0.05)
        assert not saving.done()
        leaving.set()

    store = asyncio.run(opened(tmp_path / "agent.a3s"))
    assert store._engine.writer is not None
    leaving = threading.Event()
    thread = threading.Thread(target=lambda: asyncio.run(save_and_leave()), daemon=True)
    with a_loop() as loop:
        busy = Busy(store._engine.writer, loop)
        thread.start()
        loop.run_until_complete(busy.poison())
        assert leaving.wait(SURELY)
        time.sleep(0.2)  # the other loop shuts down by now, its save behind this one's
    busy.end()
    busy.wait_for_death()
    thread.join(SURELY)
    assert not thread.is_alive()
    asyncio.run(store.close())


@pytest.mark.parametrize("which", ["reader", "writer"])
@pytest.mark.parametrize("begun", ["before", "afterwards"])
def test_a_close_ends_though_the_loop_that_began_to_close_is_closed(
    tmp_path: Path, begun: str, which: str
) -> None:
    ended = threading.Event()

    def close() -> None:
        asyncio.run(store.close())
        ended.set()

    with a_loop() as loop:
        store = loop.run_until_complete(opened(tmp_path / "agent.a3s"))
        loop.run_until_complete(store.save(session()))
        busy = Busy(getattr(store._engine, which), loop)
        closing = loop.create_task(store.close())
        loop.run_until_complete(asyncio.sleep(0.05))
        thread = threading.Thread(target=close, daemon=True)
        if begun == "before":
            thread.start()
            time.sleep(0.2)  # it waits for this loop now
        assert not closing.done()
    if begun == "afterwards":
        thread.start()
    busy.end()
    assert ended.wait(SURELY)
    assert [found.name for found in tmp_path.iterdir()] == ["agent.a3s"]


# -- After the commit -----------------------------------------------------------------------------


class TooMuch(CacheEntry):
    """Something for which there is no memory left."""

    def messages_weight(self) -> int:
        raise MemoryError


def test_a_save_that_cannot_be_cached_is_a_save_all_the_same(tmp_path: Path) -> None:
    def apply(conn: WorkConnection, memory: CacheTransaction) -> str:
        conn.execute("INSERT INTO owner (id) VALUES ('there')")
        memory.put("there", TooMuch())
        return "saved"

    async def use(store: SqliteSessionStore) -> str:
        saving = store._engine.write("save", "there", apply, "there")
        answer = await asyncio.wait_for(saving, SURELY)
        await asyncio.wait_for(store.save(session("next")), SURELY)
        return answer

    path = tmp_path / "agent.a3s"
    assert with_store(path, use) == "saved"
    with database(path) as conn:
        found = conn.execute("SELECT id FROM owner ORDER BY owner_key").fetchall()
        assert found == [("there",), ("next",)]


def test_an_unexpected_error_leaves_no_caller_of_the_group_waiting(tmp_path: Path) -> None:
    def run_group(conn: object, jobs: object) -> None:
        raise ZeroDivisionError

    async def main() -> None:
        settings = Settings(path=tmp_path / "agent.a3s")
        worker = WorkerThread(lambda: open_writer(settings), run_group=run_group)
        await worker.start()
        try:
            jobs = [worker.run_batchable(None, "a") for _ in range(3)]
            waiting = asyncio.gather(*jobs, return_exceptions=True)
            answers = await asyncio.wait_for(waiting, SURELY)
            assert [type(answer) for answer in answers] == [ZeroDivisionError] * 3
            assert await worker.run(lambda conn: conn.in_transaction) is False
        finally:
            await worker.close()

    asyncio.run(main())


# -- Several event loops --------------------------------------------------------------------------


def test_loops_that_ended_are_not_kept(tmp_path: Path) -> None:
    loops = []

    async def use() -> None:
        loops.append(weakref.ref(asyncio.get_running_loop()))
        await store.save(session())
        await store.load("fix-login")

    with a_loop() as first:
        store = first.run_until_complete(opened(tmp_path / "agent.a3s"))
        for _ in range(8):
            asyncio.run(use())
        gc.collect()
        # The last one is dropped when another loop comes.
        assert sum(loop() is not None for loop in loops) <= 1
        first.run_until_complete(store.close())


def test_an_idle_stores_log_is_copied_though_the_loop_that_saved_first_has_ended(
    tmp_path: Path,
) -> None:
    path = tmp_path / "agent.a3s"

    async def save_some() -> bool:
        for number in range(20):
            await store.save(session(count=number * 10))
        before = path.stat().st_size
        for _ in range(100):
            if path.stat().st_size > before:
                return True
            await asyncio.sleep(0.05)
        return False

    with a_loop() as first:
        store = first.run_until_complete(opened(path))
        asyncio.run(store.save(session("first")))
        assert asyncio.run(save_some())
        first.run_until_complete(store.close())


def test_a_save_does_not_wait_for_another_loop_that_is_blocked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # That it looks around now and then, and so goes on in the end, is not what is meant.
    monkeypatch.setattr("a3s_store.core.gil_yield.LOOK_EVERY", 60.0)
    saved = threading.Event()
    blocked = threading.Event()
    in_time: list[bool] = []

    async def accept_and_block() -> None:
        saving = asyncio.create_task(store.save(session("theirs")))
        await asyncio.sleep(0)  # accepted; the trip to the thread has not begun
        blocked.set()
        in_time.append(saved.wait(3))
        await saving

    async def save() -> None:
        await asyncio.wait_for(store.save(session("ours")), SURELY)
        saved.set()

    with a_loop() as loop:
        store = loop.run_until_complete(opened(tmp_path / "agent.a3s"))
        thread = threading.Thread(target=lambda: asyncio.run(accept_and_block()))
        thread.start()
        assert blocked.wait(SURELY)
        loop.run_until_complete(save())
        thread.join()
        assert in_time == [True]
        assert loop.run_until_complete(store.list()) == ["ours", "theirs"]
        loop.run_until_complete(store.close())


# -- Stores that are left open --------------------------------------------------------------------


_DROPS_ITS_STORE = """
import asyncio, gc, sys, threading, warnings
warnings.simplefilter("ignore")
from a3s_store import SqliteSessionStore
from a3s_store.models import SessionData

async def save(name):
    async with SqliteSessionStore.open(sys.argv[1]) as store:
        await store.save(SessionData(id=name, created_at=1, updated_at=1))

async def main():
    await save("one")
    store = await SqliteSessionStore.open(sys.argv[1], read_only=True)
    print(await store.list())
    await save("two")
    print(await store.list())
    del store
    for _ in range(100):
        gc.collect()
        await asyncio.sleep(0.05)
        left = [thread.name for thread in threading.enumerate() if thread.name == "a3s-store"]
        if not left:
            break
    print(left)

asyncio.run(main())
"""


def test_a_reader_that_took_the_place_of_another_ends_with_its_dropped_store(
    tmp_path: Path,
) -> None:
    """A store that only reads opens its reader again once another process writes."""
    printed = output_of(_DROPS_ITS_STORE, tmp_path / "agent.a3s")
    assert printed.splitlines() == ["['one']", "['one', 'two']", "[]"]


_EXITS_BESIDE_WORK = """
import asyncio, sys, time, warnings
warnings.simplefilter("ignore")
from a3s_store import SqliteSessionStore

async def begin():
    store = await SqliteSessionStore.open(sys.argv[1])
    work = store._engine.aside("wait", "", lambda conn: time.sleep(0.3), lambda found: False)
    task = asyncio.ensure_future(work)
    await asyncio.sleep(0.1)
    return store, task

kept = asyncio.new_event_loop().run_until_complete(begin())
"""


def test_work_aside_ends_before_its_store_at_exit(tmp_path: Path) -> None:
    """The last connection to close copies the WAL and removes it."""
    path = tmp_path / "agent.a3s"
    output_of(_EXITS_BESIDE_WORK, path)
    assert [found.name for found in tmp_path.iterdir()] == [path.name]
