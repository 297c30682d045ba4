"""Stores with `pages`: lists of sessions, filtered, ordered, a page at a time."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime
from typing import Any, get_args

from a3s_store.core.listing.values import Page, SessionFilter, SessionOrder, SessionSummary
from a3s_store.errors import InvalidArgumentError, InvalidCursorError, UnsupportedError
from a3s_store.models import Message, SessionConfig, SessionData, SessionState
from a3s_store.testing.conformance.expect import holds, keeps, raises, same
from a3s_store.testing.conformance.suite import required_by
from a3s_store.testing.samples import loop_checkpoint, session, talk

_GROUP = "pages"
_ORDERS: tuple[SessionOrder, ...] = get_args(SessionOrder)
_COLUMNS = {
    "updated": "updated_at",
    "created": "created_at",
    "name": "name",
    "cost": "total_cost",
    "messages": "messages",
}


def _sample(number: int) -> SessionData:
    """A session whose values in every order are shared with others, but for its id."""
    names = ("Fix the login", "straße", "", "fix", "ÉCOLE")
    return SessionData(
        id=f"s{number:02}",
        config=SessionConfig(name=names[number % 5], workspace=f"/w{number % 2}"),
        state=(SessionState.ACTIVE, SessionState.COMPLETED)[number % 2],
        messages=talk(*(f"prompt {number}" for _ in range(number % 3))),
        total_cost=(0.5, 0.25, 0.0)[number % 3],
        model_name=("m/one", None)[number % 2],
        parent_id="s00" if number % 4 == 1 else None,
        tenant_id="t" if number % 3 == 0 else None,
        principal="p" if number % 3 == 1 else None,
        created_at=100 + number % 4,
        updated_at=200 + number % 3,
    )


async def _fill(store: Any, many: int = 13) -> list[SessionData]:
    found = [_sample(number) for number in range(many)]
    for one in found:
        await store.save(one)
    return found


async def _pages(store: Any, limit: int, *given: Any, **order: Any) -> list[SessionSummary]:
    """Return the rows of all pages; each but the last one is full."""
    rows: list[SessionSummary] = []
    after: str | None = None
    while True:
        page: Page[SessionSummary] = await store.sessions(*given, limit=limit, after=after, **order)
        holds(len(page) <= limit, "no page has more rows than its limit")
        rows += page
        if page.next is None:
            return rows
        same(limit, len(page), "the rows of a page that is not the last one")
        after = page.next


async def _ids(store: Any, **where: Any) -> list[str]:
    found = await _pages(store, 1000, SessionFilter(**where), order="created", descending=False)
    same(len(found), await store.count_sessions(SessionFilter(**where)), f"the count of {where}")
    return sorted(one.id for one in found)


@required_by(_GROUP, capability="pages")
async def pages_together_are_the_list(store: Any) -> None:
    """In each order, direction and size the pages have each session once, in order."""
    same((), (await store.sessions()).items, "an empty store")
    ids = [one.id for one in await _fill(store)]
    for order, descending, limit in itertools.product(_ORDERS, (False, True), (1, 4, 13, 14)):
        rows = await _pages(store, limit, order=order, descending=descending)
        same(ids, sorted(one.id for one in rows), f"the sessions by {order}")
        values = [getattr(one, _COLUMNS[order]) for one in rows]
        same(sorted(values, reverse=descending), values, f"the values by {order}")
        if order != "updated":
            ties = [(getattr(one, _COLUMNS[order]), one.id) for one in rows]
            same(sorted(ties, reverse=descending), ties, f"equal values by {order}")
    same(13, await store.count_sessions(), "the count")


@required_by(_GROUP, capability="pages")
async def of_sessions_updated_in_one_second_the_last_saved_comes_first(store: Any) -> None:
    """The order "updated" has, of equal times, the session that changed last first."""
    if not keeps(store, "commit_log"):
        return
    for name in ("a", "b", "c"):
        await store.save(session(name))
    await store.save_trace_events("a", ())
    rows = (await store.sessions()).items
    same(["a", "c", "b"], [one.id for one in rows], "the newest first")
    same([4, 3, 2], [one.sequence for one in rows], "their commits")


@required_by(_GROUP, capability="pages")
async def a_row_has_what_the_session_has(store: Any) -> None:
    """The fields of a row are those of the session; the first prompt is cut to 200 characters."""
    one = _sample(6)
    prompt = Message.user("x" * 150 + "é" * 80)
    one = one.evolve(messages=(Message.assistant("hello"), prompt, *talk("later")))
    await store.save(one)
    (row,) = (await store.sessions()).items
    same(one.id, row.id, "id")
    same((one.config.name, one.config.workspace), (row.name, row.workspace), "configuration")
    same((one.state.value, one.model_name), (row.state, row.model_name), "state and model")
    same((len(one.messages), one.total_cost), (row.messages, row.total_cost), "messages and cost")
    same((one.created_at, one.updated_at), (row.created_at, row.updated_at), "the times")
    same((one.parent_id, one.tenant_id), (row.parent_id, row.tenant_id), "parent and tenant")
    same("x" * 150 + "é" * 50, row.first_prompt, "the first prompt")
    same(({}, False, False, None), (row.labels, row.pinned, row.archived, row.trashed_at_ms), "")
    if row.changed_at_ms is not None:
        holds(row.changed_at_ms > 1_600_000_000_000, "the time of the change is in milliseconds")
        same(row.changed_at_ms, row.last_message_at_ms, "the time of the last message")


@required_by(_GROUP, capability="pages")
async def the_first_prompt_follows_the_conversation(store: Any) -> None:
    """Saves, appends, rewinds and forks change the first prompt when they change its message."""

    async def first(session_id: str = "s") -> str | None:
        rows = await _pages(store, 5, SessionFilter(ids=session_id))
        same(1, len(rows), "one session")
        return rows[0].first_prompt

    await store.save(session("s"))
    same(None, await first(), "without messages")
    reply = Message.assistant("hello")
    await store.save(session("s").evolve(messages=(reply,)))
    same(None, await first(), "without a prompt")
    await store.append("s", (Message.user("one"),)) if keeps(store, "append") else (
        await store.save(session("s").evolve(messages=(reply, Message.user("one"))))
    )
    same("one", await first(), "appended")
    await store.save(session("s").evolve(messages=(Message.user("zero"), reply)))
    same("zero", await first(), "another one")
    same(["s"], await _ids(store, text="ZERO"), "it is found")
    same([], await _ids(store, text="one"), "and the old one is not")
    if keeps(store, "generations"):
        await store.fork("s", "t")
        same("zero", await first("t"), "of the fork")
        await store.rewind("s", 0)
        same(None, await first(), "rewound")
        await store.append("s", (Message.user("two"),))
        same("two", await first(), "appended then")
        same("zero", await first("t"), "of the fork still")


@required_by(_GROUP, capability="pages")
async def a_filter_has_the_sessions_that_fulfil_all_of_it(store: Any) -> None:
    """Each condition of a filter, and several together, choose the sessions that have it."""
    saved = await _fill(store)
    cases: list[tuple[dict[str, Any], Any]] = [
        ({"text": "LOGIN"}, lambda one: one.config.name == "Fix the login"),
        ({"text": "STRASSE"}, lambda one: one.config.name == "straße"),
        ({"text": "e\u0301cole"}, lambda one: one.config.name == "ÉCOLE"),
        ({"text": "%"}, lambda one: False),
        ({"text": "prompt 1"}, lambda one: any("prompt 1" in m.text for m in one.messages)),
        ({"ids": ("s01", "s02", "none")}, lambda one: one.id in ("s01", "s02")),
        ({"ids": ()}, lambda one: False),
        ({"id_prefix": "s1"}, lambda one: one.id.startswith("s1")),
        ({"id_prefix": "s_"}, lambda one: False),
        ({"workspace": "/w1"}, lambda one: one.config.workspace == "/w1"),
        ({"state": ["Active"]}, lambda one: one.state is SessionState.ACTIVE),
        ({"state": {"Active", "Completed"}}, lambda one: True),
        ({"model": "m/one"}, lambda one: one.model_name == "m/one"),
        ({"parent": "s00"}, lambda one: one.parent_id == "s00"),
        ({"tenant": "t"}, lambda one: one.tenant_id == "t"),
        ({"principal": "p"}, lambda one: one.principal == "p"),
        ({"updated_since": 201}, lambda one: one.updated_at >= 201),
        ({"updated_before": 201}, lambda one: one.updated_at < 201),
        (
            {"updated_since": datetime.fromtimestamp(200.5, UTC)},
            lambda one: one.updated_at > 200,
        ),
        ({"created_since": 103}, lambda one: one.created_at >= 103),
        ({"pinned": True}, lambda one: False),
        ({"archived": None, "trashed": None, "pinned": False}, lambda one: True),
        (
            {"workspace": "/w0", "tenant": "t", "updated_since": 200},
            lambda one: one.config.workspace == "/w0" and one.tenant_id == "t",
        ),
    ]
    for where, expected in cases:
        ids = [one.id for one in saved if expected(one)]
        same(ids, await _ids(store, **where), f"the sessions of {where}")


@required_by(_GROUP, capability="pages")
async def what_changed_since_is_found(store: Any) -> None:
    """`changed_after` has the sessions that changed after a commit; without a log it is refused."""
    await _fill(store, 4)
    if not keeps(store, "commit_log"):
        for method in (store.sessions, store.count_sessions):
            where = SessionFilter(changed_after=0)
            error: Any = await raises(UnsupportedError, "changed_after", method, where)
            same("commit_log", error.capability, "the capability")
        return
    same(["s00", "s01", "s02", "s03"], await _ids(store, changed_after=0), "since the beginning")
    sequence = await store.latest_sequence()
    same([], await _ids(store, changed_after=sequence), "nothing")
    await store.save_trace_events("s02", ())
    await store.save_loop_checkpoint("run", loop_checkpoint("run", "s01"))
    same(["s01", "s02"], await _ids(store, changed_after=sequence), "two changes")
    same(["s01"], await _ids(store, changed_after=sequence + 1), "one of them")


@required_by(_GROUP, capability="pages")
async def unfinished_runs_are_counted(store: Any) -> None:
    """A row counts the interrupted runs, and the messages that only they have."""
    await store.save(session("s", ("a",)))
    if not keeps(store, "checkpoints"):
        return
    checkpoint = loop_checkpoint("run", "s").evolve(messages=talk("a", "b", "c"))
    await store.save_loop_checkpoint("run", checkpoint)
    (row,) = (await store.sessions()).items
    same((1, 0, 2, False), (row.interrupted, row.running, row.unsaved_messages, row.draft), "")
    await store.delete_loop_checkpoint("run")
    (row,) = (await store.sessions()).items
    same((0, 0), (row.interrupted, row.unsaved_messages), "without its checkpoint")


@required_by(_GROUP, capability="pages")
async def a_deleted_row_does_not_end_a_list(store: Any) -> None:
    """A page goes on although the session that the page before ended with was deleted."""
    await _fill(store, 6)
    for order in _ORDERS:
        page = await store.sessions(order=order, limit=2)
        last = page.items[-1]
        kept = await store.load(last.id)
        rest = [one.id for one in (await store.sessions(order=order, after=page.next))]
        await store.delete(last.id)
        after = [one.id for one in (await store.sessions(order=order, after=page.next))]
        same(rest, after, f"the rest by {order}")
        await store.save(kept)


@required_by(_GROUP, capability="pages")
async def a_cursor_belongs_to_its_list(store: Any) -> None:
    """A changed cursor, and one of another filter, order or direction, is refused."""
    await _fill(store, 4)
    cursor = (await store.sessions(limit=2)).next
    for wrong in (cursor[:-1], cursor + "A", "", "A", cursor.swapcase(), "é", cursor + "\n"):
        error: Any = await raises(InvalidCursorError, f"{wrong!r}", store.sessions, after=wrong)
        same("after", error.argument, "the argument")
    others: tuple[dict[str, Any], ...] = (
        {"order": "created"},
        {"descending": False},
        {"where": SessionFilter(workspace="/w0")},
        {"where": SessionFilter(archived=None)},
        {"where": SessionFilter(labels={"a": None})},
    )
    for given in others:
        await raises(InvalidCursorError, f"{given}", store.sessions, after=cursor, **given)
    same(2, len(await store.sessions(SessionFilter(), after=cursor, limit=7)), "the same list")


@required_by(_GROUP, capability="pages")
async def lists_are_asked_for_with_values_of_their_types(store: Any) -> None:
    """A wrong argument, or field of a filter, raises InvalidArgumentError with its name."""
    await _fill(store, 1)
    for argument, given in (
        ("limit", {"limit": 0}),
        ("limit", {"limit": 1001}),
        ("limit", {"limit": True}),
        ("order", {"order": "size"}),
        ("order", {"order": ["name"]}),
        ("descending", {"descending": 1}),
        ("after", {"after": 5}),
        ("where", {"where": {"text": "a"}}),
    ):
        error: Any = await raises(InvalidArgumentError, f"{given}", store.sessions, **given)
        same(argument, error.argument, "the argument")
    fields: tuple[tuple[str, Any], ...] = (
        ("text", 5),
        ("text", "\ud800"),
        ("ids", 5),
        ("ids", [5]),
        ("ids", b"s00"),
        ("ids", "\ud800"),
        ("ids", iter(["s00"])),
        ("id_prefix", 5),
        ("workspace", [None]),
        ("labels", "a"),
        ("labels", {1: "a"}),
        ("labels", {"a": 1}),
        ("labels", {"a": iter(["b"])}),
        ("updated_since", "2026"),
        ("updated_since", datetime(2026, 1, 1)),
        ("updated_before", 2**63),
        ("created_since", 1.5),
        ("changed_after", -1),
        ("archived", 1),
        ("trashed", "no"),
    )
    for name, value in fields:
        where = SessionFilter(**{name: value})
        for method in (store.sessions, store.count_sessions):
            error = await raises(InvalidArgumentError, f"{name}={value!r}", method, where)
            same(name, error.argument, "the argument")
