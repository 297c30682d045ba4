"""Stores with `commit_log` (`CommitLogStore`): an entry for each change, in order of commits."""

from __future__ import annotations

import asyncio
from typing import Any

from a3s_store.core.commit_log import Commit, CommitPage, LogPosition
from a3s_store.errors import InvalidArgumentError, StaleGenerationError
from a3s_store.testing.conformance.expect import raises, same
from a3s_store.testing.conformance.suite import NotSupported, required_by
from a3s_store.testing.samples import loop_checkpoint, session, small_snapshot, trace_event

_GROUP = "commit log"


async def _entries(store: Any) -> tuple[Commit, ...]:
    page: CommitPage = await store.commits(limit=1000)
    return page.entries


@required_by(_GROUP, capability="commit_log")
async def each_change_of_a_session_is_one_entry(store: Any) -> None:
    """Every save, checkpoint and deletion adds one entry, with its generation and digest."""
    same((0, ()), (await store.latest_sequence(), await _entries(store)), "an empty store")
    await store.save(session("s", ("a",)))
    first = (await store.load_snapshot("s")).digest()
    await store.save_trace_events("s", (trace_event("1"),))
    second = (await store.load_snapshot("s")).digest()
    await store.save_loop_checkpoint("run-1", loop_checkpoint("run-1", "s"))
    await store.save_snapshot(small_snapshot("t", "b"))
    third = (await store.load_snapshot("t")).digest()
    await store.delete("s")
    entries = await _entries(store)
    same(
        [
            (1, "s", "save", 1, first),
            (2, "s", "save", 2, second),
            (3, "s", "checkpoint", 2, second),
            (4, "t", "save", 1, third),
            (5, "s", "delete", 3, None),
        ],
        [(one.sequence, one.subject, one.op, one.generation, one.digest) for one in entries],
        "the entries",
    )
    same({"session"}, {one.kind for one in entries}, "their kinds")
    same(5, await store.latest_sequence(), "the newest one")


@required_by(_GROUP, capability="commit_log")
async def what_changes_nothing_has_no_entry(store: Any) -> None:
    """A refused save, a deletion of nothing, and reads have no entry."""
    await store.delete("s")
    await store.delete_loop_checkpoint("run-1")
    await store.save(session("s", ("a",)))
    await store.load("s")
    if store.capabilities().generations:
        await raises(
            StaleGenerationError,
            "a save of another generation",
            store.save,
            session("s"),
            expected_generation=7,
        )
    same(1, len(await _entries(store)), "entries")


@required_by(_GROUP, capability="commit_log")
async def forks_and_rewinds_say_what_they_are(store: Any) -> None:
    """The entries of fork() and rewind() name them and their session."""
    if not store.capabilities().generations:
        raise NotSupported("it has no generations")
    await store.save(session("s", ("a", "b")))
    await store.fork("s", "t")
    await store.rewind("s", 1)
    found = [(one.subject, one.op, one.generation) for one in await _entries(store)]
    same([("s", "save", 1), ("t", "fork", 1), ("s", "rewind", 2)], found, "the entries")


@required_by(_GROUP, capability="commit_log")
async def the_log_is_read_in_pages(store: Any) -> None:
    """Pages follow each other, of all subjects or of some; a page says whether more follow."""
    for number in range(7):
        await store.save(session(f"s{number % 2}", (f"{number}",)))
    found: list[int] = []
    page = await store.commits(limit=3)
    while True:
        same(None, page.gap, "a gap")
        same((1, 7), (page.first_available, page.latest), "the first and the last one")
        found += [one.sequence for one in page.entries]
        if not page.has_more:
            break
        page = await store.commits(after=page.position, limit=3)
    same([*range(1, 8)], found, "the sequences")
    same(7, page.next_after, "where to go on")
    of_one = await store.commits(after=1, subjects=["s1"], limit=2)
    same([2, 4], [one.sequence for one in of_one.entries], "those of one session")
    same((True, 4), (of_one.has_more, of_one.next_after), "and there are more")
    none = await store.commits(subjects=["unknown"])
    same(((), 7), (none.entries, none.next_after), "those of an unknown id")


@required_by(_GROUP, capability="commit_log")
async def a_place_of_another_log_is_a_gap(store: Any) -> None:
    """From a place of another store, or beyond the end, the page says so and begins anew."""
    await store.save(session("s"))
    for place in (LogPosition("another", 1), LogPosition("another", 9), 9):
        page = await store.commits(after=place)
        same(("other_store", 1), (page.gap, len(page.entries)), f"after {place!r}")
    arguments: tuple[dict[str, Any], ...] = (
        {"after": -1},
        {"after": "1"},
        {"limit": 0},
        {"limit": 1001},
        {"subjects": "s"},
        {"subjects": 5},
        {"subjects": iter(["s"])},
        {"subjects": ["\ud800"]},
    )
    for wrong in arguments:
        await raises(InvalidArgumentError, f"commits({wrong})", store.commits, **wrong)


@required_by(_GROUP, capability="commit_log")
async def simultaneous_saves_have_numbers_without_gaps(store: Any) -> None:
    """Saves of many tasks get sequences without gaps, those of a session in order."""
    ids = [f"s{number}" for number in range(8)]

    async def saves(session_id: str) -> None:
        for number in range(4):
            await store.save(session(session_id, (f"{number}",)))

    await asyncio.gather(*map(saves, ids))
    entries = await _entries(store)
    same([*range(1, 33)], [one.sequence for one in entries], "the sequences")
    for session_id in ids:
        found = [one.generation for one in entries if one.subject == session_id]
        same([1, 2, 3, 4], found, f"the generations of {session_id}")
