"""`A3sSaver` keeps what LangGraph's saver in memory keeps, and loses nothing acknowledged."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("langgraph.checkpoint.base", reason="the extra langgraph is not installed")

from hypothesis import given
from hypothesis import strategies as st
from langgraph.checkpoint.base import empty_checkpoint
from langgraph.checkpoint.memory import InMemorySaver

from a3s_store import MemorySessionStore, NewItem, SqliteSessionStore, SyncSessionStore
from a3s_store.adapters.langgraph import A3sSaver
from a3s_store.errors import (
    EventLoopRunningError,
    InvalidArgumentError,
    NoEventLoopError,
    SchemaTooNewError,
    StaleItemError,
)
from tests.programs import output_of


def checkpoint(name: str, **values: Any) -> Any:
    return empty_checkpoint() | {
        "id": name,
        "ts": "2026-01-01T00:00:00+00:00",
        "channel_values": values,
        "channel_versions": dict.fromkeys(values, name),
    }


def config(thread: str = "t", namespace: str = "", name: str | None = None) -> Any:
    named = {} if name is None else {"checkpoint_id": name}
    return {"configurable": {"thread_id": thread, "checkpoint_ns": namespace, **named}}


async def put(saver: Any, name: str, parent: str | None = None, **more: Any) -> Any:
    values = more.pop("values", {"n": name})
    metadata = {"source": "loop", "step": 1, "parents": {}, **more}
    place = config(name=parent)
    return await saver.aput(
        place, checkpoint(name, **values), metadata, dict.fromkeys(values, name)
    )


async def names(saver: Any, place: Any = None) -> list[str]:
    return [found.checkpoint["id"] async for found in saver.alist(place or config())]


def with_saver(
    path: Path, use: Callable[[SqliteSessionStore, Any], Coroutine[Any, Any, Any]]
) -> Any:
    async def main() -> Any:
        async with SqliteSessionStore.open(path / "a.a3s") as store:
            return await use(store, A3sSaver(store))

    return asyncio.run(main())


THREADS = st.sampled_from(["t", "other", "t\x1f", "t\x1e0"])
NAMESPACES = st.sampled_from(["", "child:1", "child:1|leaf\x1f2"])
NAMES = st.sampled_from(["01", "02", "03", "04"])
STEPS = st.one_of(
    st.tuples(st.just("put"), THREADS, NAMESPACES, NAMES, st.none() | NAMES, st.integers(0, 9)),
    st.tuples(
        st.just("writes"),
        THREADS,
        NAMESPACES,
        NAMES,
        st.sampled_from(["task-a", "task-b"]),
        st.lists(
            st.tuples(st.sampled_from(["a", "__error__", "__interrupt__"]), st.text()), max_size=3
        ),
    ),
    st.tuples(st.just("delete"), THREADS),
)


async def everything(saver: Any) -> list[Any]:
    """Return all checkpoints in one order, with writes of tasks that have an order."""
    found = [one async for one in saver.alist(None)]
    return sorted(
        (
            tuple(one.config["configurable"].values()),
            one.checkpoint,
            one.metadata,
            one.parent_config and one.parent_config["configurable"]["checkpoint_id"],
            one.pending_writes,
        )
        for one in found
    )


@given(st.lists(STEPS, max_size=12))
def test_random_programs_leave_what_they_leave_in_the_saver_in_memory(steps: list[Any]) -> None:
    async def main() -> None:
        async with MemorySessionStore() as store:
            savers: list[Any] = [InMemorySaver(), A3sSaver(store)]
            stored: set[Any] = set()
            for kind, thread, *rest in steps:
                for saver in savers:
                    if kind == "delete":
                        await saver.adelete_thread(thread)
                        continue
                    namespace, name, third, fourth = rest
                    place = config(thread, namespace, third if kind == "put" else name)
                    if kind == "put":
                        made = checkpoint(name, n=fourth)
                        # The saver in memory keeps values by their versions.
                        made["channel_versions"] = {"n": f"{name}.{fourth}"}
                        await saver.aput(place, made, {"step": fourth}, made["channel_versions"])
                    elif (thread, namespace, name) in stored:
                        await saver.aput_writes(place, fourth, third, "~path")
                if kind == "delete":
                    stored = {one for one in stored if one[0] != thread}
                elif kind == "put":
                    stored.add((thread, rest[0], rest[1]))
            assert await everything(savers[1]) == await everything(savers[0])

    asyncio.run(main())


def test_of_puts_cancelled_at_random_moments_no_acknowledged_one_is_missing(tmp_path: Path) -> None:
    async def use(store: SqliteSessionStore, saver: Any) -> None:
        random_moments = random.Random(11)
        acknowledged = []
        for number in range(150):
            task = asyncio.create_task(put(saver, f"{number:03}", values={"n": "x" * 5000}))
            await asyncio.sleep(random_moments.random() * 0.01)
            task.cancel()
            try:
                await task
                acknowledged.append(f"{number:03}")
            except asyncio.CancelledError:
                pass
        assert 0 < len(acknowledged) < 150, "some were cancelled, and some were not"
        stored = await names(saver)
        assert len(stored) == len(set(stored))
        assert set(acknowledged) <= set(stored)
        assert (await store.verify(depth="deep")).ok

    with_saver(tmp_path, use)


WRITER = """
import asyncio, sys
from langgraph.checkpoint.base import empty_checkpoint
from a3s_store import SqliteSessionStore
from a3s_store.adapters.langgraph import A3sSaver

