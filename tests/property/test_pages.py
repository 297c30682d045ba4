"""Pages of sessions on the three stores: complete, in order, and what the filter says."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from a3s_store import FileSessionStore, MemorySessionStore, SqliteSessionStore
from a3s_store.core.listing.cursors import PagedList
from a3s_store.core.listing.values import ORDERS, SessionFilter, SessionOrder, SessionSummary
from a3s_store.errors import InvalidCursorError
from a3s_store.models import Message, SessionConfig, SessionData, SessionState

_FEW = settings(max_examples=30, deadline=None)
# Texts that are alike, of which some are parts of others, and some have characters of SQL.
_TEXTS = st.sampled_from(
    ("", "a", "A", "ab", "Straße", "STRASSE", "%", "_", "a\0b", "\uff21", "é", "e\u0301", "'", "𝒳")
)
_KEYS = st.sampled_from(("k", "K", "é", "'"))
_PROMPTS = st.lists(
    st.builds(Message.user, _TEXTS) | st.builds(Message.assistant, _TEXTS), max_size=3
)
_SESSIONS = st.lists(
    st.builds(
        lambda name, workspace, state, messages, cost, model, parent, tenant, times: SessionData(
            id="made",
            config=SessionConfig(name=name, workspace=workspace),
            state=state,
            messages=tuple(messages),
            total_cost=cost,
            model_name=model,
            parent_id=parent,
            tenant_id=tenant,
            created_at=times[0],
            updated_at=times[1],
        ),
        _TEXTS,
        _TEXTS,
        st.sampled_from(SessionState),
        _PROMPTS,
        st.sampled_from((0.0, -0.0, 0.1, 0.1 + 2**-55, 1e300, -5.0)),
        st.none() | _TEXTS,
        st.none() | st.sampled_from(("s0", "s1", "none")),
        st.none() | _TEXTS,
        st.tuples(st.integers(-2, 2), st.sampled_from((-(2**63), 0, 1, 2, 2**63 - 1))),
    ),
    max_size=9,
).map(lambda made: [one.evolve(id=f"s{number}") for number, one in enumerate(made)])
_HOSTS = st.dictionaries(
    st.integers(0, 8),
    st.fixed_dictionaries(
        {},
        optional={
            "labels": st.dictionaries(_KEYS, _TEXTS.filter(lambda text: "\0" not in text)),
            "pinned": st.booleans(),
            "archived": st.booleans(),
        },
    ),
)
_FLAGS = st.none() | st.booleans()
_CHOICE = _TEXTS | st.lists(_TEXTS, max_size=3)
_FILTERS = st.fixed_dictionaries(
    {"archived": _FLAGS, "trashed": _FLAGS},
    optional={
        "text": _TEXTS,
        "labels": st.dictionaries(_KEYS, st.none() | _CHOICE, max_size=2),
        "ids": st.lists(st.sampled_from(("s0", "s1", "s2", "s3", "x")), max_size=4),
        "id_prefix": st.sampled_from(("", "s", "s1", "S", "%")),
        "workspace": _CHOICE,
        "state": st.sampled_from([one.value for one in SessionState]),
        "model": _CHOICE,
        "parent": st.sampled_from(("s0", "none")),
        "tenant": _CHOICE,
        "updated_since": st.sampled_from((-(2**63), 0, 1, 2**63 - 1)),
        "updated_before": st.integers(0, 3),
        "created_since": st.integers(-3, 3),
        "pinned": _FLAGS,
    },
)


async def _memory(place: Path) -> Any:
    return MemorySessionStore()


async def _files(place: Path) -> Any:
    return await FileSessionStore.open(place)


async def _sqlite(place: Path) -> Any:
    return await SqliteSessionStore.open(place / "store.a3s", durability="normal")


_OPENERS = {"memory": _memory, "file": _files, "sqlite": _sqlite}


def _run(names: tuple[str, ...], use: Callable[..., Awaitable[None]]) -> None:
    async def main(place: Path) -> None:
        stores = [await _OPENERS[name](place) for name in names]
        try:
            await use(*stores)
        finally:
            for store in stores:
                await store.close()

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(main(Path(folder)))


async def _all(store: Any, limit: int, *given: Any, **order: Any) -> list[SessionSummary]:
    rows: list[SessionSummary] = []
    after: str | None = None
    while True:
        page = await store.sessions(*given, limit=limit, after=after, **order)
        rows += page
        if page.next is None:
            return rows
        assert len(page) == limit
        after = page.next


def _shown(row: SessionSummary, *, whole: bool) -> SessionSummary:
    """The fields that all stores have; the clock's differ."""
    row = row._replace(last_message_at_ms=None, changed_at_ms=None)
    if row.trashed_at_ms is not None:
        row = row._replace(trashed_at_ms=1)
    return row if whole else row._replace(generation=0, sequence=None)


