"""Queues that a manager keeps in a store: deleted with their session, stopped with the manager."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from a3s_store.backends.jsonfiles import FileSessionStore
from a3s_store.backends.memory import MemorySessionStore
from a3s_store.backends.sqlite import SqliteSessionStore
from a3s_store.models import (
    ExternalTaskPending,
    LaneHandlerConfig,
    SessionConfig,
    SessionLane,
    SessionQueueConfig,
    TaskHandlerMode,
)
from a3s_store.runtime import SessionManager
from a3s_store.runtime.agent_session import AgentSession
from tests.unit.runtime.live import Echo, Ticks, crash
from tests.unit.runtime.queue.test_journal_writer import savers
from tests.unit.runtime.queueing import Work

CONFIG = SessionConfig(
    queue_config=SessionQueueConfig(
        enable_dlq=True,
        lane_handlers={SessionLane.QUERY: LaneHandlerConfig(mode=TaskHandlerMode.EXTERNAL)},
    )
)
SECRET = "SECRETTOKEN12345"


def manager(store: Any) -> SessionManager:
    return SessionManager(agent=Echo(), clock=Ticks(), keep_queues=True).with_store(store)


async def announced(live: AgentSession) -> str:
    """Submit an external task; its id, once it is announced."""
    events = live.session.events.subscribe()
    live.session.queue.submit(SessionLane.QUERY, Work("bash", payload={"command": SECRET}))
    async for event in events:
        if isinstance(event, ExternalTaskPending):
            return event.task_id
    raise AssertionError("the events ended before")


def secret_is_in(folder: Path) -> bool:
    """Whether any file has it."""
    return any(SECRET.encode() in one.read_bytes() for one in folder.iterdir())


STORES: dict[str, Callable[[Path], Any]] = {
    "memory": lambda folder: MemorySessionStore(),
    "sqlite": lambda folder: SqliteSessionStore.open(folder / "agent.a3s"),
    "files": lambda folder: FileSessionStore.open(folder / "files"),
}


@pytest.mark.parametrize("kind", STORES)
def test_a_new_session_has_no_tasks_of_one_that_was_deleted_under_its_id(
    kind: str, tmp_path: Path
) -> None:
    """Also where the store deleted it, which asks no manager."""

    async def main() -> None:
        async with STORES[kind](tmp_path) as store:
            lost = manager(store)
            live = await lost.create_session("main", CONFIG)
            await announced(live)
            # The process dies: nothing of it is stopped.
            crash(live)
            await store.delete("main")
            async with manager(store) as sessions:
                queue = (await sessions.create_session("main", CONFIG)).session.queue
                await queue.recover()
                assert queue.pending_external_tasks() == ()
                await sessions.destroy_session("main")
            live.persistence.auto_save = False
            await lost.shutdown()

    asyncio.run(main())


@pytest.mark.parametrize(
    ("kind", "made_first"),
    [("memory", False), ("memory", True), ("sqlite", False), ("sqlite", True), ("files", False)],
)
def test_a_live_session_that_goes_on_after_its_deletion_leaves_no_task_for_the_next(
    kind: str, made_first: bool, tmp_path: Path
) -> None:
    """The next one of its id, made before the task is announced or after."""

    async def main() -> None:
        async with STORES[kind](tmp_path) as store:
            lost = manager(store)
            live = await lost.create_session("main", CONFIG)
            await store.delete("main")
            if made_first:
                async with manager(store) as sessions:
                    await sessions.create_session("main", CONFIG)
            await announced(live)
            # The process dies: nothing of it is stopped.
            crash(live)
            async with manager(store) as sessions:
                queue = (await sessions.open_session("main", CONFIG)).session.queue
                await queue.recover()
                assert queue.pending_external_tasks() == ()
                assert queue.dead_letters() == ()
                await sessions.destroy_session("main")
            live.persistence.auto_save = False
            await lost.shutdown()

    asyncio.run(main())


def test_erasing_a_session_leaves_no_task_of_its_queue_in_the_file(tmp_path: Path) -> None:
    async def main() -> None:
        async with SqliteSessionStore.open(tmp_path / "agent.a3s") as store:
            sessions = manager(store)
            await announced(await sessions.create_session("main", CONFIG))
            assert secret_is_in(tmp_path)
            assert (await store.erase("main")).found == ("main",)
            assert not secret_is_in(tmp_path)
            sessions.get_session("main").persistence.auto_save = False
            await sessions.get_session("main").close(save=False)

    asyncio.run(main())
    assert not secret_is_in(tmp_path)


def test_shutting_down_saves_all_sessions_though_the_task_that_saves_a_journal_was_cancelled(
    tmp_path: Path,
) -> None:
    """As by a program that cancels every task and goes on."""

    async def main() -> None:
        async with SqliteSessionStore.open(tmp_path / "agent.a3s") as store:
            sessions = manager(store)
            live = await sessions.create_session("main", CONFIG)
            await announced(live)
            await live.send("hello", Echo())
            live.session.queue.clear_dead_letters()
            assert savers()
            for saver in savers():
                saver.cancel()
            assert all(await sessions.shutdown())
            assert savers() == []
            found = await store.load("main")
            assert found is not None
            assert len(found.messages) == 2
            left = await store.claim_queue_entries("main", by="x", may_take=lambda _: True)
            assert left == ()

    asyncio.run(main())


def test_a_closed_session_leaves_its_dead_letters_to_the_one_that_is_restored(
    tmp_path: Path,
) -> None:
    """In the same process too, where its token would tell of a live session."""

    async def main() -> None:
        async with (
            SqliteSessionStore.open(tmp_path / "agent.a3s") as store,
            manager(store) as sessions,
        ):
            live = await sessions.create_session("main", CONFIG)
            with pytest.raises(OSError, match="no"):
                await live.session.queue.submit(SessionLane.EXECUTE, Work("w", OSError("no")))
            letters = live.session.queue.dead_letters()
            await sessions.close_session("main")
            again = await sessions.restore_session_by_id("main")
            assert again.session.queue.dead_letters() == letters != ()

    asyncio.run(main())
