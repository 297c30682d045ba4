"""Stores with `transactions`: how large a unit may be, and bulk imports."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Iterable
from typing import Any

from a3s_store.core.snapshot import SessionSnapshot
from a3s_store.errors import (
    EncodeError,
    InvalidArgumentError,
    TransactionTooLargeError,
    UnsupportedError,
)
from a3s_store.models import Message
from a3s_store.testing.conformance.expect import holds, keeps, kept, raises, same
from a3s_store.testing.conformance.suite import NotSupported, required_by
from a3s_store.testing.samples import rich_snapshot, session, small_snapshot, talk

_GROUP = "bulk changes"
_MIB = 1 << 20


async def _in_a_loop(snapshots: Iterable[SessionSnapshot]) -> AsyncIterator[SessionSnapshot]:
    for one in snapshots:
        yield one


@required_by(_GROUP, capability="transactions")
async def a_unit_has_bounds(store: Any) -> None:
    """More than 10,000 calls, 4 MiB of appends or 64 MiB in all: TransactionTooLargeError."""
    await store.save(session("a"))
    large = Message.user("x" * _MIB)

    async def many(kind: str) -> None:
        async with store.transaction() as tx:
            for number in range(10_001):
                if kind == "calls":
                    tx.delete("none")
                elif kind == "appends":
                    tx.append("a", [large])
                else:
                    tx.save(session(f"s{number}").evolve(messages=(large,)))

    for kind in ("calls", "appends", "saves"):
        error: Any = await raises(TransactionTooLargeError, kind, many, kind)
        holds("import_many" in error.hint, "the advice")
    same(["a"], await store.list(), "nothing is written")
    async with store.transaction() as tx:
        tx.append("a", [large, large, large])
        tx.save(session("b").evolve(messages=(large, large)))
        tx.save(session("c").evolve(messages=(large, *talk("x"), large)))
    same([3, 2, 3], [len((await store.load(one)).messages) for one in "abc"], "large messages")
    same(1, await store.generation("c"), "one generation")


@required_by(_GROUP, capability="transactions")
async def many_snapshots_are_imported(store: Any) -> None:
    """import_many() saves what save_snapshot() saves, in few commits, and reports it."""
    given = [rich_snapshot("rich"), *(small_snapshot(f"s{n}", "x" * n) for n in range(20))]
    report = await store.import_many(given)
    same((21, 1), (report.sessions, report.batches), "the report")
    for one in given:
        expected = kept(store, store.redacted(one))
        same(expected, await store.load_snapshot(one.session.id), one.session.id)
        same(1, await store.generation(one.session.id), "one generation")
    latest = await store.latest_sequence() if keeps(store, "commit_log") else None
    same(21, latest or 21, "an entry each")
    again = await store.import_many(_in_a_loop(given), batch_bytes=1)
    same((21, 21), (again.sessions, again.batches), "one by one")
    if latest is not None:
        same(latest, await store.latest_sequence(), "equal ones are not written")
    nothing = await store.import_many(())
    same((0, 0, 0), (nothing.sessions, nothing.batches, nothing.bytes_estimated), "none")


@required_by(_GROUP, capability="transactions")
async def a_session_imported_twice_has_both_generations(store: Any) -> None:
    """Two snapshots of a session are two saves, in order."""
    given = [small_snapshot("a", "1"), small_snapshot("b", "1"), small_snapshot("a", "2")]
    same(2, (await store.import_many(given)).batches, "in two commits")
    same([2, 1], [await store.generation(one) for one in "ab"], "the generations")
    same("2", (await store.load("a")).messages[-1].text, "the last one")


@required_by(_GROUP, capability="transactions")
async def an_import_stops_at_a_snapshot_that_cannot_be_stored(store: Any) -> None:
    """EncodeError names it; its commit wrote nothing, the commits before it stay."""
    bad = small_snapshot("bad", "x")
    bad = bad.evolve(session=bad.session.evolve(messages=(Message.user("\ud800"),)))
    given = [small_snapshot("a", "1"), small_snapshot("b", "1"), bad]
    error: Any = await raises(EncodeError, "one batch", store.import_many, given)
    holds("bad" in error.where, f"it is named: {error.where!r}")
    same([], await store.list(), "nothing of the commit")
    await raises(EncodeError, "one by one", store.import_many, given, batch_bytes=1)
    same(["a", "b"], await store.list(), "the commits before it")
    for wrong in (0, -1, "1", 1.5, True, None):
        await raises(InvalidArgumentError, "batch_bytes", store.import_many, (), batch_bytes=wrong)
    await raises(InvalidArgumentError, "no iterable", store.import_many, 1)


@required_by(_GROUP)
async def a_store_without_transactions_refuses_them(store: Any) -> None:
    """Without the capability a store that has the methods raises UnsupportedError at once."""
    if keeps(store, "transactions") or not hasattr(store, "transaction"):
        raise NotSupported("it has them, or no such methods")

    async def enter() -> None:
        store.transaction()

    with contextlib.suppress(UnsupportedError):
        await enter()
        raise NotSupported("it does more than it promises")
    for name, call, args in (
        ("transaction", enter, ()),
        ("run_transaction", store.run_transaction, (enter,)),
        ("import_many", store.import_many, ([small_snapshot("a", "1")],)),
    ):
        error: Any = await raises(UnsupportedError, name, call, *args)
        same("transactions", error.capability, "the capability")
    same([], await store.list(), "nothing is written")
