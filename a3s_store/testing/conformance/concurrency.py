"""Several tasks of one process, and several stores open at one place."""

from __future__ import annotations

import asyncio

from a3s_store.core.protocol import SessionStore
from a3s_store.testing import samples
from a3s_store.testing.conformance.expect import (
    holds,
    keeps,
    kept,
    kept_collections,
    same,
    same_run,
    save_collection,
    save_run,
)
from a3s_store.testing.conformance.suite import StoreMaker, required_by
from a3s_store.testing.samples import items, rich_snapshot, session, small_snapshot

_TASKS = "concurrent tasks"
_SHARED = "several stores"


@required_by(_TASKS)
async def saves_of_one_id_leave_one_of_them(store: SessionStore) -> None:
    """Five tasks save one id: all succeed, and the stored session is one of the five."""
    versions = [session("s", (f"task {n}",) * (n + 1), updated_at=n) for n in range(5)]
    await asyncio.gather(*map(store.save, versions))
    loaded = await store.load("s")
    holds(loaded in versions, f"the stored session is none of those saved: {loaded!r:.200}")
    same(["s"], await store.list(), "list")


@required_by(_TASKS)
async def saves_of_different_ids_all_land(store: SessionStore) -> None:
    """Twenty tasks save twenty snapshots, and each is stored."""
    snapshots = [kept(store, small_snapshot(f"s{n:02}", f"text {n}")) for n in range(20)]
    await asyncio.gather(*map(store.save_snapshot, snapshots))
    same([one.session.id for one in snapshots], await store.list(), "list")
    loaded = await asyncio.gather(*(store.load_snapshot(one.session.id) for one in snapshots))
    same(snapshots, loaded, "load_snapshot of all")


@required_by(_TASKS)
async def parts_saved_at_once_all_land(store: SessionStore) -> None:
    """The session, each collection and a checkpoint of one id can be saved concurrently."""
    whole = kept(store, rich_snapshot("s").evolve(retained_artifact_uris=()))
    loop = samples.loop_checkpoint("s", "s")
    await asyncio.gather(
        store.save(whole.session),
        save_run(store, loop),
        *(
            save_collection(store, collection, "s", getattr(whole, collection))
            for collection in kept_collections(store)
        ),
    )
    same(whole, await store.load_snapshot("s"), "load_snapshot")
    await same_run(store, loop, "s")


@required_by(_TASKS)
async def a_reader_sees_whole_sessions(store: SessionStore) -> None:
    """A load during saves returns one of the saved values; list and exists have the session."""
    versions = [session("s", (str(n),) * (n % 7 + 1), updated_at=n) for n in range(20)]
    await store.save(versions[0])

    async def read() -> None:
        for _ in range(10):
            loaded = await store.load("s")
            holds(loaded in versions, f"a mixture of two saves was loaded: {loaded!r:.200}")
            same((["s"], True), (await store.list(), await store.exists("s")), "list and exists")

    async def write() -> None:
        for one in versions[1:]:
            await store.save(one)

    await asyncio.gather(write(), read(), read())
    same(versions[-1], await store.load("s"), "the last one")


@required_by(_TASKS)
async def a_bad_save_among_good_ones_fails_alone(store: SessionStore) -> None:
    """Of concurrent saves only the invalid one raises; the others are stored."""
    good = [session(f"s{n}", (f"text {n}",)) for n in range(6)]
    bad = session("s3", ("half \ud83d of a pair",))
    tasks = [store.save(one) for one in (*good[:3], bad, *good[3:])]
    results = await asyncio.gather(*tasks, return_exceptions=True)
    same([3], [n for n, result in enumerate(results) if result is not None], "which failed")
    same(good, [await store.load(one.id) for one in good], "the others")


@required_by(_TASKS)
async def a_cancelled_save_happened_or_did_not(store: SessionStore) -> None:
    """A cancelled save leaves the old or the new session, and later saves succeed."""
    for steps in range(12):
        one = f"s{steps}"
        old, new = (kept(store, small_snapshot(one, text)) for text in ("old", "new"))
        await store.save_snapshot(old)
        task = asyncio.create_task(store.save_snapshot(new))
        for _ in range(steps):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        found = await store.load(one)
        holds(found in (old.session, new.session), f"cancelled after {steps} steps: {found!r:.200}")
        again = kept(store, small_snapshot(one, "again"))
        await store.save_snapshot(again)
        same(again, await store.load_snapshot(one), f"a save after a cancelled one ({steps})")


@required_by(_SHARED, capability="shared_by_processes", reopens=True)
async def two_stores_of_one_place_see_each_other(store: SessionStore, maker: StoreMaker) -> None:
    """A value that one store saved is loaded by the other, also where both cache values."""
    other = await maker.open()
    for number, (writer, reader) in enumerate([(store, other), (other, store)] * 3):
        saved = kept(store, small_snapshot("s", f"round {number}"))
        grown = saved.evolve(
            session=saved.session.evolve(messages=samples.talk(*map(str, range(number + 2))))
        )
        for one in (saved, grown):
            await writer.save_snapshot(one)
            same(one, await reader.load_snapshot("s"), f"round {number}")
        loop = samples.loop_checkpoint("r", "s", turn=number)
        await save_run(writer, loop)
        await same_run(reader, loop, "r")
    await other.delete("s")
    same((None, []), (await store.load("s"), await store.list()), "after the other's delete")
    await store.save(session("s", ("a",)))
    same(session("s", ("a",)), await other.load("s"), "saved again")


@required_by(_SHARED, capability="shared_by_processes", reopens=True)
async def two_stores_may_write_in_turn(store: SessionStore, maker: StoreMaker) -> None:
    """A store that caches its own saves notices the saves of another store."""
    other = await maker.open()
    texts: list[str] = []
    for number in range(8):
        writer = (store, other)[number % 2]
        texts = [*texts[: number // 2], f"turn {number}", "end"]
        saved = session("s", tuple(texts))
        await writer.save(saved)
        traced = items("trace_events", *texts) if keeps(store, "collections") else None
        if traced is not None:
            await writer.save_trace_events("s", traced)
        for reader in (store, other):
            same(saved, await reader.load("s"), f"turn {number}")
            same(traced, await reader.load_trace_events("s"), f"turn {number}, trace events")


@required_by(_SHARED, capability="shared_by_processes", reopens=True)
async def two_stores_compare_and_swap(store: SessionStore, maker: StoreMaker) -> None:
    """Of several stores with the same expected digest one saves; the others return False."""
    if not store.capabilities().aggregate_cas:
        return
    other = await maker.open()
    old = kept(store, small_snapshot("s", "old"))
    await store.save_snapshot(old)
    new = [kept(store, small_snapshot("s", f"new {n}")) for n in range(4)]
    stores = (store, other, store, other)
    saved = await asyncio.gather(
        *(s.save_snapshot_cas(n, old.digest()) for s, n in zip(stores, new, strict=True))
    )
    same(1, sum(saved), "how many saved")
    same(new[saved.index(True)], await other.load_snapshot("s"), "the stored snapshot")
