"""Stores with `conditional_writes` (`ConditionalStore`): revisions, save ids, stale saves.

Merges are in `merges`, runs in `claims`.
"""

from __future__ import annotations

import asyncio
from typing import Any

import attrs

from a3s_store.core.collections import TRACE_EVENTS
from a3s_store.core.digests import EMPTY_CHAIN
from a3s_store.core.revision import Position, Revision
from a3s_store.testing.conformance.changes import changes, never, position_of, stale
from a3s_store.testing.conformance.expect import same
from a3s_store.testing.conformance.suite import StoreMaker, required_by
from a3s_store.testing.samples import (
    rich_messages,
    rich_snapshot,
    session,
    small_snapshot,
    trace_event,
)

_GROUP = "conditional writes"


@required_by(_GROUP, capability="conditional_writes")
async def a_session_is_made_where_there_is_none(store: Any) -> None:
    """A save on None makes the session; a second one is stale and is not merged."""
    same((None, None), (await store.revision("s"), await store.load_versioned("s")), "at first")
    first = changes("s", "a")
    committed = await store.save_changes(first, on=None, merge=never)
    same((Revision(1, 1), first, None), attrs.astuple(committed, recurse=False), "the first")
    same(session("s", ("a",)), await store.load("s"), "the session")
    await stale(store, "the second", changes("s", "b"), None, Revision(1, 1))


@required_by(_GROUP, capability="conditional_writes")
async def a_revision_and_a_position_come_with_what_is_loaded(store: Any) -> None:
    """load_versioned() returns revision and position with the session or the snapshot."""
    snapshot = rich_snapshot("s")
    await store.save_snapshot(snapshot)
    found = await store.load_versioned("s")
    position = position_of(rich_messages())
    same((snapshot.session, Revision(1, 1), position), attrs.astuple(found, recurse=False)[:3], "s")
    found = await store.load_versioned("s", snapshot=True)
    same((snapshot, Revision(1, 1), position), attrs.astuple(found, recurse=False)[:3], "snapshot")
    await store.save(session("s"))
    found = await store.load_versioned("s", snapshot=True)
    same(snapshot.evolve(session=session("s")), found.value, "after another save")
    expected = (Revision(2, 1), Position(0, EMPTY_CHAIN))
    same(expected, (found.revision, found.position), "its revision and position")
    await store.save_trace_events("s", ())
    same(Revision(3, 1), await store.revision("s"), "after a collection")


@required_by(_GROUP, capability="conditional_writes")
async def what_is_loaded_is_of_the_moment_of_its_revision(store: Any) -> None:
    """Value and revision of load_versioned() belong together, also while others save."""
    await store.save_snapshot(small_snapshot("s", "0"))

    async def saving() -> None:
        for number in range(1, 30):
            await store.save_snapshot(small_snapshot("s", str(number)))

    async def loading() -> None:
        for _ in range(30):
            found = await store.load_versioned("s", snapshot=True)
            number = str(found.revision.generation - 1)
            same(small_snapshot("s", number), found.value, f"generation {found.revision}")
            same(position_of(found.value.session.messages), found.position, "the position")
            await asyncio.sleep(0)

    await asyncio.gather(saving(), loading(), loading())


@required_by(_GROUP, capability="conditional_writes")
async def only_what_changes_is_written(store: Any) -> None:
    """Parts that the changes do not name stay; a collection that becomes None is removed."""
    snapshot = rich_snapshot("s")
    await store.save_snapshot(snapshot)
    events = (trace_event("new"),)
    for given, expected in (
        ({TRACE_EVENTS: events}, snapshot.evolve(trace_events=events)),
        ({TRACE_EVENTS: None}, snapshot.evolve(trace_events=None)),
    ):
        on = await store.revision("s")
        committed = await store.save_changes(changes("s", collections=given), on=on)
        same(Revision(on.generation + 1, 1), committed.revision, "the revision")
        same(expected, await store.load_snapshot("s"), "the snapshot")
    on = await store.revision("s")
    await store.save_changes(changes("s", "new", retained_artifact_uris=("a",)), on=on)
    expected = expected.evolve(session=session("s", ("new",)), retained_artifact_uris=("a",))
    same(expected, await store.load_snapshot("s"), "the session and the pins")


