"""Stores with `host_metadata`: labels, metadata and marks of a session, and the trash."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from a3s_store.core.host_data import HostData
from a3s_store.core.listing.values import SessionFilter
from a3s_store.errors import (
    EncodeError,
    InvalidArgumentError,
    SessionNotFoundError,
    StaleGenerationError,
    UnsupportedError,
)
from a3s_store.testing.conformance.expect import contents, holds, keeps, raises, same, unchanged
from a3s_store.testing.conformance.suite import NotSupported, required_by
from a3s_store.testing.samples import rich_session, session, small_snapshot, talk
from a3s_store.wire.values import freeze

_GROUP = "host data"


async def _host(store: Any, session_id: str = "s") -> HostData:
    header = await store.load_header(session_id)
    assert header is not None, "the session is stored"
    host: HostData = header.host
    return host


async def _ids(store: Any, **where: Any) -> list[str]:
    page = await store.sessions(SessionFilter(**where), order="name", descending=False)
    return sorted(one.id for one in page)


@required_by(_GROUP, capability="append")
async def a_store_that_keeps_no_host_data_refuses_it(store: Any) -> None:
    """Without the capability labels, metadata and marks raise UnsupportedError before any I/O."""
    if keeps(store, "host_metadata"):
        raise NotSupported("it keeps them")
    change: Any
    for change in ({"labels": {"a": "b"}}, {"metadata": {}}, {"pinned": True}, {"archived": True}):
        error: Any = await raises(UnsupportedError, f"{change}", store.update, "none", **change)
        same("host_metadata", error.capability, "the capability")


@required_by(_GROUP, capability="host_metadata")
async def labels_are_merged_and_metadata_is_replaced(store: Any) -> None:
    """update() adds and replaces labels, removes them by None, and replaces metadata."""
    await store.save(session("s"))
    same(HostData(), await _host(store), "at first")
    await store.update("s", labels={"b": "1", "a": ""}, metadata={"x": [1, None]})
    await store.update("s", labels={"b": None, "ü": "2", "none": None}, pinned=True)
    host = await _host(store)
    same({"a": "", "ü": "2"}, dict(host.labels), "the labels")
    same(freeze({"x": [1, None]}), host.metadata, "the metadata")
    same((True, False), (host.pinned, host.archived), "the marks")
    metadata: Any
    for metadata in (1, 1.0, True, "text", [], {"a": {"b": "\u0000é"}}, None):
        await store.update("s", metadata=metadata)
        same(freeze(metadata), (await _host(store)).metadata, "any JSON")
    same({"a": "", "ü": "2"}, dict((await _host(store)).labels), "labels stay")


@required_by(_GROUP, capability="host_metadata")
async def host_data_is_not_part_of_the_session(store: Any) -> None:
    """Changing it makes no generation and changes no digest; saves keep it."""
    await store.save(rich_session("s"))
    before = await contents(store, "s")
    number = await store.generation("s")
    for change in ({"labels": {"a": "b"}}, {"metadata": 1}, {"pinned": True}, {"archived": True}):
        same(number, await store.update("s", **change), f"{change} makes no generation")
    unchanged(before, await contents(store, "s"), "the session")
    await store.update("s", pinned=True, expected_generation=number)
    stale = {"expected_generation": number + 1}
    await raises(StaleGenerationError, "stale", store.update, "s", pinned=False, **stale)
    host = await _host(store)
    await store.save(session("s", ("x",)))
    await store.append("s", talk("y"))
    await store.save_snapshot(small_snapshot("s", "z"))
    same(host, await _host(store), "after saves")
    same(number + 4, await store.update("s", name="new", labels={"a": "c"}), "one generation")
    same("c", (await _host(store)).labels["a"], "both in one call")


@required_by(_GROUP, capability="host_metadata")
async def what_changes_nothing_of_the_host_writes_nothing(store: Any) -> None:
    """An equal change has no entry in the commit log; another has one, with the generation."""
    if not keeps(store, "commit_log"):
        return
    await store.save(session("s"))
    for change, sequence in (
        ({"pinned": False}, 1),
        ({"labels": {"a": None}}, 1),
        ({"labels": {"a": "1"}}, 2),
        ({"labels": {"a": "1"}, "archived": False}, 2),
        ({"metadata": 1}, 3),
        ({"metadata": 1.0}, 4),
        ({"name": "x", "labels": {"a": "2"}}, 5),
    ):
        await store.update("s", **change)
        same(sequence, await store.latest_sequence(), f"the log after {change}")
    entries = (await store.commits()).entries
    same([1, 1, 1, 1, 2], [one.generation for one in entries], "the generations")
    same({"save", "update"}, {one.op for one in entries}, "the operations")


@required_by(_GROUP, capability="host_metadata")
async def wrong_host_data_is_refused(store: Any) -> None:
    """Values beyond the limits, of wrong types, and for no session change nothing."""
    await raises(SessionNotFoundError, "no session", store.update, "s", labels={"a": "b"})
    await store.save(session("s"))
    await store.update("s", labels={str(n): "" for n in range(60)}, metadata="m")
    before = await _host(store)
    change: Any
    for change in (
        {"labels": {"": "x"}},
        {"labels": {"k" * 129: "x"}},
        {"labels": {"k": "v" * 513}},
        {"labels": {"a\0": "x"}},
        {"labels": {"a": "\0"}},
        {"labels": {"a": "\ud800"}},
        {"labels": {"a": 1}},
        {"labels": {1: "a"}},
        {"labels": {f"new{n}": "" for n in range(5)}},
        {"metadata": float("nan")},
        {"metadata": object()},
        {"metadata": "x" * 65_536},
        {"name": "good", "metadata": {1: 2}},
    ):
        await raises(EncodeError, f"{str(change)[:60]}", store.update, "s", **change)
    for change in ({"labels": None}, {"labels": ["a"]}, {"pinned": 1}, {"archived": None}):
        await raises(InvalidArgumentError, f"{change}", store.update, "s", **change)
    same(before, await _host(store), "nothing was written")
    same("", (await store.load("s")).config.name, "nor the other fields")
    await store.update("s", labels={**{str(n): None for n in range(9)}, "k" * 128: "v" * 512})
    await store.update("s", labels={str(n): "" for n in range(9, 64)}, metadata="x" * 65_534)
    same(56, len((await _host(store)).labels), "the most that is allowed")


@required_by(_GROUP, capability="host_metadata")
async def lists_are_filtered_by_host_data(store: Any) -> None:
    """Labels and marks are in the rows of lists, and are conditions of filters."""
    if not keeps(store, "pages"):
        return
    for name in ("a", "b", "c"):
        await store.save(session(name))
    await store.update("a", labels={"kind": "bug", "at": "home"}, pinned=True)
    await store.update("b", labels={"kind": "idea"}, archived=True)
    rows = {one.id: one for one in (await store.sessions(SessionFilter(archived=None)))}
    same({"kind": "bug", "at": "home"}, dict(rows["a"].labels), "labels")
    same((True, False), (rows["a"].pinned, rows["a"].archived), "marks")
    for where, ids in (
        ({}, ["a", "c"]),
        ({"archived": True}, ["b"]),
        ({"archived": None}, ["a", "b", "c"]),
        ({"pinned": True}, ["a"]),
        ({"pinned": False}, ["c"]),
        ({"labels": {"kind": "bug"}}, ["a"]),
        ({"labels": {"kind": None}, "archived": None}, ["a", "b"]),
        ({"labels": {"kind": ["idea", "bug"]}, "archived": None}, ["a", "b"]),
        ({"labels": {"kind": ()}, "archived": None}, []),
        ({"labels": {"kind": "bug", "at": "work"}}, []),
        ({"labels": {"kind": "bug", "at": "home"}}, ["a"]),
        ({"labels": {"bug": None}}, []),
    ):
        same(ids, await _ids(store, **where), f"the sessions of {where}")


@required_by(_GROUP, capability="host_metadata")
async def a_fork_gets_labels_and_metadata(store: Any) -> None:
    """A fork has labels and metadata of its origin, no marks; a deletion removes everything."""
    if not keeps(store, "generations"):
        return
    await store.save(session("s", ("a",)))
    await store.update("s", labels={"a": "b"}, metadata=[1], pinned=True, archived=True)
    await store.trash("s")
    await store.fork("s", "t")
    same(HostData(labels={"a": "b"}, metadata=[1]), await _host(store, "t"), "of the fork")
    await store.update("t", labels={"a": "c"})
    same("b", (await _host(store)).labels["a"], "each has its own")
    await store.delete("s")
    await store.save(session("s"))
    same(HostData(), await _host(store), "of a session made anew")


@required_by(_GROUP, capability="host_metadata")
async def the_trash_hides_a_session_from_lists(store: Any) -> None:
    """A session in the trash is in no list that does not ask for it; everything else works."""
    for call in (store.trash, store.untrash):
        await raises(SessionNotFoundError, "no session", call, "s")
    await store.save(session("s", ("a",)))
    await store.save(session("t"))
    await store.trash("s")
    holds((await _host(store)).trashed_at_ms, "the time is known")
    same(["t"], await store.list(), "list()")
    same(True, await store.exists("s"), "exists()")
    same(session("s", ("a",)), await store.load("s"), "load()")
    same(("s", "t"), (await store.inventory()).sessions, "inventory()")
    if keeps(store, "pages"):
        same(["t"], await _ids(store), "sessions()")
        same(["s"], await _ids(store, trashed=True), "asked for")
        same(["s", "t"], await _ids(store, trashed=None), "asked for both")
    generation = await store.generation("s")
    await store.append("s", talk("b"))
    same(["t"], await store.list(), "a write does not take it out")
    same(generation + 1, await store.generation("s"), "generations")
    await store.untrash("s")
    await store.untrash("s")
    same(None, (await _host(store)).trashed_at_ms, "out of the trash")
    same(["s", "t"], sorted(await store.list()), "list() afterwards")


@required_by(_GROUP, capability="host_metadata")
async def emptying_the_trash_deletes_what_was_not_changed_since(store: Any) -> None:
    """empty_trash() keeps sessions that were changed later, and names them and lost parents."""
    for name in ("a", "b", "c", "d"):
        await store.save(session(name).evolve(parent_id="a" if name in "cd" else None))
    for name in ("a", "b", "d"):
        await store.trash(name)
    await store.append("b", talk("later"))
    first = await store.empty_trash(dry_run=True)
    same(("a", "b", "c", "d"), (await store.inventory()).sessions, "a dry run deletes nothing")
    young = await store.empty_trash(older_than=timedelta(hours=1))
    same(((), ()), (young.deleted, young.changed), "too young")
    report = await store.empty_trash()
    for one in (first, report):
        same(("a", "d"), one.deleted, "deleted")
        same(("b",), one.changed, "changed since")
        same(("c",), one.without_parent, "without their parent")
    same((True, False), (first.dry_run, report.dry_run), "dry runs")
    same(("b", "c"), (await store.inventory()).sessions, "what is left")
    await store.trash("b")
    same(("b",), (await store.empty_trash()).deleted, "put there again")
    same((), (await store.empty_trash()).deleted, "an empty trash")
    for wrong in (5, timedelta(seconds=-1)):
        await raises(InvalidArgumentError, f"{wrong}", store.empty_trash, older_than=wrong)


@required_by(_GROUP, capability="host_metadata")
async def what_is_written_beside_a_session_in_the_trash_keeps_it(store: Any) -> None:
    """A stream or byte artifact of a session counts as a change, until it is trashed again."""
    if not keeps(store, "streams"):
        return
    for name in ("a", "b", "c"):
        await store.save(session(name))
        await store.trash(name)
    await store.stream("log", session="a").append("later")
    await store.put_bytes("b", "file", b"later", media_type="text/plain")
    for dry_run in (True, False):
        report = await store.empty_trash(dry_run=dry_run)
        same((("c",), ("a", "b")), (report.deleted, report.changed), "deleted, and kept")
    same("later", (await store.stream("log").items())[0].value, "what was written")
    for name in ("a", "b"):
        await store.trash(name)
    same(("a", "b"), (await store.empty_trash()).deleted, "put there again")


@required_by(_GROUP, capability="host_metadata")
async def the_trash_is_in_the_commit_log(store: Any) -> None:
    """trash() and untrash() have an entry each, and none when nothing changes."""
    if not keeps(store, "commit_log"):
        return
    await store.save(session("s"))
    for call in (store.trash, store.trash, store.untrash, store.untrash):
        await call("s")
    entries = (await store.commits()).entries
    same(["save", "trash", "untrash"], [one.op for one in entries], "the operations")
    same([1, 1, 1], [one.generation for one in entries], "the generations")


@required_by(_GROUP, capability="host_metadata", reopens=True)
async def host_data_is_there_after_reopening(store: Any, maker: Any) -> None:
    """A durable store has labels, metadata, marks and the trash after it was closed."""
    if not keeps(store, "durable"):
        return
    await store.save(session("s"))
    await store.update("s", labels={"a": "b"}, metadata={"é": 1.5}, pinned=True, archived=True)
    await store.trash("s")
    before = await _host(store)
    again = await maker.reopen()
    same(before, await _host(again), "afterwards")
