"""Whole snapshots and their digests."""

from __future__ import annotations

import asyncio
from typing import Any

from a3s_store.core.protocol import SessionStore
from a3s_store.core.snapshot import SessionSnapshot
from a3s_store.errors import StoreError
from a3s_store.testing import samples
from a3s_store.testing.conformance.expect import (
    contents,
    holds,
    kept,
    kept_collections,
    load_collection,
    raises,
    same,
    save_collection,
    unchanged,
)
from a3s_store.testing.conformance.suite import required_by
from a3s_store.testing.samples import items, rich_snapshot, session, small_snapshot
from a3s_store.wire import evolved

_GROUP = "snapshots"


@required_by(_GROUP)
async def a_snapshot_comes_back_as_it_was_saved(store: SessionStore) -> None:
    """Session, collections and retained URIs are loaded as saved, together and one by one."""
    saved = kept(store, rich_snapshot("s"))
    await store.save_snapshot(saved)
    same(saved, await store.load_snapshot("s"), "load_snapshot")
    same(saved.session, await store.load("s"), "load")
    for collection in samples.MAKERS:
        same(
            getattr(saved, collection),
            await load_collection(store, collection, "s"),
            f"load_{collection}",
        )
    same(["s"], await store.list(), "list")


@required_by(_GROUP, capability="collections")
async def a_snapshot_is_put_together_from_parts(store: SessionStore) -> None:
    """save() and every save_X() give the same snapshot as save_snapshot()."""
    whole = rich_snapshot("s").evolve(retained_artifact_uris=())
    for collection in samples.MAKERS:
        await save_collection(store, collection, "s", getattr(whole, collection))
    await store.save(whole.session)
    same(whole, await store.load_snapshot("s"), "load_snapshot")


@required_by(_GROUP, capability="collections")
async def a_snapshot_replaces_everything(store: SessionStore) -> None:
    """A collection that is None is removed, an empty one is emptied, and no URI stays retained."""
    bare = SessionSnapshot(session=session("s", ("a",)))
    empty = evolved(bare, dict.fromkeys(samples.MAKERS, ()))
    full = rich_snapshot("s")
    for saved in (bare, full, bare, full, empty, bare, empty, full, small_snapshot("s", "x"), bare):
        await store.save_snapshot(saved)
        same(saved, await store.load_snapshot("s"), "load_snapshot")
    for collection in samples.MAKERS:
        same(None, await load_collection(store, collection, "s"), f"load_{collection}")


@required_by(_GROUP, capability="collections")
async def a_snapshot_removes_collections_saved_without_a_session(store: SessionStore) -> None:
    """Collections saved before the first snapshot are not mixed into it."""
    for collection in samples.MAKERS:
        await save_collection(store, collection, "s", items(collection, "old"))
    bare = SessionSnapshot(session=session("s"))
    await store.save_snapshot(bare)
    same(bare, await store.load_snapshot("s"), "load_snapshot")


@required_by(_GROUP, capability="checkpoints")
async def a_snapshot_leaves_checkpoints_and_other_sessions(store: SessionStore) -> None:
    """Checkpoints are no part of a snapshot."""
    await store.save_snapshot(kept(store, rich_snapshot("t")))
    await store.save_loop_checkpoint("r", samples.loop_checkpoint("r", "s"))
    await store.save_workflow_checkpoint("w", samples.workflow_checkpoint("w"))
    before = await contents(store, "t", "r", "w")
    await store.save_snapshot(kept(store, rich_snapshot("s")))
    await store.save_snapshot(kept(store, small_snapshot("s", "x")))
    before["list"] = ["s", "t"]
    unchanged(before, await contents(store, "t", "r", "w"), "beside the snapshot")


@required_by(_GROUP, capability="collections")
async def retained_uris_stay_with_the_session(store: SessionStore) -> None:
    """Retained URIs keep their order, and saves of parts leave them as they are."""
    saved = rich_snapshot("s").evolve(retained_artifact_uris=("b", "a", "b"))
    await store.save_snapshot(saved)
    await store.save(session("s"))
    await store.save_artifacts("s", ())
    loaded = await store.load_snapshot("s")
    assert loaded is not None
    same(("b", "a", "b"), loaded.retained_artifact_uris, "retained_artifact_uris")


