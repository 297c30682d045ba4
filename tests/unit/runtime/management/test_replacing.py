"""A live session is replaced by another of the same stored one; where that fails, it stays."""

from __future__ import annotations

import asyncio

import pytest

from a3s_store import MemorySessionStore
from a3s_store.errors import (
    PersistenceError,
    SessionBusyError,
    SessionClosedError,
    SessionConfigError,
    SessionError,
    StoreError,
)
from a3s_store.models import (
    Message,
    SessionConfig,
    SessionLane,
    SessionQueueConfig,
    StorageBackend,
    ToolDefinition,
)
from a3s_store.runtime import SessionManager, SessionOptions
from tests.unit.runtime.live import Echo, Hang, Moody
from tests.unit.runtime.queueing import Work

READ = ToolDefinition(name="read", description="", parameters={})


def test_the_new_one_has_what_was_stored_and_what_it_is_given() -> None:
    """1.7: save, build from the snapshot, swap, close the old one."""

    async def main() -> None:
        store = MemorySessionStore()
        async with SessionManager(agent=Echo()).with_store(store) as sessions:
            old = await sessions.create_session("fix-login")
            sessions.set_agent("fix-login", Echo(rounds=1))
            await sessions.generate("fix-login", "hello")
            old.session.add_message(Message.user("not saved yet"))
            options = SessionOptions(model="acme/large")
            new = await sessions.replace_session("fix-login", options, tools=[READ])
            assert sessions.get_session("fix-login") is new is not old
            assert new.session.messages == old.session.messages
            assert new.session.tool_names == ("read",)
            assert (new.session.model_name, new.session.queue.is_started) == ("large", True)
            with pytest.raises(SessionClosedError):
                await old.send("more", Echo())
            await sessions.generate("fix-login", "more")
            assert len(new.session.messages) == len(old.session.messages) + 4, "the same agent"

    asyncio.run(main())


def test_nothing_is_replaced_while_something_is_under_way() -> None:
    async def main() -> None:
        async with SessionManager().with_store(MemorySessionStore()) as sessions:
            live = await sessions.create_session("a")
            hang = Hang()
            task = asyncio.create_task(live.send("hello", Echo(rounds=1, between=hang)))
            await hang.begun.wait()
            with pytest.raises(SessionBusyError):
                await sessions.replace_session("a")
            assert sessions.get_session("a") is live
            await live.cancel()
            await asyncio.gather(task, return_exceptions=True)

    asyncio.run(main())


@pytest.mark.parametrize("moment", ["save", "load"])
def test_where_it_fails_the_old_one_stays_and_works(
    moment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        store = Moody()
        async with SessionManager(agent=Echo()).with_store(store) as sessions:
            live = await sessions.create_session("a")
            live.session.add_message(Message.user("new"))
            store.gone = moment == "save"
            if moment == "load":

                async def fails(*given: object, **named: object) -> None:
                    raise StoreError("no")

                monkeypatch.setattr(store, "load_versioned", fails)
            with pytest.raises(PersistenceError if moment == "load" else StoreError):
                await sessions.replace_session("a")
            store.gone = False
            monkeypatch.undo()
            assert sessions.get_session("a") is live
            await sessions.generate("a", "hello")

    asyncio.run(main())


def test_one_that_is_not_live_or_not_kept_cannot_be_replaced() -> None:
    async def main() -> None:
        async with SessionManager().with_store(MemorySessionStore()) as sessions:
            with pytest.raises(SessionError, match="not found"):
                await sessions.replace_session("a")
            await sessions.create_session("a", SessionConfig(storage_type=StorageBackend.MEMORY))
            with pytest.raises(SessionConfigError):
                await sessions.replace_session("a")

    asyncio.run(main())


def test_dead_letters_that_are_kept_are_taken_over() -> None:
    async def main() -> None:
        store = MemorySessionStore()
        config = SessionConfig(queue_config=SessionQueueConfig(enable_dlq=True))
        async with SessionManager(keep_queues=True).with_store(store) as sessions:
            old = await sessions.create_session("a", config)
            with pytest.raises(OSError, match="no"):
                await old.session.queue.submit(SessionLane.EXECUTE, Work("w", OSError("no")))
            (letter,) = old.session.queue.dead_letters()
            new = await sessions.replace_session("a")
            assert new.session.queue.dead_letters() == (letter,)

    asyncio.run(main())
