"""Transactions, against the same calls one by one: equal data, one generation and one entry."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from a3s_store import MemorySessionStore, SqliteSessionStore
from a3s_store.core.list_pages import Appended
from a3s_store.core.streams.values import Item, NewItem, StreamAppended, StreamUpdate
from a3s_store.errors import ConflictError, StoreError
from a3s_store.models import Message
from a3s_store.testing import strategies
from a3s_store.testing.samples import cost_record, session
from tests.support import in_chunks

_IDS = ("a", "b", "c")
_STREAMS = ("s", "t")


async def _memory(place: Path) -> Any:
    return MemorySessionStore()


async def _sqlite(place: Path) -> Any:
    return await SqliteSessionStore.open(place / "store.a3s")


async def _sqlite_without_cache(place: Path) -> Any:
    return await SqliteSessionStore.open(place / "store.a3s", cache_bytes=0, prove_chain=True)


async def _sqlite_in_chunks(place: Path) -> Any:
    return in_chunks(await SqliteSessionStore.open(place / "store.a3s"))


_OPENERS = {
    "memory": _memory,
    "sqlite": _sqlite,
    "sqlite without a cache": _sqlite_without_cache,
    "sqlite in chunks": _sqlite_in_chunks,
}
_STORES = pytest.mark.parametrize("name", _OPENERS)
_SETTINGS = settings(max_examples=25, deadline=None)
_MESSAGES = st.lists(
    st.one_of(st.sampled_from(("ok", "go on", "")).map(Message.user), strategies.messages(size=2)),
    max_size=5,
).map(tuple)


def _save(one: str, messages: tuple[Message, ...], number: int) -> Any:
    costs = tuple(cost_record(prompt_tokens=at) for at in range(number))
    return "save", (session(one).evolve(messages=messages, cost_records=costs),), {}


def _append(one: str, messages: tuple[Message, ...], number: int) -> Any:
    create = session(one) if number else None
    return "append", (one, messages), {"create": create, "updated_at": number}


def _update(one: str, messages: tuple[Message, ...], number: int) -> Any:
    return "update", (one,), {"name": "n" * number, "total_cost": float(number)}


def _label(one: str, messages: tuple[Message, ...], number: int) -> Any:
    return "update", (one,), {"labels": {"n": str(number)}, "pinned": bool(number)}


def _delete(one: str, messages: tuple[Message, ...], number: int) -> Any:
    return "delete", (one,), {}


# Calls of a store, and of a transaction: the name of the method and its arguments.
_OF_SESSIONS = st.builds(
    lambda make, *values: make(*values),
    st.sampled_from((_save, _save, _append, _append, _update, _label, _delete)),
    st.sampled_from(_IDS),
    _MESSAGES,
    st.integers(0, 3),
)
_VALUES = st.one_of(st.integers(0, 3), st.sampled_from(("x" * 5000, b"x" * 5000, None)))
_ITEMS = st.one_of(
    _VALUES,
    st.builds(
        lambda value, key, labels: NewItem(value, id=key, labels=labels),
        _VALUES,
        st.sampled_from("kl"),
        st.sampled_from(({}, {"l": "1"})),
    ),
)


def _count(info: Any, items: Any) -> StreamUpdate:
    return StreamUpdate([[info and info.next, len(items)]], metadata=len(items))


_HOW = st.fixed_dictionaries(
    {"on_conflict": st.sampled_from(("ignore", "replace", "replace", "raise"))},
    optional={"expected_next": st.integers(0, 3), "metadata": st.integers(0, 1)},
)
_CHANGES: st.SearchStrategy[Any] = st.one_of(
    st.tuples(st.just("append"), st.lists(_ITEMS, max_size=3), _HOW),
    st.tuples(
        st.just("put"),
        st.tuples(st.sampled_from("kl"), _VALUES),
        st.fixed_dictionaries({}, optional={"expected_version": st.integers(0, 2)}),
    ),
    st.just(("pop", (), {})),
    st.tuples(st.just("copy"), st.tuples(st.sampled_from(_STREAMS)), st.just({})),
    st.tuples(st.just("update"), st.just((_count,)), st.fixed_dictionaries({"last": st.just(2)})),
    st.tuples(st.just("truncate"), st.tuples(st.integers(0, 3)), st.just({})),
    st.tuples(
        st.just("delete"),
        st.just(()),
        st.sampled_from(({}, {"labels": {"l": "1"}}, {"id_prefix": "k"})),
    ),
)


def _of_stream(name: str, session_id: str | None, change: tuple[str, Any, Any]) -> Any:
    method, args, given_values = change
    return f"stream.{method}", (name, session_id, *args), given_values


_OF_STREAMS = st.builds(
    _of_stream, st.sampled_from(_STREAMS), st.sampled_from((None, None, "a")), _CHANGES
)
_CALL = st.one_of(_OF_SESSIONS, _OF_STREAMS)
_CALLS = st.lists(_CALL, max_size=7)


def _call(target: Any, call: Any) -> Any:
    """Make a call of a store, or record it in a transaction."""
    method, args, given_values = call
    if method.startswith("stream."):
        name, session_id, *args = args
        target, method = target.stream(name, session=session_id), method.removeprefix("stream.")
    return getattr(target, method)(*args, **given_values)


async def _record(tx: Any, call: Any) -> None:
    done = _call(tx, call)
    if isinstance(done, Awaitable):  # an update reads first
        await done


def _run(name: str, use: Callable[[Any, Any], Awaitable[None]]) -> None:
    """Call `use` with two stores of a kind, then verify their files."""

    async def main(folder: Path) -> None:
        stores = []
        for number in range(2):
            place = folder / str(number)
            place.mkdir()
            stores.append(await _OPENERS[name](place))
        try:
            await use(*stores)
            for store in stores:
                if isinstance(store, SqliteSessionStore):
                    report = await store.verify(depth="deep")
                    assert report.ok, report
        finally:
            for store in stores:
                await store.close()

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(main(Path(folder)))


async def _seen(store: Any) -> Any:
    """Return everything but numbers and times: sessions with digests, data of hosts, streams."""
    found: dict[str, Any] = {}
    for one in _IDS:
        snapshot = await store.load_snapshot(one)
        header = await store.load_header(one)
        host = None if header is None else (header.host.labels, header.host.pinned)
        found[one] = snapshot and (snapshot, snapshot.digest(), host)
    for name in _STREAMS:
        info = await store.stream(name).info()
        items = [_shown(one) for one in await store.stream(name).items()]
        found[f"stream {name}"] = info and (info.next, info.metadata, info.session_id, items)
    return found


def _shown(result: Any) -> Any:
    """Return a result without the numbers of generations and commits."""
    if isinstance(result, Appended):
        return result.start, result.position, result.already
    if isinstance(result, StreamAppended):
        return result.first, result.next, result.inserted, result.versions
    if isinstance(result, Item):
        return result.seq, result.id, repr(result.value), result.labels, result.version
    return None


async def _one_by_one(store: Any, calls: list[Any]) -> list[Any] | None:
    """Return the results of the calls; None where one fails."""
    results = []
    for call in calls:
        try:
            results.append(await _call(store, call))
        except StoreError:
            return None
    return results


async def _as_a_unit(store: Any, calls: list[Any]) -> list[Any] | None:
    try:
        async with store.transaction() as tx:
            for call in calls:
                await _record(tx, call)
    except StoreError:
        return None
    return [*tx.results]


@_STORES
@_SETTINGS
@given(first=_CALLS, units=st.lists(_CALLS, min_size=1, max_size=3))
def test_a_unit_is_the_same_calls_one_by_one(name: str, first: list[Any], units: Any) -> None:
    """Equal sessions, streams and results; a unit that fails leaves everything as it was."""

    async def use(one: Any, other: Any) -> None:
        for call in first:  # some of them fail
            await _one_by_one(one, [call])
            await _one_by_one(other, [call])
        for calls in units:
            before, log = await _seen(one), await one.latest_sequence()
            numbers = {each: len(await one.generations(each)) for each in _IDS}
            results = await _as_a_unit(one, calls)
            if results is None:
                assert await _seen(one) == before
                assert await one.latest_sequence() == log
                assert numbers == {each: len(await one.generations(each)) for each in _IDS}
                return
            expected = await _one_by_one(other, calls)
            assert expected is not None
            assert [*map(_shown, results)] == [*map(_shown, expected)]
            assert await _seen(one) == await _seen(other)
            entries = (await one.commits(after=log)).entries
            assert len({entry.subject for entry in entries}) == len(entries)
            for each in _IDS:
                added = len(await one.generations(each)) - numbers[each]
                was_deleted = any((m, a[0]) == ("delete", each) for m, a, _ in calls)
                assert added in (0, 1) or was_deleted
            for entry in entries:
                if entry.kind == "stream":
                    info = await one.stream(entry.subject).info()
                    assert entry.op == "delete" if info is None else entry.sequence == info.sequence
                elif entry.op != "delete":
                    assert entry.generation == await one.generation(entry.subject)
                    snapshot = await one.load_snapshot(entry.subject)
                    assert entry.digest == snapshot.digest()

    _run(name, use)


@_STORES
@_SETTINGS
@given(
    first=_CALLS,
    reads=st.lists(st.sampled_from(_IDS + _STREAMS), unique=True),
    between=_CALLS,
    calls=st.lists(_CALL, min_size=1, max_size=4),
)
def test_a_unit_conflicts_when_what_was_read_has_changed(
    name: str, first: list[Any], reads: list[str], between: list[Any], calls: list[Any]
) -> None:
    """If and only if a session or stream that was read has another number: nothing is written."""

    async def number(store: Any, one: str) -> int:
        if one in _IDS:
            return int(await store.generation(one))
        info = await store.stream(one).info()
        return 0 if info is None else int(info.sequence)

    async def use(store: Any, _: Any) -> None:
        for call in first:
            await _one_by_one(store, [call])
        before = {one: await number(store, one) for one in _IDS + _STREAMS}
        raised: StoreError | None = None
        is_recorded = False  # an update of a stream after other changes of it is refused at once
        try:
            async with store.transaction() as tx:
                for one in reads:
                    await (tx.load(one) if one in _IDS else tx.stream(one).items(last=1))
                for call in between:
                    await _one_by_one(store, [call])
                there, log = await _seen(store), await store.latest_sequence()
                changed = {one for one in reads if await number(store, one) != before[one]}
                for call in calls:
                    await _record(tx, call)
                is_recorded = True
        except StoreError as error:
            raised = error
        assert changed or not isinstance(raised, ConflictError)
        if is_recorded:
            assert isinstance(raised, ConflictError) == bool(changed)
        if isinstance(raised, ConflictError):
            assert {*raised.session_ids, *raised.stream_names} == changed
        if raised is not None:
            assert await _seen(store) == there
            assert await store.latest_sequence() == log

    _run(name, use)
