"""Stores that save on a condition: revisions, merges, save ids.

What a store declares `conditional_writes` for is `ConditionalStore`; runs are in `claims`.
"""

from __future__ import annotations

import asyncio
import hashlib
import itertools
from collections.abc import Callable
from typing import Any

import attrs

from a3s_store.core.changes import SessionChanges, Stored
from a3s_store.core.collections import TRACE_EVENTS
from a3s_store.core.digests import EMPTY_CHAIN, chain
from a3s_store.core.revision import Position, Revision
from a3s_store.errors import EncodeError, StaleGenerationError
from a3s_store.models import Message
from a3s_store.testing.conformance.expect import contents, holds, raises, same, unchanged
from a3s_store.testing.conformance.suite import StoreMaker, required_by
from a3s_store.testing.samples import (
    rich_messages,
    rich_snapshot,
    session,
    small_snapshot,
    talk,
    trace_event,
)
from a3s_store.wire import canonical, encode

_GROUP = "conditional writes"
_NUMBERS = itertools.count(1)


def changes(session_id: str = "s", *texts: str, **given: Any) -> SessionChanges:
    """Changes with a save id of their own, to a session with these messages if there are any."""
    if texts:
        given["session"] = session(session_id, texts)
    save_id = next(_NUMBERS).to_bytes(16, "big")
    return SessionChanges(session_id=session_id, **{"save_id": save_id, **given})


def never(_: SessionChanges, __: Stored) -> SessionChanges:
    """A merge that must not be asked."""
    raise AssertionError("the merge was asked")


def behind(ours: SessionChanges, theirs: Stored) -> SessionChanges:
    """A merge that puts our messages behind theirs."""
    assert ours.session is not None
    stored = theirs.value.session
    return attrs.evolve(
        ours, session=stored.evolve(messages=stored.messages + ours.session.messages)
    )


def position_of(messages: tuple[Message, ...]) -> Position:
    """The position behind these messages."""
    links = chain(hashlib.sha256(canonical(encode(one))).digest() for one in messages)
    return Position(len(links), links[-1] if links else EMPTY_CHAIN)


async def stale(
    store: Any,
    what: str,
    given: SessionChanges,
    on: Revision | None,
    actual: Revision | None,
    merge: Callable[..., Any] | None = never,
) -> None:
    """Demands that the changes are refused, that nothing is written, and what the error says."""
    ids = (given.session_id,)
    before, stands = await contents(store, *ids), await store.revision(given.session_id)
    error = await raises(StaleGenerationError, what, store.save_changes, given, on=on, merge=merge)
    assert isinstance(error, StaleGenerationError)
    expected = (on.generation if on else 0, actual.generation if actual else 0)
    same(expected, (error.expected, error.actual), f"{what}: the generations")
    same((on, actual), (error.expected_revision, error.actual_revision), f"{what}: the revisions")
    unchanged(before, await contents(store, *ids), what)
    same(stands, await store.revision(given.session_id), f"{what}: the revision")
    same(None, await store.landed(given.session_id, given.save_id), f"{what}: landed")


@required_by(_GROUP, capability="conditional_writes")
async def a_session_is_made_where_there_is_none(store: Any) -> None:
    """On None, once: the second is refused, whatever could be merged."""
    same((None, None), (await store.revision("s"), await store.load_versioned("s")), "at first")
    first = changes("s", "a")
    committed = await store.save_changes(first, on=None, merge=never)
    same((Revision(1, 1), first, None), attrs.astuple(committed, recurse=False), "the first")
    same(session("s", ("a",)), await store.load("s"), "the session")
    await stale(store, "the second", changes("s", "b"), None, Revision(1, 1))


@required_by(_GROUP, capability="conditional_writes")
async def a_revision_and_a_position_come_with_what_is_loaded(store: Any) -> None:
    """The session alone, or with its collections; every save is another generation."""
    snapshot = rich_snapshot("s")
    await store.save_snapshot(snapshot)
    found = await store.load_versioned("s")
    position = position_of(rich_messages())
    same((snapshot.session, Revision(1, 1), position), attrs.astuple(found, recurse=False)[:3], "s")
    found = await store.load_versioned("s", snapshot=True)
    same((snapshot, Revision(1, 1), position), attrs.astuple(found, recurse=False)[:3], "snapshot")
    await store.save(session("s"))
    found = await store.load_versioned("s", snapshot=True)
    same(snapshot.evolve(session=session("s")), found.value, "after another save")
    same((Revision(2, 1), Position(0, EMPTY_CHAIN)), (found.revision, found.position), "where")
    await store.save_trace_events("s", ())
    same(Revision(3, 1), await store.revision("s"), "after a collection")