@required_by(_GROUP, capability="conditional_writes")
async def a_session_that_is_elsewhere_is_not_written(store: Any) -> None:
    """Another revision raises StaleGenerationError with both revisions, and nothing is written."""
    await store.save_snapshot(rich_snapshot("s"))
    await store.save(session("s", ("theirs",)))
    actual = Revision(2, 1)
    for on in (Revision(1, 1), Revision(3, 1)):
        for given in (
            changes("s", "ours"),
            changes("s", collections={TRACE_EVENTS: ()}),
            changes("s", retained_artifact_uris=()),
        ):
            await stale(store, f"{on}", given, on, actual, None)
    await stale(store, "another life", changes("s", "ours"), Revision(2, 2), actual)
    await store.save_changes(changes("s", "ours"), on=actual)
    same(session("s", ("ours",)), await store.load("s"), "at the right one")


@required_by(_GROUP, capability="conditional_writes", reopens=True)
async def no_number_is_given_twice_under_an_id(store: Any, maker: StoreMaker) -> None:
    """Revisions of an id are never repeated, after deletes and reopening too."""
    revisions: list[Revision] = []
    for number in range(4):
        await store.save_trace_events("s", ())
        same(None, await store.revision("s"), "a collection alone")
        committed = await store.save_changes(changes("s", "a"), on=None)
        revisions.append(committed.revision)
        await store.save(session("s", ("b",)))
        revisions.append(await store.revision("s"))
        await store.delete("s")
        await store.delete("s")
        if number % 2 and store.capabilities().durable:
            store = await maker.reopen()
    numbers = [one.generation for one in revisions]
    same(sorted({*numbers}), numbers, "the numbers")
    lives = [one.life for one in revisions]
    same(lives[::2], lives[1::2], "a life lasts until the session is deleted")
    same(4, len({*lives}), "and every one is another")
    await store.save(session("t"))
    same(Revision(1, 1), await store.revision("t"), "another id")
    await store.save(session("s"))
    for old in revisions:
        await stale(store, f"{old}", changes("s", "x"), old, await store.revision("s"))


@required_by(_GROUP, capability="conditional_writes", reopens=True)
async def a_save_is_found_again_by_its_id(store: Any, maker: StoreMaker) -> None:
    """landed() returns the revision that a save id made, after reopening too; None otherwise."""
    saved = {}
    on = None
    for text in "abc":
        given = changes("s", text)
        on = (await store.save_changes(given, on=on)).revision
        saved[given.save_id] = on
        await store.save_trace_events("s", ())
        on = await store.revision("s")
    if store.capabilities().durable:
        store = await maker.reopen()
    for save_id, revision in saved.items():
        same(revision, await store.landed("s", save_id), "a save")
        same(None, await store.landed("t", save_id), "under another id")
    same(None, await store.landed("s", b"\0" * 16), "another save id")
    await store.delete("s")
    await store.save(session("s"))
    same(None, await store.landed("s", next(iter(saved))), "after a delete")


@required_by(_GROUP, capability="conditional_writes")
async def who_gave_the_name_is_kept(store: Any) -> None:
    """The source of a session's name is kept until another name is saved without one."""

    async def source() -> Any:
        return (await store.load_versioned("s")).name_source

    def named(name: str, text: str = "a") -> Any:
        plain = session("s", (text,))
        return plain.evolve(config=plain.config.evolve(name=name))

    async def save(value: Any, name_source: str | None) -> None:
        given = changes("s", session=value, name_source=name_source)
        await store.save_changes(given, on=await store.revision("s"))

    await store.save(named("x"))
    same(None, await source(), "saved by others")
    await save(named("x"), "made")
    same("made", await source(), "the same session, of which more is known")
    await store.save(named("x", "b"))
    same("made", await source(), "another save of the same name")
    await store.save_trace_events("s", ())
    same("made", await source(), "a collection")
    given = changes("s", collections={TRACE_EVENTS: (trace_event(),)})
    await store.save_changes(given, on=await store.revision("s"))
    same("made", await source(), "changes without the session")
    await save(named("x", "b"), None)
    same(None, await source(), "a person kept the name")
    await save(named("y"), "made")
    same("made", await source(), "another made name")
    await store.save(named("z"))
    same(None, await source(), "another name, by others")
    await save(named("w"), "made")
    await store.delete("s")
    await store.save(named("w"))
    same(None, await source(), "made again")
