"""Closing says what was saved: nothing that was said is lost without a word."""

from __future__ import annotations

import asyncio
import json
import logging
import stat
from pathlib import Path
from typing import Any

import pytest

from a3s_store import MemorySessionStore, SqliteSessionStore
from a3s_store.errors import (
    SessionClosedError,
    SessionNotSavedError,
    StoreError,
    StoreUnavailableError,
    UnsavedSessionsError,
)
from a3s_store.models import Message
from a3s_store.runtime import SessionManager
from a3s_store.runtime.management.closing import Closed
from tests.unit.runtime.live import Echo, Moody


def manager(store: Any, **given: Any) -> SessionManager:
    return SessionManager(agent=Echo(), **given).with_store(store)


async def one_unsaved(store: Moody, **given: Any) -> SessionManager:
    """A manager with a session "main" whose last message the store refuses to save."""
    sessions = manager(store, **given)
    await sessions.create_session("main")
    store.gone = True
    sessions.get_session("main").session.add_message(Message.user("only here"))
    return sessions


def test_a_session_that_is_saved_says_so_and_one_with_nothing_new_writes_nothing() -> None:
    async def main() -> None:
        store = MemorySessionStore()
        sessions = manager(store)
        await sessions.create_session("main")
        await sessions.create_session("idle")
        sessions.get_session("main").session.add_message(Message.user("hello"))
        before = await store.revision("idle")
        closed = await sessions.shutdown()
        assert [(one.session_id, one.outcome) for one in closed] == [
            ("idle", "unchanged"),
            ("main", "saved"),
        ]
        assert await store.revision("idle") == before
        assert await sessions.close_session("main") == Closed(session_id="main", outcome="not_live")
        assert not await sessions.close_session("main"), "it was not live"

    asyncio.run(main())


def test_a_session_that_was_not_saved_is_told_and_stays() -> None:
    async def main() -> None:
        store = Moody()
        sessions = await one_unsaved(store)
        with pytest.raises(SessionNotSavedError) as caught:
            await sessions.close_session("main")
        assert caught.value.closed.outcome == "not_saved"
        assert isinstance(caught.value.closed.error.__cause__, StoreUnavailableError)
        assert sessions.list_sessions() == []
        (live,) = sessions.unsaved_sessions()
        assert live.session.messages == (Message.user("only here"),)
        with pytest.raises(SessionClosedError):
            await live.send("go on", Echo())
        with pytest.raises(StoreError, match="was closed and is not saved"):
            await sessions.create_session("main")
        store.gone = False
        closed = await sessions.close_session("main")
        assert closed.outcome == "saved"
        assert sessions.unsaved_sessions() == ()
        saved = await store.load("main")
        assert saved is not None
        assert saved.messages == (Message.user("only here"),)

    asyncio.run(main())


def test_what_was_not_saved_can_be_saved_elsewhere_or_given_up() -> None:
    async def main() -> None:
        store = Moody()
        sessions = await one_unsaved(store)
        with pytest.raises(SessionNotSavedError):
            await sessions.close_session("main")
        store.gone = False
        (live,) = sessions.unsaved_sessions()
        await live.save_as("copy")
        assert sessions.discard_unsaved("main")
        assert not sessions.discard_unsaved("main")
        with pytest.raises(SessionClosedError):
            await live.save()
        copy, kept = await store.load("copy"), await store.load("main")
        assert copy is not None
        assert kept is not None
        assert (len(copy.messages), len(kept.messages)) == (1, 0)

    asyncio.run(main())


def test_leaving_the_block_raises_a_group_of_what_was_not_saved() -> None:
    async def main() -> None:
        store = Moody()
        with pytest.raises(UnsavedSessionsError) as caught:
            async with await one_unsaved(store):
                pass
        assert [one.session_id for one in caught.value.closed] == ["main"]
        assert isinstance(caught.value, StoreError)
        assert isinstance(caught.value, ExceptionGroup)
        found = caught.value.subgroup(SessionNotSavedError)
        assert isinstance(found, UnsavedSessionsError)

    asyncio.run(main())


