"""Generations of the memory store, beyond the rules that all stores keep."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from a3s_store.backends.memory import MemorySessionStore
from a3s_store.core.protocol import GenerationalStore
from a3s_store.errors import StaleGenerationError, StoreError
from a3s_store.testing.samples import rich_snapshot
from tests.support import messages, session, trace


def test_the_memory_store_is_a_store_with_generations() -> None:
    store = MemorySessionStore()
    assert isinstance(store, GenerationalStore)
    assert store.capabilities().generations


def test_a_generation_has_the_time_of_the_stores_clock() -> None:
    async def main() -> None:
        times = iter((1.0, 2.5, float("inf")))
        store = MemorySessionStore(clock=lambda: next(times))
        await store.save(session())
        await store.save_trace_events("fix-login", (trace(1),))
        await store.save(session(count=2))
        found = await store.generations("fix-login")
        assert [one.saved_at_ms for one in found] == [1000, 2500, 0]

    asyncio.run(main())


def test_a_clock_that_raises_leaves_the_store_as_it_is() -> None:
    async def main() -> None:
        store = MemorySessionStore(clock=lambda: 1 // 0)
        for act in (store.save(session()), store.save_trace_events("fix-login", (trace(1),))):
            with pytest.raises(ZeroDivisionError):
                await act
        assert repr(store) == "<MemorySessionStore of 0 ids>"

    asyncio.run(main())


def test_messages_of_generations_and_forks_are_the_same_objects() -> None:
    async def main() -> None:
        store, talk = MemorySessionStore(), messages(6)
        await store.save(session(messages=talk))
        await store.save(session(messages=talk[:2]))
        await store.fork("fix-login", "copy", 1)
        then: Any = await store.load("fix-login", generation=1)
        copy: Any = await store.load("copy")
        assert all(a is b for a, b in zip(then.messages, talk, strict=True))
        assert copy.messages[0] is talk[0]

    asyncio.run(main())


@pytest.mark.parametrize("part", ["session", "collection", "removed", "uris"])
def test_the_digest_of_each_save_is_that_of_the_whole_snapshot(part: str) -> None:
    """Only the parts that changed are digested."""

    async def main() -> None:
        store, whole = MemorySessionStore(), rich_snapshot("s")
        await store.save_snapshot(whole)
        if part == "session":
            await store.save(whole.session.evolve(model_name="other"))
        elif part == "collection":
            await store.save_trace_events("s", (trace(1), trace(2)))
        elif part == "removed":
            await store.save_snapshot(whole.evolve(run_records=None))
        else:
            await store.save_snapshot(whole.evolve(retained_artifact_uris=()))
        now: Any = await store.load_snapshot("s")
        assert (await store.generations("s"))[-1].digest == now.digest()

    asyncio.run(main())


def test_a_refusal_names_the_call_and_the_session() -> None:
    async def main() -> None:
        store = MemorySessionStore()
        await store.save(session())
        calls: dict[str, Any] = {
            "save": lambda: store.save(session(), expected_generation=7),
            "rewind": lambda: store.rewind("fix-login", 99),
            "fork": lambda: store.fork("fix-login", "fix-login"),
            "delete": lambda: store.delete("fix-login", expected_generation=7),
            "load": lambda: store.load("fix-login", generation=7),
        }
        for op, call in calls.items():
            with pytest.raises(StoreError) as caught:
                await call()
            assert (caught.value.op, caught.value.where) == (op, "session 'fix-login'")

    asyncio.run(main())


def test_a_tree_is_deleted_on_the_condition_of_its_root_or_not_at_all() -> None:
    async def main() -> None:
        store = MemorySessionStore()
        await store.save(session("root"))
        await store.save(session("child", parent_id="root"))
        with pytest.raises(StaleGenerationError):
            await store.delete("root", tree=True, expected_generation=2)
        assert await store.list() == ["child", "root"]
        await store.delete("root", tree=True, expected_generation=1)
        assert await store.list() == []

    asyncio.run(main())
