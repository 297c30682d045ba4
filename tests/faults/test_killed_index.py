"""A process that is killed while a search index follows its rows: searches stay complete."""

from __future__ import annotations

from pathlib import Path

import pytest

from a3s_store import SqliteSessionStore
from a3s_store.agent_memory import MemoryItem
from a3s_store.backends.sqlite.rows import memory_index, search_index
from a3s_store.core.search import ranking
from a3s_store.core.search.queries import parsed
from a3s_store.core.search.texts import searched
from a3s_store.models import Message
from a3s_store.testing.samples import session
from a3s_store.wire import encode
from tests.faults.harness.forks import Send
from tests.faults.harness.statement_kills import kills
from tests.support import with_store

OWNERS = ("kept", "gone")
QUERIES = ("word", "odd", '"number 7"', "gone")


async def _fill(store: SqliteSessionStore) -> None:
    for name in ("kept", "gone"):
        texts = (f"{name} word number {n} {'odd' if n % 2 else 'even'}" for n in range(30))
        await store.save(session(name).evolve(messages=tuple(map(Message.user, texts))))


async def _follow(store: SqliteSessionStore, send: Send) -> None:
    """Index, delete a session, add messages with its keys, index again, and merge all segments."""
    for _step in range(2):
        await store._change_index(search_index.step)
    await store.delete("gone")
    await store.append("kept", [Message.user("another odd word")] * 5)
    for _step in range(2):
        await store._change_index(search_index.step)
    await store._change_index(search_index.optimize)


async def _check(store: SqliteSessionStore) -> int | None:
    """Compare searches with what loaded messages have, now and after further steps of the index.

    Returns the last key in the index at first.
    """
    watermark = await store._read_file("search", search_index.watermark)
    for _ in range(3):
        for query in QUERIES:
            page = await store.search(query, limit=100)
            assert {(one.session_id, one.seq) for one in page} == {
                (one, seq)
                for one in await store.list()
                for seq, message in enumerate((await store.load(one)).messages)  # type: ignore[union-attr]
                if parsed(query).matches(searched(encode(message)["content"]))
            }
        assert (await store.verify(depth="deep")).ok
        await store._change_index(search_index.step)
    return watermark


@pytest.mark.slow
def test_searches_are_complete_after_a_kill_at_any_statement(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search_index, "ROWS", 16)
    base = tmp_path / "base.a3s"
    with_store(base, _fill)
    watermarks = set()
    for path, _, _ in kills(base, _follow, every=40):
        watermarks.add(with_store(path, _check))
    assert len(watermarks) > 3, "it was killed at several states of the index"


# -- Agent memory ---------------------------------------------------------------------------------


def _memories(owner: str, numbers: range, word: str = "word") -> list[MemoryItem]:
    texts = {n: f"{owner} {word} number {n} {'odd' if n % 2 else 'even'}" for n in numbers}
    return [MemoryItem(id=str(n), content=text, timestamp="2026-05-18T10:00:00Z")
            for n, text in texts.items()]  # fmt: skip


async def _remember(store: SqliteSessionStore) -> None:
    for owner in OWNERS:
        await store.memories(owner).store_all(_memories(owner, range(30)))


async def _follow_memories(store: SqliteSessionStore, send: Send) -> None:
    """Index, change and delete indexed memories, add some with their keys, and merge all."""
    kept, gone = (store.memories(owner) for owner in OWNERS)
    for _step in range(2):
        await store._change_index(memory_index.step)
    await kept.store_all(_memories("kept", range(5, 15), "changed"))
    await kept.delete("3")
    await gone.clear()
    await gone.store_all(_memories("gone", range(40, 60)))
    for _step in range(2):
        await store._change_index(memory_index.step)
    await store.compact()


async def _check_memories(store: SqliteSessionStore) -> int | None:
    """Compare searches with the memories, now and after further steps of the index.

    Returns the last key in the index at first.
    """
    watermark = await store._read_file("search", memory_index.INDEX.watermark)
    for _ in range(3):
        for owner in OWNERS:
            every = dict(enumerate(await store.memories(owner).items()))
            texts = {key: item.content for key, item in every.items()}
            for query in (*QUERIES, "changed kept number 7"):
                wanted = [every[key] for key in ranking.ranked(texts, query, 100)]
                assert [*await store.memories(owner).search_ranked(query, 100)] == wanted
        assert (await store.verify(depth="deep")).ok
        await store._change_index(memory_index.step)
    return watermark


@pytest.mark.slow
def test_memories_are_all_found_after_a_kill_at_any_statement(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory_index, "ROWS", 16)
    base = tmp_path / "base.a3s"
    with_store(base, _remember)
    watermarks = set()
    for path, _, _ in kills(base, _follow_memories, every=20):
        watermarks.add(with_store(path, _check_memories))
    assert len(watermarks) > 3, "it was killed at several states of the index"
