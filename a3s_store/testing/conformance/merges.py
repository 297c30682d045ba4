"""Stores with `conditional_writes`: saves that are merged with the stored values."""

from __future__ import annotations

import asyncio
from typing import Any

import attrs

from a3s_store.core.changes import SessionChanges, Stored
from a3s_store.core.collections import TRACE_EVENTS
from a3s_store.core.revision import Revision
from a3s_store.errors import EncodeError, StaleGenerationError
from a3s_store.testing.conformance.changes import behind, changes, never, position_of, stale
from a3s_store.testing.conformance.expect import contents, holds, raises, same, unchanged
from a3s_store.testing.conformance.suite import required_by
from a3s_store.testing.samples import (
    rich_snapshot,
    session,
    talk,
    trace_event,
)

_GROUP = "merges"


@required_by(_GROUP, capability="conditional_writes")
async def a_merge_is_given_both_and_its_result_is_written(store: Any) -> None:
    """A merge gets our changes and the stored values; its result is written."""
    await store.save_snapshot(rich_snapshot("s"))
    on = await store.revision("s")
    theirs = rich_snapshot("s").evolve(session=session("s", ("theirs",)))
    await store.save_snapshot(theirs)
    ours = changes("s", "ours")
    asked: list[tuple[SessionChanges, Stored]] = []

    def merge(mine: SessionChanges, stored: Stored) -> SessionChanges:
        asked.append((mine, stored))
        added = (*(stored.value.trace_events or ()), trace_event("merged"))
        return attrs.evolve(behind(mine, stored), collections={TRACE_EVENTS: added})

    committed = await store.save_changes(ours, on=on, merge=merge)
    (mine, stored) = asked[-1]
    same(ours, mine, "our changes in the merge")
    same((theirs, Revision(2, 1)), (stored.value, stored.revision), "the stored values")
    same(position_of(theirs.session.messages), stored.position, "their position")
    same((Revision(3, 1), stored), (committed.revision, committed.theirs), "the result")
    same(merge(ours, stored), committed.changes, "the written changes in the result")
    expected = theirs.evolve(
        session=session("s").evolve(messages=(*talk("theirs"), *talk("ours"))),
        trace_events=(*(theirs.trace_events or ()), trace_event("merged")),
    )
    same(expected, await store.load_snapshot("s"), "the session")
    same(Revision(3, 1), await store.landed("s", ours.save_id), "landed")


@required_by(_GROUP, capability="conditional_writes")
async def a_merge_that_raises_writes_nothing(store: Any) -> None:
    """An exception of a merge is raised unchanged, and nothing is written."""
    await store.save_snapshot(rich_snapshot("s"))
    await store.save(session("s", ("theirs",)))
    before = await contents(store, "s")

    class OwnError(Exception):
        pass

    def merge(_: SessionChanges, __: Stored) -> SessionChanges:
        raise OwnError

    ours = changes("s", "ours")
    await raises(OwnError, "a merge", store.save_changes, ours, on=Revision(1, 1), merge=merge)
    unchanged(before, await contents(store, "s"), "after it")
    same(Revision(2, 1), await store.revision("s"), "the revision")
    await store.save_changes(ours, on=Revision(2, 1))
    same(session("s", ("ours",)), await store.load("s"), "the next save")


@required_by(_GROUP, capability="conditional_writes")
async def a_merge_may_take_theirs_and_write_nothing(store: Any) -> None:
    """A merge may return no changes: then there is no generation, and the save has not landed."""
    await store.save(session("s", ("a",)))
    await store.save(session("s", ("theirs",)))
    ours = changes("s", "ours")

    def merge(mine: SessionChanges, _: Stored) -> SessionChanges:
        return attrs.evolve(mine, session=None)

    committed = await store.save_changes(ours, on=Revision(1, 1), merge=merge)
    same(Revision(2, 1), committed.revision, "the revision")
    holds(committed.theirs is not None, "the result has no stored values")
    same(session("s", ("theirs",)), await store.load("s"), "the session")
    same(None, await store.landed("s", ours.save_id), "landed")