@required_by(_GROUP, capability="collections")
async def runs_of_other_sessions_are_kept(store: SessionStore) -> None:
    """Runs and tasks may name any session; the store does not check it."""
    run = samples.run_record("1", session_id="foreign", event_count=0)
    task = samples.subagent_task("1", parent_session_id="foreign")
    saved = SessionSnapshot(session=session("s"), run_records=(run, run), subagent_tasks=(task,))
    await store.save_snapshot(saved)
    same(saved, await store.load_snapshot("s"), "load_snapshot")


@required_by(_GROUP)
async def digests_are_equal_for_equal_values(store: SessionStore) -> None:
    """The loaded snapshot has the digest of the saved one, and every change gives another."""
    saved = kept(store, rich_snapshot("s"))
    await store.save_snapshot(saved)
    loaded = await store.load_snapshot("s")
    assert loaded is not None
    same(saved.digest(), loaded.digest(), "digest")
    seen = {saved.digest()}
    for collection in (None, *kept_collections(store)):
        if collection is None:
            await store.save(session("s"))
        else:
            await save_collection(store, collection, "s", items(collection, "other"))
        loaded = await store.load_snapshot("s")
        assert loaded is not None
        holds(loaded.digest() not in seen, f"a change of {collection} gives the same digest")
        seen.add(loaded.digest())


def _refused() -> dict[str, Any]:
    good = small_snapshot("s", "new")
    return {
        "schema version 2": good.evolve(schema_version=2),
        "schema version 0": good.evolve(schema_version=0),
        "schema version True": good.evolve(schema_version=True),
        "extra keys of its own": good.evolve(extra={"x": 1}),
        "retained without artifacts": good.evolve(artifacts=None, retained_artifact_uris=("a",)),
        "retained that is a str": good.evolve(retained_artifact_uris="uri"),  # type: ignore[arg-type]
        "retained that are no str": good.evolve(retained_artifact_uris=(1,)),  # type: ignore[arg-type]
        "retained with a surrogate": good.evolve(retained_artifact_uris=("\ud800",)),
        "a wrong item in a collection": good.evolve(trace_events=(samples.artifact(),)),  # type: ignore[arg-type]
        "a collection that is a str": good.evolve(trace_events="text"),  # type: ignore[arg-type]
        "a collection that is a number": good.evolve(trace_events=3),  # type: ignore[arg-type]
        "a collection that is an iterator": good.evolve(trace_events=iter(good.trace_events or ())),  # type: ignore[arg-type]
        "a session that is none": good.evolve(session=good),  # type: ignore[arg-type]
        "a session with an empty id": good.evolve(session=session("")),
        "a bad last subagent task": good.evolve(
            subagent_tasks=(samples.subagent_task("1"), samples.subagent_task("2", output="\ud800"))
        ),
        "a bad session": good.evolve(session=session("s", total_cost=float("nan"))),
        "no snapshot at all": session("s"),
        "None": None,
    }


@required_by(_GROUP, cases=tuple((name, name) for name in _refused()))
async def a_bad_snapshot_is_refused_whole(store: SessionStore, name: str) -> None:
    """save_snapshot and save_snapshot_cas raise a StoreError, and nothing is written."""
    bad = _refused()[name]
    old = kept(store, rich_snapshot("s"))
    await store.save_snapshot(old)
    before = await contents(store, "s", "new")
    await raises(StoreError, name, store.save_snapshot, bad)
    unchanged(before, await contents(store, "s", "new"), "after save_snapshot")
    await raises(StoreError, f"{name}, CAS", store.save_snapshot_cas, bad, None)
    await raises(StoreError, f"{name}, CAS at", store.save_snapshot_cas, bad, old.digest())
    unchanged(before, await contents(store, "s", "new"), "after save_snapshot_cas")


@required_by(_GROUP, capability="atomic_session_snapshots")
async def a_reader_never_sees_half_a_snapshot(store: SessionStore) -> None:
    """During a save, a load returns the whole old snapshot or the whole new one."""
    versions = [kept(store, small_snapshot("s", str(number))) for number in range(12)]
    await store.save_snapshot(versions[0])
    whole = {one.digest() for one in versions}
    done = asyncio.Event()

    async def read() -> int:
        reads = 0
        while not done.is_set() or not reads:
            found = await store.load_snapshot("s")
            holds(found is not None and found.digest() in whole, f"load {reads} is a mixture")
            reads += 1
            await asyncio.sleep(0)
        return reads

    readers = [asyncio.create_task(read()) for _ in range(3)]
    try:
        for one in versions[1:]:
            await store.save_snapshot(one)
    finally:
        done.set()
        await asyncio.gather(*readers)
    same(versions[-1], await store.load_snapshot("s"), "the last one")
