"""The memory of one agent: short term, working list, and items of successes and failures."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from a3s_store.agent_memory import (
    AgentMemory,
    InMemoryMemoryStore,
    MemoryItem,
    MemoryStats,
    MemoryType,
    relevance,
)
from a3s_store.errors import EncodeError

NOW = 1_779_098_400_000


def clock() -> int:
    return NOW


def numbered(count: int) -> list[MemoryItem]:
    return [MemoryItem.new(f"number {number}", clock=clock) for number in range(count)]


def test_a_stored_item_is_in_the_store_and_in_the_working_list() -> None:
    """Section 8, AgentMemory: `remember` writes long- and short-term."""

    async def main() -> None:
        store = InMemoryMemoryStore()
        memory = AgentMemory(store)
        (item,) = numbered(1)
        await memory.remember(item)
        assert await store.retrieve(item.id) is item
        assert list(memory.short_term) == [item]
        assert memory.working == ()
        assert memory.store is store
        memory.clear_short_term()
        assert list(memory.short_term) == []
        assert await memory.get_recent(5) == (item,)

    asyncio.run(main())


def test_what_the_store_refuses_is_not_at_hand_either() -> None:
    """Section 8, AgentMemory."""

    async def main() -> None:
        memory = AgentMemory(InMemoryMemoryStore())
        with pytest.raises(EncodeError):
            await memory.remember(MemoryItem.new("c").evolve(metadata={"n": 1}))
        assert memory.short_term == ()
        with pytest.raises(EncodeError):
            memory.add_to_working("no item")  # type: ignore[arg-type]
        assert memory.working == ()

    asyncio.run(main())


def test_the_short_term_holds_the_last_hundred() -> None:
    """Section 8, AgentMemory: short-term FIFO of 100."""

    async def main() -> None:
        memory = AgentMemory(InMemoryMemoryStore())
        items = numbered(103)
        for item in items:
            await memory.remember(item)
        assert memory.short_term == tuple(items[3:])
        assert await memory.stats() == MemoryStats(
            long_term_count=103, short_term_count=100, working_count=0
        )

    asyncio.run(main())


@given(st.lists(st.floats(0, 1, width=32), max_size=25))
def test_the_working_list_holds_the_ten_that_matter_most(importances: list[float]) -> None:
    """Section 8, AgentMemory: working list of 10 trimmed by relevance."""
    memory = AgentMemory(InMemoryMemoryStore(), clock=clock)
    items = [MemoryItem.new("w", importance=i, clock=clock) for i in importances]
    for item in items:
        memory.add_to_working(item)
    assert len(memory.working) == min(10, len(items))
    if len(items) <= 10:
        assert memory.working == tuple(items)
    found = sorted((relevance(item, NOW) for item in memory.working), reverse=True)
    best = sorted((relevance(item, NOW) for item in items), reverse=True)[:10]
    assert found == best
    memory.clear_working()
    assert memory.working == ()


def test_a_success_has_upstreams_text_importance_and_tags() -> None:
    """Section 8, AgentMemory: `remember_success`."""

    async def main() -> None:
        memory = AgentMemory(InMemoryMemoryStore(), clock=clock)
        item = await memory.remember_success("Create a file", ["write", "bash"], "File created")
        assert item.content == "Success: Create a file\nTools: write, bash\nResult: File created"
        assert item.importance == pytest.approx(0.8)
        assert item.tags == ("success", "pattern")
        assert item.memory_type is MemoryType.PROCEDURAL
        assert item.metadata == {"prompt": "Create a file", "tools": "write,bash"}
        assert item.timestamp == "2026-05-18T10:00:00Z"
        assert await memory.recall_similar("create a FILE", 10) == (item,)
        assert memory.short_term == (item,)

    asyncio.run(main())


def test_a_failure_has_upstreams_text_importance_and_tags() -> None:
    """Section 8, AgentMemory: `remember_failure`."""

    async def main() -> None:
        memory = AgentMemory(InMemoryMemoryStore(), clock=clock)
        item = await memory.remember_failure("Delete it", "Permission denied", ["bash"])
        assert item.content == (
            "Failure: Delete it\nError: Permission denied\nAttempted tools: bash"
        )
        assert item.importance == pytest.approx(0.9)
        assert item.tags == ("failure", "avoid")
        assert item.memory_type is MemoryType.EPISODIC
        assert item.metadata == {"prompt": "Delete it", "error": "Permission denied"}
        assert await memory.recall_by_tags(["avoid", "none"], 10) == (item,)
        assert await memory.recall_by_tags(["success"], 10) == ()

    asyncio.run(main())
