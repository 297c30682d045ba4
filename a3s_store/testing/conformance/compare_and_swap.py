"""Compare-and-swap: `save_snapshot_cas` with the digest of the stored snapshot."""

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
    raises,
    same,
    save_collection,
    save_run,
    unchanged,
)
from a3s_store.testing.conformance.suite import NotSupported, required_by
from a3s_store.testing.samples import items, rich_snapshot, session, small_snapshot

_GROUP = "compare and swap"
_WRONG = "sha256:" + "0" * 64


@required_by(_GROUP)
async def without_an_expected_digest_it_saves(store: SessionStore) -> None:
    """With expected_digest None it saves like save_snapshot, over a stored session too."""
    for text in ("first", "second"):
        saved = kept(store, small_snapshot("s", text))
        same(True, await store.save_snapshot_cas(saved, None), f"the {text}")
        same(saved, await store.load_snapshot("s"), f"after the {text}")


@required_by(_GROUP)
async def a_bad_digest_is_refused(store: SessionStore) -> None:
    """InvalidSnapshotError for any digest but "sha256:" and 64 lower-case hex digits."""
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


@required_by(_GROUP)
async def a_digest_is_compared_or_the_call_refused(store: SessionStore) -> None:
    """A store without aggregate_cas raises for an expected digest and writes nothing."""
    old = kept(store, small_snapshot("s", "old"))
    await store.save_snapshot(old)
    try:
        saved = await store.save_snapshot_cas(kept(store, small_snapshot("s", "new")), _WRONG)
    except StoreError:
        holds(not store.capabilities().aggregate_cas, "aggregate_cas is promised and was refused")
    else:
        same(False, saved, "the result for a digest that does not match")
    same(old, await store.load_snapshot("s"), "afterwards")


@required_by(_GROUP, capability="aggregate_cas")
async def a_matching_digest_saves(store: SessionStore) -> None:
    """With the stored digest it returns True and replaces all; a second call does not match."""
    old, new = kept(store, rich_snapshot("s")), kept(store, small_snapshot("s", "new"))
    await store.save_snapshot(old)
    same(True, await store.save_snapshot_cas(new, old.digest()), "the first")
    same(new, await store.load_snapshot("s"), "after the first")
    same(False, await store.save_snapshot_cas(old, old.digest()), "the second")
    same(new, await store.load_snapshot("s"), "after the second")


@required_by(_GROUP, capability="aggregate_cas")
async def another_digest_writes_nothing(store: SessionStore) -> None:
    """With another digest it returns False and changes nothing."""
    await store.save_snapshot(kept(store, rich_snapshot("s")))
    await save_run(store, samples.loop_checkpoint("r", "s"))
    before = await contents(store, "s", "r")
    other = kept(store, small_snapshot("s", "new"))
    for digest in (_WRONG, other.digest()):
        same(False, await store.save_snapshot_cas(other, digest), "the result")
        unchanged(before, await contents(store, "s", "r"), "afterwards")


@required_by(_GROUP, capability="aggregate_cas")
async def an_absent_session_matches_no_digest(store: SessionStore) -> None:
    """It returns False for sessions never saved or deleted, and collections without a session."""
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


@required_by(_GROUP, capability="aggregate_cas", cases=tuple(_edits().items()))
async def any_change_makes_a_digest_stale(store: SessionStore, edit: Any) -> None:
    """A part saved after the digest was taken is not overwritten; the new digest matches."""
    if isinstance(edit, functools.partial) and not keeps(store, "collections"):
        raise NotSupported(f"{store.backend_name} does not promise collections")
    old = kept(store, rich_snapshot("s"))
    await store.save_snapshot(old)
    await edit(store)
    changed = await store.load_snapshot("s")
    assert changed is not None
    new = kept(store, small_snapshot("s", "new"))
    same(False, await store.save_snapshot_cas(new, old.digest()), "the old digest")
    same(changed, await store.load_snapshot("s"), "afterwards")
    same(True, await store.save_snapshot_cas(new, changed.digest()), "the new digest")
    same(new, await store.load_snapshot("s"), "at the end")


@required_by(_GROUP, capability="aggregate_cas")
async def a_change_and_its_undoing_match_again(store: SessionStore) -> None:
    """A snapshot that is changed and changed back has its first digest again."""
    old = kept(store, rich_snapshot("s"))
    await store.save_snapshot(old)
    for collection in kept_collections(store):
        await save_collection(store, collection, "s", ())
        await save_collection(store, collection, "s", getattr(old, collection))
    await store.save(session("s"))
    await store.save(old.session)
    new = kept(store, small_snapshot("s", "x"))
    same(True, await store.save_snapshot_cas(new, old.digest()), "the result")


@required_by(_GROUP, capability="aggregate_cas")
async def one_of_many_at_once_wins(store: SessionStore) -> None:
    """Of five tasks with the same expected digest one saves, and its snapshot is stored."""
    old = kept(store, small_snapshot("s", "old"))
    await store.save_snapshot(old)
    attempts = [kept(store, small_snapshot("s", f"task {number}")) for number in range(5)]
    digest = old.digest()
    saved = await asyncio.gather(*(store.save_snapshot_cas(one, digest) for one in attempts))
    same(1, sum(saved), "how many saved")
    same(attempts[saved.index(True)], await store.load_snapshot("s"), "the stored snapshot")


@required_by(_GROUP, capability="aggregate_cas")
async def tries_again_lose_nothing(store: SessionStore) -> None:
    """Six tasks that each add a message, and retry when refused, leave six messages."""
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
