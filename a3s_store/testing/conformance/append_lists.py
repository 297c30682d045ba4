"""Stores with `append`: values are added to collections, and events to runs."""

from __future__ import annotations

import itertools
from typing import Any

from a3s_store.core.collections import COLLECTIONS
from a3s_store.errors import (
    EncodeError,
    InvalidArgumentError,
    SessionNotFoundError,
    StaleGenerationError,
)
from a3s_store.models import RunEventRecord, RunRecord, TextDelta
from a3s_store.testing.conformance.expect import (
    contents,
    keeps,
    load_collection,
    raises,
    same,
    save_collection,
    unchanged,
)
from a3s_store.testing.conformance.suite import required_by
from a3s_store.testing.samples import items, run_record, session

_GROUP = "appends"
_EACH = tuple((collection.name, collection.name) for collection in COLLECTIONS)


async def _generation(store: Any) -> int:
    return await store.generation("s") if keeps(store, "generations") else 0


@required_by(_GROUP, capability="append", cases=_EACH)
async def values_are_added_to_a_collection(store: Any, collection: str) -> None:
    """append_X() saves what save_X() of the longer list would, and trims the oldest values."""
    if not keeps(store, "collections"):
        return
    append = getattr(store, f"append_{collection}")
    await append("s", ())
    same(None, await load_collection(store, collection, "s"), "nothing is added to nothing")
    await append("s", (), keep_last=2)
    same(None, await load_collection(store, collection, "s"), "nothing is kept of nothing")
    stored: tuple[Any, ...] = ()
    for names, keep_last in (
        (("1", "2"), None),
        (("3",), None),
        ((), 9),
        (("2", "5", "6"), 4),
        ((), 3),
        (("7",), 1),
        (("8", "9"), 0),
        (("1",), None),
        (("a", "b", "c", "d"), 2),
    ):
        added = items(collection, *names)
        number = await append("s", list(added), keep_last=keep_last)
        values = (*stored, *added)
        stored = values if keep_last is None else values[max(0, len(values) - keep_last) :]
        what = f"{names} with keep_last={keep_last}"
        same(stored, await load_collection(store, collection, "s"), what)
        same(await _generation(store), number, f"{what}: the generation")
    await store.save(session("s", ("a",)))
    await append("s", items(collection, "e"))
    stored += items(collection, "e")
    snapshot = await store.load_snapshot("s")
    same(stored, getattr(snapshot, collection), "in the snapshot")
    await save_collection(store, collection, "s", (*stored[1:], *items(collection, "f")))
    stored = (*stored[1:], *items(collection, "f"))
    same(stored, await load_collection(store, collection, "s"), "saved after appends")


@required_by(_GROUP, capability="append", cases=_EACH)
async def a_page_of_a_collection_is_a_slice(store: Any, collection: str) -> None:
    """X_page() returns what a slice of the whole collection has."""
    if not keeps(store, "collections"):
        return
    page_of = getattr(store, f"{collection}_page")
    same(None, await page_of("s"), "never saved")
    values = items(collection, *"abcdef")
    await save_collection(store, collection, "s", values)
    await getattr(store, f"append_{collection}")("s", items(collection, "g", "h"), keep_last=6)
    values = (*values, *items(collection, "g", "h"))[-6:]
    for start, stop in itertools.product((0, 2, 6, 9, -2), (None, 3, -1, 0, 9)):
        page = await page_of("s", start=start, stop=stop)
        same(values[start:stop], page.items, f"{start} to {stop}")
        first, end, _ = slice(start, stop).indices(6)
        same((first, max(first, end), 6), (page.start, page.stop, page.length), "its place")
        same(await _generation(store), page.generation, "its generation")
    for last in (0, 2, 7):
        same(values[max(0, 6 - last) :], (await page_of("s", last=last)).items, f"last {last}")
    await save_collection(store, collection, "s", ())
    same((), (await page_of("s", last=3)).items, "saved empty")


@required_by(_GROUP, capability="append")
async def a_refused_append_to_a_collection_writes_nothing(store: Any) -> None:
    """Wrong values and arguments, and a stale generation, leave the collection as it was."""
    if not keeps(store, "collections"):
        return
    await store.save_trace_events("s", items("trace_events", "1"))
    before = await contents(store, "s")
    (good,) = items("trace_events", "2")
    error: Any
    for bad in ((good, "text"), (good, good.evolve(name="\ud800"))):
        error = await raises(EncodeError, "a value", store.append_trace_events, "s", bad)
        same(True, error.path.startswith("trace_events[1]"), f"the path {error.path!r}")
    await raises(EncodeError, "no list", store.append_trace_events, "s", good)
    for keep in (-1, "1", 1.0):
        given = {"keep_last": keep}
        await raises(InvalidArgumentError, f"{given}", store.append_trace_events, "s", (), **given)
    if keeps(store, "generations"):
        given = {"expected_generation": 2}
        await raises(
            StaleGenerationError, "stale", store.append_trace_events, "s", (good,), **given
        )
        same(1, await store.generation("s"), "the generation")
        same(2, await store.append_trace_events("s", (good,), expected_generation=1), "right")
        await store.save_trace_events("s", items("trace_events", "1"))
    unchanged(before, await contents(store, "s"), "refused appends")


