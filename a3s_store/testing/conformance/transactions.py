"""Stores with `transactions`: changes of several sessions as one unit."""

from __future__ import annotations

from typing import Any

from a3s_store.core.list_pages import Appended
from a3s_store.errors import (
    EncodeError,
    InvalidArgumentError,
    InvalidIdError,
    SessionNotFoundError,
    StaleGenerationError,
    UnknownFieldError,
)
from a3s_store.models import Message
from a3s_store.testing.conformance.changes import position_of
from a3s_store.testing.conformance.expect import contents, holds, keeps, raises, same, unchanged
from a3s_store.testing.conformance.suite import required_by
from a3s_store.testing.samples import rich_snapshot, session, talk

_GROUP = "transactions"


async def _texts(store: Any, session_id: str) -> list[str] | None:
    found = await store.load(session_id)
    return None if found is None else [message.text for message in found.messages]


async def _entries(store: Any, after: int = 0) -> list[tuple[str, str, int | None]]:
    """Return the entries of the commit log, if there is one: subject, op and generation."""
    if not keeps(store, "commit_log"):
        return []
    page = await store.commits(after=after)
    return [(one.subject, one.op, one.generation) for one in page.entries]


@required_by(_GROUP, capability="transactions")
async def a_unit_changes_several_sessions_and_returns_results(store: Any) -> None:
    """Saves, appends, updates and deletes of a block are made at its end, with their results."""
    for one in ("a", "b", "c", "d"):
        await store.save(session(one, ("x",)))
    async with store.transaction() as tx:
        found = await tx.load("a")
        tx.save(found.evolve(total_cost=2.5))
        tx.append("b", talk("y"), updated_at=7)
        tx.update("c", name="new")
        tx.delete("d")
        tx.save(session("e", ("z",)))
        same(["x"], await _texts(store, "b"), "nothing is written in the block")
    saved, appended, updated, deleted, created = tx.results
    same((None, None, None, 2), (saved, deleted, created, updated), "the results")
    holds(isinstance(appended, Appended), "an append returns Appended")
    same((1, 2, False), (appended.start, appended.generation, appended.already), "the append")
    same(2.5, (await store.load("a")).total_cost, "the save")
    same(["x", "y"], await _texts(store, "b"), "the append")
    same("new", (await store.load("c")).config.name, "the update")
    same(["a", "b", "c", "e"], await store.list(), "the deletion and the new session")


@required_by(_GROUP, capability="transactions")
async def a_unit_makes_one_generation_of_each_session(store: Any) -> None:
    """Several calls on a session are one generation and one entry of the commit log."""
    await store.save(session("a", ("x",)))
    before = len(await _entries(store))
    async with store.transaction() as tx:
        tx.append("a", talk("y"))
        tx.append("b", talk("1"), create=session("b"))
        tx.append("a", talk("z"))
        tx.update("a", name="new")
        tx.append("b", talk("2"))
    same([2, 1, 2, 2, 1], [getattr(one, "generation", one) for one in tx.results], "generations")
    same([1, 2], [one.number for one in await store.generations("a")], "of the first")
    same([1], [one.number for one in await store.generations("b")], "of the second")
    same(["x", "y", "z"], await _texts(store, "a"), "the messages")
    snapshot = await store.load_snapshot("a")
    same(snapshot.digest(), (await store.generations("a"))[-1].digest, "the digest")
    if keeps(store, "commit_log"):
        same([("a", "save", 2), ("b", "append", 1)], await _entries(store, before), "the log")
        same({before + 1}, {one.sequence for one in (tx.results[0], tx.results[2])}, "sequence")
    async with store.transaction() as tx:
        tx.append("a", talk("1"))
        tx.append("a", talk("2"))
        tx.update("b", name="n")
    found = await _entries(store, before + 2)
    holds(not found or found == [("a", "append", 3), ("b", "update", 2)], f"calls alike: {found}")


@required_by(_GROUP, capability="transactions")
async def calls_of_a_unit_see_earlier_ones(store: Any) -> None:
    """Conditions are checked in order, and see what earlier calls of the unit did."""
    await store.save(session("a", ("x",)))
    stored = (await store.load("a")).messages
    end = position_of((*stored, *talk("y")))
    async with store.transaction() as tx:
        tx.append("a", talk("y"), expected_generation=1)
        tx.append("a", talk("z"), after=end, expected_generation=2)
        tx.update("a", name="n", expected_generation=2)
        tx.save(session("b", ("1",)), expected_generation=0)
        tx.append("b", talk("2"), expected_generation=1)
    same(["x", "y", "z"], await _texts(store, "a"), "appends")
    same(["1", "2"], await _texts(store, "b"), "a save and an append")
    same(position_of((*stored, *talk("y"), *talk("z"))), tx.results[1].position, "the end")

    async def stale() -> None:
        async with store.transaction() as tx:
            tx.append("a", talk("w"))
            tx.update("a", name="m", expected_generation=2)

    await raises(StaleGenerationError, "the unit is at generation 3", stale)
    same(["x", "y", "z"], await _texts(store, "a"), "nothing is written")


