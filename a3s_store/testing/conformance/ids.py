"""Ids: any text of 1 to 1024 bytes without NUL is valid, and two texts are two ids."""

from __future__ import annotations

from typing import Any

from a3s_store.core.protocol import SessionStore
from a3s_store.errors import IdCollisionError, InvalidIdError
from a3s_store.testing import samples
from a3s_store.testing.conformance.expect import (
    contents,
    keeps,
    kept,
    load_collection,
    raises,
    same,
    same_run,
    save_collection,
    save_run,
    unchanged,
)
from a3s_store.testing.conformance.suite import required_by
from a3s_store.testing.samples import session, small_snapshot

_GROUP = "ids"

ODD_IDS = (
    *("../../../etc/passwd", "foo\\bar\\baz", "foo/bar\\baz..qux", "/absolute", "a/./b", "C:\\x"),
    *("a b", " a", "a ", "a\nb", "\t", "'; DROP TABLE session; --", '"', "%", "_", "*?[x]", "~"),
    *("x.json", ".health_check", "artifacts", "artifacts.json", "con", "0", "null", "None", "-"),
    *("\u00e9", "\u202e", "\ufeff", "\U0001f600", "\U0010ffff", "\u65e5\u672c\u8a9e", "\x7f"),
    *("x" * 150, "\u00e9" * 75),
)

# Upstream cannot store these, so a store with its layout may refuse them.
UPSTREAM_REFUSES = (".", "x" * 1024, "\U0001f600" * 256, "/" * 1024)

PAIRS = (
    *(("a/b", "a_b"), ("a\\b", "a/b"), ("a..b", "a_b"), ("..", "_"), ("...", "_.")),
    *(("A", "a"), ("Session", "SESSION"), ("\u00e9", "e\u0301"), ("\u00c5", "\u212b")),
    *(("x", "x.json"), ("a", "a "), ("a", "a."), ("1", "01"), ("\u00df", "ss"), ("\uff41", "a")),
    *(("artifacts", "artifacts.json"), ("../x", "__x"), ("a\nb", "a b"), ("%2F", "/")),
)

NOT_IDS: tuple[tuple[str, Any], ...] = (
    ("empty", ""),
    ("a megabyte", "x" * 2**20),
    ("1025 bytes", "x" * 1025),
    ("1026 bytes in 513 characters", "\u00e9" * 513),
    ("a NUL", "a\0b"),
    ("only a NUL", "\0"),
    ("a lone surrogate", "a\ud800"),
    ("None", None),
    ("an int", 1),
    ("a bool", True),
    ("bytes", b"a"),
    ("a list", ["a"]),
)


async def _keep(store: SessionStore, one: str, text: str) -> None:
    """Save a snapshot and both checkpoints under this id."""
    await store.save_snapshot(kept(store, small_snapshot(one, text)))
    await save_run(store, samples.loop_checkpoint(one, one, turn=len(text)))
    if keeps(store, "checkpoints"):
        flow = samples.workflow_checkpoint(one, checkpoint_ms=len(text))
        await store.save_workflow_checkpoint(one, flow)


@required_by(_GROUP, cases=tuple((ascii(one)[1:25], one) for one in ODD_IDS))
async def an_odd_id_is_an_id(store: SessionStore, one: str) -> None:
    """An unusual id can be saved, loaded, listed as it is and deleted; other ids stay."""
    await _keep(store, "neighbour", "n")
    before = await contents(store, "neighbour")
    await _keep(store, one, "text")
    same(sorted(("neighbour", one)), await store.list(), "list")
    same(kept(store, small_snapshot(one, "text")), await store.load_snapshot(one), "load_snapshot")
    await same_run(store, samples.loop_checkpoint(one, one, turn=4), one)
    await store.delete(one)
    await store.delete_workflow_checkpoint(one)
    same(None, await store.load_snapshot(one), "after delete")
    same(None, await store.load_loop_checkpoint(one), "the run after delete")
    unchanged(before, await contents(store, "neighbour"), "the neighbour")


