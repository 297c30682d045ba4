"""Stores with `durable`: the values are still there after closing and opening again."""

from __future__ import annotations

import asyncio

from a3s_store.core.collections import COLLECTIONS
from a3s_store.core.protocol import SessionStore
from a3s_store.core.snapshot import SessionSnapshot
from a3s_store.errors import StoreClosedError
from a3s_store.testing import samples
from a3s_store.testing.conformance.expect import (
    contents,
    holds,
    keeps,
    kept,
    same,
    same_run,
    save_collection,
    save_run,
    unchanged,
)
from a3s_store.testing.conformance.suite import StoreMaker, required_by
from a3s_store.testing.samples import items, rich_snapshot, session, small_snapshot
from a3s_store.wire import evolved

_GROUP = "durability"


async def _fill(store: SessionStore) -> None:
    await store.save_snapshot(kept(store, rich_snapshot("rich")))
    await store.save(session("bare"))
    await store.save(session("../../../etc/passwd", ("a", "b")))
    for collection in samples.MAKERS:
        await save_collection(store, collection, "empty", ())
    if keeps(store, "collections"):
        await save_collection(store, "artifacts", "only", items("artifacts", "1"))
    await save_run(store, samples.loop_checkpoint("run", "rich"))
    if keeps(store, "checkpoints"):
        await store.save_workflow_checkpoint("flow", samples.workflow_checkpoint("flow"))


_FILLED = ("rich", "bare", "../../../etc/passwd", "empty", "only", "run", "flow", "never")


@required_by(_GROUP, capability="durable", reopens=True)
async def everything_is_there_after_reopening(store: SessionStore, maker: StoreMaker) -> None:
    """Every load returns the same after reopening twice, None and empty collections too."""
    await _fill(store)
    before = await contents(store, *_FILLED)
    digest = (await store.load_snapshot("rich") or rich_snapshot("x")).digest()
    for _ in range(2):
        again = await maker.reopen()
        unchanged(before, await contents(again, *_FILLED), "after reopening")
        found = await again.load_snapshot("rich")
        same(digest, found.digest() if found else None, "the digest after reopening")


@required_by(_GROUP, capability="durable", reopens=True)
async def work_goes_on_after_reopening(store: SessionStore, maker: StoreMaker) -> None:
    """After reopening, saves and deletes continue with the stored values."""
    texts = [f"message {n}" for n in range(9)]
    for end in (3, 6, 9):
        saved = session("s", tuple(texts[:end]))
        await store.save(saved)
        traced = items("trace_events", *texts[end - 3 : end])
        if keeps(store, "collections"):
            await store.save_trace_events("s", traced)
        loop = samples.loop_checkpoint("r", "s", messages=saved.messages)
        await save_run(store, loop)
        store = await maker.reopen()
        same(saved, await store.load("s"), f"{end} messages")
        if keeps(store, "collections"):
            same(traced, await store.load_trace_events("s"), "trace events")
        await same_run(store, loop, "r")
    await store.delete("s")
    store = await maker.reopen()
    same((None, None), (await store.load("s"), await store.load_trace_events("s")), "after delete")
    same(None, await store.load_loop_checkpoint("r"), "checkpoint after delete")


@required_by(_GROUP, capability="durable", reopens=True)
async def close_finishes_what_was_begun(store: SessionStore, maker: StoreMaker) -> None:
    """A save that returned while close() ran is stored; another raises StoreClosedError."""
    snapshots = [kept(store, small_snapshot(f"s{n}", "x")) for n in range(8)]
    tasks = [asyncio.create_task(store.save_snapshot(one)) for one in snapshots]
    await asyncio.sleep(0)
    await store.close()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    for result in results:
        holds(result is None or isinstance(result, StoreClosedError), f"a save ended in {result!r}")
    store = await maker.reopen()
    for one, result in zip(snapshots, results, strict=True):
        found = await store.load_snapshot(one.session.id)
        same(one if result is None else None, found, f"{one.session.id}, its save: {result!r}")


@required_by(
    _GROUP,
    capability="durable",
    reopens=True,
    cases=tuple((collection.name, collection.name) for collection in COLLECTIONS),
)
async def a_loaded_collection_can_be_changed(
    store: SessionStore, collection: str, maker: StoreMaker
) -> None:
    """After reopening, a session is loaded, saved unchanged, and saved with changed lists."""
    if not keeps(store, "collections"):
        return
    first, *others = items(collection, "1", "2", "3")
    whole = evolved(SessionSnapshot(session=session("s")), {collection: (first, *others)})
    await store.save_snapshot(whole)
    for values in ((*others, first), tuple(others), (first.evolve(extra={"new": 1}),)):
        store = await maker.reopen()
        loaded = await store.load_snapshot("s")
        holds(loaded is not None, "the session was saved")
        assert loaded is not None, "it was just compared"
        await store.save_snapshot(loaded)
        changed = evolved(loaded, {collection: values})
        await store.save_snapshot(changed)
        store = await maker.reopen()
        same(changed, await store.load_snapshot("s"), "after the change")
