"""Agent memory at its limits: many items, combining accents, too much text, invalid items."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest

from a3s_store.agent_memory import (
    AgentMemory,
    InMemoryMemoryStore,
    MemoryItem,
    json_lines,
    read_items,
    write_items,
)
from a3s_store.agent_memory.item import check_item
from a3s_store.backends.sqlite import SqliteSessionStore
from a3s_store.backends.sqlite import agent_memory_store as room
from a3s_store.errors import EncodeError, StoreFullError
from tests.everything import memory
from tests.support import with_store


def test_many_memories_are_looked_through_on_the_writers_thread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Section 8, store trait: twenty thousand at once do not hold up the event loop."""
    on_the_loop: list[bool] = []

    def watched(item: MemoryItem) -> None:
        on_the_loop.append(threading.current_thread() is threading.main_thread())
        check_item(item)

    monkeypatch.setattr(room, "check_item", watched)

    async def use(store: SqliteSessionStore) -> int:
        memories = store.memories("fix-login")
        await memories.store_all([memory(number) for number in range(5)])
        return await memories.count()

    assert with_store(tmp_path / "agent.a3s", use) == 5
    assert on_the_loop == [False] * 5


@pytest.mark.parametrize("query", ["re\u0301sume\u0301", "r\u00e9sum\u00e9", "RESUME"])
@pytest.mark.parametrize("content", ["re\u0301sume\u0301", "r\u00e9sum\u00e9", "resume"])
def test_an_accent_behind_its_letter_does_not_end_the_word(
    tmp_path: Path, query: str, content: str
) -> None:
    """B, FTS5: some systems write an accent as a character of its own."""

    async def use(store: SqliteSessionStore) -> int:
        memories = store.memories("fix-login")
        await memories.store(MemoryItem.new(f"the {content} was sent"))
        return len(await memories.search_ranked(query, 9))

    assert with_store(tmp_path / "agent.a3s", use) == 1


def test_no_file_is_written_that_would_be_too_large_to_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Section 8, FileStore: up to a limit; the file stays as it was."""
    path = tmp_path / "memories.jsonl"
    write_items(path, [memory(1)])
    monkeypatch.setattr(json_lines, "MAX_BYTES", path.stat().st_size)

    async def main() -> None:
        store = await json_lines.JsonlMemoryStore.open(path)
        with pytest.raises(StoreFullError, match="byte limit"):
            await store.store(memory(2))
        assert await store.count() == 1

    asyncio.run(main())
    assert read_items(path) == (memory(1),)


@pytest.mark.parametrize("given", [{"tags": "secret"}, {"importance": "1"}, {"importance": None}])
def test_a_single_text_is_no_tags_and_a_text_no_importance(given: dict[str, Any]) -> None:
    """Section 8, MemoryItem."""
    with pytest.raises(EncodeError, match="expected"):
        MemoryItem.new("use tabs", **given)


@pytest.mark.parametrize("given", [{"max_short_term": -1}, {"max_working": -1}])
def test_a_limit_of_an_agents_memory_is_a_number_of_items(given: dict[str, Any]) -> None:
    """Section 8, AgentMemory."""
    with pytest.raises(EncodeError, match="number of items"):
        AgentMemory(InMemoryMemoryStore(), **given)


@pytest.mark.parametrize(("threshold", "found"), [(10**400, 0), (-(10**400), 1)])
def test_a_threshold_beyond_all_floats_is_a_threshold(
    tmp_path: Path, threshold: int, found: int
) -> None:
    """Section 8, store trait."""

    async def use(store: SqliteSessionStore) -> None:
        for memories in (store.memories("fix-login"), InMemoryMemoryStore()):
            await memories.store(memory(1))
            assert len(await memories.get_important(threshold, 9)) == found

    with_store(tmp_path / "agent.a3s", use)
