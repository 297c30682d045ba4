"""Stores with `streams`: items in order and by id, conditions, copies, and expiry."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

from a3s_store.core.streams.values import NewItem, StreamUpdate
from a3s_store.errors import (
    EncodeError,
    InvalidArgumentError,
    SessionNotFoundError,
    StaleItemError,
    UnsupportedError,
)
from a3s_store.testing.conformance.expect import holds, keeps, raises, same
from a3s_store.testing.conformance.suite import NotSupported, required_by
from a3s_store.testing.samples import session

_GROUP = "streams"
_VALUES: tuple[Any, ...] = (
    None,
    True,
    0,
    -0.0,
    1e300,
    2**70,
    "",
    "é\u0000\u2028",
    [],
    {"a": {"b": [1, None]}},
    b"",
    b"\x00\xff",
    b"x" * 5000,
    {"long": "y" * 5000},
)


async def _values(stream: Any, **where: Any) -> list[Any]:
    return [one.value for one in await stream.items(**where)]


async def _everything(store: Any) -> Any:
    """Return all streams with their items."""
    found = [(one, await store.stream(one.name).items()) for one in await store.streams()]
    return repr(found)


@required_by(_GROUP)
async def a_store_without_streams_refuses_them(store: Any) -> None:
    """Without the capability every method raises UnsupportedError before any I/O."""
    if keeps(store, "streams") or not hasattr(store, "stream"):
        raise NotSupported("it has streams, or no methods for them")

    async def ask() -> None:
        store.stream("a")

    for call in (
        ask,
        store.streams,
        lambda: store.delete_streams("a"),
        lambda: store.find_items({"a": "b"}),
    ):
        try:
            await call()
        except UnsupportedError as error:
            same("streams", error.capability, "the capability")
        else:
            raise NotSupported("it does more than it promises")


@required_by(_GROUP, capability="streams")
async def items_come_back_as_they_were_appended(store: Any) -> None:
    """append() keeps order, JSON and bytes, ids, labels and metadata; seq counts from 0."""
    stream = store.stream("a")
    same((), await stream.items(), "before")
    same(None, await stream.info(), "before")
    done = await stream.append(*_VALUES)
    same((0, len(_VALUES)), (done.first, done.next), "where they are")
    same((True,) * len(_VALUES), done.inserted, "all are new")
    given = NewItem({"x": 1}, id="i", labels={"b": "2", "a": ""}, metadata={"m": [None]})
    await stream.append(given, metadata={"of": "the stream"})
    found = await stream.items()
    same([*range(len(_VALUES) + 1)], [one.seq for one in found], "the order")
    same(repr([*_VALUES, {"x": 1}]), repr([one.value for one in found]), "the values")
    last = found[-1]
    same(("i", {"a": "", "b": "2"}), (last.id, dict(last.labels)), "id and labels")
    same(({"m": [None]}, 1, None), (last.metadata, last.version, last.expires_at_ms), "the rest")
    same(repr(last), repr(await stream.get("i")), "by id")
    info = await stream.info()
    same((15, 15, {"of": "the stream"}), (info.count, info.next, info.metadata), "the stream")
    holds(type(found[9].value) is dict, "JSON objects are plain dicts")


@required_by(_GROUP, capability="streams")
async def an_id_is_unique_in_a_stream(store: Any) -> None:
    """A stored id raises, is ignored, or is replaced in its place, as the caller says."""
    stream = store.stream("a")
    one, two, new = NewItem(1, id="x"), NewItem(2, id="x"), NewItem(3, id="y")
    await stream.append(one, "between")
    before = await _everything(store)
    error: Any = await raises(StaleItemError, "the id is stored", stream.append, 0, two)
    same((0, 1), (error.expected, error.current), "the version found")
    same(before, await _everything(store), "after the refusal")
    done = await stream.append(two, new, on_conflict="ignore")
    same(((False, True), (1, 1)), (done.inserted, done.versions), "ignored")
    done = await stream.append(two, new, on_conflict="replace")
    same(((False, False), (2, 1)), (done.inserted, done.versions), "replaced")
    same([2, "between", 3], await _values(stream), "in its place")
    await store.stream("b").append(one)
    same([1], await _values(store.stream("b")), "another stream has ids of its own")
    done = await store.stream("c").append(one, two, on_conflict="replace")
    same(((True, False), (1, 2)), (done.inserted, done.versions), "twice in one call")
    await raises(StaleItemError, "twice", store.stream("d").append, one, two)
    same(None, await store.stream("d").info(), "nothing was written")


@required_by(_GROUP, capability="streams")
async def put_is_conditional_on_a_version(store: Any) -> None:
    """put() stores under an id; with expected_version only if that one is stored, 0: none."""
    stream = store.stream("a")
    same(1, await stream.put("k", 1, expected_version=0), "the first")
    await raises(StaleItemError, "there is one", stream.put, "k", 2, expected_version=0)
    same(2, await stream.put("k", 2, expected_version=1), "the second")
    error: Any = await raises(StaleItemError, "another", stream.put, "k", 3, expected_version=1)
    same((1, 2), (error.expected, error.current), "the version found")
    await raises(StaleItemError, "none", stream.put, "other", 3, expected_version=1)
    same(3, await stream.put("k", True, labels={"a": "b"}), "without a condition")
    same(4, await stream.put("k", 1, labels={"a": "b"}), "1 is not true")
    same([1], await _values(stream), "one item")
    same(1, await stream.delete("k"), "deleted")
    same(0, await stream.delete("k"), "deleted before")
    same(1, await stream.put("k", 5, expected_version=0), "versions begin again")


@required_by(_GROUP, capability="streams")
async def what_changes_no_stream_writes_nothing(store: Any) -> None:
    """Equal values, ignored items, empty calls and removals of nothing make no commit."""
    if not keeps(store, "commit_log"):
        return
    stream = store.stream("a")
    await stream.append()
    await stream.delete("k")
    await stream.delete()
    await stream.pop()
    await stream.truncate(0)
    await stream.copy("b")
    await store.delete_streams("")
    same(0, await store.latest_sequence(), "nothing is stored")
    await stream.append(NewItem([1], id="k", labels={"a": "b"}, metadata=2), metadata=3)
    before = await _everything(store)
    await stream.append(NewItem(5, id="k"), on_conflict="ignore")
    same(1, await stream.put("k", [1], labels={"a": "b"}, metadata=2), "the version")
    await stream.append(metadata=3)
    await stream.truncate(1)
    await stream.delete(labels={"a": "c"})
    await store.delete_streams("", dry_run=True)
    same(1, await store.latest_sequence(), "nothing changed")
    same(before, await _everything(store), "the streams")


@required_by(_GROUP, capability="streams")
async def a_change_of_a_stream_is_one_commit(store: Any) -> None:
    """Every change has an entry of the kind `stream` with the stream's name."""
    if not keeps(store, "commit_log"):
        return
    stream = store.stream("a")
    done = await stream.append(1, 2, NewItem(3, id="k"))
    same(1, done.sequence, "its number")
    await stream.put("k", 4)
    await stream.pop()
    await stream.truncate(1)
    await stream.copy("b")
    same(2, await store.delete_streams(""), "deleted")
    entries = (await store.commits()).entries
    found = [(one.kind, one.subject, one.op, one.generation) for one in entries]
    ops = ("append", "update", "delete", "delete", "fork", "delete", "delete")
    names = ("a", "a", "a", "a", "b", "a", "b")
    same([("stream", n, op, None) for n, op in zip(names, ops, strict=True)], found, "the log")