@required_by(
    _GROUP, cases=tuple((f"{ascii(one)[1:13]}*{len(one)}", one) for one in UPSTREAM_REFUSES)
)
async def an_id_upstream_cannot_store_is_kept_or_refused(store: SessionStore, one: str) -> None:
    """An id that upstream cannot store is kept, or refused with InvalidIdError."""
    await _keep(store, "neighbour", "n")
    before = await contents(store, "neighbour")
    try:
        await store.save(session(one, ("a",)))
    except InvalidIdError:
        unchanged(before, await contents(store, "neighbour"), "after the refusal")
        return
    same(session(one, ("a",)), await store.load(one), "load")
    same(sorted(("neighbour", one)), await store.list(), "list")
    await store.delete(one)
    unchanged(before, await contents(store, "neighbour"), "after delete")


@required_by(_GROUP, cases=tuple((f"{ascii(a)[1:-1]},{ascii(b)[1:-1]}", (a, b)) for a, b in PAIRS))
async def two_ids_are_never_one(store: SessionStore, pair: tuple[str, str]) -> None:
    """Two similar ids are independent, or the second raises IdCollisionError; nothing is lost."""
    first, second = pair
    await _keep(store, first, "first")
    before = await contents(store, first)
    try:
        await _keep(store, second, "second")
    except IdCollisionError:
        unchanged(before, await contents(store, first), "the first after the refusal")
        return
    before["list"] = sorted(pair)
    unchanged(before, await contents(store, first), "the first after the second was saved")
    expected = kept(store, small_snapshot(second, "second"))
    same(expected, await store.load_snapshot(second), "the second")
    await store.delete(second)
    before["list"] = [first]
    unchanged(before, await contents(store, first), "the first after the second was deleted")


@required_by(_GROUP)
async def another_id_is_not_answered_for(store: SessionStore) -> None:
    """Loading or deleting an id never saved does not reach the values of a similar id."""
    first, second = "a/b", "a_b"
    await _keep(store, first, "first")
    before = await contents(store, first)
    for ask in (store.load, store.load_snapshot, store.load_artifacts, store.load_loop_checkpoint):
        try:
            same(None, await ask(second), f"asking for {second}")
        except IdCollisionError:
            continue
    try:
        await store.delete(second)
        await store.delete_loop_checkpoint(second)
        await store.delete_workflow_checkpoint(second)
    except IdCollisionError:
        pass
    unchanged(before, await contents(store, first), "after the delete of the other")


@required_by(_GROUP, cases=NOT_IDS)
async def what_is_no_id_is_refused(store: SessionStore, one: Any) -> None:
    """An invalid id raises InvalidIdError, a ValueError, in every method; nothing is changed."""
    await _keep(store, "s", "kept")
    before = await contents(store, "s")
    for method in ("load", "load_snapshot", "delete", "exists"):
        await raises(InvalidIdError, method, getattr(store, method), one)
    for collection in samples.MAKERS:
        await raises(
            InvalidIdError, f"save_{collection}", save_collection, store, collection, one, ()
        )
        await raises(InvalidIdError, f"load_{collection}", load_collection, store, collection, one)
    for kind, make in samples.CHECKPOINT_MAKERS.items():
        for verb in ("load", "delete"):
            name = f"{verb}_{kind}"
            await raises(InvalidIdError, name, getattr(store, name), one)
        name = f"save_{kind}"
        await raises(InvalidIdError, name, getattr(store, name), one, make(one))
    await raises(InvalidIdError, "save", store.save, session(one))
    snapshot = small_snapshot("s", "new")
    snapshot = snapshot.evolve(session=session(one))
    await raises(InvalidIdError, "save_snapshot", store.save_snapshot, snapshot)
    await raises(InvalidIdError, "CAS", store.save_snapshot_cas, snapshot, None)
    unchanged(before, await contents(store, "s"), "afterwards")