@required_by(_GROUP, capability="conditional_writes")
async def a_merge_of_something_else_is_refused(store: Any) -> None:
    """A merge result of another session or save, or with invalid values, raises EncodeError."""
    await store.save(session("s", ("a",)))
    await store.save(session("s", ("theirs",)))
    await store.save(session("t", ("other",)))
    before = await contents(store, "s", "t")
    for what, made in (
        ("another session's", changes("t", "merged")),
        ("another save's", changes("s", "merged")),
        ("a list", lambda ours: attrs.evolve(ours, collections={TRACE_EVENTS: []})),
        ("a surrogate", lambda ours: attrs.evolve(ours, session=session("s", ("\ud800",)))),
    ):

        def merge(ours: SessionChanges, _: Stored, made: Any = made) -> Any:
            return made(ours) if callable(made) else made

        ours = changes("s", "ours")
        save = store.save_changes
        await raises(EncodeError, what, save, ours, on=Revision(1, 1), merge=merge)
        unchanged(before, await contents(store, "s", "t"), what)
    same(Revision(2, 1), await store.revision("s"), "the revision")


@required_by(_GROUP, capability="conditional_writes")
async def a_deleted_session_is_neither_merged_nor_made_again(store: Any) -> None:
    """After a delete a save on an older revision is stale, also once the id is saved again."""
    first = await store.save_changes(changes("s", "a"), on=None)
    await store.delete("s")
    for merge in (None, never):
        await stale(store, "deleted", changes("s", "ours"), first.revision, None, merge)
    same((None, []), (await store.revision("s"), await store.list()), "after it")
    await store.save(session("s", ("again",)))
    again = await store.revision("s")
    holds(again.generation > 1, "it has a number of its own")
    same(again.generation, again.life, "its life begins with that")
    for merge in (None, never):
        await stale(store, "made again", changes("s", "ours"), first.revision, again, merge)
        given = changes("s", collections={TRACE_EVENTS: ()})
        await stale(store, "made again, a collection", given, first.revision, again, merge)
    same(session("s", ("again",)), await store.load("s"), "the session")


@required_by(_GROUP, capability="conditional_writes")
async def of_many_at_one_revision_one_is_written(store: Any) -> None:
    """Of concurrent saves on one revision one is written; with a merge all of them are."""
    on = (await store.save_changes(changes("s", "a"), on=None)).revision
    tries = [changes("s", f"task {number}") for number in range(5)]
    results = await asyncio.gather(
        *(store.save_changes(one, on=on) for one in tries), return_exceptions=True
    )
    lost = [one for one in results if isinstance(one, StaleGenerationError)]
    same(4, len(lost), "how many were refused")
    same(Revision(2, 1), await store.revision("s"), "the revision")
    first = (await store.load("s")).messages
    await asyncio.gather(
        *(store.save_changes(changes("s", f"m{n}"), on=on, merge=behind) for n in range(5))
    )
    found = (await store.load("s")).messages
    same(first, found[:1], "the first message")
    texts = sorted(message.text for message in found[1:])
    same([f"m{n}" for n in range(5)], texts, "the others")
    same(Revision(7, 1), await store.revision("s"), "the last revision")


@required_by(_GROUP, capability="conditional_writes")
async def long_conversations_are_merged(store: Any) -> None:
    """Conversations of 700 messages are merged by a store that has not cached them."""
    long = talk(*map(str, range(700)))
    await store.save(session("s").evolve(messages=long))
    await store.save(session("s").evolve(messages=(*long, *talk("theirs"))))
    # Evict the session from a cache of some sessions.
    for number in range(40):
        await store.save(session(f"other {number}", ("x",)))
    given = changes("s", "ours")
    await store.save_changes(given, on=Revision(1, 1), merge=behind)
    expected = (*long, *talk("theirs"), *talk("ours"))
    same(expected, (await store.load("s")).messages, "the session")
