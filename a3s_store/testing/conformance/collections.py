"""The collections of a session: each rule holds for each collection alike."""

from __future__ import annotations

import functools

from a3s_store.core.collections import COLLECTIONS
from a3s_store.core.protocol import SessionStore
from a3s_store.core.snapshot import SessionSnapshot
from a3s_store.errors import UnsupportedError
from a3s_store.models import RunEventRecord, TextDelta
from a3s_store.testing import samples
from a3s_store.testing.conformance.expect import (
    holds,
    keeps,
    load_collection,
    same,
    save_collection,
)
from a3s_store.testing.conformance.suite import required_by
from a3s_store.testing.samples import items, session
from a3s_store.wire import evolved

_GROUP = "collections"
_EACH = tuple((collection.name, collection.name) for collection in COLLECTIONS)


@required_by(_GROUP, cases=_EACH)
async def a_collection_is_kept_or_refused(store: SessionStore, collection: str) -> None:
    """A collection is saved and loaded, or refused with UnsupportedError; it is never lost."""
    whole = SessionSnapshot(session=session("s"))
    await store.save_snapshot(evolved(whole, {collection: ()}))
    await save_collection(store, collection, "s", ())
    before = await store.load_snapshot("s")
    holds(not await load_collection(store, collection, "s"), "saved empty, and loaded with values")
    values = items(collection, "1", "2")
    full = evolved(whole, {"session": session("s", ("new",)), collection: values})
    for act, after in (
        (functools.partial(save_collection, store, collection, "s", values), values),
        (functools.partial(store.save_snapshot, full), full),
    ):
        try:
            await act()
        except UnsupportedError as error:
            holds(not keeps(store, "collections"), f"promised, and refused: {error}")
            same(before, await store.load_snapshot("s"), "after the refusal")
        else:
            loaded = await store.load_snapshot("s")
            same(after, loaded if after is full else getattr(loaded, collection), "after the save")


@required_by(_GROUP, capability="collections", cases=_EACH)
async def a_collection_comes_back_as_it_was_saved(store: SessionStore, collection: str) -> None:
    """Values are loaded in their order with every field, equal ones repeated too."""
    values = items(collection, "2", "1", "2", "2", "3")
    await save_collection(store, collection, "s", values)
    same(values, await load_collection(store, collection, "s"), f"load_{collection}")


@required_by(_GROUP, capability="collections", cases=_EACH)
async def never_saved_is_none(store: SessionStore, collection: str) -> None:
    """A collection never saved is None, whatever else was saved under the id."""
    same(None, await load_collection(store, collection, "s"), "before anything was saved")
    await store.save(session("s"))
    for other in samples.MAKERS:
        if other != collection:
            await save_collection(store, other, "s", items(other, "1"))
    same(None, await load_collection(store, collection, "s"), "after everything else was saved")
    loaded = await store.load_snapshot("s")
    same(None, getattr(loaded, collection), "in the snapshot")


@required_by(_GROUP, capability="collections", cases=_EACH)
async def saved_empty_is_empty(store: SessionStore, collection: str) -> None:
    """A collection saved empty is () and not None, with and without a session."""
    await save_collection(store, collection, "s", ())
    same((), await load_collection(store, collection, "s"), "saved empty")
    await save_collection(store, collection, "s", items(collection, "1", "2"))
    await save_collection(store, collection, "s", [])
    same((), await load_collection(store, collection, "s"), "saved empty after values")
    await store.save(session("s"))
    same((), await load_collection(store, collection, "s"), "after the session was saved")
    loaded = await store.load_snapshot("s")
    same((), getattr(loaded, collection), "in the snapshot")


@required_by(_GROUP, capability="collections", cases=_EACH)
async def a_save_replaces_the_whole_collection(store: SessionStore, collection: str) -> None:
    """A save may add, trim, change and reorder values: the stored list is the one saved."""
    for names in ("12", "1234", "234", "2x4", "42x", "4", "4444", "12345", "345678", "1"):
        values = items(collection, *names)
        await save_collection(store, collection, "s", list(values))
        same(values, await load_collection(store, collection, "s"), f"load_{collection} of {names}")


