"""The memory of a live session whose session was deleted: nothing of it is left for the next."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest

from a3s_store.agent_memory import MemoryItem, OwnedMemoryStore, TiedMemoryStore
from a3s_store.backends.jsonfiles import FileSessionStore
from a3s_store.backends.memory import MemorySessionStore
from a3s_store.backends.sqlite import SqliteSessionStore
from a3s_store.errors import SessionDeletedError
from a3s_store.models import Message
from a3s_store.runtime import SessionManager
from a3s_store.runtime.agent_session import AgentSession
from a3s_store.runtime.runs.active_run import ActiveRun
from tests.support import session
from tests.unit.runtime.live import Echo, Ticks, crash

ITEM = MemoryItem(id="a", content="use tabs", timestamp="2026-05-18T10:00:00Z")


class Untied:
    """Memories that cannot be tied to a session."""

    def __init__(self, memories: OwnedMemoryStore) -> None:
        for name in ("owner", "store", "store_all", "delete", "clear", "items", "count"):
            setattr(self, name, getattr(memories, name))


class OfOthers(MemorySessionStore):
    """A store of others that has lives, and memories of that kind."""

    def memories(self, owner: str) -> Any:
        return Untied(super().memories(owner))


class WithoutLives(FileSessionStore):
    """A store of others that has neither."""

    def memories(self, owner: str) -> Any:
        return Untied(super().memories(owner))


Opened = Callable[[Path], AbstractAsyncContextManager[Any]]
STORES: dict[str, Opened] = {
    "memory": lambda folder: MemorySessionStore(),
    "sqlite": lambda folder: SqliteSessionStore.open(folder / "agent.a3s"),
    "files": lambda folder: FileSessionStore.open(folder / "files"),
    "of others": lambda folder: OfOthers(),
    "of others without lives": lambda folder: WithoutLives.open(folder / "files"),
}
CHANGES: dict[str, Callable[[Any], Awaitable[None]]] = {
    "store": lambda memory: memory.store(ITEM),
    "store_all": lambda memory: memory.store_all([ITEM]),
    "delete": lambda memory: memory.delete("b"),
    "clear": lambda memory: memory.clear(),
}


async def created(store: Any) -> AgentSession:
    """A live session that was saved, of a manager that the caller forgets."""
    return await SessionManager(agent=Echo(), clock=Ticks()).with_store(store).create_session("s")


def gone(live: AgentSession) -> None:
    """The process of a live session ends."""
    live.persistence.auto_save = False
    crash(live)


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("kind", STORES)
def test_memory_of_a_deleted_session_is_not_changed(kind: str, change: str, tmp_path: Path) -> None:
    async def main() -> None:
        async with STORES[kind](tmp_path) as store:
            live = await created(store)
            await live.session.memory.store(ITEM)
            await store.delete("s")
            with pytest.raises(SessionDeletedError) as refused:
                await CHANGES[change](live.session.memory)
            assert not refused.value.recreated
            assert await store.memory_owners() == ()
            gone(live)

    asyncio.run(main())


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("kind", ["memory", "sqlite", "of others"])
def test_memory_of_the_next_session_of_an_id_is_not_changed_by_the_one_before(
    kind: str, change: str, tmp_path: Path
) -> None:
    async def main() -> None:
        async with STORES[kind](tmp_path) as store:
            live = await created(store)
            await store.delete("s")
            await store.save(session("s"))
            mine = MemoryItem(id="b", content="mine", timestamp="2026-05-18T10:00:00Z")
            await store.memories("s").store(mine)
            with pytest.raises(SessionDeletedError) as refused:
                await CHANGES[change](live.session.memory)
            assert refused.value.recreated
            assert await store.memories("s").items() == (mine,)
            gone(live)

    asyncio.run(main())


def test_a_deletion_that_was_noticed_holds_in_a_store_without_lives(tmp_path: Path) -> None:
    async def main() -> None:
        async with FileSessionStore.open(tmp_path) as store:
            live = await created(store)
            await store.delete("s")
            live.session.add_message(Message.user("more"))
            with pytest.raises(SessionDeletedError):
                await live.save()
            await store.save(session("s"))
            with pytest.raises(SessionDeletedError):
                await live.session.memory.store(ITEM)
            assert await store.memory_owners() == ()
            gone(live)

    asyncio.run(main())


@pytest.mark.parametrize("kind", STORES)
def test_memory_kept_after_its_session_was_destroyed_takes_nothing(
    kind: str, tmp_path: Path
) -> None:
    """Also once the live session itself is no more."""

    async def main() -> None:
        async with STORES[kind](tmp_path) as store:
            async with SessionManager(agent=Echo()).with_store(store) as sessions:
                memory = (await sessions.create_session("s")).session.memory
                await sessions.destroy_session("s")
            gc.collect()
            with pytest.raises(SessionDeletedError):
                await memory.store(ITEM)
            assert await store.memory_owners() == ()

    asyncio.run(main())


@pytest.mark.parametrize("kind", STORES)
def test_a_turn_whose_session_is_deleted_after_its_save_leaves_no_memory(
    kind: str, tmp_path: Path
) -> None:
    """Between the last look at the session and the change."""

    async def main() -> None:
        async with STORES[kind](tmp_path) as store:
            live = await created(store)

            async def still_stored() -> bool:
                await store.delete("s")
                return True

            live.persistence.is_still_stored = still_stored  # type: ignore[method-assign]
            await live.send("remember me", Echo())
            assert await store.memory_owners() == ()
            gone(live)

    asyncio.run(main())


@pytest.mark.parametrize("kind", STORES)
def test_a_run_whose_session_is_deleted_leaves_no_checkpoint(kind: str, tmp_path: Path) -> None:
    """Neither where the session is saved with it nor where the checkpoint is kept alone."""

    async def main() -> None:
        async with STORES[kind](tmp_path) as store:
            for saves_itself in (True, False):
                live = await created(store)
                live.persistence.auto_save = saves_itself

                async def delete(_: ActiveRun) -> None:
                    await store.delete("s")

                with pytest.raises(SessionDeletedError):
                    await live.send("go on", Echo(rounds=2, between=delete))
                assert (await store.inventory()).loop_checkpoints == ()
                gone(live)

    asyncio.run(main())


def test_memories_of_the_stores_of_this_package_can_be_tied(tmp_path: Path) -> None:
    async def main() -> None:
        for kind in ("memory", "sqlite", "files"):
            async with STORES[kind](tmp_path) as store:
                assert isinstance(store.memories("s"), TiedMemoryStore)

    asyncio.run(main())
