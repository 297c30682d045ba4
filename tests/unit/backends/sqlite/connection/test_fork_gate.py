"""A process that forks beside an open store: the child's own store works, or is refused at once."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest

from a3s_store import SqliteSessionStore, _forks
from a3s_store.backends.sqlite.connection import kept_files
from a3s_store.backends.sqlite.engine import Engine
from a3s_store.backends.sqlite.maintenance.restore import restore
from a3s_store.errors import StoreForkedError
from tests.support import session, with_store

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here"),
    pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning"),
]

DONE, FAILED, REFUSED = 0, 1, 5


@contextlib.contextmanager
def an_open_store(path: Path) -> Iterator[tuple[asyncio.AbstractEventLoop, SqliteSessionStore]]:
    """A store with one saved session, and the loop it was opened on, which does not run."""
    loop = asyncio.new_event_loop()
    store = loop.run_until_complete(SqliteSessionStore.open(path))
    try:
        loop.run_until_complete(store.save(session("parent")))
        yield loop, store
    finally:
        loop.run_until_complete(store.close())
        loop.close()


def fork(work: Callable[[], Coroutine[Any, Any, None]]) -> int:
    """Fork a child that runs this; return its process id."""
    child = os.fork()
    if child == 0:
        status = FAILED
        try:
            signal.alarm(20)
            asyncio.run(work())
            status = DONE
        except StoreForkedError:
            status = REFUSED
        finally:
            os._exit(status)
    return child


def status_of(child: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


async def save_one(path: Path, session_id: str) -> None:
    async with SqliteSessionStore.open(path) as store:
        await store.save(session(session_id))


def test_what_a_child_saves_is_kept_though_the_parent_closes_first(tmp_path: Path) -> None:
    path = tmp_path / "agent.a3s"
    ready, go_on = os.pipe(), os.pipe()

    async def save_and_be_killed() -> None:
        store = await SqliteSessionStore.open(path)
        await store.save(session("child-1"))
        os.write(ready[1], b".")
        os.read(go_on[0], 1)
        for number in range(2, 6):
            await store.save(session(f"child-{number}"))
        os.kill(os.getpid(), signal.SIGKILL)

    with an_open_store(path):
        child = fork(save_and_be_killed)
        os.read(ready[0], 1)
    os.write(go_on[1], b".")
    assert status_of(child) == -signal.SIGKILL
    wanted = ["child-1", "child-2", "child-3", "child-4", "child-5", "parent"]
    assert sorted(with_store(path, lambda store: store.list())) == wanted
    for each in (*ready, *go_on):
        os.close(each)


def test_a_fork_waits_for_the_save_that_is_under_way(tmp_path: Path) -> None:
    path = tmp_path / "agent.a3s"
    with an_open_store(path) as (loop, store), busy(store._engine, _forks.FORK_WAIT / 5):
        child = fork(lambda: save_one(path, "child"))
        assert status_of(child) == DONE
        loop.run_until_complete(store.save(session("parent-2")))
    assert sorted(with_store(path, lambda store: store.list())) == ["child", "parent", "parent-2"]


def test_a_child_of_a_fork_that_could_not_wait_is_refused_at_once(tmp_path: Path) -> None:
    path = tmp_path / "agent.a3s"
    with an_open_store(path) as (loop, store):
        with busy(store._engine, 4 * _forks.FORK_WAIT):
            began = time.monotonic()
            child = fork(lambda: save_one(path, "child"))
            assert status_of(child) == REFUSED
            assert time.monotonic() - began < 3 * _forks.FORK_WAIT
            other = fork(lambda: asyncio.to_thread(restore, path, tmp_path / "other.a3s"))  # type: ignore[arg-type]
            assert status_of(other) == REFUSED
        loop.run_until_complete(store.save(session("parent-2")))
        assert status_of(fork(lambda: save_one(path, "child"))) == DONE


def test_a_fork_from_inside_a_save_waits_for_nothing_and_refuses_its_child(tmp_path: Path) -> None:
    path = tmp_path / "agent.a3s"

    def fork_here(_: object) -> int:
        return fork(lambda: save_one(path, "child"))

    with an_open_store(path) as (loop, store):
        assert store._engine.writer is not None
        began = time.monotonic()
        child = loop.run_until_complete(store._engine.writer.run(fork_here))
        assert time.monotonic() - began < _forks.FORK_WAIT
        assert status_of(child) == REFUSED
        loop.run_until_complete(store.save(session("parent-2")))


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc/locks")
def test_a_child_has_none_of_its_parents_connections_and_the_parent_all_its_locks(
    tmp_path: Path,
) -> None:
    path = tmp_path / "agent.a3s"

    async def look() -> None:
        assert kept_files.connections() == []
        async with SqliteSessionStore.open(path):
            assert locks_on(path, os.getpid())

    with an_open_store(path):
        before = locks_on(path, os.getpid())
        assert before
        assert status_of(fork(look)) == DONE
        assert locks_on(path, os.getpid()) == before


def locks_on(path: Path, process: int) -> list[str]:
    lines = Path("/proc/locks").read_text().splitlines()
    mine = (line for line in lines if f" {process} " in line and f":{path.stat().st_ino} " in line)
    return sorted(line.partition(": ")[2] for line in mine)


@contextlib.contextmanager
def busy(engine: Engine, seconds: float) -> Iterator[None]:
    """The writer's thread is in a unit of work for so long, from now on."""
    begun = threading.Event()

    def work(_: object) -> None:
        begun.set()
        time.sleep(seconds)

    async def run() -> None:
        assert engine.writer is not None
        await engine.writer.run(work)

    thread = threading.Thread(target=lambda: asyncio.run(run()))
    thread.start()
    begun.wait()
    try:
        yield
    finally:
        thread.join()
