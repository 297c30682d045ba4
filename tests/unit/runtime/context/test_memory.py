"""A session's memories: the file in the workspace, and what the model is shown of them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import attrs
import pytest

from a3s_store.agent_memory import (
    InMemoryMemoryStore,
    JsonlMemoryStore,
    MemoryItem,
    MemoryType,
    read_items,
    to_lines,
)
from a3s_store.backends.jsonfiles import FileSessionStore
from a3s_store.backends.memory import MemorySessionStore
from a3s_store.backends.sqlite import SqliteSessionStore
from a3s_store.core.protocol import Capabilities
from a3s_store.models import SessionConfig
from a3s_store.runtime import SessionManager
from a3s_store.runtime.context.memory import (
    MemoryContextProvider,
    memory_for,
    workspace_memory,
)
from a3s_store.runtime.context.providers import ContextProvider, ContextQuery, ContextType
from a3s_store.runtime.context.session_memory import RankedMemoryStore
from a3s_store.runtime.runs.active_run import ActiveRun, AgentResult
from tests.unit.runtime.live import Echo

NOW = 1_779_098_400_000


def clock() -> int:
    return NOW


def item_of(content: str, importance: float = 0.5) -> MemoryItem:
    return MemoryItem.new(content, importance=importance, clock=clock)


def file_of(workspace: Path, name: str = "fix-login") -> Path:
    return workspace / ".a3s" / "memories" / f"{name}.jsonl"


def test_memories_lie_in_the_workspace_under_the_sessions_id(tmp_path: Path) -> None:
    """L8: the file {workspace}/.a3s/memories/{id}.jsonl."""
    workspace = tmp_path / "project"

    async def main() -> None:
        store = await workspace_memory(workspace, "fix-login")
        assert isinstance(store, JsonlMemoryStore)
        assert store.path == file_of(workspace)
        await store.store(item_of("use tabs"))
        again = await workspace_memory(workspace, "fix-login")
        assert await again.count() == 1
        assert await (await workspace_memory(workspace, "other")).count() == 0

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
                store = await workspace_memory(workspace, session_id)
            assert isinstance(store, InMemoryMemoryStore)
            await store.store(item_of("kept for now"))
            assert await store.count() == 1
            (record,) = caplog.records
            assert record.levelno == logging.WARNING
            assert "my secret" not in caplog.text

    asyncio.run(main())
    assert path.read_bytes() == b'{"content": "my secret"\n'
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


STORES: dict[str, Callable[[Path], Any]] = {
    "memory": lambda folder: MemorySessionStore(),
    "file": lambda folder: FileSessionStore.open(folder / "sessions"),
    "sqlite": lambda folder: SqliteSessionStore.open(folder / "agent.a3s"),
}


@pytest.mark.parametrize("kind", STORES)
def test_memories_are_in_the_sessions_store_and_never_in_its_workspace(
    kind: str, tmp_path: Path
) -> None:
    """L8, with the stores this package adds: through their protocol and capability."""
    workspace = tmp_path / "project"
    workspace.mkdir()

    async def main() -> None:
        async with STORES[kind](tmp_path) as store:
            memory = await memory_for(store, str(workspace), "fix-login", clock=clock)
            await memory.store(item_of("use tabs"))
            assert await store.memories("fix-login").count() == 1
            async with SessionManager(agent=Echo()).with_store(store) as sessions:
                live = await sessions.create_session(
                    "live", SessionConfig(workspace=str(workspace))
                )
                await live.send("remember me", Echo())
            (item,) = await store.memories("live").items()
            assert "remember me" in item.content
            async with SessionManager(agent=Echo()).with_store(store) as sessions:
                again = await sessions.restore_session_by_id("live")
                assert await again.session.memory.count() == 1

    asyncio.run(main())
    assert list(workspace.iterdir()) == []


def test_a_session_with_an_id_too_long_for_a_file_has_memories(tmp_path: Path) -> None:
    async def main() -> None:
        memory = await memory_for(MemorySessionStore(), str(tmp_path), "a" * 1000)
        await memory.store(item_of("use tabs"))
        assert await memory.count() == 1

    asyncio.run(main())


class Another(MemorySessionStore):
    """A store that keeps no agent memory, whatever methods it inherited."""

    backend_name = "another"

    def capabilities(self) -> Capabilities:
        return attrs.evolve(super().capabilities(), agent_memory=False)


def test_a_store_without_the_capability_has_them_for_the_process_and_that_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        store = Another()
        with caplog.at_level(logging.WARNING):
            memory = await memory_for(store, str(tmp_path), "fix-login")
        assert isinstance(memory, InMemoryMemoryStore)
        (record,) = caplog.records
        assert "'fix-login'" in record.message
        assert "another" in record.message
        await memory.store(item_of("kept for now"))
        assert await store.memory_owners() == ()
        caplog.clear()
        assert isinstance(await memory_for(None, str(tmp_path), "fix-login"), InMemoryMemoryStore)
        assert caplog.records == []

    asyncio.run(main())
    assert list(tmp_path.iterdir()) == []


def test_a_file_of_the_workspace_that_is_not_used_is_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """One that upstream or an earlier release left."""
    path = file_of(tmp_path)
    path.parent.mkdir(parents=True)
    path.write_bytes(to_lines([item_of("use tabs")]))
    before = path.read_bytes()

    async def main() -> None:
        async with MemorySessionStore() as store:
            with caplog.at_level(logging.WARNING):
                memory = await memory_for(store, str(tmp_path), "fix-login")
            (record,) = caplog.records
            assert str(path) in record.message
            assert "use tabs" not in caplog.text
            assert await memory.count() == 0
            # As the warning and docs/sessions.md say.
            await store.memories("fix-login").store_all(read_items(path))
            assert await memory.count() == 1

    asyncio.run(main())
    assert path.read_bytes() == before


def test_an_application_may_pass_the_file_of_the_workspace(tmp_path: Path) -> None:
    """L8: it is used in place of the store's, and its texts are redacted if it is told how."""

    async def main() -> None:
        async with (
            MemorySessionStore() as store,
            SessionManager(agent=Echo()).with_store(store) as sessions,
        ):
            memory = await workspace_memory(
                tmp_path, "fix-login", redact=lambda text: text.replace("sk-1234", "[key]")
            )
            live = await sessions.create_session("fix-login", memory=memory)
            await live.send("use sk-1234", Echo())
            assert await store.memory_owners() == ()

    asyncio.run(main())
    (item,) = read_items(file_of(tmp_path))
    assert "use [key]" in item.content
    assert b"sk-1234" not in file_of(tmp_path).read_bytes()


