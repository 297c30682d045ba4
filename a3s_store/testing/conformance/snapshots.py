"""Whole snapshots, their digests, and the compare-and-swap that is made of these."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable
from typing import Any

from a3s_store.core.protocol import SessionStore
from a3s_store.core.snapshot import SessionSnapshot
from a3s_store.errors import InvalidSnapshotError, StoreError
from a3s_store.models import Message
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
    save_collection,
    save_run,
    unchanged,
)
from a3s_store.testing.conformance.suite import NotSupported, required_by
from a3s_store.testing.samples import items, rich_snapshot, session, small_snapshot

_GROUP = "snapshots"
_CAS = "compare and swap"
_WRONG = "sha256:" + "0" * 64


@required_by(_GROUP)
async def a_snapshot_comes_back_as_it_was_saved(store: SessionStore) -> None:
    """The session, every collection and the retained URIs, in one value and one by one."""
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
    """save() and save_X() make the same as save_snapshot() of it all."""
    whole = rich_snapshot("s").evolve(retained_artifact_uris=())
    for collection in samples.MAKERS:
        await save_collection(store, collection, "s", getattr(whole, collection))
    await store.save(whole.session)
    same(whole, await store.load_snapshot("s"), "load_snapshot")


@required_by(_GROUP, capability="collections")
async def a_snapshot_replaces_everything(store: SessionStore) -> None:
    """A family that is None is taken away, an empty one is emptied, and no URI stays retained."""
    bare = SessionSnapshot(session=session("s", ("a",)))
    empty = bare.evolve(**dict.fromkeys(samples.MAKERS, ()))
    full = rich_snapshot("s")
    for saved in (bare, full, bare, full, empty, bare, empty, full, small_snapshot("s", "x"), bare):
        await store.save_snapshot(saved)
        same(saved, await store.load_snapshot("s"), "load_snapshot")
    for collection in samples.MAKERS:
        same(None, await load_collection(store, collection, "s"), f"load_{collection}")


@required_by(_GROUP, capability="collections")
async def a_snapshot_removes_collections_saved_without_a_session(store: SessionStore) -> None:
    """What was on the collections before the first snapshot is not mixed into it."""
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
    """They come back in their order, and saves of parts leave them as they are."""
    saved = rich_snapshot("s").evolve(retained_artifact_uris=("b", "a", "b"))
    await store.save_snapshot(saved)
    await store.save(session("s"))
    await store.save_artifacts("s", ())
    loaded = await store.load_snapshot("s")
    assert loaded is not None
    same(("b", "a", "b"), loaded.retained_artifact_uris, "retained_artifact_uris")


@required_by(_GROUP, capability="collections")
async def runs_of_other_sessions_are_kept(store: SessionStore) -> None:
    """Whether runs and tasks belong to the session is not the store's to judge."""
    run = samples.run_record("1", session_id="foreign", event_count=0)
    task = samples.subagent_task("1", parent_session_id="foreign")
    saved = SessionSnapshot(session=session("s"), run_records=(run, run), subagent_tasks=(task,))
    await store.save_snapshot(saved)
    same(saved, await store.load_snapshot("s"), "load_snapshot")


@required_by(_GROUP)
async def digests_are_equal_for_equal_values(store: SessionStore) -> None:
    """What is loaded has the digest of what was saved, and any change has another."""
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
        holds(loaded.digest() not in seen, f"the digest does not see the change of {collection}")
        seen.add(loaded.digest())


