"""The life of a store: what it says of itself, many tasks at once, closing, opening again."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Awaitable, Callable
from typing import Any

import attrs

from a3s_store.core.protocol import Capabilities, Health, Inventoried, SessionStore
from a3s_store.errors import StoreClosedError
from a3s_store.testing import samples
from a3s_store.testing.conformance.expect import (
    contents,
    holds,
    keeps,
    kept,
    kept_collections,
    load_collection,
    raises,
    same,
    same_run,
    save_collection,
    save_run,
    unchanged,
)
from a3s_store.testing.conformance.suite import StoreMaker, required_by
from a3s_store.testing.samples import items, rich_snapshot, session, small_snapshot

_CARE = "care"
_TASKS = "tasks at once"
_DURABLE = "durable"
_SHARED = "shared"


@required_by(_CARE)
async def it_is_a_session_store(store: SessionStore) -> None:
    """Every method of the protocol is there, and the name is a name."""
    holds(isinstance(store, SessionStore), f"{type(store).__name__} lacks methods of SessionStore")
    holds(isinstance(store.backend_name, str) and store.backend_name, "backend_name is no name")


@required_by(_CARE)
async def it_is_healthy(store: SessionStore) -> None:
    """health_check() of a store that works answers its name, and writes nothing one can read."""
    await store.save(session("s"))
    before = await contents(store, "s")
    health = await store.health_check()
    holds(isinstance(health, Health), "health_check() answers no Health")
    same(store.backend_name, health.backend, "backend")
    unchanged(before, await contents(store, "s"), "after health_check")


@required_by(_CARE)
async def capabilities_are_plain_and_do_not_change(store: SessionStore) -> None:
    """A Capabilities of booleans, the same at every call: what is False must not be relied on."""
    first = store.capabilities()
    holds(type(first) is Capabilities, "capabilities() answers no Capabilities")
    for name, value in attrs.asdict(first).items():
        holds(type(value) is bool, f"{name} is {value!r}")
    await store.save(session("s"))
    same(first, store.capabilities(), "capabilities() after a save")


@required_by(_CARE)
async def an_inventory_has_every_id(store: SessionStore) -> None:
    """Where a store can say everything it holds: sessions, collections alone, both checkpoints."""
    if not isinstance(store, Inventoried):
        return
    collections, checkpoints = keeps(store, "collections"), keeps(store, "checkpoints")
    for one in ("b", "a"):
        await store.save(session(one))
        await save_collection(store, "trace_events", f"list {one}", ())
        await save_run(store, samples.loop_checkpoint(f"run {one}", "a"))
        flow = samples.workflow_checkpoint(f"flow {one}")
        if checkpoints:
            await store.save_workflow_checkpoint(flow.workflow_id, flow)
    await save_collection(store, "artifacts", "a", ())
    found = await store.inventory()
    same(("a", "b"), found.sessions, "sessions")
    if collections:
        same(("list a", "list b"), found.families_only, "families_only")
    if checkpoints:
        same(("run a", "run b"), found.loop_checkpoints, "loop_checkpoints")
        same(("flow a", "flow b"), found.workflow_checkpoints, "workflow_checkpoints")


@required_by(_CARE)
async def closing_twice_is_success(store: SessionStore) -> None:
    """close() may be called again, in turn and at once."""
    await asyncio.gather(store.close(), store.close())
    await store.close()


@required_by(_CARE)
async def a_closed_store_refuses_everything(store: SessionStore) -> None:
    """StoreClosedError from every method, and from entering it again."""
    await store.save_snapshot(kept(store, rich_snapshot("s")))
    await store.close()
    for name, act in _every_method(store).items():
        await raises(StoreClosedError, name, act)


def _every_method(store: SessionStore) -> dict[str, Callable[[], Awaitable[Any]]]:
    snapshot = small_snapshot("s", "x")
    at = functools.partial
    acts: dict[str, Callable[[], Awaitable[Any]]] = {
        "save": at(store.save, snapshot.session),
        "load": at(store.load, "s"),
        "delete": at(store.delete, "s"),
        "list": store.list,
        "exists": at(store.exists, "s"),
        "save_snapshot": at(store.save_snapshot, snapshot),
        "load_snapshot": at(store.load_snapshot, "s"),
        "save_snapshot_cas": at(store.save_snapshot_cas, snapshot, snapshot.digest()),
        "health_check": store.health_check,
        "entering it": store.__aenter__,
    }
    for collection in samples.MAKERS:
        acts[f"save_{collection}"] = at(
            save_collection, store, collection, "s", items(collection, "1")
        )
        acts[f"load_{collection}"] = at(load_collection, store, collection, "s")
    for kind, make in samples.CHECKPOINT_MAKERS.items():
        acts[f"save_{kind}"] = at(getattr(store, f"save_{kind}"), "r", make("r"))
        for name in (f"load_{kind}", f"delete_{kind}"):
            acts[name] = at(getattr(store, name), "r")
    return acts


@required_by(_CARE)
async def leaving_the_context_closes(store: SessionStore) -> None:
    """`async with` answers the store and closes it, also when the block raised."""

    class OwnError(Exception):
        pass

    async def inside() -> None:
        async with store as entered:
            holds(entered is store, "entering answers another store")
            await store.save(session("s"))
            raise OwnError

    await raises(OwnError, "the block's own error", inside)
    await raises(StoreClosedError, "load after the block", store.load, "s")


@required_by(_TASKS)
async def saves_of_one_id_leave_one_of_them(store: SessionStore) -> None:
    """Five tasks save one id: all succeed, and what is left is one of the values, whole."""
    versions = [session("s", (f"task {n}",) * (n + 1), updated_at=n) for n in range(5)]
    await asyncio.gather(*map(store.save, versions))
    loaded = await store.load("s")
    holds(loaded in versions, f"what is left is none of those saved: {loaded!r:.200}")
    same(["s"], await store.list(), "list")


@required_by(_TASKS)
async def saves_of_different_ids_all_land(store: SessionStore) -> None:
    """Twenty tasks save twenty snapshots, and each is there."""
    snapshots = [kept(store, small_snapshot(f"s{n:02}", f"text {n}")) for n in range(20)]
    await asyncio.gather(*map(store.save_snapshot, snapshots))
    same([one.session.id for one in snapshots], await store.list(), "list")
    loaded = await asyncio.gather(*(store.load_snapshot(one.session.id) for one in snapshots))
    same(snapshots, loaded, "load_snapshot of all")


@required_by(_TASKS)
async def parts_saved_at_once_all_land(store: SessionStore) -> None:
    """The session, each collection and a checkpoint, all of one id and at the same time."""
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
    """Loads during saves answer one of the saved values, and lists know the session."""
    versions = [session("s", (str(n),) * (n % 7 + 1), updated_at=n) for n in range(20)]
    await store.save(versions[0])

    async def read() -> None:
        for _ in range(10):
            loaded = await store.load("s")
            holds(loaded in versions, f"a mixture was loaded: {loaded!r:.200}")
            same((["s"], True), (await store.list(), await store.exists("s")), "list and exists")

    async def write() -> None:
        for one in versions[1:]:
            await store.save(one)

    await asyncio.gather(write(), read(), read())
    same(versions[-1], await store.load("s"), "the last one")


@required_by(_TASKS)
async def a_bad_save_among_good_ones_fails_alone(store: SessionStore) -> None:
    """The others land, and only the bad one raises."""
    good = [session(f"s{n}", (f"text {n}",)) for n in range(6)]
    bad = session("s3", ("half \ud83d of a pair",))
    tasks = [store.save(one) for one in (*good[:3], bad, *good[3:])]
    answers = await asyncio.gather(*tasks, return_exceptions=True)
    same([3], [n for n, answer in enumerate(answers) if answer is not None], "which failed")
    same(good, [await store.load(one.id) for one in good], "the others")


@required_by(_TASKS)
async def a_cancelled_save_happened_or_did_not(store: SessionStore) -> None:
    """Whenever the caller is cancelled, the session is the old or the new one, and work goes on."""
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


@required_by(_DURABLE, capability="durable", reopens=True)
async def everything_is_there_after_reopening(store: SessionStore, maker: StoreMaker) -> None:
    """Each answer is what it was, twice over, None and empty included."""
    await _fill(store)
    before = await contents(store, *_FILLED)
    digest = (await store.load_snapshot("rich") or rich_snapshot("x")).digest()
    for _ in range(2):
        again = await maker.reopen()
        unchanged(before, await contents(again, *_FILLED), "after reopening")
        found = await again.load_snapshot("rich")
        same(digest, found.digest() if found else None, "the digest after reopening")


@required_by(_DURABLE, capability="durable", reopens=True)
async def work_goes_on_after_reopening(store: SessionStore, maker: StoreMaker) -> None:
    """Growth, changes and deletes land on what an earlier process left."""
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


@required_by(_DURABLE, capability="durable", reopens=True)
async def close_finishes_what_was_begun(store: SessionStore, maker: StoreMaker) -> None:
    """Saves that were acknowledged while close() ran are there afterwards."""
    snapshots = [kept(store, small_snapshot(f"s{n}", "x")) for n in range(8)]
    tasks = [asyncio.create_task(store.save_snapshot(one)) for one in snapshots]
    await asyncio.sleep(0)
    await store.close()
    answers = await asyncio.gather(*tasks, return_exceptions=True)
    for answer in answers:
        holds(answer is None or isinstance(answer, StoreClosedError), f"a save ended in {answer!r}")
    store = await maker.reopen()
    for one, answer in zip(snapshots, answers, strict=True):
        found = await store.load_snapshot(one.session.id)
        same(one if answer is None else None, found, f"{one.session.id}, answered {answer!r}")


@required_by(_SHARED, capability="shared_by_processes", reopens=True)
async def two_stores_of_one_place_see_each_other(store: SessionStore, maker: StoreMaker) -> None:
    """What one acknowledged the other loads, whatever either remembers."""
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
    """A writer that remembers what it wrote notices that another wrote since."""
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
    """Only one of two that saw the same snapshot saves; nobody's message is lost."""
    if not store.capabilities().aggregate_cas:
        return
    other = await maker.open()
    old = kept(store, small_snapshot("s", "old"))
    await store.save_snapshot(old)
    new = [kept(store, small_snapshot("s", f"new {n}")) for n in range(4)]
    stores = (store, other, store, other)
    answers = await asyncio.gather(
        *(s.save_snapshot_cas(n, old.digest()) for s, n in zip(stores, new, strict=True))
    )
    same(1, sum(answers), "how many won")
    same(new[answers.index(True)], await other.load_snapshot("s"), "what is there")
