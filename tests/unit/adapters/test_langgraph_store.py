"""`A3sStore` keeps what LangGraph's store in memory keeps, and loses nothing acknowledged."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("langgraph.store.base", reason="the extra langgraph is not installed")

from hypothesis import given
from hypothesis import strategies as st
from langgraph.store.base import GetOp, PutOp
from langgraph.store.memory import InMemoryStore

from a3s_store import MemorySessionStore, NewItem, SqliteSessionStore, SyncSessionStore
from a3s_store.adapters.langgraph import A3sStore, BlockingA3sStore
from a3s_store.adapters.langgraph._vectors import packed, similarity, unpacked
from a3s_store.errors import InvalidArgumentError, SchemaTooNewError
from tests.programs import output_of


def with_entries(
    path: Path, use: Callable[[SqliteSessionStore, Any], Coroutine[Any, Any, Any]]
) -> Any:
    async def main() -> Any:
        async with SqliteSessionStore.open(path / "a.a3s") as store:
            return await use(store, A3sStore(store))

    return asyncio.run(main())


LABELS = st.sampled_from(["a", "b", "ab", "a\x1f", "\x1e0"])
NAMESPACES = st.lists(LABELS, min_size=1, max_size=3).map(tuple)
KEYS = st.sampled_from(["k", "k\x1f", "", "other"]).filter(bool)
SCALARS = st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(["x", "y"])
VALUES = st.dictionaries(st.sampled_from("pq"), SCALARS | st.lists(SCALARS, max_size=2))
FILTERS = st.none() | VALUES | st.fixed_dictionaries({"p": st.fixed_dictionaries({"$ne": SCALARS})})
STEPS = st.one_of(
    st.tuples(st.just("put"), NAMESPACES, KEYS, VALUES),
    st.tuples(st.just("delete"), NAMESPACES, KEYS),
    st.tuples(st.just("search"), NAMESPACES, FILTERS),
    st.tuples(st.just("list"), NAMESPACES, NAMESPACES, st.none() | st.integers(1, 3)),
)


def shown(entries: list[Any]) -> list[Any]:
    return sorted((one.namespace, one.key, repr(one.value)) for one in entries)


@given(st.lists(STEPS, max_size=12))
def test_random_programs_return_what_they_return_of_the_store_in_memory(steps: list[Any]) -> None:
    async def main() -> None:
        async with MemorySessionStore() as store:
            model, ours = InMemoryStore(), A3sStore(store)
            for kind, namespace, *rest in steps:
                if kind == "put":
                    for one in (model, ours):
                        await one.aput(namespace, *rest)
                    found = await ours.aget(namespace, rest[0])
                    assert found is not None
                    assert found.value == rest[1]
                elif kind == "delete":
                    for one in (model, ours):
                        await one.adelete(namespace, rest[0])
                elif kind == "search":
                    asked = {"filter": rest[0], "limit": 100}
                    assert shown(await ours.asearch(namespace, **asked)) == shown(
                        await model.asearch(namespace, **asked)
                    )
                else:
                    asked = {"prefix": namespace[:1], "suffix": rest[0][:1], "max_depth": rest[1]}
                    expected = await model.alist_namespaces(**asked)
                    # The store in memory still lists namespaces that lost all of their entries.
                    listed = await ours.alist_namespaces(**asked)
                    assert set(listed) <= set(expected)
            left = shown(await model.asearch((), limit=1000))
            assert shown(await ours.asearch((), limit=1000)) == left
            assert sorted({one[0] for one in left}) == await ours.alist_namespaces(limit=1000)

    asyncio.run(main())


def test_of_puts_cancelled_at_random_moments_no_acknowledged_one_is_missing(tmp_path: Path) -> None:
    async def use(store: SqliteSessionStore, entries: Any) -> None:
        moments = random.Random(5)
        acknowledged = []
        for number in range(150):
            task = asyncio.create_task(entries.aput(("n",), f"{number}", {"text": "x" * 5000}))
            await asyncio.sleep(moments.random() * 0.01)
            task.cancel()
            try:
                await task
                acknowledged.append(f"{number}")
            except asyncio.CancelledError:
                pass
        assert 0 < len(acknowledged) < 150, "some were cancelled, and some were not"
        stored = [one.key for one in await entries.asearch(("n",), limit=1000)]
        assert len(stored) == len(set(stored))
        assert set(acknowledged) <= set(stored)
        assert (await store.verify(depth="deep")).ok

    with_entries(tmp_path, use)


WRITER = """
import asyncio, sys
from a3s_store import SqliteSessionStore
from a3s_store.adapters.langgraph import A3sStore

