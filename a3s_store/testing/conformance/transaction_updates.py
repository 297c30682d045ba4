"""Stores with `transactions` and `streams`: streams that a unit copies, or changes as it read them.

What else streams do in a unit is in `transaction_streams`.
"""

from __future__ import annotations

from typing import Any

from a3s_store.core.streams.values import NewItem, StreamUpdate
from a3s_store.errors import (
    ConflictError,
    InvalidArgumentError,
    StaleItemError,
    TransactionStateError,
)
from a3s_store.testing.conformance.expect import holds, keeps, raises, same
from a3s_store.testing.conformance.suite import NotSupported, required_by
from a3s_store.testing.samples import session, talk

_GROUP = "streams in transactions"


def _need_streams(store: Any) -> None:
    if not keeps(store, "streams"):
        raise NotSupported("it has no streams")


async def _shown(store: Any, name: str) -> Any:
    """Return a stream with its items; None without one. Sequences and times differ."""
    info = await store.stream(name).info()
    items = [
        (one.seq, one.id, one.value, dict(one.labels), one.version)
        for one in await store.stream(name).items()
    ]
    return info and (info.count, info.next, info.metadata, info.session_id, items)


@required_by(_GROUP, capability="transactions")
async def a_copy_is_made_of_what_earlier_calls_left(store: Any) -> None:
    """The copy has items, `seq`, versions and labels, is tied to no session, and has one entry."""
    _need_streams(store)
    await store.save(session("a", ("x",)))
    await store.stream("s", session="a").append(0, NewItem(b"x" * 5000, id="k"), 2, metadata="m")
    log = await store.latest_sequence() if keeps(store, "commit_log") else 0
    async with store.transaction() as tx:
        tx.stream("s").put("k", "new", labels={"l": "1"})
        tx.stream("s").truncate(2)
        tx.stream("s").copy("t")
        tx.stream("s").append("later")
        tx.stream("t").append("its own")
        tx.stream("none").copy("nothing")
        tx.append("a", talk("y"))
    same((2, 1, None), tx.results[:3], "results")
    copied = [(0, None, 0, {}, 1), (1, "k", "new", {"l": "1"}, 2)]
    made = (3, 4, "m", None, [*copied, (3, None, "its own", {}, 1)])
    same(made, await _shown(store, "t"), "the copy")
    left = (3, 4, "m", "a", [*copied, (3, None, "later", {}, 1)])
    same(left, await _shown(store, "s"), "the stream")
    same(None, await _shown(store, "nothing"), "of no stream nothing is made")
    found = await store.find_items({"l": "1"})
    same(["s", "t"], [name for name, _ in found], "items are found by their labels")
    if keeps(store, "commit_log"):
        entries = (await store.commits(after=log)).entries
        found = sorted((one.subject, one.op) for one in entries if one.kind == "stream")
        same([("s", "save"), ("t", "save")], found, "entries")


@required_by(_GROUP, capability="transactions")
async def a_copy_to_a_taken_name_fails_the_unit(store: Any) -> None:
    """Also where an earlier call of the unit made the stream; nothing of the unit is written."""
    _need_streams(store)
    await store.stream("s").append(1)
    await store.stream("taken").append("theirs")

    async def copy_to(name: str) -> None:
        async with store.transaction() as tx:
            tx.stream("new").append(1)
            tx.stream("s").append("mine")
            tx.append("a", talk("x"), create=session("a"))
            tx.stream("s").copy(name)

    for name in ("taken", "new", "s"):
        error: Any = await raises(StaleItemError, name, copy_to, name)
        holds("call 4 of a unit" in str(error), "the error names the call")
    same([1], [one.value for one in await store.stream("s").items()], "the stream")
    same(["theirs"], [one.value for one in await store.stream("taken").items()], "the other")
    same((None, None), (await _shown(store, "new"), await store.load("a")), "nothing is made")


def _count(info: Any, items: Any) -> StreamUpdate:
    """Append the number of items so far, and note it."""
    number = 0 if info is None else info.next
    return StreamUpdate([{"n": number, "last": [one.value for one in items]}], metadata=number)


@required_by(_GROUP, capability="transactions")
async def an_update_in_a_unit_is_made_of_what_is_stored(store: Any) -> None:
    """The function is called once, in the block, and its result is written with the unit."""
    _need_streams(store)
    await store.stream("s").append("a", "b", "c")
    async with store.transaction() as tx:
        same(True, await tx.stream("s").update(_count, last=2), "recorded")
        same(True, await tx.stream("new").update(_count), "of no stream")
        same(False, await tx.stream("other").update(lambda info, items: None), "no change")
        tx.stream("s").append("behind it")
        same(None, await _shown(store, "new"), "nothing is written in the block")
    same(3, len(tx.results), "a function that returns None makes no call")
    same((3, 0, 4), tuple(one.first for one in tx.results), "results are those of append")
    items = [one.value for one in await store.stream("s").items(after=2)]
    same([{"n": 3, "last": ["b", "c"]}, "behind it"], items, "what it returned, then the other")
    new: Any = (1, 1, 0, None, [(0, None, {"n": 0, "last": []}, {}, 1)])
    same(new, await _shown(store, "new"), "the new stream")


@required_by(_GROUP, capability="transactions")
async def an_update_in_a_unit_is_refused_when_the_stream_changed(store: Any) -> None:
    """A change by others before the end of the block is a conflict; a repeated unit succeeds."""
    _need_streams(store)
    changes = {
        "append": lambda: store.stream("s").append("theirs"),
        "delete": lambda: store.stream("s").delete(),
        "metadata": lambda: store.stream("s").append(metadata="theirs"),
    }

    async def update_then(change: Any) -> None:
        async with store.transaction() as tx:
            await tx.stream("s").update(_count)
            tx.append("a", talk("x"), create=session("a"))
            await change()

    for what, change in changes.items():
        await store.stream("s").append(0)
        error: Any = await raises(ConflictError, what, update_then, change)
        same(("s",), error.stream_names, what)
    same(None, await store.load("a"), "nothing was written")

    tries: list[int] = []

    async def count(tx: Any) -> None:
        await tx.stream("s").update(_count)
        tries.append(1)
        if len(tries) < 3:
            await store.stream("s").append("theirs")

    await store.stream("s").delete()
    await store.run_transaction(count)
    same(3, len(tries), "it was repeated until no one else wrote")
    last = (await store.stream("s").items(last=1))[0].value
    same({"n": 2, "last": ["theirs"]}, last, "it is made of what was stored then")


@required_by(_GROUP, capability="transactions")
async def an_update_that_could_not_see_the_units_own_changes_is_refused(store: Any) -> None:
    """Two updates of a stream in a unit would each be made of the same items: one would be lost."""
    _need_streams(store)
    await store.stream("s").append(0)
    async with store.transaction() as tx:
        await tx.stream("s").update(_count)
        await raises(TransactionStateError, "twice", tx.stream("s").update, _count)
        tx.stream("s").copy("t")
        await raises(TransactionStateError, "a copy", tx.stream("t").update, _count)
        tx.stream("u").pop()
        await raises(TransactionStateError, "popped", tx.stream("u").update, _count)
        await raises(InvalidArgumentError, "no update", tx.stream("v").update, lambda i, x: [1])
        await raises(InvalidArgumentError, "last", tx.stream("v").update, _count, last=-1)
    same(3, len(tx.results), "what was refused is not recorded")
    await raises(TransactionStateError, "after the block", tx.stream, "v")
