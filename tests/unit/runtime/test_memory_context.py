"""A session's memories: the file in the workspace, and what the model is shown of them."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import pytest

from a3s_store.agent_memory import (
    InMemoryMemoryStore,
    JsonlMemoryStore,
    MemoryItem,
    MemoryType,
    read_items,
)
from a3s_store.backends.memory import MemorySessionStore
from a3s_store.backends.sqlite import SqliteSessionStore
from a3s_store.runtime.context import ContextProvider, ContextQuery, ContextType
from a3s_store.runtime.memory_context import (
    MemoryContextProvider,
    RankedMemoryStore,
    memory_for,
    session_memory,
)

NOW = 1_779_098_400_000


def clock() -> int:
    return NOW


def remembered(content: str, importance: float = 0.5) -> MemoryItem:
    return MemoryItem.new(content, importance=importance, clock=clock)


def file_of(workspace: Path, name: str = "fix-login") -> Path:
    return workspace / ".a3s" / "memories" / f"{name}.jsonl"


def test_memories_lie_in_the_workspace_under_the_sessions_id(tmp_path: Path) -> None:
    """L8: the file {workspace}/.a3s/memories/{id}.jsonl."""
    workspace = tmp_path / "project"

    async def main() -> None:
        store = await session_memory(workspace, "fix-login")
        assert isinstance(store, JsonlMemoryStore)
        assert store.path == file_of(workspace)
        await store.store(remembered("use tabs"))
        again = await session_memory(workspace, "fix-login")
        assert await again.count() == 1
        assert await (await session_memory(workspace, "other")).count() == 0

    asyncio.run(main())
    assert [item.content for item in read_items(file_of(workspace))] == ["use tabs"]


def test_memories_that_cannot_be_read_are_left_alone_and_cost_no_session(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """L8: on failure warn and use an in-memory store."""
    path = file_of(tmp_path)
    path.parent.mkdir(parents=True)
    path.write_bytes(b'{"content": "my secret"\n')
    (tmp_path / "file").write_bytes(b"")

    async def main() -> None:
        for workspace, session_id in (
            (tmp_path, "fix-login"),
            (tmp_path / "file", "fix-login"),
            (tmp_path, "../../escape"),
            (tmp_path, ".hidden"),
            (tmp_path, "a\0b"),
        ):
            caplog.clear()
            with caplog.at_level(logging.WARNING):
                store = await session_memory(workspace, session_id)
            assert isinstance(store, InMemoryMemoryStore)
            await store.store(remembered("kept for now"))
            assert await store.count() == 1
            (record,) = caplog.records
            assert record.levelno == logging.WARNING
            assert "my secret" not in caplog.text

    asyncio.run(main())
    assert path.read_bytes() == b'{"content": "my secret"\n'
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


def test_beside_a_sqlite_store_memories_are_in_its_file(tmp_path: Path) -> None:
    """L8, with the store this package adds."""

    async def main() -> None:
        async with SqliteSessionStore.open(tmp_path / "agent.a3s") as store:
            memory = await memory_for(store, str(tmp_path), "fix-login", clock=clock)
            await memory.store(remembered("use tabs"))
            assert await store.memories("fix-login").count() == 1
            assert not (tmp_path / ".a3s").exists()

    asyncio.run(main())


def test_beside_any_other_store_they_are_in_the_workspace_if_there_is_one(tmp_path: Path) -> None:
    """L8."""

    async def main() -> None:
        for store in (MemorySessionStore(), None):
            memory = await memory_for(store, str(tmp_path), "fix-login")
            assert isinstance(memory, JsonlMemoryStore)
            assert isinstance(await memory_for(store, "", "fix-login"), InMemoryMemoryStore)

    asyncio.run(main())


def test_a_memory_is_shown_as_context(tmp_path: Path) -> None:
    """Section 8, provider `memory`: token count = len/4."""

    async def main() -> None:
        provider = MemoryContextProvider(InMemoryMemoryStore(clock=clock), clock=clock)
        named: ContextProvider = provider
        assert named.name == "memory"
        item = remembered("Über uns: <use> TABS", importance=0.5)
        await provider.memory.remember(item)
        result = await provider.query(ContextQuery(query="use"))
        assert result.provider == "memory"
        (shown,) = result.items
        assert (shown.id, shown.content) == (item.id, item.content)
        assert shown.context_type is ContextType.MEMORY
        assert shown.source == "memory"
        assert shown.token_count == 21 // 4 == result.total_tokens
        assert shown.relevance == pytest.approx(0.65)
        assert not result.truncated
        assert (await provider.query(ContextQuery(query="spaces"))).items == ()

    asyncio.run(main())


@pytest.mark.parametrize(("max_results", "count"), [(10, 5), (5, 5), (3, 3), (0, 0)])
def test_no_more_is_shown_than_asked_for_and_never_more_than_five(
    max_results: int, count: int
) -> None:
    """Section 8, provider `memory`: min(max_results, 5) items, what matters most first."""

    async def main() -> None:
        provider = MemoryContextProvider(InMemoryMemoryStore(clock=clock), clock=clock)
        for number in range(9):
            await provider.memory.remember(remembered(f"use {number}", number / 10))
        found = await provider.query(ContextQuery(query="use", max_results=max_results))
        expected = [f"use {number}" for number in range(8, 8 - count, -1)]
        assert [item.content for item in found.items] == expected

    asyncio.run(main())


def test_no_more_is_shown_than_there_are_tokens_for() -> None:
    """Section 9, query: max_tokens."""

    async def main() -> None:
        provider = MemoryContextProvider(InMemoryMemoryStore(clock=clock), clock=clock)
        for number in range(4):
            await provider.memory.remember(remembered(f"use {'x' * 36}", number / 10))
        found = await provider.query(ContextQuery(query="use", max_tokens=25))
        assert (len(found.items), found.total_tokens, found.truncated) == (2, 20, True)

    asyncio.run(main())


def test_a_turn_that_ended_is_remembered_as_a_success() -> None:
    """Section 8, provider `memory`: on turn completion stores a success memory."""

    async def main() -> None:
        store = InMemoryMemoryStore()
        provider = MemoryContextProvider(store, clock=clock)
        await provider.on_turn_complete("fix-login", "Fix it", "Done")
        (item,) = store.items
        assert item.content == "Success: Fix it\nTools: \nResult: Done"
        assert (item.tags, item.memory_type) == (("success", "pattern"), MemoryType.PROCEDURAL)
        assert item.metadata == {"prompt": "Fix it", "tools": ""}
        assert provider.memory.short_term == (item,)

    asyncio.run(main())


def test_where_the_store_can_rank_some_of_the_words_are_enough(tmp_path: Path) -> None:
    """Section 8, provider `memory`: a whole prompt is seldom part of a memory."""

    async def main() -> None:
        async with SqliteSessionStore.open(tmp_path / "agent.a3s") as store:
            memories = store.memories("fix-login")
            assert isinstance(memories, RankedMemoryStore)
            assert not isinstance(InMemoryMemoryStore(), RankedMemoryStore)
            provider = MemoryContextProvider(memories, clock=clock)
            for content in ("the login page uses tabs", "please fix the login", "unrelated"):
                await memories.store(remembered(content))
            found = await provider.query(ContextQuery(query="Please fix the login"))
            assert [item.content for item in found.items] == [
                "please fix the login",
                "the login page uses tabs",
            ]

    asyncio.run(main())
