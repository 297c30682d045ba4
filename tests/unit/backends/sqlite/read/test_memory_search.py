"""Finding memories by words, best match first, whatever is asked and whatever changed since."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from a3s_store.agent_memory import MemoryItem
from a3s_store.backends.sqlite import SqliteSessionStore
from a3s_store.backends.sqlite.agent_memory_store import SqliteMemoryStore
from a3s_store.backends.sqlite.schema import search_table
from a3s_store.core.search import ranking
from a3s_store.errors import EncodeError, StoreUnavailableError
from tests.support import with_store

# FTS5's own words and signs, and what could end a text or a phrase early.
ODD = st.sampled_from(
    [
        '"', '""', "'", "*", "^", "(", ")", "{a b}", ":", "content:", "-", "+", "NEAR(a b, 2)",
        "NEAR", "AND", "OR", "NOT", "a AND", "a*", "^a", "\0", "a\0b", "\ud800", ";", "--", "/*",
        "a\nb", "_", "%", "名前", "é", "e\u0301", "\u00ad", "🙂", "rank", "entry", "MATCH", " ",
    ]
)  # fmt: skip
QUERIES = st.lists(ODD | st.text(max_size=4), max_size=6).map("".join)


def item(item_id: str, content: str) -> MemoryItem:
    """An item with this content."""
    return MemoryItem(id=item_id, content=content, timestamp="2026-05-18T10:00:00Z")


def used(path: Path, use: Callable[[SqliteMemoryStore], Awaitable[Any]], **contents: str) -> Any:
    """Use the memories of an owner who has these, by id."""

    async def main(store: SqliteSessionStore) -> Any:
        memories = store.memories("owner")
        await memories.store_all(item(*one) for one in contents.items())
        await store.memories("another").store(item("x", " ".join(contents.values())))
        return await use(memories)

    return with_store(path / "agent.a3s", main)


async def ids(memories: SqliteMemoryStore, query: str, limit: int = 99) -> list[str]:
    """The ids of what is found, in order."""
    return [found.id for found in await memories.search_ranked(query, limit)]


@given(QUERIES)
def test_no_query_is_an_error(query: str) -> None:
    """B, FTS5 with BM25: user text is words, never its language."""
    contents = {1: "a b content", 2: "near and or not", 3: "名前 é 🙂"}
    found = ranking.ranked(contents, query, 9)
    assert len(set(found)) == len(found)
    assert set(found) <= {1, 2, 3}
    if re.search(r"\ba\b", query, re.ASCII) and query.isascii():
        assert 1 in found


def test_words_are_found_in_whatever_encoding_they_are(tmp_path: Path) -> None:
    async def use(memories: SqliteMemoryStore) -> None:
        assert await ids(memories, "STRASSE") == ["sharp"]
        assert await ids(memories, "official") == ["ligature"]
        assert await ids(memories, "\u30d1\u30bd\u30b3\u30f3") == ["kana"]
        assert await ids(memories, "re\u0301sume\u0301") == ["composed"]

    contents = {
        "sharp": "die stra\u00dfe",
        "ligature": "the o\ufb03cial one",
        "kana": "\uff8a\uff9f\uff7f\uff7a\uff9d",
        "composed": "a r\u00e9sum\u00e9",
    }
    used(tmp_path, use, **contents)


@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(queries=st.lists(QUERIES, min_size=1, max_size=8))
def test_no_query_is_an_error_of_the_store(tmp_path: Path, queries: list[str]) -> None:
    """B, FTS5 with BM25."""

    async def use(memories: SqliteMemoryStore) -> None:
        for query in queries:
            for found in await memories.search_ranked(query, 9):
                assert found.id in ("one", "two")

    used(tmp_path, use, one="a b content", two="near and or not")


WORDS = st.sampled_from(["tabs", "Login", "page", "uses", "fix", "the", "a", "x1"])


@given(
    contents=st.lists(st.lists(WORDS, max_size=5).map(" ".join), max_size=8),
    query=st.lists(WORDS, max_size=3).map(" ".join),
    limit=st.integers(0, 9),
)
def test_it_finds_exactly_what_has_one_of_the_words(
    contents: list[str], query: str, limit: int
) -> None:
    """B, FTS5 with BM25: compared with a look at each."""
    by_key = dict(enumerate(contents, 5))
    wanted = {*query.lower().split()}
    expected = {key for key, text in by_key.items() if wanted & {*text.lower().split()}}
    assert set(ranking.ranked(by_key, query, 99)) == expected
    assert ranking.ranked(by_key, query, limit) == ranking.ranked(by_key, query, 99)[:limit]


def test_the_best_match_comes_first(tmp_path: Path) -> None:
    """B, BM25: rare words weigh more, more of the words weigh more, short texts weigh more."""

    async def use(memories: SqliteMemoryStore) -> None:
        found = await ids(memories, "fix the login")
        assert found[:3] == ["both", "short", "long"]
        assert {*found[3:]} == {"common", "other", "more", "again"}
        assert await ids(memories, "fix the login", 2) == ["both", "short"]
        assert await ids(memories, "LOGIN, please!") == ["short", "both", "long"]
        assert await ids(memories, "nothing of it") == []
        assert await ids(memories, "log") == [], "whole words"

    used(
        tmp_path,
        use,
        common="the the cat and the dog",
        long="the login is on a page with a great many other words that say little",
        both="fix the login now",
        short="login the",
        other="the bird",
        more="the fish",
        again="the tree",
    )


def test_of_equal_matches_the_one_stored_first_comes_first(tmp_path: Path) -> None:
    """B, BM25: a documented order."""

    async def use(memories: SqliteMemoryStore) -> None:
        assert await ids(memories, "tabs") == ["c", "a", "b"]

    used(tmp_path, use, c="use tabs", a="use tabs", b="use tabs")


def test_how_rare_a_word_is_is_said_by_the_owners_memories_alone(tmp_path: Path) -> None:
    """B, BM25: what others remember neither shows nor weighs."""

    async def use(memories: SqliteMemoryStore) -> None:
        before = await ids(memories, "rare common")
        other = cast("SqliteSessionStore", memories._store).memories("another")
        await other.store_all(item(str(n), "rare rare rare") for n in range(50))
        assert await ids(memories, "rare common") == before == ["rare", "one", "two", "three"]

    used(tmp_path, use, one="common a", two="common b", three="common c", rare="rare d")


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("登录", ["zh"]),
        ("修复登录页面", ["zh"]),
        ("录登", []),
        ("ログイン", ["ja"]),
        ("로그인", ["ko"]),
        ("uber", ["de"]),
        ("ÜBER", ["de"]),
    ],
)
def test_words_are_found_in_writing_without_spaces_and_without_accents(
    tmp_path: Path, query: str, found: list[str]
) -> None:
    """B, FTS5."""

    async def use(memories: SqliteMemoryStore) -> None:
        assert await ids(memories, query) == found

    used(
        tmp_path,
        use,
        zh="请修复登录页面的错误",
        ja="ログインの画面",
        ko="로그인 페이지",
        de="Über das Haus",
        en="log in",
    )


def test_what_was_changed_since_is_found_as_it_is_now(tmp_path: Path) -> None:
    """B, FTS5: brought up to date with the rows, in whichever way they changed."""

    async def main() -> None:
        path = tmp_path / "agent.a3s"
        async with SqliteSessionStore.open(path) as one, SqliteSessionStore.open(path) as two:
            reader, writer = one.memories("owner"), two.memories("owner")
            assert await ids(reader, "tabs") == []
            await writer.store_all([item("a", "use tabs"), item("b", "use spaces")])
            assert await ids(reader, "tabs") == ["a"]
            await writer.store(item("b", "use tabs too"))
            await writer.store(item("a", "use nothing"))
            assert await ids(reader, "tabs") == ["b"]
            await writer.delete("b")
            await writer.store(item("c", "tabs again"))
            assert await ids(reader, "tabs") == ["c"]
            await two.delete("owner")
            assert await ids(reader, "tabs use") == []
            await writer.store(item("c", "tabs"))
            assert await ids(reader, "tabs") == ["c"]

    asyncio.run(main())


def test_without_fts5_only_ranking_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """B, FTS5: a Python whose SQLite was built without it opens, saves and searches."""
    monkeypatch.setattr(search_table, "MODULE", "a_module_that_is_not_there")

    async def use(memories: SqliteMemoryStore) -> None:
        with pytest.raises(StoreUnavailableError, match="FTS5") as caught:
            await memories.search_ranked("tabs", 9)
        assert "search()" in caught.value.hint
        await memories.store(item("b", "more tabs"))
        assert [found.id for found in await memories.search("tabs", 9)] == ["a", "b"]
        assert (await memories._store.verify(depth="deep")).ok  # type: ignore[attr-defined]

    used(tmp_path, use, a="use tabs")


def test_what_cannot_be_asked_is_refused(tmp_path: Path) -> None:
    """B, FTS5: as `search` refuses it."""

    async def use(memories: SqliteMemoryStore) -> None:
        bad: Any
        for bad in (b"x", None):
            with pytest.raises(EncodeError):
                await memories.search_ranked(bad, 1)
        for bad in (-1, 1.5, True):
            with pytest.raises(EncodeError):
                await memories.search_ranked("x", bad)
        assert await memories.search_ranked("tabs", 0) == ()
        assert len(await memories.search_ranked("tabs", 10**30)) == 1
        assert len(await memories.search_ranked(" ".join(["tabs", *map(str, range(900))]), 1)) == 1

    used(tmp_path, use, a="use tabs")
