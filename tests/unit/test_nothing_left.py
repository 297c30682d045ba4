"""Deleting a session leaves nothing of it, and redacted texts are written nowhere.

On every store and by every way to delete; the whole store is searched.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from a3s_store.runtime import SessionManager
from tests.everything import memory, workflow
from tests.marked import (
    MARK,
    STORES,
    fill,
    in_files,
    in_memory,
    in_rows,
    leave_old_queue,
    marked,
)
from tests.unit.cli.cli_runs import invoke
from tests.unit.runtime.live import Echo
from tests.unit.runtime.test_session_queues import CONFIG, announced

ID = f"session-{MARK}"
RUN = f"run-{MARK}"


async def delete(store: Any) -> None:
    """Delete by the store itself."""
    await store.delete(ID)


async def destroy(store: Any) -> None:
    """Delete by a manager without queues in which the session is live."""
    async with SessionManager(agent=Echo()).with_store(store) as sessions:
        await sessions.restore_session_by_id(ID)
        await sessions.destroy_session(ID)


async def destroy_unseen(store: Any) -> None:
    """Delete by a manager with queues in which the session is not live."""
    async with SessionManager(keep_queues=True).with_store(store) as sessions:
        await sessions.destroy_session(ID)


DOORS: list[Callable[[Any], Awaitable[None]]] = [delete, destroy, destroy_unseen]


async def _filled(store: Any) -> None:
    await fill(store, ID, RUN)
    await leave_old_queue(store, ID)


async def _is_gone(store: Any) -> None:
    """Check that the store has nothing of the session, and a new session of the id neither."""
    assert await store.memory_owners() == ()
    inventory = await store.inventory()
    assert inventory.loop_checkpoints == inventory.workflow_checkpoints == ()
    async with SessionManager(agent=Echo(), keep_queues=True).with_store(store) as sessions:
        live = await sessions.create_session(ID)
        await live.session.queue.recover()
        assert live.session.queue.dead_letters() == ()
        assert live.session.queue.pending_external_tasks() == ()
        assert await live.session.memory.count() == 0
        assert await live.interrupted_runs() == ()
        await sessions.destroy_session(ID)


@pytest.mark.parametrize("door", DOORS, ids=lambda door: door.__name__)
def test_in_a_directory_nothing_of_a_deleted_session_is_left(door: Any, tmp_path: Path) -> None:
    async def main() -> None:
        async with STORES["file"](tmp_path) as store:
            await _filled(store)
            assert len(in_files(tmp_path)) > 9, "the search finds them"
            await door(store)
            assert in_files(tmp_path) == []
            await _is_gone(store)

    asyncio.run(main())
    assert [*tmp_path.rglob("*.json")] == []


@pytest.mark.parametrize("door", DOORS, ids=lambda door: door.__name__)
def test_in_memory_nothing_of_a_deleted_session_is_left(door: Any, tmp_path: Path) -> None:
    """Only the id stays: with its last generation, and in the commit log."""

    async def main() -> None:
        async with STORES["memory"](tmp_path) as store:
            await _filled(store)
            assert len(in_memory(store)) > 3, "the search finds them"
            await door(store)
            assert in_memory(store) == ["_last", "_log"]
            await _is_gone(store)

    asyncio.run(main())


@pytest.mark.parametrize("door", DOORS, ids=lambda door: door.__name__)
def test_in_a_database_no_row_of_a_deleted_session_is_left(door: Any, tmp_path: Path) -> None:
    """Bytes of its texts stay in free pages until it is erased, and its id in the commit log."""
    path = tmp_path / "agent.a3s"

    async def main() -> None:
        async with STORES["sqlite"](tmp_path) as store:
            await _filled(store)
            assert len(in_rows(path)) > 15, "the search finds them"
            await door(store)
            assert in_rows(path) == ["commit_log"]
            await _is_gone(store)

    asyncio.run(main())


def test_in_a_database_no_byte_of_an_erased_session_is_left(tmp_path: Path) -> None:
    async def main() -> None:
        async with STORES["sqlite"](tmp_path) as store:
            await _filled(store)
            assert (await store.erase(ID)).found == (ID,)
            assert in_files(tmp_path) == []
            await _is_gone(store)

    asyncio.run(main())


def test_the_command_leaves_no_byte_of_an_erased_session(tmp_path: Path) -> None:
    async def save() -> None:
        async with STORES["sqlite"](tmp_path) as store:
            await _filled(store)

    asyncio.run(save())
    done = invoke("erase", tmp_path / "agent.a3s", ID, "--yes")
    assert done.exit_code == 0, done.output
    assert in_files(tmp_path) == []


def _cleaned(text: str) -> str:
    return text.replace(MARK, "[secret]")


@pytest.mark.parametrize("kind", STORES)
def test_nothing_that_is_redacted_is_written_anywhere(kind: str, tmp_path: Path) -> None:
    """Texts of everything that belongs to a session, agent memory and queue too."""

    async def main() -> None:
        async with STORES[kind](tmp_path, redact=_cleaned) as store:
            await fill(store, "session", "run")
            await store.save_workflow_checkpoint("w", marked(workflow("w")))
            assert in_files(tmp_path) == []
            if kind == "memory":
                assert in_memory(store) == []
            (item,) = await store.memories("session").items()
            assert "[secret]" in item.content

    asyncio.run(main())
    assert in_files(tmp_path) == []


@pytest.mark.parametrize("kind", STORES)
def test_a_live_session_writes_nothing_that_is_redacted(kind: str, tmp_path: Path) -> None:
    """Turns, agent memory and queue, with a workspace in which files could be made."""
    workspace = tmp_path / "workspace"
    workspace.mkdir()

    async def main() -> None:
        async with STORES[kind](tmp_path, redact=_cleaned) as store:
            sessions = SessionManager(agent=Echo(), keep_queues=True).with_store(store)
            live = await sessions.create_session(
                "main", CONFIG.evolve(workspace=str(workspace), system_prompt=MARK)
            )
            await announced(live)
            await live.send(MARK, Echo(rounds=2))
            await live.session.memory.store(marked(memory(1)))
            await sessions.shutdown()
            if kind == "memory":
                assert in_memory(store) == []

    asyncio.run(main())
    assert in_files(tmp_path) == []
    assert [*workspace.iterdir()] == []