@required_by(_GROUP, capability="transactions")
async def a_session_is_replaced_deleted_and_made_again_in_a_unit(store: Any) -> None:
    """The last call counts: of two saves the second, and a save after a deletion is a new one."""
    for one in ("a", "b", "c"):
        await store.save(rich_snapshot(one).session)
    await store.save_snapshot(rich_snapshot("c"))
    async with store.transaction() as tx:
        tx.save(session("a", ("1", "2")))
        tx.save(session("a", ("3",)))
        tx.save(session("b", ("1",)))
        tx.delete("b")
        tx.delete("c")
        tx.append("c", talk("1"), create=session("c"))
        tx.save(session("c", ("1", "2")))
        tx.save(session("none", ("1",)))
        tx.delete("none")
    same(["3"], await _texts(store, "a"), "the second save")
    same(None, await store.load("b"), "the deleted one")
    same(["1", "2"], await _texts(store, "c"), "the new one")
    same(None, await store.load_trace_events("c"), "the collections of the old one")
    same((), await store.generations("b"), "no generation is left")
    same(1, len(await store.generations("c")), "its one generation")
    same(None, await store.load("none"), "made and deleted")
    if keeps(store, "commit_log"):
        last = {subject: op for subject, op, _ in await _entries(store)}
        same({"a": "save", "b": "delete", "c": "save", "none": "delete"}, last, "the log")


@required_by(_GROUP, capability="transactions")
async def host_data_in_a_unit_has_the_same_entry(store: Any) -> None:
    """Labels are changed with the other fields: one entry; alone they make no generation."""
    if not keeps(store, "host_metadata"):
        return
    await store.save(session("a", ("x",)))
    before = len(await _entries(store))
    async with store.transaction() as tx:
        tx.update("a", labels={"k": "1"})
        tx.update("a", pinned=True)
    same((1, 1), tx.results, "no generation")
    async with store.transaction() as tx:
        tx.update("a", labels={"k": "2"})
        tx.append("a", talk("y"))
        tx.update("a", archived=True)
    host = (await store.load_header("a")).host
    same(({"k": "2"}, True, True), (dict(host.labels), host.pinned, host.archived), "host data")
    found = await _entries(store, before)
    holds(not found or found == [("a", "update", 1), ("a", "save", 2)], f"the log: {found}")


@required_by(_GROUP, capability="transactions")
async def a_unit_that_fails_writes_nothing(store: Any) -> None:
    """An exception in the block, or of one call, leaves every session as it was."""
    await store.save_snapshot(rich_snapshot("a"))
    await store.save(session("b", ("x",)))
    before = await contents(store, "a", "b", "c")
    log = await _entries(store)

    async def failing(kind: str) -> None:
        async with store.transaction() as tx:
            tx.append("b", talk("y"))
            tx.save(session("c", ("1",)))
            tx.delete("a")
            if kind == "exception":
                raise ZeroDivisionError
            if kind == "unknown":
                tx.append("none", talk("y"))
            if kind == "unwritable":
                tx.append("b", [Message.user("\ud800")])
            if kind == "stale":
                tx.update("c", name="n", expected_generation=7)

    for kind, error in (
        ("exception", ZeroDivisionError),
        ("unknown", SessionNotFoundError),
        ("unwritable", EncodeError),
        ("stale", StaleGenerationError),
    ):
        found: Any = await raises(error, kind, failing, kind)
        unchanged(before, await contents(store, "a", "b", "c"), kind)
        same(log, await _entries(store), f"{kind}: the log")
        if kind != "exception":
            holds("call 4 of a unit" in found.where, f"the call is named: {found.where!r}")
    async with store.transaction() as tx:
        tx.append("b", talk("z"))
    same(["x", "z"], await _texts(store, "b"), "the store works as before")


@required_by(_GROUP, capability="transactions")
async def arguments_are_checked_when_a_call_is_recorded(store: Any) -> None:
    """A wrong argument raises at once what the method of the store raises."""
    async with store.transaction() as tx:
        for kind, name, args, given in (
            (InvalidIdError, "append", ("", talk("x")), {}),
            (EncodeError, "append", ("a", "x"), {}),
            (InvalidArgumentError, "append", ("a", talk("x")), {"after": 1}),
            (EncodeError, "append", ("a", talk("x")), {"expected_generation": "1"}),
            (EncodeError, "save", (None,), {}),
            (EncodeError, "save", (session("a"),), {"expected_generation": 1.0}),
            (UnknownFieldError, "update", ("a",), {"nome": "x"}),
            (InvalidIdError, "update", ("a\0",), {"name": "x"}),
            (InvalidIdError, "delete", (1,), {}),
            (EncodeError, "delete", ("a",), {"expected_generation": "1"}),
        ):
            try:
                getattr(tx, name)(*args, **given)
            except kind:
                continue
            raise AssertionError(f"{name}{args}: expected {kind.__name__}")
        await raises(InvalidIdError, "load", tx.load, "")
    same((), tx.results, "none was recorded")