async def main(path, name):
    async with SqliteSessionStore.open(path) as store:
        saver = A3sSaver(store)
        for number in range(20):
            place = {"configurable": {"thread_id": "t", "checkpoint_ns": ""}}
            made = empty_checkpoint() | {"id": f"{number:03}-{name}"}
            place = await saver.aput(place, made, {}, {})
            await saver.aput_writes(place, [("a", name)], name)

asyncio.run(main(*sys.argv[1:]))
"""


def test_processes_put_into_one_thread_beside_each_other(tmp_path: Path) -> None:
    async def use(store: SqliteSessionStore, saver: Any) -> None:
        writers = (asyncio.to_thread(output_of, WRITER, tmp_path / "a.a3s", name) for name in "abc")
        await asyncio.gather(*writers)
        found = [one async for one in saver.alist(config())]
        expected = [f"{number:03}-{name}" for number in range(20) for name in "abc"]
        assert [one.checkpoint["id"] for one in found] == sorted(expected, reverse=True)
        assert all(one.pending_writes == [(w := one.checkpoint["id"][-1], "a", w)] for one in found)

    with_saver(tmp_path, use)


def test_pruning_gives_the_space_of_older_states_back(tmp_path: Path) -> None:
    async def use(store: SqliteSessionStore, saver: Any) -> None:
        for number in range(60):
            state = random.Random(number).randbytes(50_000)
            place = await put(saver, f"{number:03}", values={"state": state})
            await saver.aput_writes(place, [("state", state[:9000])], "task")
        await store.compact()
        before = (tmp_path / "a.a3s").stat().st_size
        assert before > 60 * 50_000
        await saver.aprune(["t"])
        await store.compact()
        assert (tmp_path / "a.a3s").stat().st_size < before - 59 * 50_000
        (left,) = [one async for one in saver.alist(config())]
        assert left.checkpoint["channel_values"]["state"] == state
        assert left.pending_writes == [("task", "state", state[:9000])]
        assert (await store.verify(depth="deep")).ok

    with_saver(tmp_path, use)


def test_pruning_keeps_the_ancestors_that_delta_channels_are_made_of(tmp_path: Path) -> None:
    async def use(store: SqliteSessionStore, saver: Any) -> None:
        counters = {"counters_since_delta_snapshot": {"log": (1, 1)}}
        await put(saver, "01")
        await put(saver, "02", "01", values={"log": ["snapshot"]})
        for name, parent in (("03", "02"), ("04", "03"), ("06", "04")):
            place = await put(saver, name, parent, **counters)
            await saver.aput_writes(place, [("log", name)], "task")
        await put(saver, "05", "02")  # a branch that is not the newest
        before = await saver.aget_delta_channel_history(config=config(), channels=["log"])
        await saver.aprune(["t"])
        assert await names(saver) == ["06", "04", "03", "02"]
        after = await saver.aget_delta_channel_history(config=config(), channels=["log"])
        assert after == before
        assert before["log"]["seed"] == ["snapshot"]

    with_saver(tmp_path, use)


def test_an_unknown_strategy_is_refused(tmp_path: Path) -> None:
    async def use(store: SqliteSessionStore, saver: Any) -> None:
        await put(saver, "01")
        with pytest.raises(InvalidArgumentError, match="keep_latest"):
            await saver.aprune(["t"], strategy="keep_nothing")
        assert await names(saver) == ["01"]

    with_saver(tmp_path, use)


def test_a_thread_is_not_copied_over_another(tmp_path: Path) -> None:
    async def use(store: SqliteSessionStore, saver: Any) -> None:
        await put(saver, "01")
        await saver.acopy_thread("t", "u")
        assert await names(saver, config("u")) == ["01"]
        with pytest.raises(StaleItemError):
            await saver.acopy_thread("u", "t")

    with_saver(tmp_path, use)


def test_runs_are_found_by_ids_of_any_length(tmp_path: Path) -> None:
    async def use(store: SqliteSessionStore, saver: Any) -> None:
        long = "r" * 600
        await put(saver, "01", run_id=long + "a")
        await put(saver, "02", run_id=long + "b")
        await saver.adelete_for_runs([long + "a"])
        assert await names(saver) == ["02"]

    with_saver(tmp_path, use)


def test_hundreds_of_checkpoints_are_listed_from_a_place_on(tmp_path: Path) -> None:
    async def use(store: SqliteSessionStore, saver: Any) -> None:
        for number in range(200):
            await put(saver, f"{number:03}", step=number)
        place = config(name="150")
        found = saver.alist(config(), before=place, limit=100, filter={"source": "loop"})
        expected = [f"{number:03}" for number in range(149, 49, -1)]
        assert [one.checkpoint["id"] async for one in found] == expected
        by_step = [one async for one in saver.alist(None, filter={"step": 7})]
        assert [one.checkpoint["id"] for one in by_step] == ["007"]

    with_saver(tmp_path, use)


def test_blocking_methods_do_the_same_over_a_blocking_store(tmp_path: Path) -> None:
    with SyncSessionStore.open(tmp_path / "a.a3s") as store:
        saver = A3sSaver(store)
        place = saver.put(config(), checkpoint("01", n=1), {"step": 1}, {"n": "01"})
        saver.put_writes(place, [("n", 2), ("__error__", "late")], "task")
        saver.put(config("u"), checkpoint("02", n=1), {"run_id": "r"}, {"n": "02"})
        found = saver.get_tuple(config())
        assert found.checkpoint["channel_values"] == {"n": 1}
        assert found.pending_writes == [("task", "__error__", "late"), ("task", "n", 2)]
        assert [one.checkpoint["id"] for one in saver.list(None)] == ["02", "01"]
        saver.copy_thread("t", "v")
        saver.delete_for_runs(["r"])
        saver.delete_thread("t")
        assert [one.config["configurable"]["thread_id"] for one in saver.list(None)] == ["v"]
        saver.prune(["v"])
        saver.prune(["v"], strategy="delete")
        assert list(saver.list(None)) == []


def test_a_blocking_store_can_be_awaited_and_an_async_one_blocked_on(tmp_path: Path) -> None:
    async def blocked(saver: Any) -> None:
        await asyncio.to_thread(saver.put, config(), checkpoint("01"), {}, {})
        assert (await asyncio.to_thread(saver.get_tuple, config())).checkpoint["id"] == "01"
        assert len(await asyncio.to_thread(lambda: list(saver.list(config())))) == 1
        with pytest.raises(EventLoopRunningError):
            saver.get_tuple(config())

    with_saver(tmp_path, lambda store, saver: blocked(saver))

    with SyncSessionStore.open(tmp_path / "b.a3s") as store:
        saver = A3sSaver(store)
        asyncio.run(put(saver, "01"))
        assert asyncio.run(names(saver)) == ["01"]


def test_without_a_loop_an_async_store_cannot_be_blocked_on() -> None:
    saver = A3sSaver(MemorySessionStore())
    with pytest.raises(NoEventLoopError, match="SyncSessionStore"):
        saver.get_tuple(config())


def test_items_of_layout_1_are_read(tmp_path: Path) -> None:
    """The items are written here as docs/adapters.md describes them, not by the adapter."""

    async def use(store: SqliteSessionStore, saver: Any) -> None:
        serde = saver.serde
        kind, state = serde.dumps_typed(checkpoint("01", n=5))
        about = [1, "00", "msgpack", "gaRzdGVwBw=="]  # {"step": 7}
        write_kind, write = serde.dumps_typed("w")
        await store.stream("langgraph.checkpoints\x1ft\x1f").append(
            NewItem(None, id="i\x1f\x1f01\x1f", labels={"langgraph.run": "r"}, metadata=about),
            NewItem(state, id="c\x1f\x1f01\x1f", metadata=[*about, kind]),
            NewItem(
                write,
                id="w\x1f\x1f01\x1ftask\x1f0\x1f",
                metadata=[1, "task", 0, "~path", "n", write_kind],
            ),
        )
        (found,) = [one async for one in saver.alist(config(), filter={"step": 7})]
        assert found.checkpoint["channel_values"] == {"n": 5}
        assert found.metadata == {"step": 7}
        assert found.parent_config == config(name="00")
        assert found.pending_writes == [("task", "n", "w")]
        await saver.adelete_for_runs(["r"])
        assert await store.stream("langgraph.checkpoints\x1ft\x1f").items() == ()

    with_saver(tmp_path, use)


def test_a_checkpoint_of_a_newer_layout_is_refused(tmp_path: Path) -> None:
    async def use(store: SqliteSessionStore, saver: Any) -> None:
        await put(saver, "01")
        stream = store.stream("langgraph.checkpoints\x1ft\x1f")
        await stream.put("c\x1f\x1f02\x1f", b"", metadata=[2, {"unknown": 1}])
        with pytest.raises(SchemaTooNewError, match="layout 2"):
            await saver.aget_tuple(config())

    with_saver(tmp_path, use)
