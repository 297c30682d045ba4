"""Ranked search in agent memory finds the same, in the same order, whatever the index has."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from a3s_store import SqliteSessionStore
from a3s_store.agent_memory import MemoryItem
from a3s_store.backends.sqlite.rows import memory_index
from a3s_store.core.search import ranking
from tests.support import database

OWNERS = ("one", "two", "名前")
IDS = tuple("abcdef")
WORDS = st.sampled_from(
    [
        "tabs", "Tabs", "TABS", "fix", "the", "the", "the", "fooBar", "bar", "src/foo_bar.py",
        "stra\u00dfe", "STRASSE", "re\u0301sume\u0301",
        "修复登录页面", "登录", "录", "ไทยคำ", "\0", "🙂",
    ]
)  # fmt: skip
CONTENTS = st.lists(WORDS, max_size=8).map(" ".join)
ITEMS = st.dictionaries(st.sampled_from(IDS), CONTENTS, min_size=1, max_size=6)
STEPS = st.one_of(
    st.tuples(st.just("store"), st.sampled_from(OWNERS), ITEMS),
    st.tuples(st.just("delete"), st.sampled_from(OWNERS), st.sampled_from(IDS)),
    st.tuples(st.just("clear"), st.sampled_from(OWNERS), st.none()),
    st.tuples(st.just("delete session"), st.sampled_from(OWNERS), st.none()),
    st.tuples(st.just("index"), st.none(), st.sampled_from((1, 99))),
    st.tuples(st.just("give up"), st.none(), st.none()),
    st.tuples(st.just("compact"), st.none(), st.none()),
)


def _item(item_id: str, content: str) -> MemoryItem:
    return MemoryItem(id=item_id, content=content, timestamp="2026-05-18T10:00:00Z")


async def _apply(store: SqliteSessionStore, step: tuple[str, Any, Any]) -> None:
    name, owner, given = step
    if name == "store":
        await store.memories(owner).store_all(_item(*one) for one in given.items())
    elif name == "delete":
        await store.memories(owner).delete(given)
    elif name == "clear":
        await store.memories(owner).clear()
    elif name == "delete session":
        await store.delete(owner)
    elif name == "index":
        for _ in range(given):
            if not await store._read_file("index", memory_index.INDEX.behind):
                break
            await store._change_index(memory_index.step)
    elif name == "give up":
        await store._change_index(memory_index.INDEX.give_up)
    else:
        await store.compact()


def _instances(path: Path) -> tuple[list[Any], list[Any]]:
    """The words in the index, and those of the rows up to the watermark."""
    with database(path) as conn:
        done = memory_index.INDEX.watermark(conn)
        if done is None:
            return [], []
        conn.execute("CREATE VIRTUAL TABLE temp.v USING fts5vocab(main, memory_index, 'instance')")
        found = conn.execute("SELECT term, doc, col FROM v").fetchall()
        rows = conn.execute(
            "SELECT memory_key, owner, CAST(content AS BLOB) FROM agent_memory "
            "WHERE memory_key <= ?",
            (done,),
        ).fetchall()
    expected = [
        (word, key, column)
        for key, *columns in map(memory_index._entry, rows)
        for column, words in zip(("text", "parts", "scope"), columns, strict=True)
        for word in str(words).split()
    ]
    return sorted(found), sorted(expected)


@settings(max_examples=100)
@given(
    steps=st.lists(STEPS, min_size=1, max_size=14),
    queries=st.lists(CONTENTS, min_size=1, max_size=4),
    limit=st.integers(0, 7),
    rows=st.integers(1, 5),
    most=st.integers(1, 4),
    compared=st.integers(1, 5),
)
def test_an_index_of_any_state_finds_what_a_look_at_each_memory_finds(
    steps: list[tuple[str, Any, Any]],
    queries: list[str],
    limit: int,
    rows: int,
    most: int,
    compared: int,
) -> None:
    async def main(path: Path) -> None:
        async with SqliteSessionStore.open(path) as store:
            for step in steps:
                await _apply(store, step)
                found, expected = _instances(path)
                assert found == expected
            for owner in OWNERS:
                memories = store.memories(owner)
                every = dict(enumerate(await memories.items()))
                for query in queries:
                    texts = {key: item.content for key, item in every.items()}
                    wanted = [every[key] for key in ranking.ranked(texts, query, limit)]
                    assert [*await memories.search_ranked(query, limit)] == wanted
            report = await store.verify(depth="deep")
            assert report.ok, report

    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        for name, value in (("ROWS", rows), ("MOST", most), ("BEHIND", 4)):
            patch.setattr(memory_index, name, value)
        patch.setattr(ranking, "COMPARED", compared)
        asyncio.run(main(Path(folder, "agent.a3s")))