@_FEW
@given(
    _SESSIONS,
    _HOSTS,
    st.sets(st.integers(0, 8)),
    st.lists(_FILTERS, min_size=1, max_size=4),
    st.sampled_from(ORDERS),
    st.booleans(),
    st.integers(1, 4),
)
def test_stores_have_the_same_pages(
    sessions: list[SessionData],
    hosts: dict[int, dict[str, Any]],
    trashed: set[int],
    filters: list[dict[str, Any]],
    order: SessionOrder,
    descending: bool,
    limit: int,
) -> None:
    async def use(*stores: Any) -> None:
        for store in stores:
            for number, one in enumerate(sessions):
                await store.save(one)
                if number in hosts:
                    await store.update(one.id, **hosts[number])
                if number in trashed:
                    await store.trash(one.id)
        for given_filter in filters:
            where = SessionFilter(**given_filter)
            pages = [
                [
                    _shown(row, whole=True)
                    for row in await _all(store, limit, where, order=order, descending=descending)
                ]
                for store in stores
            ]
            assert pages[0] == pages[1]
            counts = [await store.count_sessions(where) for store in stores]
            assert counts == [len(pages[0])] * 2

    _run(("memory", "sqlite"), use)


@_FEW
@given(_SESSIONS, _FILTERS, st.sampled_from(ORDERS[1:]), st.booleans(), st.integers(1, 4))
def test_a_directory_has_the_same_pages(
    sessions: list[SessionData],
    where: dict[str, Any],
    order: SessionOrder,
    descending: bool,
    limit: int,
) -> None:
    async def use(*stores: Any) -> None:
        for store in stores:
            for one in sessions:
                await store.save(one)
        found = [
            [
                _shown(row, whole=False)
                for row in await _all(
                    store, limit, SessionFilter(**where), order=order, descending=descending
                )
            ]
            for store in stores
        ]
        assert found[0] == found[1]

    _run(("memory", "file"), use)


_WRITES = st.lists(
    st.lists(
        st.tuples(st.sampled_from(("move", "new", "delete", "same", "trash")), st.integers(0, 19)),
        max_size=4,
    ),
    max_size=8,
)


@pytest.mark.parametrize("name", ["memory", "sqlite"])
@_FEW
@given(_WRITES, st.sampled_from(ORDERS), st.booleans(), st.integers(1, 6))
def test_a_session_that_does_not_move_is_in_exactly_one_page(
    name: str,
    writes: list[list[tuple[str, int]]],
    order: SessionOrder,
    descending: bool,
    limit: int,
) -> None:
    """Whatever others save, delete and put in the trash between two pages."""

    def made(number: int, moved: int) -> SessionData:
        return SessionData(
            id=f"s{number}",
            config=SessionConfig(name=f"{(number + moved) % 7}"),
            messages=tuple(Message.user(f"{index}") for index in range((number + moved) % 3)),
            total_cost=((number + moved) % 5) / 10,
            created_at=(number + moved) % 4,
            updated_at=(number + moved) % 6,
        )

    async def use(store: Any) -> None:
        for number in range(12):
            await store.save(made(number, 0))
        untouched = {f"s{number}" for number in range(12)}
        seen: list[str] = []
        after: str | None = None
        turns = iter(writes)
        while True:
            page = await store.sessions(
                order=order, descending=descending, limit=limit, after=after
            )
            seen += [row.id for row in page]
            after = page.next
            if after is None:
                break
            for what, number in next(turns, ()):
                one = f"s{number}"
                if what != "same":
                    untouched.discard(one)
                match what:
                    case "move" | "new":
                        await store.save(made(number, number + 1))
                    case "delete":
                        await store.delete(one)
                    case "trash" if await store.exists(one):
                        await store.trash(one)
                    case "same":
                        await store.load(one)
        assert sorted(one for one in seen if one in untouched) == sorted(untouched)

    _run((name,), use)


_VALUES = st.tuples(
    st.integers(-(2**62), 2**62) | _TEXTS | st.floats(allow_nan=False, allow_infinity=False),
    st.integers(0, 2**62) | _TEXTS,
)


@settings(max_examples=300, deadline=None)
@given(_VALUES, st.data())
def test_a_cursor_gives_its_place_back_and_no_changed_one_does(
    place: tuple[Any, Any], data: st.DataObject
) -> None:
    listed = PagedList("sessions", "name", True, ["a", {"b": 1}], "store")
    cursor = listed.cursor(place)
    assert listed.place(cursor) == place
    index = data.draw(st.integers(0, len(cursor) - 1))
    other = data.draw(st.sampled_from("AZaz09-_=+ é").filter(lambda one: one != cursor[index]))
    changed = f"{cursor[:index]}{other}{cursor[index + 1 :]}"
    for wrong in (changed, cursor[:index], cursor + other):
        with pytest.raises(InvalidCursorError):
            listed.place(wrong)
