"""Appends, updates and pages of a session, against plain lists, on the three stores."""

from __future__ import annotations

import asyncio
import itertools
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from a3s_store import FileSessionStore, MemorySessionStore, SqliteSessionStore
from a3s_store.core.digests import EMPTY_CHAIN
from a3s_store.core.revision import Position
from a3s_store.errors import StaleGenerationError
from a3s_store.models import Message, SessionState
from a3s_store.testing import strategies
from a3s_store.testing.conformance.changes import position_of
from a3s_store.testing.samples import cost_record, session, talk
from a3s_store.wire import canonical, compact, decode, encode, parse


async def _memory(place: Path) -> Any:
    return MemorySessionStore()


async def _files(place: Path) -> Any:
    return await FileSessionStore.open(place)


async def _sqlite(place: Path) -> Any:
    return await SqliteSessionStore.open(place / "store.a3s")


async def _sqlite_without_cache(place: Path) -> Any:
    return await SqliteSessionStore.open(place / "store.a3s", cache_bytes=0, prove_chain=True)


_OPENERS = {
    "memory": _memory,
    "file": _files,
    "sqlite": _sqlite,
    "sqlite without a cache": _sqlite_without_cache,
}
_STORES = pytest.mark.parametrize("name", _OPENERS)
_FEW = settings(max_examples=25, deadline=None)
_MESSAGES = st.lists(
    st.one_of(st.sampled_from(("ok", "go on", "")).map(Message.user), strategies.messages(size=2)),
    max_size=8,
).map(tuple)


def _run(name: str, use: Callable[[Any], Awaitable[None]]) -> None:
    async def main(place: Path) -> None:
        store = await _OPENERS[name](place)
        async with store:
            await use(store)
            if isinstance(store, SqliteSessionStore):
                assert (await store.verify(depth="deep")).ok

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(main(Path(folder)))


def _bits(messages: tuple[Message, ...]) -> list[bytes]:
    return [canonical(encode(message)) for message in messages]


@_STORES
@_FEW
@given(st.data())
def test_appends_in_any_split_are_one_save_of_all(name: str, data: st.DataObject) -> None:
    """Equal messages, position and snapshot digest; one generation for each append."""
    messages = data.draw(_MESSAGES)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(messages)), max_size=4)))
    bounds = [0, *cuts, len(messages)]
    conditional = data.draw(st.booleans())

    async def use(store: Any) -> None:
        await store.save(session("whole").evolve(messages=messages))
        end, commits = Position(0, EMPTY_CHAIN), 0
        create = session("s", updated_at=1_700_000_100)
        for start, stop in itertools.pairwise(bounds):
            done = await store.append(
                "s",
                messages[start:stop],
                after=end if conditional else None,
                create=create,
                updated_at=create.updated_at,
            )
            assert (done.start, done.already) == (start, False)
            end = done.position
            commits += stop > start
        assert end == position_of(messages)
        if not messages:
            assert await store.load("s") is None
            return
        found, whole = await store.load_snapshot("s"), await store.load_snapshot("whole")
        assert _bits(found.session.messages) == _bits(messages)
        renamed = whole.evolve(session=whole.session.evolve(id="s"))
        assert found == renamed
        assert found.digest() == renamed.digest()
        if store.capabilities().generations:
            assert await store.generation("s") == commits
            assert (await store.generations("s"))[-1].digest == found.digest()

    _run(name, use)


_PLACES = st.none() | st.integers(-12, 14)
_EDITS = st.lists(
    st.tuples(
        st.sampled_from(("save", "append", "append", "compact", "rewind", "fork", "drop")),
        st.integers(0, 9),
    ),
    min_size=1,
    max_size=7,
)


async def _edited(store: Any, edits: list[tuple[str, int]]) -> tuple[Message, ...]:
    """Make and change a conversation; return what it should be."""
    now: tuple[Message, ...] = ()
    await store.append("s", talk("first"), create=session("s"))
    now += talk("first")
    for step, (kind, number) in enumerate(edits):
        new = talk(*(f"{step}.{index}" for index in range(number % 4 + 1)))
        if kind == "append":
            await store.append("s", new, after=position_of(now))
            now += new
        elif kind == "rewind" and store.capabilities().generations:
            now = now[: min(number, len(now))]
            await store.rewind("s", len(now))
        elif kind == "fork" and store.capabilities().generations:
            # Both go on: rows are shared, and the branch of the one grows.
            await store.fork("s", f"fork {step}")
            await store.append(f"fork {step}", talk("other"))
        else:
            if kind == "save":
                now += new
            elif kind == "compact":
                now = (*talk("summary"), *now[number:])
            elif kind == "drop":
                now = (*now[:1], *now[2:])
            await store.save(session("s").evolve(messages=now))
    return now


