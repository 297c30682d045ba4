"""`SqliteSessionStore.open(":memory:")`: the same tables, no file, one thread for everything."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from a3s_store import (
    RetentionPolicy,
    SqliteSessionStore,
    SyncSessionStore,
    connect,
    resolve,
    restore,
    salvage,
)
from a3s_store.errors import InvalidArgumentError, StoreClosedError, UnsupportedError
from a3s_store.models import Message
from a3s_store.testing.samples import session
from tests.support import in_chunks

NAME = ":memory:"


def talk(name: str, count: int) -> Any:
    return session(name).evolve(messages=tuple(Message.user(f"{name} {n}") for n in range(count)))


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_it_touches_no_file_and_ends_with_its_closing(tmp_path: Path) -> None:
    async def use() -> None:
        async with SqliteSessionStore.open(NAME) as store, connect(NAME) as other:
            await store.save(talk("s", 1500))  # in chunks
            found = await store.load("s")
            assert found is not None
            assert len(found.messages) == 1500
            assert await other.list() == []
            promised = store.capabilities()
            assert not promised.durable
            assert not promised.shared_by_processes
            assert promised.watch
            assert str(store.path) == NAME
        with pytest.raises(StoreClosedError):
            await store.load("s")
        async with SqliteSessionStore.open(NAME) as store:
            assert await store.list() == []

    asyncio.run(use())
    assert list(tmp_path.iterdir()) == []
    assert [one.name for one in threading.enumerate() if one.name.startswith("a3s")] == []


@pytest.mark.parametrize(
    "path",
    [
        ":MEMORY:",
        ":Memory:",
        " :memory:",
        ":memory:\n",
        "file::memory:?cache=shared",
        "file:agent?mode=memory",
    ],
)
def test_another_spelling_makes_no_file(tmp_path: Path, path: str) -> None:
    """A program that expects a store in memory would leave its sessions in a file of that name."""

    async def use() -> None:
        for one in (SqliteSessionStore.open, connect):
            with pytest.raises(InvalidArgumentError, match="not a store in memory") as raised:
                await one(path)
            assert raised.value.argument == "path"
        with pytest.raises(InvalidArgumentError):
            await SqliteSessionStore.open(Path(path))

    asyncio.run(use())
    with pytest.raises(InvalidArgumentError):
        SyncSessionStore.open(path)
    assert list(tmp_path.iterdir()) == []


def test_a_file_may_have_such_a_name(tmp_path: Path) -> None:
    async def use() -> None:
        async with SqliteSessionStore.open(tmp_path / ":MEMORY:") as store:
            await store.save(session("s"))

    asyncio.run(use())
    assert [one.name for one in tmp_path.iterdir()] == [":MEMORY:"]


def test_what_needs_a_file_is_unsupported(tmp_path: Path) -> None:
    async def use() -> None:
        with pytest.raises(UnsupportedError):
            await SqliteSessionStore.open(NAME, read_only=True)
        with pytest.raises(UnsupportedError):  # the command line has paths only, and opens files
            await SqliteSessionStore.open(Path(NAME))
        async with SqliteSessionStore.open(NAME) as store:
            with pytest.raises(UnsupportedError, match="no file"):
                await store.backup(tmp_path / "copy.a3s")
            await store.save(talk("s", 1))
            with pytest.raises(UnsupportedError):
                await salvage(NAME, "to.a3s")
        async with SqliteSessionStore.open("file.a3s"):
            pass

    asyncio.run(use())
    works: tuple[Callable[[], object], ...] = (
        lambda: restore(NAME, "to.a3s"),
        lambda: restore("file.a3s", NAME),
        lambda: resolve(NAME, "set-aside-wal"),
    )
    for work in works:
        with pytest.raises(UnsupportedError):
            work()
    assert [one.name for one in tmp_path.iterdir()] == ["file.a3s"]


def test_maintenance_works() -> None:
    async def use() -> None:
        async with SqliteSessionStore.open(NAME) as store:
            for number in range(5):
                await store.save(talk("s", 100 * number + 1))
            await store.save(talk("t", 3))
            assert (await store.verify(depth="deep")).ok
            assert (
                await store.prune(RetentionPolicy(keep_generations=1))
            ).generations == 0  # all of the last day
            assert (await store.erase("s")).found == ("s",)
            await store.compact(target_free=0)
            await store.compact(full=True)
            health = await store.health_check()
            assert health.facts["journal_mode"] == "memory"
            assert health.location == NAME
            assert await store.list() == ["t"]
            assert (await store.verify(depth="deep")).ok

    asyncio.run(use())


def test_an_open_iteration_reads_pages_while_others_save() -> None:
    async def use() -> None:
        async with SqliteSessionStore.open(NAME) as store:
            await store.save(talk("s", 30))
            seen = []
            async for one in store.iter_messages("s", page=10):
                seen.append(one.seq)
                await store.append("s", [Message.user("later")])
            assert seen == [*range(30)], "the head of its start"
            found = await store.load("s")
            assert found is not None
            assert len(found.messages) == 60

    asyncio.run(use())


def test_a_watch_sees_commits_of_the_process() -> None:
    async def use() -> None:
        async with SqliteSessionStore.open(NAME) as store:
            watch = store.watch(after=0)
            waiting = asyncio.ensure_future(anext(watch))
            await asyncio.sleep(0)
            await store.save(talk("s", 1))
            commit = await asyncio.wait_for(waiting, 30)
            assert getattr(commit, "subject", None) == "s"
            waiting = asyncio.ensure_future(anext(watch))
            await asyncio.sleep(0.1)  # until it waits
            await store.save(talk("t", 1))
            commit = await asyncio.wait_for(waiting, 30)
            assert getattr(commit, "subject", None) == "t"

    asyncio.run(use())


def test_a_save_writes_no_commit_link() -> None:
    async def use() -> None:
        async with SqliteSessionStore.open(NAME) as store:
            writer = store._engine.writer
            assert writer is not None
            statements: list[str] = []
            await writer.run(lambda conn: conn.set_trace_callback(statements.append))
            await store.save(talk("s", 3))
            assert any("INSERT INTO message" in one for one in statements)
            assert [one for one in statements if "file_link" in one] == []

    asyncio.run(use())


def test_many_tasks_and_threads_share_it() -> None:
    with SyncSessionStore.open(NAME) as store:

        def work(name: str) -> None:
            for _ in range(10):
                store.append("common", [Message.user(name)], create=session("common"))
                store.load("common")

        threads = [threading.Thread(target=work, args=(f"t{n}",)) for n in range(4)]
        for one in threads:
            one.start()
        for one in threads:
            one.join()
        assert store.messages("common", last=1).length == 40  # type: ignore[union-attr]


def test_a_large_save_lets_others_between_its_chunks() -> None:
    async def use() -> None:
        async with SqliteSessionStore.open(NAME) as store:
            in_chunks(store)
            await asyncio.gather(*(store.save(talk(f"s{n}", 40)) for n in range(6)))
            assert len(await store.list()) == 6
            assert (await store.verify(depth="deep")).ok

    asyncio.run(use())


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_forked_child_leaves_it_alone() -> None:
    from tests.programs import output_of

    program = """
import os, sys, warnings
warnings.simplefilter("ignore", DeprecationWarning)  # of fork beside threads, from 3.12 on
from a3s_store import SyncSessionStore
from a3s_store.errors import StoreForkedError
from a3s_store.testing.samples import session

store = SyncSessionStore.open(":memory:")
store.save(session("s"))
if (child := os.fork()) == 0:
    try:
        store.list()
    except StoreForkedError:
        with SyncSessionStore.open(":memory:") as own:
            os._exit(len(own.list()))
    os._exit(9)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
print(store.list())
store.close()
"""
    assert output_of(program) == "['s']\n"