@required_by(_GROUP, capability="streams")
async def places_are_not_used_twice(store: Any) -> None:
    """pop() and truncate() leave holes; only a new stream of a name begins at 0."""
    stream = store.stream("a")
    await stream.append(0, 1, 2, 3, metadata="m")
    same((3, 3), ((item := await stream.pop()).seq, item.value), "the last one")
    same(1, await stream.truncate(2), "one more")
    await raises(StaleItemError, "stale", stream.truncate, 0, expected_next=2)
    done = await stream.append(4)
    same((4, 5), (done.first, done.next), "the next one")
    same([0, 1, 4], [one.seq for one in await stream.items()], "the holes")
    same(3, await stream.truncate(0, expected_next=5), "all of them")
    same(None, await stream.pop(), "none is left")
    info = await stream.info()
    same((0, 5, "m"), (info.count, info.next, info.metadata), "the stream is there")
    await stream.append(5)
    same(1, await stream.delete(), "the stream")
    same(None, await stream.info(), "it is gone")
    same(0, (await stream.append(6)).first, "a new one")


@required_by(_GROUP, capability="streams")
async def appends_are_conditional_on_the_end(store: Any) -> None:
    """Of appends with the same expected_next one wins; update() reads and writes as one step."""
    stream = store.stream("a")
    await raises(StaleItemError, "no stream", stream.append, 1, expected_next=1)
    await stream.append(0, expected_next=0)
    calls = [stream.append(n, expected_next=1) for n in range(8)]
    done = await asyncio.gather(*calls, return_exceptions=True)
    won = [one for one in done if not isinstance(one, BaseException)]
    lost = [one for one in done if isinstance(one, StaleItemError)]
    same((1, 7), (len(won), len(lost)), "one wins")

    def more(info: Any, items: Any) -> StreamUpdate:
        return StreamUpdate([items[-1].value + 1], metadata=info.next)

    await stream.delete()
    await stream.append(0)
    await asyncio.gather(*(stream.update(more) for _ in range(5)))
    same([*range(6)], await _values(stream), "every update saw the one before")
    same(5, (await stream.info()).metadata, "the metadata")
    same(None, await stream.update(lambda info, items: None), "no change")