@attrs.define
class Meanwhile:
    """Replies once this was awaited."""

    meanwhile: Callable[[], Awaitable[object]]

    async def run(self, run: ActiveRun) -> AgentResult:
        await self.meanwhile()
        return await Echo().run(run)


@pytest.mark.parametrize("saves_itself", [True, False])
@pytest.mark.parametrize("kind", ["memory", "sqlite"])
def test_a_turn_that_ends_after_its_session_was_deleted_leaves_no_memory(
    kind: str, saves_itself: bool, tmp_path: Path
) -> None:
    """As another process does it. A session made anew under the id would have the memory else."""

    async def main() -> None:
        async with STORES[kind](tmp_path) as store:
            sessions = SessionManager().with_store(store)
            live = await sessions.create_session("fix-login")
            live.persistence.auto_save = saves_itself
            await live.send("remember me", Echo())
            assert await store.memory_owners() == ("fix-login",)
            await live.send("and me", Meanwhile(lambda: store.delete("fix-login")))
            assert await store.memory_owners() == ()
            sessions.discard_unsaved("fix-login")
            await sessions.destroy_session("fix-login")
            await sessions.shutdown()

    asyncio.run(main())


def test_a_memory_is_shown_as_context(tmp_path: Path) -> None:
    """Section 8, provider `memory`: token count = len/4."""

    async def main() -> None:
        provider = MemoryContextProvider(InMemoryMemoryStore(clock=clock), clock=clock)
        named: ContextProvider = provider
        assert named.name == "memory"
        item = item_of("Über uns: <use> TABS", importance=0.5)
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
            await provider.memory.remember(item_of(f"use {number}", number / 10))
        found = await provider.query(ContextQuery(query="use", max_results=max_results))
        expected = [f"use {number}" for number in range(8, 8 - count, -1)]
        assert [item.content for item in found.items] == expected

    asyncio.run(main())


def test_no_more_is_shown_than_there_are_tokens_for() -> None:
    """Section 9, query: max_tokens."""

    async def main() -> None:
        provider = MemoryContextProvider(InMemoryMemoryStore(clock=clock), clock=clock)
        for number in range(4):
            await provider.memory.remember(item_of(f"use {'x' * 36}", number / 10))
        found = await provider.query(ContextQuery(query="use", max_tokens=25))
        assert (len(found.items), found.total_tokens, found.truncated) == (2, 20, True)

    asyncio.run(main())


def test_a_turn_that_ended_is_stored_as_a_success() -> None:
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
                await memories.store(item_of(content))
            found = await provider.query(ContextQuery(query="Please fix the login"))
            assert [item.content for item in found.items] == [
                "please fix the login",
                "the login page uses tabs",
            ]

    asyncio.run(main())
