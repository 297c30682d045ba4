"""Search in SQLite finds what the memory store finds, at every state of the index."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from a3s_store import MemorySessionStore, SqliteSessionStore
from a3s_store.backends.sqlite.rows import search_index
from a3s_store.core.search.queries import parsed
from a3s_store.core.search.texts import searched
from a3s_store.core.search.values import SearchFilter, SearchHit
from a3s_store.models import Message, ToolUseBlock
from a3s_store.testing.samples import session
from a3s_store.wire import encode
from tests.support import database

_WORDS = ("red", "Blue", "grün", "fooBar", "修复错误", "修")
_TEXTS = st.lists(st.sampled_from(_WORDS), max_size=3).map(" ".join)
_CALL = ToolUseBlock(id="c", name="red", input={"at": ["blue/修复"]})
_MESSAGES = st.lists(
    st.one_of(
        st.builds(Message.user, _TEXTS),
        st.builds(Message.assistant, _TEXTS),
        st.just(Message(role="assistant", content=(_CALL,))),
    ),
    min_size=1,
    max_size=5,
).map(tuple)
_IDS = st.sampled_from(("a", "b"))
# The name of an operation, a session, a number, and messages.
_STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            ("extend", "cut", "change", "rewind", "fork", "trash", "lose")
            + 2 * ("save", "delete", "delete", "index", "index")
        ),
        _IDS,
        st.integers(0, 6),
        _MESSAGES,
    ),
    min_size=5,
    max_size=16,
)
_QUERIES = ("red", "blue", "grun*", '"red blue"', "bar", "修", "复错", "red 修")
_FILTERS: tuple[SearchFilter | None, ...] = (
    None,
    SearchFilter(ids=["a", "b3"]),
    SearchFilter(role="user", tools=False),
    SearchFilter(trashed=True),
)
_EXPRESSIONS = ("red NOT blue", "(bar OR 修) AND red", "NEAR(red blue, 2)", "gr*")


async def _apply(store: Any, step: tuple[str, str, int, tuple[Message, ...]]) -> None:
    name, one, number, messages = step
    stored = await store.load(one)
    old = stored.messages if stored is not None else ()
    if name == "save":
        await store.save(session(one).evolve(messages=messages))
    elif stored is None:
        return
    elif name == "extend":
        await store.append(one, messages)
    elif name == "cut":
        await store.save(session(one).evolve(messages=old[number:]))
    elif name == "change":
        await store.save(session(one).evolve(messages=(*old[:number], *messages, *old[number:])))
    elif name == "rewind":
        await store.rewind(one, min(number, len(old)))
    elif name == "fork" and not await store.generation(f"{one}{number}"):
        await store.fork(one, f"{one}{number}")
    elif name == "delete":
        await store.delete(one)
    elif name == "trash":
        await store.trash(one)


async def _index(store: SqliteSessionStore, name: str) -> None:
    change: Callable[[Any], object] = search_index.step if name == "index" else search_index.give_up
    await store._change_index(change)


async def _hits(store: Any, query: str, limit: int, **given: Any) -> list[SearchHit]:
    found: list[SearchHit] = []
    after: str | None = None
    while True:
        page = await store.search(query, limit=limit, after=after, **given)
        assert len(page) <= limit
        assert not page.partial
        found += page
        if page.next is None:
            return found
        after = page.next


def _seen(hits: list[SearchHit]) -> list[Any]:
    return sorted((one.session_id, one.seq, one.role, one.snippet, one.highlights) for one in hits)


def _instances(path: Path) -> set[Any]:
    """Return all words in the index: word, message, column."""
    with database(path) as conn:
        if search_index.watermark(conn) is None:
            return set()
        conn.execute("CREATE VIRTUAL TABLE temp.v USING fts5vocab(main, search_index, 'instance')")
        return set(conn.execute("SELECT term, doc, col FROM v"))


def _expected_instances(path: Path) -> set[Any]:
    """Return the words of the messages up to the watermark."""
    with database(path) as conn:
        done = search_index.watermark(conn) or 0
        rows = conn.execute(
            "SELECT message_key, branch_key, CAST(role AS BLOB), CAST(content AS BLOB) "
            "FROM message WHERE message_key <= ?",
            (done,),
        ).fetchall()
    found = set()
    for key, *columns in map(search_index._entry, rows):
        for name, words in zip(("text", "parts", "scope"), columns, strict=True):
            found |= {(word, key, name) for word in str(words).split()}
    return found


async def _check_all_branches(store: Any, query: str, limit: int, syntax: str) -> None:
    """Each matching message of each generation is a hit, and each hit is where it says."""
    where = SearchFilter(branches="all")
    found = await _hits(store, query, limit, where=where, order="newest", syntax=syntax)
    assert len({(one.session_id, one.generation, one.seq) for one in found}) == len(found)
    hits: set[Any] = set()
    for hit in found:
        place = {"start": hit.seq, "stop": hit.seq + 1, "generation": hit.generation}
        window = await store.messages(hit.session_id, **place)
        hits.add((hit.session_id, window.items[0].message))
    wanted = parsed(query, syntax)
    expected = set()
    for one in await store.list():
        for generation in await store.generations(one):
            if generation.length is not None:
                loaded = await store.load(one, generation=generation.number)
                expected |= {(one, message) for message in loaded.messages}
    assert hits == {
        (one, message)
        for one, message in expected
        if wanted.matches(searched(encode(message)["content"]))
    }


@settings(max_examples=60)
@given(
    steps=_STEPS,
    searches=st.lists(
        st.tuples(
            st.one_of(
                st.tuples(st.sampled_from(_QUERIES), st.just("words")),
                st.tuples(st.sampled_from(_EXPRESSIONS), st.just("fts5")),
            ),
            st.sampled_from(_FILTERS),
            st.sampled_from(("newest", "relevance")),
        ),
        min_size=1,
        max_size=6,
    ),
    rows=st.sampled_from((1, 3, 64)),
    limit=st.integers(1, 9),
)
def test_search_is_that_of_the_memory_store_at_every_watermark(
    steps: list[tuple[str, str, int, tuple[Message, ...]]],
    searches: list[tuple[tuple[str, str], SearchFilter | None, str]],
    rows: int,
    limit: int,
) -> None:
    async def main(folder: str) -> None:
        model = MemorySessionStore()
        async with SqliteSessionStore.open(Path(folder, "s.a3s")) as store:
            for step in steps:
                if step[0] in ("index", "lose"):
                    await _index(store, step[0])
                else:
                    await _apply(store, step)
                    await _apply(model, step)
            for (query, syntax), where, order in searches:
                given: Any = {"where": where, "order": order, "syntax": syntax}
                expected = _seen(await _hits(model, query, 50, **given))
                assert _seen(await _hits(store, query, limit, **given)) == expected
            query, syntax = searches[0][0]
            await _check_all_branches(store, query, limit, syntax)
            assert _instances(store.path) == _expected_instances(store.path)
            report = await store.verify(depth="deep")
            assert report.ok, report

    former = search_index.ROWS
    search_index.ROWS = rows  # type: ignore[misc]
    try:
        with tempfile.TemporaryDirectory() as folder:
            asyncio.run(main(folder))
    finally:
        search_index.ROWS = former  # type: ignore[misc]