@required_by(_GROUP, capability="streams")
async def a_copy_is_a_stream_of_its_own(store: Any) -> None:
    """copy() has the same items and metadata; changes of one are not seen in the other."""
    stream, other = store.stream("a"), store.stream("b")
    big = {"big": "z" * 50_000}
    await stream.append(NewItem(big, id="k", labels={"l": "1"}), b"1" * 9000, 3, metadata="m")
    await stream.pop()
    await stream.copy("b")
    same(repr(await stream.items()), repr(await other.items()), "the same items")
    same(3, (await other.info()).next, "the next place")
    same("m", (await other.info()).metadata, "the metadata")
    await raises(StaleItemError, "there is one", stream.copy, "b")
    await stream.put("k", 1)
    await stream.append("more")
    same([big, b"1" * 9000], await _values(other), "the copy")
    await stream.delete()
    same(big, (await other.get("k")).value, "shared values stay")
    same([big], await _values(other, labels={"l": "1"}), "labels are copied")


@required_by(_GROUP, capability="streams")
async def items_expire(store: Any) -> None:
    """From the end of its ttl on, an item is gone for every method, and its id is free."""
    stream = store.stream("a")
    soon = timedelta(milliseconds=1)
    await stream.append(1, NewItem(2, id="k", ttl=soon, labels={"a": "b"}), NewItem(3, ttl=soon))
    await stream.put("later", 4, ttl=timedelta(days=1))
    holds((await stream.get("later")).expires_at_ms > 0, "the time is known")
    await asyncio.sleep(0.01)
    same([1, 4], await _values(stream), "what is left")
    same(None, await stream.get("k"), "by id")
    same((), (await store.find_items({"a": "b"})).items, "by label")
    same(2, (await stream.info()).count, "counted")
    same(0, await stream.delete("k"), "nothing to delete")
    await stream.copy("b")
    same([1, 4], await _values(store.stream("b")), "copied")
    same(1, await stream.put("k", 5, expected_version=0), "the id is free")
    same([1, 4, 5], await _values(stream), "at the end")
    await stream.put("later", 4)
    same(None, (await stream.get("later")).expires_at_ms, "an equal value without a ttl stays")