async def main(path, name):
    async with SqliteSessionStore.open(path) as store:
        entries = A3sStore(store)
        for number in range(20):
            await entries.aput(("n",), f"{name}{number}", {"by": name})
            await entries.aput(("n",), "shared", {"by": name})

asyncio.run(main(*sys.argv[1:]))
"""


def test_processes_put_into_one_namespace_beside_each_other(tmp_path: Path) -> None:
    async def use(store: SqliteSessionStore, entries: Any) -> None:
        writers = (asyncio.to_thread(output_of, WRITER, tmp_path / "a.a3s", name) for name in "abc")
        await asyncio.gather(*writers)
        found = {one.key: one.value["by"] for one in await entries.asearch(("n",), limit=1000)}
        assert found.pop("shared") in "abc"
        assert found == {f"{name}{number}": name for name in "abc" for number in range(20)}

    with_entries(tmp_path, use)


def test_a_batch_is_stored_as_a_whole_or_not_at_all(tmp_path: Path) -> None:
    async def use(store: SqliteSessionStore, entries: Any) -> None:
        with pytest.raises(ValueError, match="value"):
            await entries.abatch([PutOp(("a",), "k", {"n": 1}), PutOp(("b",), "k", {"n": {1, 2}})])
        assert await entries.asearch((), limit=10) == []
        first = await store.latest_sequence()
        await entries.abatch([PutOp(("a",), "k", {"n": 1}), PutOp(("b",), "k", {"n": 2})])
        commits = (await store.commits(after=first)).entries
        assert len({one.committed_at_ms for one in commits}) == 1
        assert {one.subject for one in commits} == {
            "langgraph.store\x1fa\x1f",
            "langgraph.store\x1fb\x1f",
        }

    with_entries(tmp_path, use)


def test_a_batch_larger_than_a_transaction_is_stored(tmp_path: Path) -> None:
    async def use(store: SqliteSessionStore, entries: Any) -> None:
        large = {f"k{number}": {"text": str(number) * (3 << 20)} for number in range(3)}
        large["huge"] = {"text": "h" * (6 << 20)}
        await entries.abatch([PutOp(("a",), key, value) for key, value in large.items()])
        assert {one.key: one.value for one in await entries.asearch(("a",))} == large

    with_entries(tmp_path, use)


def test_an_update_keeps_the_time_of_creation_and_comes_first(tmp_path: Path) -> None:
    async def use(store: SqliteSessionStore, entries: Any) -> None:
        await entries.aput(("a",), "old", {"n": 1})
        made = await entries.aget(("a",), "old")
        await entries.aput(("a",), "new", {"n": 1})
        await entries.aput(("a",), "old", {"n": 2})
        found = await entries.aget(("a",), "old")
        assert found.created_at == made.created_at == made.updated_at < found.updated_at
        assert [one.key for one in await entries.asearch(("a",))] == ["old", "new"]

    with_entries(tmp_path, use)


def test_an_entry_is_gone_after_its_time_to_live_which_a_read_begins_anew() -> None:
    now = [1_000_000.0]

    async def main() -> None:
        async with SqliteSessionStore.open(":memory:", clock=lambda: now[0]) as store:
            entries = A3sStore(store, ttl={"refresh_on_read": True})
            await entries.aput(("a",), "read", {"n": 1}, ttl=1)
            await entries.aput(("a",), "unread", {"n": 1}, ttl=1)
            await entries.aput(("a",), "kept", {"n": 1})
            now[0] += 40
            assert await entries.aget(("a",), "read") is not None
            assert await entries.aget(("a",), "unread", refresh_ttl=False) is not None
            now[0] += 40
            found = await entries.asearch(("a",), refresh_ttl=False)
            assert {one.key for one in found} == {"read", "kept"}

    asyncio.run(main())


def test_unknown_operators_are_refused_and_values_that_are_no_numbers_fit_none(
    tmp_path: Path,
) -> None:
    async def use(store: SqliteSessionStore, entries: Any) -> None:
        await entries.aput(("a",), "text", {"n": "x"})
        await entries.aput(("a",), "number", {"n": 2, "deep": {"m": 1, "o": 2}})
        found = await entries.asearch(("a",), filter={"n": {"$gt": 1, "$lte": 2}})
        assert [one.key for one in found] == ["number"]
        found = await entries.asearch(("a",), filter={"deep": {"m": 1}})
        assert [one.key for one in found] == ["number"]
        with pytest.raises(InvalidArgumentError, match=r"\$near"):
            await entries.asearch(("a",), filter={"n": {"$near": 1}})

    with_entries(tmp_path, use)


def test_blocking_methods_do_the_same_over_a_blocking_store(tmp_path: Path) -> None:
    def embed(texts: list[str]) -> list[list[float]]:
        return [[float(len(text)), 1.0] for text in texts]

    with SyncSessionStore.open(tmp_path / "a.a3s") as store:
        entries = BlockingA3sStore(store, index={"dims": 2, "embed": embed, "fields": ["text"]})
        entries.put(("a",), "short", {"text": "x"})
        entries.put(("a",), "long", {"text": "x" * 50})
        entries.put(("a",), "none", {"other": 1})
        found = entries.search(("a",), query="x" * 40)
        assert [one.key for one in found] == ["long", "short", "none"]
        assert found[0].score > 0.99 > found[1].score
        assert found[2].score is None
        assert entries.get(("a",), "short").value == {"text": "x"}
        entries.delete(("a",), "long")
        assert [one.key for one in entries.search(("a",), query="x" * 40)] == ["short", "none"]
        assert entries.list_namespaces() == [("a",)]
        (got,) = asyncio.run(entries.abatch([GetOp(("a",), "short")]))
        assert got.value == {"text": "x"}


@given(st.lists(st.floats(-100, 100, width=32), max_size=8))
def test_vectors_come_back_from_their_bytes(vector: list[float]) -> None:
    assert list(unpacked(packed(vector))) == vector
    assert len(packed(vector)) == 4 * len(vector)
    assert similarity(vector, [*vector, 1.0]) == -1.0, "vectors of different spaces"


def test_entries_of_layout_1_are_read(tmp_path: Path) -> None:
    """The items are written here as docs/langgraph-store.md describes them, not by the adapter."""

    async def use(store: SqliteSessionStore, entries: Any) -> None:
        about = [1, 1_700_000_000_000_000, 1_800_000_000_000_000, None]
        await store.stream("langgraph.store\x1fa\x1fb\x1f").append(
            NewItem({"text": "v"}, id="i\x1fk\x1f", metadata=about),
            NewItem(b"\0\0\x80\x3f", id="v\x1fk\x1ftext.0\x1f", metadata=[1]),
        )
        found = await entries.aget(("a", "b"), "k")
        assert found.value == {"text": "v"}
        assert (found.created_at.timestamp(), found.updated_at.timestamp()) == (1.7e9, 1.8e9)

        async def embed(texts: list[str]) -> list[list[float]]:
            return [[1.0] for _ in texts]

        by_text = A3sStore(store, index={"dims": 1, "embed": embed})
        (hit,) = await by_text.asearch(("a",), query="v")
        assert (hit.key, hit.score) == ("k", 1.0)

    with_entries(tmp_path, use)


def test_an_entry_of_a_newer_layout_is_refused(tmp_path: Path) -> None:
    async def use(store: SqliteSessionStore, entries: Any) -> None:
        newer = NewItem({}, id="i\x1fk\x1f", metadata=[2, 0, 0, None, "unknown"])
        await store.stream("langgraph.store\x1fa\x1f").append(newer)
        for call in (
            lambda: entries.aget(("a",), "k"),
            lambda: entries.asearch(("a",)),
            lambda: entries.aput(("a",), "k", {}),
        ):
            with pytest.raises(SchemaTooNewError, match="layout 2"):
                await call()

    with_entries(tmp_path, use)


def test_a_condition_on_namespaces_has_wildcards() -> None:
    async def main() -> None:
        async with MemorySessionStore() as store:
            entries = A3sStore(store)
            for namespace in (("a", "x"), ("b", "x"), ("b", "y", "x")):
                await entries.aput(namespace, "k", {})
            assert await entries.alist_namespaces(suffix=("b", "*")) == [("b", "x")]
            assert await entries.alist_namespaces(prefix=("*", "y")) == [("b", "y", "x")]

    asyncio.run(main())
