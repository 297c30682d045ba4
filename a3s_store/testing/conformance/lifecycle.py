"""The store itself: its name, health, capabilities, inventory, and closing."""

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
    load_collection,
    raises,
    same,
    save_collection,
    save_run,
    unchanged,
)
from a3s_store.testing.conformance.suite import required_by
from a3s_store.testing.samples import items, rich_snapshot, session, small_snapshot

_GROUP = "lifecycle"


@required_by(_GROUP)
async def it_is_a_session_store(store: SessionStore) -> None:
    """It has every method of the protocol, and `backend_name` is a text that is not empty."""
    holds(isinstance(store, SessionStore), f"{type(store).__name__} lacks methods of SessionStore")
    named = isinstance(store.backend_name, str) and store.backend_name
    holds(named, "backend_name is no text, or empty")


@required_by(_GROUP)
async def it_is_healthy(store: SessionStore) -> None:
    """health_check() returns a Health with the store's name, and changes no result of a load."""
    await store.save(session("s"))
    before = await contents(store, "s")
    health = await store.health_check()
    holds(isinstance(health, Health), "health_check() returns no Health")
    same(store.backend_name, health.backend, "backend")
    unchanged(before, await contents(store, "s"), "after health_check")


@required_by(_GROUP)
async def capabilities_are_plain_and_do_not_change(store: SessionStore) -> None:
    """capabilities() returns a Capabilities of booleans, the same one at every call."""
    first = store.capabilities()
    holds(type(first) is Capabilities, "capabilities() returns no Capabilities")
    for name, value in attrs.asdict(first).items():
        holds(type(value) is bool, f"{name} is {value!r}")
    await store.save(session("s"))
    same(first, store.capabilities(), "capabilities() after a save")


@required_by(_GROUP)
async def an_inventory_has_every_id(store: SessionStore) -> None:
    """inventory(), if there is one, has sessions, collections without one, and checkpoints."""
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
        same(("list a", "list b"), found.collections_only, "collections_only")
    if checkpoints:
        same(("run a", "run b"), found.loop_checkpoints, "loop_checkpoints")
        same(("flow a", "flow b"), found.workflow_checkpoints, "workflow_checkpoints")


@required_by(_GROUP)
async def closing_twice_is_success(store: SessionStore) -> None:
    """close() may be called again, one call after another and concurrently."""
    await asyncio.gather(store.close(), store.close())
    await store.close()


@required_by(_GROUP)
async def a_closed_store_refuses_everything(store: SessionStore) -> None:
    """Every method raises StoreClosedError after close(), and so does `async with`."""
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


@required_by(_GROUP)
async def leaving_the_context_closes(store: SessionStore) -> None:
    """`async with` returns the store and closes it, also when the block raised."""

    class OwnError(Exception):
        pass

    async def inside() -> None:
        async with store as entered:
            holds(entered is store, "`async with` returns another store")
            await store.save(session("s"))
            raise OwnError

    await raises(OwnError, "the block's own error", inside)
    await raises(StoreClosedError, "load after the block", store.load, "s")