@required_by(_GROUP, capability="conditional_writes")
async def what_is_loaded_is_of_the_moment_of_its_revision(store: Any) -> None:
    """Also while others save: a load and a question for the revision would be two moments."""
    await store.save_snapshot(small_snapshot("s", "0"))

    async def saving() -> None:
        for number in range(1, 30):
            await store.save_snapshot(small_snapshot("s", str(number)))

    async def loading() -> None:
        for _ in range(30):
            found = await store.load_versioned("s", snapshot=True)
            number = str(found.revision.generation - 1)
            same(small_snapshot("s", number), found.value, f"generation {found.revision}")
            same(position_of(found.value.session.messages), found.position, "the position")
            await asyncio.sleep(0)

    await asyncio.gather(saving(), loading(), loading())


@required_by(_GROUP, capability="conditional_writes")
async def only_what_changes_is_written(store: Any) -> None:
    """The other parts stay; a collection that becomes None is removed."""
    snapshot = rich_snapshot("s")
    await store.save_snapshot(snapshot)
    events = (trace_event("new"),)
    for given, expected in (
        ({TRACE_EVENTS: events}, snapshot.evolve(trace_events=events)),
        ({TRACE_EVENTS: None}, snapshot.evolve(trace_events=None)),
    ):
        on = await store.revision("s")
        committed = await store.save_changes(changes("s", collections=given), on=on)
        same(Revision(on.generation + 1, 1), committed.revision, "the revision")
        same(expected, await store.load_snapshot("s"), "the snapshot")
    on = await store.revision("s")
    await store.save_changes(changes("s", "new", retained_artifact_uris=("a",)), on=on)
    expected = expected.evolve(session=session("s", ("new",)), retained_artifact_uris=("a",))
    same(expected, await store.load_snapshot("s"), "the session and the pins")


@required_by(_GROUP, capability="conditional_writes")
async def a_session_that_is_elsewhere_is_not_written(store: Any) -> None:
    """Without a merge: StaleGenerationError with both revisions, and nothing is written."""
    await store.save_snapshot(rich_snapshot("s"))
    await store.save(session("s", ("theirs",)))
    actual = Revision(2, 1)
    for on in (Revision(1, 1), Revision(3, 1)):
        for given in (
            changes("s", "ours"),
            changes("s", collections={TRACE_EVENTS: ()}),
            changes("s", retained_artifact_uris=()),
        ):
            await stale(store, f"{on}", given, on, actual, None)
    await stale(store, "another life", changes("s", "ours"), Revision(2, 2), actual)
    await store.save_changes(changes("s", "ours"), on=actual)
    same(session("s", ("ours",)), await store.load("s"), "at the right one")


@required_by(_GROUP, capability="conditional_writes")
async def a_merge_is_given_both_and_its_result_is_written(store: Any) -> None:
    """The stored values with their revision; the result says what is written and on what."""
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
    same(ours, mine, "what it is given of ours")
    same((theirs, Revision(2, 1)), (stored.value, stored.revision), "what it is given of theirs")
    same(position_of(theirs.session.messages), stored.position, "their position")
    same((Revision(3, 1), stored), (committed.revision, committed.theirs), "the result")
    same(merge(ours, stored), committed.changes, "what the result says was written")
    expected = theirs.evolve(
        session=session("s").evolve(messages=(*talk("theirs"), *talk("ours"))),
        trace_events=(*(theirs.trace_events or ()), trace_event("merged")),
    )
    same(expected, await store.load_snapshot("s"), "the session")
    same(Revision(3, 1), await store.landed("s", ours.save_id), "landed")


@required_by(_GROUP, capability="conditional_writes")
async def a_merge_that_raises_writes_nothing(store: Any) -> None:
    """What it raised is raised as it is."""
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
    """No generation is made, and the save has not landed."""
    await store.save(session("s", ("a",)))
    await store.save(session("s", ("theirs",)))
    ours = changes("s", "ours")

    def merge(mine: SessionChanges, _: Stored) -> SessionChanges:
        return attrs.evolve(mine, session=None)

    committed = await store.save_changes(ours, on=Revision(1, 1), merge=merge)
    same(Revision(2, 1), committed.revision, "the revision")
    holds(committed.theirs is not None, "it says what was stored")
    same(session("s", ("theirs",)), await store.load("s"), "the session")
    same(None, await store.landed("s", ours.save_id), "landed")