@_STORES
@_FEW
@given(_EDITS, st.lists(st.tuples(_PLACES, _PLACES), min_size=1, max_size=6), st.integers(1, 4))
def test_pages_and_iterations_are_slices_of_the_conversation(
    name: str, edits: list[tuple[str, int]], ranges: list[tuple[int | None, int | None]], size: int
) -> None:
    """On forks, rewinds and compactions too; and while others write."""

    async def use(store: Any) -> None:
        now = await _edited(store, edits)
        assert (await store.load("s")).messages == now
        for first, stop in ranges:
            start = first or 0
            page = await store.messages("s", start=start, stop=stop)
            assert tuple(one.message for one in page) == now[start:stop]
            assert [one.seq for one in page] == [*range(page.start, page.stop)]
            assert (page.length, page.end) == (len(now), position_of(now))
            last = abs(start)
            page = await store.messages("s", last=last)
            assert tuple(one.message for one in page) == now[max(0, len(now) - last) :]
            for reverse in (False, True):
                found = [
                    one.message
                    async for one in store.iter_messages(
                        "s", start=start, stop=stop, page=size, reverse=reverse
                    )
                ]
                assert found == [*now[start:stop]][:: -1 if reverse else 1]
        found = []
        async for one in store.iter_messages("s", page=size):
            if not found:
                await store.save(session("s", ("another",)))
            found.append(one.message)
        assert tuple(found) == now

    _run(name, use)


_FIELDS = st.fixed_dictionaries(
    {},
    optional={
        "state": st.sampled_from(SessionState),
        "total_cost": st.sampled_from((0.0, -0.0, 1.5)),
        "updated_at": st.integers(-(2**63), 2**63 - 1),
        "thinking_budget": st.none() | st.integers(0, 2**64 - 1),
        "parent_id": st.none() | st.text("ab", max_size=3),
        "tool_names": st.lists(st.text("ab", max_size=3), max_size=2).map(tuple),
        "config": strategies.model(type(session("x").config), size=1),
        "name": st.text("ab", max_size=3),
        "auto_compact_threshold": st.sampled_from((0.5, 0.25)),
        "planning_mode": st.sampled_from(("Auto", "Enabled")),
    },
)


@_STORES
@_FEW
@given(strategies.session_data(size=1), st.lists(_FIELDS, min_size=1, max_size=4))
def test_an_update_is_load_evolve_and_save(
    name: str, first: Any, updates: list[dict[str, Any]]
) -> None:
    """Equal sessions with equal digests; a save in between is seen by `expected_generation`."""
    config_fields = ("name", "auto_compact_threshold", "planning_mode")

    async def use(store: Any) -> None:
        for one in ("s", "plain"):
            await store.save(first.evolve(id=one, cost_records=(cost_record(),)))
        for fields in updates:
            before = await store.load("plain")
            own = {name: v for name, v in fields.items() if name not in config_fields}
            after = before.evolve(**own)
            inner = {name: v for name, v in fields.items() if name in config_fields}
            await store.save(after.evolve(config=after.config.evolve(**inner)))
            await store.update("s", **fields)
            found, plain = await store.load_snapshot("s"), await store.load_snapshot("plain")
            assert found == plain.evolve(session=plain.session.evolve(id="s"))
            renamed = plain.evolve(session=plain.session.evolve(id="s"))
            assert found.digest() == renamed.digest()
            if store.capabilities().generations:
                assert (await store.generations("s"))[-1].digest == found.digest()
        header = await store.load_header("s")
        if store.capabilities().generations:
            await store.save(decode(type(first), parse(compact(encode(found.session)))))
            with pytest.raises(StaleGenerationError):
                await store.update("s", state=SessionState.ERROR, expected_generation=0)
            now = await store.generation("s")
            if now != header.generation:
                with pytest.raises(StaleGenerationError):
                    await store.update("s", name="x", expected_generation=header.generation)
                assert await store.generation("s") == now

    _run(name, use)
