"""Stores with `transactions` and `streams`: streams changed in a unit, and read in its block."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from a3s_store.core.streams.values import NewItem
from a3s_store.errors import (
    ConflictError,
    EncodeError,
    InvalidArgumentError,
    SessionNotFoundError,
    StaleItemError,
    TransactionStateError,
    TransactionTooLargeError,
    UnsupportedError,
)
from a3s_store.testing.conformance.expect import holds, keeps, raises, same
from a3s_store.testing.conformance.suite import NotSupported, required_by
from a3s_store.testing.samples import session, talk

_GROUP = "streams in transactions"


def _need_streams(store: Any) -> None:
    if not keeps(store, "streams"):
        raise NotSupported("it has no streams")


async def _values(store: Any, name: str) -> list[tuple[int, Any]]:
    return [(one.seq, one.value) for one in await store.stream(name).items()]


async def _everything(store: Any) -> Any:
    """Return all streams with their items, the session "a", and the end of the commit log."""
    streams = [(one, await store.stream(one.name).items()) for one in await store.streams()]
    log = await store.latest_sequence() if keeps(store, "commit_log") else None
    return repr(streams), await store.load("a"), log


@required_by(_GROUP, capability="transactions")
async def a_store_without_streams_refuses_them_in_a_transaction(store: Any) -> None:
    """Without the capability `streams`, `Transaction.stream` raises UnsupportedError."""
    if keeps(store, "streams"):
        raise NotSupported("it has streams")

    async def ask() -> None:
        async with store.transaction() as tx:
            tx.stream("s")

    await raises(UnsupportedError, "stream", ask)


@required_by(_GROUP, capability="transactions")
async def changes_of_streams_are_made_in_order(store: Any) -> None:
    """Each call sees those before it; results are those of the methods; one entry for a stream."""
    _need_streams(store)
    await store.stream("t").append("old", NewItem("old", id="x"))
    log = await store.latest_sequence() if keeps(store, "commit_log") else 0
    async with store.transaction() as tx:
        stream = tx.stream("s")
        stream.append(0, NewItem(1, id="a"), b"2", metadata={"m": 1})
        tx.append("a", talk("hello"), create=session("a"))
        stream.put("a", "new", labels={"l": "1"})
        stream.append(3, 4, 5, expected_next=3)
        stream.pop()
        stream.truncate(4, expected_next=6)
        stream.delete("a")
        stream.append(6)
        tx.stream("t").delete("x")
        tx.stream("t").put("y", 1, expected_version=0)
        same([], await _values(store, "s"), "nothing is written in the block")
    added, _, put, more, popped, cut, deleted, last, gone, made = tx.results
    same((0, 3, (True,) * 3), (added.first, added.next, added.inserted), "append")
    same(2, put, "put returns the version")
    same((3, 6), (more.first, more.next), "the second append")
    same((5, 5), (popped.seq, popped.value), "pop")
    same((1, 1), (cut, deleted), "truncate and delete")
    same((6, 7), (last.first, last.next), "no seq is used again")
    same((1, 1), (gone, made), "the other stream")
    same([(0, 0), (2, b"2"), (3, 3), (6, 6)], await _values(store, "s"), "s")
    same([(0, "old"), (2, 1)], await _values(store, "t"), "t")
    info = await store.stream("s").info()
    same((4, 7, {"m": 1}), (info.count, info.next, info.metadata), "the stream")
    if keeps(store, "commit_log"):
        entries = (await store.commits(after=log)).entries
        found = [(one.kind, one.subject, one.op) for one in entries]
        expected = [("stream", "s", "save"), ("session", "a", "append"), ("stream", "t", "save")]
        same(expected, found, "entries")
        same(entries[0].sequence, info.sequence, "the stream names its entry")


@required_by(_GROUP, capability="transactions")
async def a_unit_that_fails_leaves_streams_as_they_were(store: Any) -> None:
    """Nothing of a unit is written if a call fails, or the block; the error names the call."""
    _need_streams(store)
    await store.save(session("a", ("x",)))
    await store.stream("s", session="a").append(0, NewItem(1, id="k"), 2, metadata="m")
    before = await _everything(store)

    def everything(tx: Any) -> None:
        stream = tx.stream("s")
        stream.append(3, metadata="other")
        stream.put("k", "other")
        stream.pop()
        stream.truncate(1)
        stream.delete()
        tx.stream("new").append(1)
        tx.stream("tied", session="a").append(1)
        tx.delete("a")

    failing: dict[str, tuple[Any, Any]] = {
        "another version": (
            StaleItemError,
            lambda tx: tx.stream("s").put("k", 1, expected_version=7),
        ),
        "another end": (StaleItemError, lambda tx: tx.stream("n").append(1, expected_next=7)),
        "no session": (SessionNotFoundError, lambda tx: tx.stream("n", session="a").append(1)),
        "the block": (ZeroDivisionError, lambda tx: 1 / 0),
    }
    for what, (kind, fail) in failing.items():

        async def unit(fail: Any = fail) -> None:
            async with store.transaction() as tx:
                everything(tx)
                fail(tx)

        error: Any = await raises(kind, what, unit)
        same(before, await _everything(store), what)
        if what == "another end":
            holds("stream 'n', call 9 of a unit" in str(error), "the error names the call")


@required_by(_GROUP, capability="transactions")
async def a_stream_that_was_read_is_checked(store: Any) -> None:
    """A unit is refused when a stream that its block read was changed since, in any way."""
    _need_streams(store)
    reads = {
        "info": lambda stream: stream.info(),
        "items": lambda stream: stream.items(last=1),
        "get": lambda stream: stream.get("k"),
    }
    theirs = store.stream("s")
    changes = {
        "append": lambda: theirs.append(1),
        "put": lambda: theirs.put("k", 2),
        "metadata": lambda: theirs.append(metadata={"a": 1}),
        "pop": lambda: theirs.pop(),
        "delete": lambda: theirs.delete(),
        "a new one": lambda: theirs.append(NewItem(1, id="k")),
        "truncate": lambda: theirs.truncate(0),
    }

    async def read_then(read: Any, change: Any) -> None:
        async with store.transaction() as tx:
            await read(tx.stream("s"))
            await tx.stream("other").items()
            await change()
            tx.stream("s").append("mine")
            tx.append("a", talk("mine"), create=session("a"))

    await theirs.append(0)
    for how, read in reads.items():
        for what, change in changes.items():
            error: Any = await raises(ConflictError, f"{how}, {what}", read_then, read, change)
            same((("s",), ()), (error.stream_names, error.session_ids), f"{how}, {what}")
            holds("'s'" in str(error), "the stream is in the message")
            values = [value for _, value in await _values(store, "s")]
            holds("mine" not in values, f"{how}, {what}: nothing is written")
        await theirs.append(NewItem(1, id="k"), on_conflict="replace")
    same(None, await store.load("a"), "no session was written")
    await read_then(reads["info"], lambda: store.stream("third").append(1))
    same("mine", (await _values(store, "s"))[-1][1], "nothing that was read has changed")


@required_by(_GROUP, capability="transactions")
async def reads_of_streams_and_sessions_are_of_one_moment(store: Any) -> None:
    """A read in the block fails if anything that was read before has changed."""
    _need_streams(store)
    await store.save(session("a", ("x",)))
    await store.stream("s").append(*range(600))
    async with store.transaction() as tx:
        stream = tx.stream("s")
        stream.append("mine")
        same(600, (await stream.info()).count, "without the block's own calls")
        same(list(range(600)), [one.value async for one in stream.iterate()], "all items")
        same(None, await tx.stream("none").info(), "an unknown one")
        await store.stream("t").append(1)
        same([1], [one.value for one in await tx.stream("t").items()], "one that was not read")
        await tx.load("a")

    async def outdated(first: Any, change: Any, then: Any) -> None:
        async with store.transaction() as tx:
            await first(tx)
            await change()
            await then(tx)
            raise AssertionError("the second read was made")

    def info(tx: Any) -> Any:
        return tx.stream("s").info()

    def load(tx: Any) -> Any:
        return tx.load("a")

    async def add() -> None:
        await store.stream("s").append(1)

    async def save() -> None:
        await store.append("a", talk("y"))

    for first, change, then, names in (
        (info, add, info, (("s",), ())),
        (info, add, load, (("s",), ())),
        (load, save, info, ((), ("a",))),
    ):
        error: Any = await raises(ConflictError, "outdated", outdated, first, change, then)
        same(names, (error.stream_names, error.session_ids), "the stream or session")


@required_by(_GROUP, capability="transactions")
async def calls_of_streams_are_checked_when_they_are_recorded(store: Any) -> None:
    """Wrong arguments, values and sizes raise in the block, and the call is not recorded."""
    _need_streams(store)
    async with store.transaction() as tx:
        stream = tx.stream("s")
        calls: dict[str, tuple[Any, Any]] = {
            "name": (InvalidArgumentError, lambda: tx.stream("")),
            "option": (InvalidArgumentError, lambda: stream.append(1, on_conflict="other")),
            "next": (InvalidArgumentError, lambda: stream.append(1, expected_next=-1)),
            "ttl": (InvalidArgumentError, lambda: stream.put("k", 1, ttl=timedelta())),
            "id": (InvalidArgumentError, lambda: stream.put("", 1)),
            "labels": (InvalidArgumentError, lambda: stream.delete(labels={})),
            "start": (InvalidArgumentError, lambda: stream.truncate(-1)),
            "value": (EncodeError, lambda: stream.append(object())),
            "size": (TransactionTooLargeError, lambda: stream.append(b"x" * (5 << 20))),
        }
        for what, (kind, call) in calls.items():

            async def made(call: Any = call) -> None:
                call()

            await raises(kind, what, made)
        stream.append(1)
    same(1, len(tx.results), "one call was recorded")
    uses: dict[str, Any] = {
        "append": lambda: stream.append(1),
        "put": lambda: stream.put("k", 1),
        "pop": stream.pop,
        "delete": stream.delete,
        "truncate": lambda: stream.truncate(0),
        "stream": lambda: tx.stream("s"),
    }
    for what, use in uses.items():

        async def used(use: Any = use) -> None:
            use()

        await raises(TransactionStateError, f"{what} after the block", used)
    await raises(TransactionStateError, "info after the block", stream.info)
    same([(0, 1)], await _values(store, "s"), "the unit was made once")


@required_by(_GROUP, capability="transactions")
async def a_stream_is_tied_to_a_session_of_its_unit(store: Any) -> None:
    """A unit can save a session and tie a stream to it, and delete both with one entry each."""
    _need_streams(store)
    async with store.transaction() as tx:
        tx.save(session("a", ("x",)))
        tx.stream("s", session="a").append(1)
    same("a", (await store.stream("s").info()).session_id, "the session")
    log = await store.latest_sequence() if keeps(store, "commit_log") else 0
    async with store.transaction() as tx:
        tx.stream("s").append(2)
        tx.delete("a")
    same(None, await store.stream("s").info(), "it is deleted with the session")
    if keeps(store, "commit_log"):
        entries = (await store.commits(after=log)).entries
        found = [(one.kind, one.subject, one.op) for one in entries]
        same([("stream", "s", "delete"), ("session", "a", "delete")], found, "entries")