@required_by(_GROUP, capability="collections", cases=_EACH)
async def a_collection_needs_no_session(store: SessionStore, collection: str) -> None:
    """A collection can be saved, loaded and deleted without a session, and makes none."""
    values = items(collection, "1")
    await save_collection(store, collection, "no/session", values)
    same(values, await load_collection(store, collection, "no/session"), "load")
    same([], await store.list(), "list")
    same(False, await store.exists("no/session"), "exists")
    same(None, await store.load("no/session"), "load")
    same(None, await store.load_snapshot("no/session"), "load_snapshot")
    await store.save(session("no/session"))
    same(values, await load_collection(store, collection, "no/session"), "after the session came")
    await store.delete("no/session")
    same(None, await load_collection(store, collection, "no/session"), "after delete")
    await save_collection(store, collection, "no/session", values)
    await store.delete("no/session")
    same(
        None,
        await load_collection(store, collection, "no/session"),
        "after delete without a session",
    )


@required_by(_GROUP, capability="collections", cases=_EACH)
async def collections_of_two_owners_are_apart(store: SessionStore, collection: str) -> None:
    """Equal values under two ids are independent."""
    for owner in ("s", "t"):
        await save_collection(store, collection, owner, items(collection, "1", "2"))
    await save_collection(store, collection, "s", items(collection, "2"))
    same(items(collection, "1", "2"), await load_collection(store, collection, "t"), "the other")
    await store.delete("s")
    same(
        items(collection, "1", "2"),
        await load_collection(store, collection, "t"),
        "after delete of one",
    )


@required_by(_GROUP, capability="collections", cases=_EACH)
async def a_collection_is_saved_alone(store: SessionStore, collection: str) -> None:
    """Saving one collection leaves the session and the other collections as they are."""
    snapshot = samples.rich_snapshot("s")
    await store.save_snapshot(snapshot)
    values = items(collection, "other")
    await save_collection(store, collection, "s", values)
    same(evolved(snapshot, {collection: values}), await store.load_snapshot("s"), "load_snapshot")


@required_by(_GROUP, capability="collections")
async def a_run_grows_by_events(store: SessionStore) -> None:
    """Events can be added to the last run and its oldest ones trimmed."""
    done, live = samples.run_record("done"), samples.run_record("live", events=0)
    for number in range(12):
        event = RunEventRecord(sequence=number, timestamp_ms=0, event=TextDelta(text=str(number)))
        live = live.evolve(
            events=(*live.events, event)[-5:],
            snapshot=live.snapshot.evolve(event_count=number + 1, updated_at_ms=number),
        )
        await store.save_run_records("s", (done, live))
        same((done, live), await store.load_run_records("s"), f"after event {number}")


@required_by(_GROUP, capability="collections")
async def a_subagent_reports_progress(store: SessionStore) -> None:
    """Progress entries of one task can be added and removed while other tasks stay."""
    other, task = samples.subagent_task("other"), samples.subagent_task("live", progress=())
    entry = samples.subagent_task().progress[0]
    for count in (0, 1, 2, 5, 3, 0):
        task = task.evolve(progress=(entry,) * count)
        await store.save_subagent_tasks("s", (task, other))
        same((task, other), await store.load_subagent_tasks("s"), f"with {count} entries")


@required_by(_GROUP, capability="collections")
async def nothing_is_evicted(store: SessionStore) -> None:
    """A store has no limits of its own: 300 artifacts and 20 large ones are all loaded."""
    many = items("artifacts", *map(str, range(300)))
    await store.save_artifacts("many", many)
    same(many, await store.load_artifacts("many"), "300 artifacts")
    large = tuple(samples.artifact(str(n), content=f"{n} " * 100_000) for n in range(20))
    await store.save_artifacts("large", large)
    same(large, await store.load_artifacts("large"), "20 large artifacts")


@required_by(_GROUP, capability="collections")
async def ids_inside_values_are_free(store: SessionStore) -> None:
    """Ids inside values need not be unique, and may refer to values that are not stored."""
    first, second = samples.artifact("1", "a"), samples.artifact("1", "b")
    await store.save_artifacts("s", (first, second, first))
    same((first, second, first), await store.load_artifacts("s"), "artifacts of one URI")
    runs = (
        samples.run_record("1", session_id="elsewhere"),
        samples.run_record("1", status="failed"),
    )
    await store.save_run_records("s", runs)
    same(runs, await store.load_run_records("s"), "runs of one id")
    await store.save(session("s", parent_id="never saved"))
    same(runs, await store.load_run_records("s"), "after the session came")