@required_by(_GROUP, capability="conditional_writes")
async def a_merge_of_something_else_is_refused(store: Any) -> None:
    """Another session's, another save's, or values that no store keeps; nothing is written."""
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
    """Nor is one that was deleted and made again, however it is done."""
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


@required_by(_GROUP, capability="conditional_writes", reopens=True)
async def no_number_is_given_twice_under_an_id(store: Any, maker: StoreMaker) -> None:
    """However often it is deleted and made again, by whatever; across openings where durable."""
    revisions: list[Revision] = []
    for number in range(4):
        await store.save_trace_events("s", ())
        same(None, await store.revision("s"), "a collection alone")
        committed = await store.save_changes(changes("s", "a"), on=None)
        revisions.append(committed.revision)
        await store.save(session("s", ("b",)))
        revisions.append(await store.revision("s"))
        await store.delete("s")
        await store.delete("s")
        if number % 2 and store.capabilities().durable:
            store = await maker.reopen()
    numbers = [one.generation for one in revisions]
    same(sorted({*numbers}), numbers, "the numbers")
    lives = [one.life for one in revisions]
    same(lives[::2], lives[1::2], "a life lasts until the session is deleted")
    same(4, len({*lives}), "and every one is another")
    await store.save(session("t"))
    same(Revision(1, 1), await store.revision("t"), "another id")
    await store.save(session("s"))
    for old in revisions:
        await stale(store, f"{old}", changes("s", "x"), old, await store.revision("s"))


@required_by(_GROUP, capability="conditional_writes", reopens=True)
async def a_save_is_found_again_by_its_id(store: Any, maker: StoreMaker) -> None:
    """Under its session, with the revision it made; across openings where durable."""
    saved = {}
    on = None
    for text in "abc":
        given = changes("s", text)
        on = (await store.save_changes(given, on=on)).revision
        saved[given.save_id] = on
        await store.save_trace_events("s", ())
        on = await store.revision("s")
    if store.capabilities().durable:
        store = await maker.reopen()
    for save_id, revision in saved.items():
        same(revision, await store.landed("s", save_id), "a save")
        same(None, await store.landed("t", save_id), "under another id")
    same(None, await store.landed("s", b"\0" * 16), "another save id")
    await store.delete("s")
    await store.save(session("s"))
    same(None, await store.landed("s", next(iter(saved))), "after a delete")


@required_by(_GROUP, capability="conditional_writes")
async def of_many_at_one_revision_one_is_written(store: Any) -> None:
    """Without a merge; with one each is, and none loses what another wrote."""
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
    """Longer than what a store may read at once, and by a store that does not know them."""
    long = talk(*map(str, range(700)))
    await store.save(session("s").evolve(messages=long))
    await store.save(session("s").evolve(messages=(*long, *talk("theirs"))))
    # What a store remembers is of some sessions only.
    for number in range(40):
        await store.save(session(f"other {number}", ("x",)))
    given = changes("s", "ours")
    await store.save_changes(given, on=Revision(1, 1), merge=behind)
    expected = (*long, *talk("theirs"), *talk("ours"))
    same(expected, (await store.load("s")).messages, "the session")


@required_by(_GROUP, capability="conditional_writes")
async def who_gave_the_name_is_kept(store: Any) -> None:
    """What a live session says of it, until others save another name."""

    async def source() -> Any:
        return (await store.load_versioned("s")).name_source

    def named(name: str, text: str = "a") -> Any:
        plain = session("s", (text,))
        return plain.evolve(config=plain.config.evolve(name=name))

    async def save(value: Any, name_source: str | None) -> None:
        given = changes("s", session=value, name_source=name_source)
        await store.save_changes(given, on=await store.revision("s"))

    await store.save(named("x"))
    same(None, await source(), "saved by others")
    await save(named("x"), "made")
    same("made", await source(), "the same session, of which more is known")
    await store.save(named("x", "b"))
    same("made", await source(), "another save of the same name")
    await store.save_trace_events("s", ())
    same("made", await source(), "a collection")
    given = changes("s", collections={TRACE_EVENTS: (trace_event(),)})
    await store.save_changes(given, on=await store.revision("s"))
    same("made", await source(), "changes without the session")
    await save(named("x", "b"), None)
    same(None, await source(), "a person kept the name")
    await save(named("y"), "made")
    same("made", await source(), "another made name")
    await store.save(named("z"))
    same(None, await source(), "another name, by others")
    await save(named("w"), "made")
    await store.delete("s")
    await store.save(named("w"))
    same(None, await source(), "made again")