def _refused() -> dict[str, Any]:
    good = small_snapshot("s", "new")
    return {
        "schema version 2": good.evolve(schema_version=2),
        "schema version 0": good.evolve(schema_version=0),
        "schema version True": good.evolve(schema_version=True),
        "extra keys of its own": good.evolve(extra={"x": 1}),
        "retained without artifacts": good.evolve(artifacts=None, retained_artifact_uris=("a",)),
        "retained that is a str": good.evolve(retained_artifact_uris="uri"),
        "retained that are no str": good.evolve(retained_artifact_uris=(1,)),
        "retained with a surrogate": good.evolve(retained_artifact_uris=("\ud800",)),
        "a wrong item in a family": good.evolve(trace_events=(samples.artifact(),)),
        "a family that is a str": good.evolve(trace_events="text"),
        "a family that is a number": good.evolve(trace_events=3),
        "a family that can be read once": good.evolve(trace_events=iter(good.trace_events or ())),
        "a session that is none": good.evolve(session=good),
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
    """A typed error from save_snapshot and from its CAS, and nothing of it is written."""
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
    """While one task saves, others load all of the old one or all of the new one."""
    versions = [kept(store, small_snapshot("s", str(number))) for number in range(12)]
    await store.save_snapshot(versions[0])
    whole = {one.digest() for one in versions}
    done = asyncio.Event()

    async def read() -> int:
        reads = 0
        while not done.is_set() or not reads:
            found = await store.load_snapshot("s")
            holds(found is not None and found.digest() in whole, f"read {reads} is a mixture")
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


@required_by(_CAS)
async def without_an_expected_digest_it_saves(store: SessionStore) -> None:
    """expected_digest None is save_snapshot, whether or not something is there."""
    for text in ("first", "second"):
        saved = kept(store, small_snapshot("s", text))
        same(True, await store.save_snapshot_cas(saved, None), f"the {text}")
        same(saved, await store.load_snapshot("s"), f"after the {text}")


@required_by(_CAS)
async def a_bad_digest_is_refused(store: SessionStore) -> None:
    """InvalidSnapshotError unless it is sha256: and 64 lower-case hex digits."""
    saved = kept(store, small_snapshot("s", "old"))
    await store.save_snapshot(saved)
    digest = saved.digest()
    bad: tuple[Any, ...] = (
        *("", "sha256:", digest[7:], digest[:-1], digest + "0", digest + "\n", " " + digest),
        *(digest.upper(), "SHA256:" + digest[7:], "sha512:" + digest[7:], digest[:-1] + "g"),
        *(digest[:-1] + "\u0660", 0, True, b"", digest.encode()),
    )
    for text in bad:
        new = kept(store, small_snapshot("s", "new"))
        what = f"the digest {text!r}"
        await raises(InvalidSnapshotError, what, store.save_snapshot_cas, new, text)
    same(saved, await store.load_snapshot("s"), "afterwards")


@required_by(_CAS)
async def a_digest_is_compared_or_the_call_refused(store: SessionStore) -> None:
    """A store without aggregate_cas raises for an expected digest; it never saves regardless."""
    old = kept(store, small_snapshot("s", "old"))
    await store.save_snapshot(old)
    try:
        answer = await store.save_snapshot_cas(kept(store, small_snapshot("s", "new")), _WRONG)
    except StoreError:
        holds(not store.capabilities().aggregate_cas, "aggregate_cas is promised and was refused")
    else:
        same(False, answer, "the answer to a digest that does not match")
    same(old, await store.load_snapshot("s"), "afterwards")


@required_by(_CAS, capability="aggregate_cas")
async def a_matching_digest_saves(store: SessionStore) -> None:
    """True, and everything is replaced; the old digest does not match a second time."""
    old, new = kept(store, rich_snapshot("s")), kept(store, small_snapshot("s", "new"))
    await store.save_snapshot(old)
    same(True, await store.save_snapshot_cas(new, old.digest()), "the first")
    same(new, await store.load_snapshot("s"), "after the first")
    same(False, await store.save_snapshot_cas(old, old.digest()), "the second")
    same(new, await store.load_snapshot("s"), "after the second")


@required_by(_CAS, capability="aggregate_cas")
async def another_digest_writes_nothing(store: SessionStore) -> None:
    """False, and every answer is what it was."""
    await store.save_snapshot(kept(store, rich_snapshot("s")))
    await save_run(store, samples.loop_checkpoint("r", "s"))
    before = await contents(store, "s", "r")
    other = kept(store, small_snapshot("s", "new"))
    for digest in (_WRONG, other.digest()):
        same(False, await store.save_snapshot_cas(other, digest), "the answer")
        unchanged(before, await contents(store, "s", "r"), "afterwards")


@required_by(_CAS, capability="aggregate_cas")
async def an_absent_session_matches_no_digest(store: SessionStore) -> None:
    """False for a session never saved, one deleted, and collections without a session."""
    new = kept(store, small_snapshot("s", "new"))
    same(False, await store.save_snapshot_cas(new, new.digest()), "never saved")
    same((None, []), (await store.load_snapshot("s"), await store.list()), "never saved: after")
    if keeps(store, "collections"):
        await store.save_trace_events("s", ())
        same(False, await store.save_snapshot_cas(new, new.digest()), "collections only")
        same((), await store.load_trace_events("s"), "collections only: after")
    await store.save_snapshot(new)
    await store.delete("s")
    same(False, await store.save_snapshot_cas(new, new.digest()), "deleted")
    same(False, await store.exists("s"), "deleted: after")


def _edits() -> dict[str, Callable[[SessionStore], Any]]:
    edits: dict[str, Callable[[SessionStore], Any]] = {
        "messages": lambda store: store.save(samples.rich_session("s").evolve(messages=())),
        "a time": lambda store: store.save(samples.rich_session("s").evolve(updated_at=0)),
        "an unknown key": lambda store: store.save(samples.rich_session("s").evolve(extra={})),
    }
    for collection in samples.MAKERS:
        edits[collection] = functools.partial(_save_two, collection)
    return edits


async def _save_two(collection: str, store: SessionStore) -> None:
    await save_collection(store, collection, "s", items(collection, "1", "2"))


@required_by(_CAS, capability="aggregate_cas", cases=tuple(_edits().items()))
async def any_change_makes_a_digest_stale(store: SessionStore, edit: Any) -> None:
    """A part saved since the digest was taken is not overwritten; the new digest matches."""
    if isinstance(edit, functools.partial) and not keeps(store, "collections"):
        raise NotSupported(f"{store.backend_name} does not promise collections")
    old = kept(store, rich_snapshot("s"))
    await store.save_snapshot(old)
    await edit(store)
    changed = await store.load_snapshot("s")
    assert changed is not None
    new = kept(store, small_snapshot("s", "new"))
    same(False, await store.save_snapshot_cas(new, old.digest()), "the digest of before")
    same(changed, await store.load_snapshot("s"), "afterwards")
    same(True, await store.save_snapshot_cas(new, changed.digest()), "the digest of now")
    same(new, await store.load_snapshot("s"), "at the end")


@required_by(_CAS, capability="aggregate_cas")
async def a_change_and_its_undoing_match_again(store: SessionStore) -> None:
    """The digest is of values: what is equal again has the digest it had."""
    old = kept(store, rich_snapshot("s"))
    await store.save_snapshot(old)
    for collection in kept_collections(store):
        await save_collection(store, collection, "s", ())
        await save_collection(store, collection, "s", getattr(old, collection))
    await store.save(session("s"))
    await store.save(old.session)
    new = kept(store, small_snapshot("s", "x"))
    same(True, await store.save_snapshot_cas(new, old.digest()), "the answer")


@required_by(_CAS, capability="aggregate_cas")
async def one_of_many_at_once_wins(store: SessionStore) -> None:
    """Of five tasks that saw the same snapshot one saves, and what it saved is there whole."""
    old = kept(store, small_snapshot("s", "old"))
    await store.save_snapshot(old)
    attempts = [kept(store, small_snapshot("s", f"task {number}")) for number in range(5)]
    digest = old.digest()
    answers = await asyncio.gather(*(store.save_snapshot_cas(one, digest) for one in attempts))
    same(1, sum(answers), "how many won")
    same(attempts[answers.index(True)], await store.load_snapshot("s"), "what is there")


@required_by(_CAS, capability="aggregate_cas")
async def tries_again_lose_nothing(store: SessionStore) -> None:
    """Six tasks that each add a message, and begin anew when refused, leave six messages."""
    await store.save_snapshot(SessionSnapshot(session=session("s")))

    async def add(text: str) -> None:
        for _ in range(50):
            seen = await store.load_snapshot("s")
            assert seen is not None
            messages = (*seen.session.messages, Message.user(text))
            grown = seen.evolve(session=seen.session.evolve(messages=messages))
            if await store.save_snapshot_cas(grown, seen.digest()):
                return
            await asyncio.sleep(0)
        holds(False, "refused fifty times, with six tasks at work")

    texts = [f"message {number}" for number in range(6)]
    await asyncio.gather(*map(add, texts))
    loaded = await store.load("s")
    assert loaded is not None
    same(sorted(texts), sorted(message.text for message in loaded.messages), "the messages")
