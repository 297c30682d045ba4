"""Stores with `watch` (`WatchableStore`), and with a stored commit log."""

from __future__ import annotations

import asyncio
from typing import Any

from a3s_store.core.commit_log import Commit, CommitGap, LogPosition
from a3s_store.core.protocol import Watch
from a3s_store.errors import InvalidArgumentError, StoreClosedError
from a3s_store.testing.conformance.expect import holds, raises, same
from a3s_store.testing.conformance.suite import NotSupported, StoreMaker, required_by
from a3s_store.testing.samples import session, trace_event

_GROUP = "watch"
# Seconds until a commit must have come; then the check fails.
_LONG = 20.0
# How many saves a watch may take to begin.
_MOST_SAVES = 1000


async def _next(watch: Watch) -> Commit | CommitGap:
    async with asyncio.timeout(_LONG):
        return await anext(watch)


async def _take(watch: Watch, count: int) -> list[tuple[int, str, str]]:
    taken: list[tuple[int, str, str]] = []
    for _ in range(count):
        found = await _next(watch)
        assert isinstance(found, Commit), f"a gap: {found!r}"
        taken.append((found.sequence, found.subject, found.op))
    return taken


async def _waiting(watch: Watch) -> asyncio.Task[Commit | CommitGap]:
    """Return a step that has nothing to return yet."""
    step = asyncio.ensure_future(anext(watch))
    await asyncio.sleep(0.02)
    holds(not step.done(), "a watch without a new commit has a result")
    return step


@required_by(_GROUP, capability="watch")
async def a_watch_returns_each_commit_once_and_in_order(store: Any) -> None:
    """Commits made before and while it waits are returned once each, in order, deletions too."""
    await store.save(session("s", ("a",)))
    watch = store.watch(after=0)
    same([(1, "s", "save")], await _take(watch, 1), "the commit that was there")
    waiting = await _waiting(watch)
    await store.save(session("t"))
    found = await waiting
    assert isinstance(found, Commit)
    same((2, "t"), (found.sequence, found.subject), "the commit that came")
    await store.delete("s")
    await store.save(session("t", ("b",)))
    same([(3, "s", "delete"), (4, "t", "save")], await _take(watch, 2), "two more")
    page = await store.commits()
    same(LogPosition(page.store_id, 4), watch.position, "its position")


@required_by(_GROUP, capability="watch")
async def what_changes_nothing_wakes_no_watch(store: Any) -> None:
    """An equal save, a deletion of nothing and a read give a watch nothing."""
    await store.save(session("s"))
    watch = store.watch(after=await store.latest_sequence())
    waiting = await _waiting(watch)
    await store.delete("unknown")
    await store.load("s")
    holds(not waiting.done(), "it returned something")
    await store.save(session("t"))
    found = await waiting
    same("t", getattr(found, "subject", None), "the next commit")


@required_by(_GROUP, capability="watch")
async def without_a_place_a_watch_begins_now(store: Any) -> None:
    """With after=None earlier commits are not returned, and all later ones are."""
    await store.save(session("early"))
    watch = store.watch()
    same(None, watch.position, "its position before the first step")
    waiting = await _waiting(watch)
    for number in range(_MOST_SAVES):
        await store.save(session("late", (f"{number}",)))
        await asyncio.sleep(0)
        if waiting.done():
            break
    found = await waiting
    assert isinstance(found, Commit), f"a gap: {found!r}"
    same("late", found.subject, "the first commit")
    later = await store.latest_sequence() - found.sequence
    same(
        [*range(found.sequence + 1, found.sequence + later + 1)],
        [one[0] for one in await _take(watch, later)],
        "the others",
    )


@required_by(_GROUP, capability="watch")
async def a_watch_of_some_subjects_passes_the_others(store: Any) -> None:
    """With subjects only their commits are returned; its position passes those of others too."""
    watch = store.watch(after=0, subjects=["s"])
    for name in ("t", "s", "t", "s", "t"):
        await store.save(session(name, (f"{await store.latest_sequence()}",)))
    same([(2, "s", "save"), (4, "s", "save")], await _take(watch, 2), "those of one session")
    waiting = await _waiting(watch)
    same(5, watch.position.sequence, "its position")
    await store.save(session("s"))
    found = await waiting
    same(6, getattr(found, "sequence", None), "the next one")


@required_by(_GROUP, capability="watch")
async def a_watch_goes_on_where_another_one_was(store: Any) -> None:
    """A watch after the position of another one returns what that one did not."""
    for number in range(6):
        await store.save(session("s", (f"{number}",)))
    first = store.watch(after=0)
    await _take(first, 4)
    for place in (first.position, 4):
        second = store.watch(after=place)
        same([5, 6], [one[0] for one in await _take(second, 2)], f"after {place!r}")


@required_by(_GROUP, capability="watch")
async def a_place_of_another_log_is_one_gap_of_a_watch(store: Any) -> None:
    """From a place of another store a watch returns one gap, and then every commit."""
    await store.save(session("s"))
    for place in (LogPosition("another", 1), 9):
        watch = store.watch(after=place)
        gap = await _next(watch)
        assert isinstance(gap, CommitGap), f"no gap: {gap!r}"
        same(("other_store", 1, 1), (gap.reason, gap.first_missing, gap.first_available), "the gap")
        same(0, watch.position and watch.position.sequence, "its position at the gap")
        same([(1, "s", "save")], await _take(watch, 1), "and then")


