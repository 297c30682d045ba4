"""`A3sSession` keeps what the SDK's own session keeps, and loses nothing acknowledged."""

from __future__ import annotations

import asyncio
import collections
import json
import random
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("agents.memory", reason="the extra openai-agents is not installed")

from agents import SQLiteSession
from hypothesis import given
from hypothesis import strategies as st

from a3s_store import MemorySessionStore, NewItem, SqliteSessionStore, SyncSessionStore
from a3s_store.adapters.openai_agents import A3sSession
from a3s_store.errors import EncodeError, SchemaTooNewError
from tests.programs import output_of


def item(text: str) -> Any:
    return {"role": "user", "content": text}


def with_session(
    path: Path, use: Callable[[SqliteSessionStore, Any], Coroutine[Any, Any, Any]]
) -> Any:
    async def main() -> Any:
        async with SqliteSessionStore.open(path / "a.a3s") as store:
            return await use(store, A3sSession("s", store))

    return asyncio.run(main())


IDS = st.sampled_from(["s", "t", "s\x1f"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=2), inner),
    max_leaves=4,
)
STEPS = st.one_of(
    st.tuples(
        st.just("add"), IDS, st.lists(st.dictionaries(st.text(max_size=2), JSON), max_size=3)
    ),
    st.tuples(st.sampled_from(["pop", "clear"]), IDS, st.none()),
    st.tuples(st.just("get"), IDS, st.none() | st.integers(0, 4)),
)


@given(st.lists(STEPS, max_size=12))
def test_random_programs_return_what_they_return_of_the_sdks_session(steps: list[Any]) -> None:
    async def main() -> None:
        async with MemorySessionStore() as store:
            model = {name: SQLiteSession(name) for name in ("s", "t", "s\x1f")}
            for kind, name, given in steps:
                ours = A3sSession(name, store)
                if kind == "add":
                    await model[name].add_items(given)
                    await ours.add_items(given)
                elif kind == "pop":
                    assert await ours.pop_item() == await model[name].pop_item()
                elif kind == "clear":
                    await model[name].clear_session()
                    await ours.clear_session()
                else:
                    assert await ours.get_items(given) == await model[name].get_items(given)
            for name, one in model.items():
                assert await A3sSession(name, store).get_items() == await one.get_items()
                one.close()

    asyncio.run(main())


def test_of_items_added_at_random_moments_no_acknowledged_one_is_missing(tmp_path: Path) -> None:
    async def use(store: SqliteSessionStore, session: Any) -> None:
        moments = random.Random(3)
        acknowledged = []
        for number in range(150):
            pair = [item(f"{number} a"), item(f"{number} b" + "x" * 5000)]
            task = asyncio.create_task(session.add_items(pair))
            await asyncio.sleep(moments.random() * 0.01)
            task.cancel()
            try:
                await task
                acknowledged.append(pair)
            except asyncio.CancelledError:
                pass
        assert 0 < len(acknowledged) < 150, "some were cancelled, and some were not"
        stored = await session.get_items()
        pairs = [stored[at : at + 2] for at in range(0, len(stored), 2)]
        assert all(pair[0]["content"].split()[0] == pair[1]["content"].split()[0] for pair in pairs)
        assert [pair for pair in pairs if pair in acknowledged] == acknowledged
        assert len({pair[0]["content"] for pair in pairs}) == len(pairs)
        assert (await store.verify(depth="deep")).ok

    with_session(tmp_path, use)


WRITER = """
import asyncio, json, sys
from a3s_store import SqliteSessionStore
from a3s_store.adapters.openai_agents import A3sSession

async def main(path, name):
    popped = []
    async with SqliteSessionStore.open(path) as store:
        session = A3sSession("s", store)
        for number in range(12):
            await session.add_items([{"content": f"{name}{number}-{part}"} for part in "12"])
            if number % 4 == 0:
                popped.append((await session.pop_item())["content"])
    print(json.dumps(popped))

asyncio.run(main(*sys.argv[1:]))
"""


def test_processes_add_and_pop_beside_each_other_and_each_item_is_left_or_popped_once(
    tmp_path: Path,
) -> None:
    async def use(store: SqliteSessionStore, session: Any) -> None:
        writers = (asyncio.to_thread(output_of, WRITER, tmp_path / "a.a3s", name) for name in "abc")
        popped = [one for said in await asyncio.gather(*writers) for one in json.loads(said)]
        left = [one["content"] for one in await session.get_items()]
        made = [f"{name}{number}-{part}" for name in "abc" for number in range(12) for part in "12"]
        assert collections.Counter(left + popped) == collections.Counter(made)
        for name in "abc":
            mine = [one for one in left if one.startswith(name)]
            assert mine == [one for one in made if one in mine]

    with_session(tmp_path, use)


def test_of_items_that_are_no_json_none_is_stored(tmp_path: Path) -> None:
    async def use(store: SqliteSessionStore, session: Any) -> None:
        with pytest.raises(EncodeError):
            await session.add_items([item("a"), {"content": object()}])
        assert await session.get_items() == []

    with_session(tmp_path, use)


def test_the_settings_limit_what_is_read() -> None:
    async def main() -> None:
        async with MemorySessionStore() as store:
            session = A3sSession("s", store, session_settings={"limit": 2})
            await session.add_items([item(str(number)) for number in range(5)])
            assert await session.get_items() == [item("3"), item("4")]
            assert await session.get_items(1) == [item("4")]
            assert await session.get_items(0) == await session.get_items(-1) == []

    asyncio.run(main())


def test_a_blocking_store_is_used_from_several_event_loops(tmp_path: Path) -> None:
    with SyncSessionStore.open(tmp_path / "a.a3s") as store:
        session = A3sSession("s", store)
        for text in "abc":
            asyncio.run(session.add_items([item(text)]))
        assert asyncio.run(session.pop_item()) == item("c")
        assert asyncio.run(session.get_items()) == [item("a"), item("b")]
        asyncio.run(session.clear_session())
        assert asyncio.run(session.get_items()) == []


def test_items_of_layout_1_are_read_and_those_of_a_newer_one_refused(tmp_path: Path) -> None:
    """The items are written here as docs/openai-agents.md describes them, not by the adapter."""

    async def use(store: SqliteSessionStore, session: Any) -> None:
        stream = store.stream("openai.agents\x1fs\x1f")
        await stream.append(NewItem(item("a"), metadata=[1]))
        assert await session.get_items() == [item("a")]
        await stream.append(NewItem({"unknown": 1}, metadata=[2, 0]))
        with pytest.raises(SchemaTooNewError, match="layout 2"):
            await session.get_items()
        with pytest.raises(SchemaTooNewError, match="layout 2"):
            await session.pop_item()
        assert len(await stream.items()) == 2

    with_session(tmp_path, use)