@required_by(_GROUP, capability="streams")
async def a_stream_is_deleted_with_its_session(store: Any) -> None:
    """stream(session=) ties a stream to a stored session, which takes it along."""
    tied = store.stream("of s", session="s")
    await raises(SessionNotFoundError, "no session", tied.append, 1)
    await store.save(session("s"))
    await store.save(session("t"))
    await tied.append({"big": "x" * 9000})
    await store.stream("free").append(1)
    same("s", (await tied.info()).session_id, "the tie")
    other = store.stream("of s", session="t")
    error: Any = await raises(StaleItemError, "another session", other.append, 1)
    same("s", error.current, "the session that has it")
    await store.stream("of s").append(2)
    await tied.copy("copy")
    same(None, (await store.stream("copy").info()).session_id, "a copy is tied to none")
    await store.stream("free", session="t").append(3)
    same("t", (await store.stream("free").info()).session_id, "tied later")
    await store.delete("s")
    same(["copy", "free"], [one.name for one in await store.streams()], "what is left")
    same(2, len(await store.stream("copy").items()), "of the copy")
    if keeps(store, "commit_log"):
        last = [(one.kind, one.subject, one.op) for one in (await store.commits()).entries[-2:]]
        same([("stream", "of s", "delete"), ("session", "s", "delete")], last, "the log")


@required_by(_GROUP, capability="streams")
async def streams_are_no_part_of_sessions(store: Any) -> None:
    """Writing to streams makes no generation, and no session with their names."""
    await store.save(session("s"))
    before = await store.load_snapshot("s")
    await store.stream("s", session="s").append(1)
    await store.stream("other").append(1)
    same(before, await store.load_snapshot("s"), "the session")
    same(["s"], await store.list(), "the sessions")
    if keeps(store, "generations"):
        same(1, await store.generation("s"), "its generation")
    await store.save(session("s", ("more",)))
    same(1, len(await store.stream("s").items()), "the stream after a save")


@required_by(_GROUP, capability="streams")
async def wrong_arguments_of_streams_are_refused(store: Any) -> None:
    """They raise before anything is written."""
    for name in ("", "a\0", "x" * 1025, "\ud800", 5, None):
        await raises(InvalidArgumentError, f"{name!r:.20}", _made, store, name)
    stream = store.stream("a")
    item: Any
    for item in (
        NewItem(1, id=""),
        NewItem(1, id="\ud800"),
        NewItem(1, labels={"": "x"}),
        NewItem(1, labels={"k": "v" * 513}),
        NewItem(1, labels={"k": 1}),  # type: ignore[dict-item]
        NewItem(1, labels={str(n): "" for n in range(65)}),
        NewItem(1, ttl=timedelta()),
        NewItem(1, ttl=5),  # type: ignore[arg-type]
    ):
        await raises(InvalidArgumentError, f"{item!r:.60}", stream.append, 0, item)
    for value in (float("nan"), {1: 2}, "\ud800", object(), [float("inf"), None]):
        await raises(EncodeError, f"{value!r:.20}", stream.append, 0, value)
    for given in (
        {"on_conflict": "other"},
        {"expected_next": -1},
        {"expected_next": True},
    ):
        await raises(InvalidArgumentError, f"{given}", stream.append, 1, **given)
    for given in ({"last": -1}, {"last": 1, "limit": 1}, {"order": "x"}, {"after": "x"}):
        await raises(InvalidArgumentError, f"{given}", stream.items, **given)
    await raises(InvalidArgumentError, "no label", stream.delete, labels={})
    await raises(InvalidArgumentError, "no label", store.find_items, {})
    same(None, await stream.info(), "nothing was written")


async def _made(store: Any, name: Any) -> None:
    store.stream(name)


@required_by(_GROUP, capability="streams", reopens=True)
async def streams_are_there_after_reopening(store: Any, maker: Any) -> None:
    """A durable store has its streams after it was closed."""
    if not keeps(store, "durable"):
        return
    await store.save(session("s"))
    stream = store.stream("a", session="s", compress=True)
    await stream.append(*_VALUES, NewItem(1, id="k", labels={"a": "b"}), metadata=[1])
    before = await _everything(store)
    again = await maker.reopen()
    same(before, await _everything(again), "afterwards")
