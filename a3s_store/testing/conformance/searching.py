"""Stores with `search`: words in conversations are found, and nothing else is."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from a3s_store.core.listing.values import Page, SessionFilter
from a3s_store.core.search.queries import parsed
from a3s_store.core.search.texts import searched
from a3s_store.core.search.values import SearchFilter, SearchHit
from a3s_store.errors import InvalidArgumentError, InvalidCursorError, SearchUnavailableError
from a3s_store.models import Message, SessionConfig, SessionData, ToolUseBlock
from a3s_store.testing.conformance.expect import holds, raises, same
from a3s_store.testing.conformance.suite import required_by
from a3s_store.testing.samples import session as _sample
from a3s_store.wire import encode

_GROUP = "searching"
_WORDS = ("login", "Straße", "修复错误", "fooBar", "naïve", "src/a.py")


def _session(session_id: str, *, messages: tuple[Message, ...]) -> SessionData:
    return _sample(session_id).evolve(messages=messages)


def _call(number: int) -> Message:
    block = ToolUseBlock(id=f"c{number}", name="read_file", input={"path": f"src/a{number}.py"})
    return Message(role="assistant", content=(block,))


def _messages(number: int) -> tuple[Message, ...]:
    """Messages of a session: each has some of the words, `all` and `turn`."""
    found: list[Message] = []
    for turn in range(number % 4 + 1):
        some = " ".join(_WORDS[(number + turn + step) % 6] for step in range(3))
        found += [
            Message.user(f"turn {turn} of all: {some}"),
            _call(turn),
            Message.tool_result(f"c{turn}", f"result {some} of all"),
            Message.assistant(f"reply {turn} to {some}"),
        ]
    return tuple(found)


async def _fill(store: Any, many: int = 7) -> None:
    for number in range(many):
        await store.save(
            SessionData(
                id=f"s{number}",
                config=SessionConfig(name=f"name {number}", workspace=f"/w{number % 2}"),
                messages=_messages(number),
                created_at=1,
                updated_at=1,
            )
        )


async def _hits(store: Any, query: str, *, limit: int = 7, **given: Any) -> list[SearchHit]:
    """Return the hits of all pages."""
    found: list[SearchHit] = []
    after: str | None = None
    while True:
        page: Page[SearchHit] = await store.search(query, limit=limit, after=after, **given)
        holds(len(page) <= limit, "no page has more hits than its limit")
        holds(not page.partial, "no hits are missing")
        found += page
        if page.next is None:
            return found
        after = page.next


def _places(hits: Sequence[SearchHit]) -> list[tuple[str, int]]:
    return [(one.session_id, one.seq) for one in hits]


async def _expected(
    store: Any, query: str, ids: Sequence[str], *, tools: bool = True
) -> set[tuple[str, int]]:
    """Return the places of the messages in which the reference finds the query."""
    found = set()
    for one in ids:
        loaded = await store.load(one)
        for seq, message in enumerate(loaded.messages if loaded else ()):
            if parsed(query).matches(searched(encode(message)["content"], tools=tools)):
                found.add((one, seq))
    return found


@required_by(_GROUP, capability="search")
async def hits_are_those_of_the_reference_in_both_orders(store: Any) -> None:
    """A search finds exactly the messages in which the reference finds the query, each once."""
    await _fill(store)
    ids = await store.list()
    for query in (*_WORDS, "login all", '"turn 1"', "log*", "a.py", "bar", "read_file", "naive"):
        expected = await _expected(store, query, ids)
        for order in ("newest", "relevance"):
            found = _places(await _hits(store, query, order=order))
            same(len(found), len(set(found)), f"{query!r} by {order}: every hit comes once")
            same(set(found), expected, f"the hits of {query!r} by {order}")
    same(await _hits(store, "nowhere"), [], "a word that is nowhere")


@required_by(_GROUP, capability="search")
async def newest_first_is_the_order_in_which_messages_were_stored(store: Any) -> None:
    """Of messages saved one after another the last is the first hit, in any size of pages."""
    for turn in range(5):
        for one in ("a", "b"):
            loaded = await store.load(one)
            before = loaded.messages if loaded else ()
            await store.save(_session(one, messages=(*before, Message.user(f"word {turn}"))))
    expected = [(one, turn) for turn in reversed(range(5)) for one in ("b", "a")]
    for limit in (1, 3, 100):
        found = await _hits(store, "word", order="newest", limit=limit)
        same(_places(found), expected, f"the hits, {limit} in a page")
    await store.save(_session("c", messages=(Message.user("word 5"),)))
    same(
        _places(await _hits(store, "word", order="newest", limit=2))[0],
        ("c", 0),
        "a new message is found at once",
    )


@required_by(_GROUP, capability="search")
async def only_current_conversations_are_searched(store: Any) -> None:
    """Replaced and deleted messages are not found; others are found where they now are."""
    texts = [Message.user(f"word{number} here") for number in range(6)]
    await store.save(_session("s", messages=tuple(texts)))
    await store.save(_session("other", messages=tuple(texts[:2])))
    await store.save(_session("s", messages=tuple(texts[2:])))
    same(_places(await _hits(store, "word1")), [("other", 1)], "a message that was dropped")
    same(_places(await _hits(store, "word5")), [("s", 3)], "a message at another position")
    changed = (*texts[2:4], Message.user("changed"), texts[5])
    await store.save(_session("s", messages=changed))
    same(_places(await _hits(store, "word4")), [], "a message that was replaced")
    same(_places(await _hits(store, "changed")), [("s", 2)], "its replacement")
    await store.delete("other")
    same(_places(await _hits(store, "word1")), [], "a message of a deleted session")
    same(
        set(_places(await _hits(store, "here"))),
        {("s", 0), ("s", 1), ("s", 3)},
        "the messages that are left",
    )


@required_by(_GROUP, capability="search")
async def a_fork_and_a_rewound_session_are_searched_as_they_are(store: Any) -> None:
    """A message that two sessions share is a hit in each; one behind the end is in none."""
    if not store.capabilities().generations:
        return
    await store.save(_session("s", messages=tuple(Message.user(f"word {n}") for n in range(4))))
    await store.fork("s", "t")
    await store.rewind("s", 1)
    await store.save(_session("s", messages=(Message.user("word 0"), Message.user("word new"))))
    expected = {("s", 0), ("s", 1), ("t", 0), ("t", 1), ("t", 2), ("t", 3)}
    for limit in (1, 2, 9):
        found = _places(await _hits(store, "word", order="newest", limit=limit))
        same(len(found), len(expected), "every hit comes once")
        same(set(found), expected, "the hits")


@required_by(_GROUP, capability="search")
async def filters_choose_sessions_and_messages(store: Any) -> None:
    """Sessions, roles, times and tools of a filter hold for every hit, and no hit is left out."""
    await _fill(store)
    ids = await store.list()
    every = await _hits(store, "all")
    found = await _hits(store, "all", where=SessionFilter(ids=["s1", "s3", "none"]))
    same(
        set(_places(found)),
        {one for one in _places(every) if one[0] in ("s1", "s3")},
        "the hits of two sessions",
    )
    for given, role in ((SearchFilter(role="user"), "user"), (SearchFilter(role=["x"]), "x")):
        found = await _hits(store, "login", where=given)
        of_role = [one for one in await _hits(store, "login") if one.role == role]
        same(set(_places(found)), set(_places(of_role)), f"the hits of role {role}")
    found = await _hits(store, "login", where=SearchFilter(tools=False, workspace="/w1"))
    expected = await _expected(store, "login", [*ids[1::2]], tools=False)
    same(set(_places(found)), expected, "the hits in texts of one workspace")
    late = datetime(2100, 1, 1, tzinfo=UTC)
    same(await _hits(store, "all", where=SearchFilter(since=late)), [], "hits of the future")
    same(
        set(_places(await _hits(store, "all", where=SearchFilter(until=late, since=0)))),
        set(_places(every)),
        "hits of all times",
    )


@required_by(_GROUP, capability="search")
async def trashed_and_archived_sessions_are_found_only_when_asked_for(store: Any) -> None:
    """The marks and labels of hosts are conditions of a search."""
    if not store.capabilities().host_metadata:
        return
    for one in ("a", "b", "c"):
        await store.save(_session(one, messages=(Message.user("word"),)))
    await store.trash("a")
    await store.update("b", archived=True, labels={"team": "x"})
    same(_places(await _hits(store, "word")), [("c", 0)], "hits without the others")
    for where, expected in (
        (SearchFilter(trashed=True), [("a", 0)]),
        (SearchFilter(archived=True), [("b", 0)]),
        (SearchFilter(archived=None, labels={"team": "x"}), [("b", 0)]),
    ):
        same(_places(await _hits(store, "word", where=where)), expected, f"hits of {where}")


@required_by(_GROUP, capability="search")
async def old_branches_are_searched_when_asked_for(store: Any) -> None:
    """Messages that only older generations have are hits with their generation, and once."""
    if not store.capabilities().generations:
        return
    first = tuple(Message.user(f"word {number}") for number in range(3))
    await store.save(_session("s", messages=first))
    await store.rewind("s", 1)
    await store.append("s", (Message.user("another word"),))
    await store.save(_session("t", messages=(Message.user("word of t"),)))
    same(sorted(_places(await _hits(store, "word"))), [("s", 0), ("s", 1), ("t", 0)], "current")
    everywhere = SearchFilter(branches="all")
    for order in ("newest", "relevance"):
        found = await _hits(store, "word", where=everywhere, order=order, limit=2)
        same(
            sorted((one.session_id, one.seq, one.generation or 0) for one in found),
            [("s", 0, 0), ("s", 1, 0), ("s", 1, 1), ("s", 2, 1), ("t", 0, 0)],
            f"hits in all branches by {order}",
        )
    for hit in found:
        window = await store.messages(
            hit.session_id, start=hit.seq, stop=hit.seq + 1, generation=hit.generation
        )
        same(window.items[0].message.text, hit.snippet, "the message at the place of a hit")
    only = SearchFilter(branches="all", ids=["s"], role="user")
    same(len(await _hits(store, '"word 2"', where=only)), 1, "the hits of one session")


@required_by(_GROUP, capability="search")
async def expressions_of_fts5_are_evaluated_when_asked_for(store: Any) -> None:
    """The other syntax has operators; its words are compared like those of every query."""
    texts = ("red green", "red blue", "Straße fooBar", "修复错误", "green then far away red")
    await store.save(_session("s", messages=tuple(map(Message.user, texts))))
    await _hits(store, "red")
    for asked, expected in (
        ("red NOT blue", {0, 4}),
        ("blue OR green", {0, 1, 4}),
        ("(blue OR GRÜN OR green) AND red", {0, 1, 4}),
        ("NEAR(green red, 1)", {0}),
        ("^green", {4}),
        ("STRASSE", {2}),
        ("parts : bar", {2}),
        ("{text parts} : foob*", {2}),
        ('"修" OR "错误"', {3}),
        ('"red" + "blue"', {1}),
    ):
        try:
            found = await _hits(store, asked, syntax="fts5", order="newest")
        except SearchUnavailableError:
            return  # this Python has no FTS5
        same({one.seq for one in found}, expected, f"the hits of {asked!r}")
        holds(all(one.highlights for one in found), f"the hits of {asked!r} are highlighted")
    for wrong in ('"red', "red AND", "(red", "scope : red", "nothing : red", '""', "NOT", 3):
        await raises(
            InvalidArgumentError, f"the expression {wrong!r}", store.search, wrong, syntax="fts5"
        )


@required_by(_GROUP, capability="search")
async def a_hit_shows_where_it_is_and_what_matches(store: Any) -> None:
    """A hit has the session, the position, and a snippet in which the highlights match."""
    text = "before " * 100 + "the Straße is closed " + "after " * 100
    config = SessionConfig(name="Roads")
    message = Message.assistant(text)
    await store.save(
        SessionData(
            id="s", config=config, messages=(Message.user("x"), message), created_at=1, updated_at=1
        )
    )
    (hit,) = await _hits(store, "STRASSE closed")
    same(
        (hit.session_id, hit.session_name, hit.seq, hit.role), ("s", "Roads", 1, "assistant"), "it"
    )
    holds(hit.snippet in text and len(hit.snippet) < 400, "the snippet is a piece of the text")
    shown = [hit.snippet[start:end] for start, end in hit.highlights]
    same(shown, ["Straße", "closed"], "what is highlighted")


@required_by(_GROUP, capability="search")
async def no_query_text_fails_but_one_without_words(store: Any) -> None:
    """Signs of query languages are data; a query without words is refused before any reading."""
    await store.save(_session("s", messages=(Message.user('say "NEAR(a b)" AND c:d ^e'),)))
    signs = ('a"', "NEAR(a", "a AND b", "a:b", "^a", "a*", '"a b"*', "a OR", "\x00a", "-a")
    for query in signs:
        await _hits(store, query)
    same(_places(await _hits(store, '"near(a b" and')), [("s", 0)], "the hit of signs")
    wrong: tuple[Any, ...] = ("", "  ", "*", '""', "- . /", "x" * 1001, 5, None, "\ud800")
    for given in wrong:
        await raises(InvalidArgumentError, f"the query {given!r}", store.search, given)


@required_by(_GROUP, capability="search")
async def wrong_arguments_and_foreign_cursors_are_refused(store: Any) -> None:
    """A cursor is of one query, filter and order; a page has 1 to 1000 hits."""
    await _fill(store, 3)
    page = await store.search("all", limit=1, order="newest")
    holds(page.next is not None, "there is a second page")
    others: tuple[tuple[str, dict[str, Any]], ...] = (
        ("login", {}),
        ("all", {"order": "relevance"}),
        ("all", {"where": SearchFilter(role="user")}),
        ("all", {"where": SessionFilter(ids="s")}),
        ("all", {"where": SearchFilter(branches="all")}),
    )
    for query, given in others:
        asked = {"after": page.next, "order": "newest", **given}
        await raises(InvalidCursorError, f"a cursor for {asked}", store.search, query, **asked)
    for wrong in (
        {"limit": 0},
        {"limit": 1001},
        {"order": "updated"},
        {"where": SearchFilter(role=5)},  # type: ignore[arg-type]
        {"where": SearchFilter(role=iter(["user"]))},  # type: ignore[arg-type]
        {"where": SearchFilter(role="\ud800")},
        {"where": SearchFilter(since=datetime(2000, 1, 1))},
        {"where": SearchFilter(tools=1)},  # type: ignore[arg-type]
        {"where": SearchFilter(branches="old")},  # type: ignore[arg-type]
        {"where": "s"},
        {"after": 3},
        {"syntax": "sql"},
    ):
        await raises(InvalidArgumentError, f"the argument {wrong}", store.search, "all", **wrong)