@required_by(_GROUP, capability="watch")
async def a_cancelled_step_takes_nothing(store: Any) -> None:
    """After a step was cancelled, the next one returns the commit that it waited for."""
    watch = store.watch(after=0)
    for _ in range(3):
        waiting = await _waiting(watch)
        waiting.cancel()
        await asyncio.wait([waiting])
    await store.save(session("s"))
    for _ in range(3):  # cancelled while it reads
        step = asyncio.ensure_future(anext(watch))
        await asyncio.sleep(0)
        if not step.cancel():
            same(1, getattr(await step, "sequence", None), "the commit")
            return
        await asyncio.wait([step])
    same([(1, "s", "save")], await _take(watch, 1), "the commit")


@required_by(_GROUP, capability="watch")
async def every_watch_returns_every_commit(store: Any) -> None:
    """Several watches return the commits of several tasks, all of them and in one order."""

    async def saves(name: str) -> None:
        for number in range(10):
            await store.save(session(name, (f"{number}",)))

    async def watched() -> list[int]:
        return [one[0] for one in await _take(store.watch(after=0), 40)]

    watches = [asyncio.ensure_future(watched()) for _ in range(5)]
    await asyncio.gather(*map(saves, "abcd"))
    for found in await asyncio.gather(*watches):
        same([*range(1, 41)], found, "the sequences")


@required_by(_GROUP, capability="watch")
async def closing_ends_every_watch(store: Any) -> None:
    """Closing the store ends waiting watches and later steps; no new one begins."""
    await store.save(session("s"))
    watches = [store.watch(after=1), store.watch()]
    steps = [await _waiting(watch) for watch in watches]
    unused = store.watch(after=0)
    await store.close()
    for step in steps:
        async with asyncio.timeout(_LONG):
            await asyncio.wait([step])
        holds(isinstance(step.exception(), StopAsyncIteration), f"a waiting one: {step!r}")
    for watch in (*watches, unused):
        same([], [one async for one in watch], "a step after closing")
    await raises(StoreClosedError, "watch of a closed store", _call(store.watch))


@required_by(_GROUP, capability="watch")
async def a_watch_is_of_a_place_and_of_ids(store: Any) -> None:
    """Another value is an InvalidArgumentError that names the argument, at once."""
    arguments: tuple[dict[str, Any], ...] = (
        {"after": -1},
        {"after": "1"},
        {"after": True},
        {"subjects": "s"},
        {"subjects": iter(["s"])},
    )
    for wrong in arguments:
        error = await raises(InvalidArgumentError, f"watch({wrong})", _call(store.watch), **wrong)
        same([getattr(error, "argument", "")], [*wrong], "the argument")


def _call(function: Any) -> Any:
    async def call(**given: Any) -> Any:
        return function(**given)

    return call


@required_by(_GROUP, capability="watch", reopens=True)
async def commits_of_other_openings_are_watched(store: Any, maker: StoreMaker) -> None:
    """A watch returns the commits that others make at the same place."""
    if not store.capabilities().shared_by_processes:
        raise NotSupported("it is not shared")
    other: Any = await maker.open()
    watch = store.watch(after=0)
    for number in range(3):
        await other.save(session("s", (f"{number}",)))
        same([(number + 1, "s", "save")], await _take(watch, 1), "the commit of another")


@required_by(_GROUP, capability="append_only_event_log", reopens=True)
async def the_log_is_there_after_reopening(store: Any, maker: StoreMaker) -> None:
    """After reopening, the log is the same, and numbers go on; none is used twice."""
    for number in range(3):
        await store.save(session("s", (f"{number}",)))
    await store.delete("s")
    before = await store.commits()
    again: Any = await maker.reopen()
    after = await again.commits()
    same(before.entries, after.entries, "the entries")
    same(before.position, after.position, "the position")
    await again.save(session("s"))
    watch = again.watch(after=before.position)
    same([(5, "s", "save")], await _take(watch, 1), "the next commit")


@required_by(_GROUP, capability="append_only_event_log", reopens=True)
async def the_log_gives_every_session(store: Any, maker: StoreMaker) -> None:
    """Replaying the log gives the ids of all sessions and the generation of each."""
    for number in range(12):
        name = "abc"[number % 3]
        await store.save(session(name, (f"{number}",)))
        if number % 5 == 4:
            await store.delete(name)
        if number % 4 == 3:
            await store.save_trace_events(name, (trace_event(f"{number}"),))
    again: Any = await maker.reopen()
    replayed: dict[str, int] = {}
    for one in (await again.commits(limit=1000)).entries:
        if one.op == "delete":
            replayed.pop(one.subject)
        else:
            replayed[one.subject] = one.generation
    inventory = await again.inventory()
    ids = {*inventory.sessions, *inventory.collections_only}
    same(ids, {*replayed}, "the ids")
    generations = {i: await again.generation(i) for i in sorted(ids)}
    same(generations, dict(sorted(replayed.items())), "the generations")