def test_an_error_of_the_block_goes_on_with_notes(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        store = Moody()
        with pytest.raises(ZeroDivisionError) as caught:
            async with await one_unsaved(store):
                raise ZeroDivisionError
        (note,) = caught.value.__notes__
        assert "session 'main' was closed and is not saved" in note

    asyncio.run(main())
    assert [record.levelno for record in caplog.records].count(logging.ERROR) == 1


def test_a_session_with_a_long_id_has_a_rescue_file(tmp_path: Path) -> None:
    async def main() -> None:
        store = Moody()
        sessions = manager(store, rescue_dir=tmp_path)
        live = await sessions.create_session("m" * 1000)
        store.gone = True
        live.session.add_message(Message.user("only here"))
        with pytest.raises(SessionNotSavedError) as caught:
            await sessions.close_session(live.id)
        path = caught.value.closed.rescue
        assert path is not None
        assert path.name.endswith(".rescue.json")
        assert json.loads(path.read_bytes())["session_id"] == live.id

    asyncio.run(main())


def test_a_rescue_file_has_what_was_not_saved_for_its_owner_alone(tmp_path: Path) -> None:
    async def main() -> None:
        store = Moody()
        sessions = await one_unsaved(store, rescue_dir=tmp_path)
        with pytest.raises(SessionNotSavedError) as caught:
            await sessions.close_session("main")
        path = caught.value.closed.rescue
        assert path is not None
        assert path.parent == tmp_path
        assert str(path) in str(caught.value)
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        kept = json.loads(path.read_bytes())
        assert (kept["session_id"], kept["generation"]) == ("main", 1)
        (message,) = kept["snapshot"]["session"]["messages"]
        assert message["content"][0]["text"] == "only here"
        assert sessions.unsaved_sessions() == ()

    asyncio.run(main())


def test_a_rescue_file_is_redacted(tmp_path: Path) -> None:
    async def main() -> None:
        path = tmp_path / "agent.a3s"
        async with SqliteSessionStore.open(
            path, redact=lambda text: text.replace("hunter2", "***")
        ) as store:
            sessions = manager(store)
            live = await sessions.create_session("main")
            live.session.add_message(Message.user("it is hunter2"))
            await live.rescue(tmp_path / "rescue.json")
            assert b"hunter2" not in (tmp_path / "rescue.json").read_bytes()
            assert live.session.messages == (Message.user("it is hunter2"),)
            await sessions.shutdown()

    asyncio.run(main())


class Hanging(MemorySessionStore):
    """Its saves never return while `hangs`."""

    def __init__(self) -> None:
        super().__init__()
        self.go_on = asyncio.Event()
        self.go_on.set()

    async def save_changes(self, changes: Any, **given: Any) -> Any:
        await self.go_on.wait()
        return await super().save_changes(changes, **given)


def test_closing_ends_although_the_store_never_returns() -> None:
    async def main() -> None:
        store = Hanging()
        sessions = manager(store)
        for name in ("a", "b"):
            await sessions.create_session(name)
            sessions.get_session(name).session.add_message(Message.user("late"))
        store.go_on.clear()
        with pytest.raises(UnsavedSessionsError) as caught:
            await asyncio.wait_for(sessions.shutdown(deadline=0.05), 30)
        assert [one.outcome for one in caught.value.closed] == ["not_saved", "not_saved"]
        late = caught.value.exceptions[0].__cause__
        assert late is not None
        assert isinstance(late.__cause__, TimeoutError)
        # The store finishes after all: nothing is written twice.
        store.go_on.set()
        closed = await sessions.shutdown()
        assert [one.session_id for one in closed] == ["a", "b"]
        saved = await store.load("a")
        assert saved is not None
        assert saved.messages == (Message.user("late"),)
        assert await store.revision("a") == (2, 1)

    asyncio.run(main())


def test_closing_a_session_that_was_deleted_elsewhere_is_an_error_only_with_something_unsaved() -> (
    None
):
    async def main() -> None:
        store = MemorySessionStore()
        sessions = manager(store)
        for name in ("idle", "busy"):
            await sessions.create_session(name)
            await store.delete(name)
        sessions.get_session("busy").session.add_message(Message.user("only here"))
        assert (await sessions.close_session("idle")).outcome == "unchanged"
        with pytest.raises(SessionNotSavedError, match="deleted elsewhere") as caught:
            await sessions.close_session("busy")
        assert caught.value.closed.outcome == "deleted"
        assert await store.list() == []
        (live,) = sessions.unsaved_sessions()
        await live.save_as("kept")
        assert await store.list() == ["kept"]

    asyncio.run(main())
