"""Redaction and conditional saves: secrets are in no save, no merge and no checkpoint."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import attrs
import pytest

from a3s_store import MemorySessionStore, SqliteSessionStore
from a3s_store.core.changes import RunCheckpoint, SessionChanges, Stored
from a3s_store.core.collections import TRACE_EVENTS
from a3s_store.core.revision import Revision
from a3s_store.errors import EncodeError
from a3s_store.models import Message
from tests.support import checkpoint, session, trace

SECRET, MASK = "sk-live-9f8e7d6c5b4a", "[redacted]"
Use = Callable[[Any], Awaitable[None]]


def redact(text: str) -> str:
    return text.replace(SECRET, MASK)


def in_each_store(folder: Path, use: Use, hook: Callable[[str], str] = redact) -> None:
    async def main() -> None:
        async with MemorySessionStore(redact=hook) as memory:
            await use(memory)
        async with SqliteSessionStore.open(folder / "s.a3s", redact=hook) as sqlite:
            await use(sqlite)

    asyncio.run(main())


def said(*texts: str) -> Any:
    return session("s", messages=tuple(map(Message.user, texts)))


def given(number: int, **parts: Any) -> SessionChanges:
    return SessionChanges(session_id="s", save_id=bytes([number]) * 16, **parts)


def test_changes_are_redacted_and_a_merge_sees_them_so(tmp_path: Path) -> None:
    async def use(store: Any) -> None:
        committed = await store.save_changes(given(1, session=said(f"my key {SECRET}")), on=None)
        assert committed.changes.session == said(f"my key {MASK}")
        await store.save(said("theirs"))
        event = trace(1).evolve(name=SECRET)
        ours = given(2, session=said(SECRET), collections={TRACE_EVENTS: (event,)})
        seen: list[SessionChanges] = []

        def merge(mine: SessionChanges, theirs: Stored) -> SessionChanges:
            seen.append(mine)
            assert mine.session is not None
            both = theirs.value.session.messages + mine.session.messages
            return attrs.evolve(mine, session=mine.session.evolve(messages=both))

        committed = await store.save_changes(ours, on=Revision(1, 1), merge=merge)
        assert seen[-1].session == said(MASK)
        assert seen[-1].collections == {TRACE_EVENTS: (event.evolve(name=MASK),)}
        assert committed.changes.session == said("theirs", MASK)
        loaded = await store.load_snapshot("s")
        assert loaded.session == said("theirs", MASK)
        assert loaded.trace_events == (event.evolve(name=MASK),)

    in_each_store(tmp_path, use)
    assert all(SECRET.encode() not in file.read_bytes() for file in tmp_path.iterdir())


def test_a_checkpoint_that_is_saved_with_changes_is_redacted(tmp_path: Path) -> None:
    async def use(store: Any) -> None:
        await store.save(said("a"))
        value = checkpoint((Message.user(SECRET),), "r", "s")
        run = RunCheckpoint(checkpoint=value, base_length=0, claimed_by="A")
        changes = given(1, checkpoint=run, begins_run=True)
        committed = await store.save_changes(changes, on=Revision(1, 1))
        masked = value.evolve(messages=(Message.user(MASK),))
        expected = RunCheckpoint(checkpoint=masked, base_length=0, claimed_by="A")
        assert committed.changes.checkpoint == expected
        assert await store.run_checkpoints("s") == (expected,)

    in_each_store(tmp_path, use)
    assert all(SECRET.encode() not in file.read_bytes() for file in tmp_path.iterdir())


@pytest.mark.parametrize("where", ["session", "checkpoint"])
def test_a_hook_that_fails_writes_nothing_and_says_where(tmp_path: Path, where: str) -> None:
    def failing(text: str) -> str:
        if SECRET in text:
            raise KeyError(text)
        return text

    async def use(store: Any) -> None:
        await store.save(said("a"))
        parts: dict[str, Any] = {"session": said("b", SECRET)}
        if where == "checkpoint":
            value = checkpoint((Message.user("b"), Message.user(SECRET)), "r", "s")
            run = RunCheckpoint(checkpoint=value, claimed_by="A")
            parts = {"session": said("b"), "checkpoint": run, "begins_run": True}
        with pytest.raises(EncodeError) as caught:
            await store.save_changes(given(1, **parts), on=Revision(1, 1))
        assert caught.value.path.startswith("messages[1]")
        assert caught.value.op == "save"
        assert SECRET not in str(caught.value)
        assert await store.load("s") == said("a")
        assert await store.run_checkpoints("s") == ()

    in_each_store(tmp_path, use, failing)