def _events(*sequences: int) -> tuple[RunEventRecord, ...]:
    return tuple(
        RunEventRecord(sequence=one, timestamp_ms=1000 + one, event=TextDelta(text=str(one)))
        for one in sequences
    )


@required_by(_GROUP, capability="append")
async def events_are_added_to_a_run(store: Any) -> None:
    """append_run_events() saves what save_run_records() with the longer run would."""
    if not keeps(store, "collections"):
        return
    add = store.append_run_events
    await raises(SessionNotFoundError, "no run", add, "s", "run-1", _events(0))
    error: Any
    given: dict[str, Any]
    runs: tuple[RunRecord, ...] = tuple(
        run.evolve(
            snapshot=run.snapshot.evolve(event_count=len(run.events), updated_at_ms=1001),
            events=_events(*range(len(run.events))),
        )
        for run in (run_record("1", 0), run_record("2", 3), run_record("3", 0))
    )
    await store.save_run_records("s", runs)
    await raises(SessionNotFoundError, "another run", add, "s", "run-4", _events(0))
    last = [-1, 2, -1]
    for index, count in ((0, 2), (1, 1), (0, 1), (2, 3), (1, 0)):
        run, first = runs[index], last[index] + 1
        added = _events(*range(first, first + count))
        for wrong in (first, first + 5, -2):
            error = await raises(
                StaleGenerationError,
                "stale",
                add,
                "s",
                run.snapshot.id,
                added,
                after_sequence=wrong,
            )
            same(last[index], error.current, "the sequence of the error")
        number = await add("s", run.snapshot.id, added, after_sequence=last[index])
        same(await _generation(store), number, "the generation")
        last[index] += count
        times = [run.snapshot.updated_at_ms, *(one.timestamp_ms for one in added)]
        changed = run.evolve(
            events=(*run.events, *added),
            snapshot=run.snapshot.evolve(
                event_count=run.snapshot.event_count + count, updated_at_ms=max(times)
            ),
        )
        runs = (*runs[:index], changed, *runs[index + 1 :])
        same(runs, await store.load_run_records("s"), f"{count} events more")
    await store.save(session("s"))
    await add("s", "run-2", [*_events(9)])
    loaded = await store.load_run_records("s")
    same(5, len(loaded[1].events), "without a condition")
    await store.save_run_records("s", (*loaded[1:], loaded[0]))
    same((*loaded[1:], loaded[0]), await store.load_run_records("s"), "saved after appends")
    unwritable = _events(2)[0].evolve(event=TextDelta(text="\ud800"))
    for bad in ("text", unwritable):
        error = await raises(EncodeError, "a value", add, "s", "run-1", (*_events(1), bad))
        same(True, error.path.startswith("events[1]"), f"the path {error.path!r}")
    for given in ({"after_sequence": "1"}, {"run_id": 5}):
        named = {"run_id": "run-1", "events": (), **given}
        await raises(InvalidArgumentError, f"{given}", add, "s", **named)


@required_by(_GROUP, capability="append")
async def events_of_a_run_are_read_in_pages(store: Any) -> None:
    """event_page() returns the next events and says which were dropped and whether more follow."""
    if not keeps(store, "collections"):
        return
    same(None, await store.event_page("s", "run-1"), "no session")
    run = run_record("1", 0)
    snapshot = run.snapshot.evolve(event_count=8)
    runs: tuple[RunRecord, ...] = (
        run_record("0", 3),
        run.evolve(events=_events(3, 4, 5, 6, 7), snapshot=snapshot),
        run_record("2", 0, event_count=4),
        run_record("3", 0, event_count=0),
    )
    await store.save_run_records("s", runs)
    same(None, await store.event_page("s", "run-9"), "no such run")
    for after, limit, sequences, gap, more in (
        (None, 100, (3, 4, 5, 6, 7), True, False),
        (None, 2, (3, 4), True, True),
        (1, 2, (3, 4), True, True),
        (2, 2, (3, 4), False, True),
        (4, 3, (5, 6, 7), False, False),
        (4, 2, (5, 6), False, True),
        (7, 5, (), False, False),
        (3, 0, (), False, True),
        (90, 5, (), False, False),
    ):
        page = await store.event_page("s", "run-1", after=after, limit=limit)
        what = f"after {after}, limit {limit}"
        same(_events(*sequences), page.events, what)
        expected = (3, 8, sequences[-1] if sequences else after, gap, more)
        found = (page.first_available, page.latest_exclusive, page.next_after)
        same(expected, (*found, page.retention_gap, page.has_more), what)
    for run_id, latest in (("run-2", 4), ("run-3", 0)):
        page = await store.event_page("s", run_id)
        dropped = (page.first_available, page.latest_exclusive, page.next_after)
        same((None, latest, None), dropped, f"{run_id}: no event is kept")
        same(latest > 0, page.retention_gap, f"{run_id}: events were dropped")
    page_of = store.event_page
    for given in ({"limit": -1}, {"limit": None}, {"after": "1"}):
        await raises(InvalidArgumentError, f"{given}", page_of, "s", "run-1", **given)
