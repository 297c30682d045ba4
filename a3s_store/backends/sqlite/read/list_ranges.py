"""Read some values of a collection, and some events of a run.

`fetch` functions are run inside a read transaction, `build` functions after it. Each value is
verified against the checksum of its row.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import Any, Final

import attrs

from a3s_store.backends.sqlite.read.run_rows import find_run
from a3s_store.backends.sqlite.rows import list_rows, session_header
from a3s_store.backends.sqlite.rows.list_rows import FetchedList
from a3s_store.core.base.appending import RangeOf
from a3s_store.core.base.appends import page_of_events
from a3s_store.core.checksums import check_values
from a3s_store.core.collections import RUN_RECORDS, Collection, TableLayout
from a3s_store.core.list_pages import ListPage, RunEventPage
from a3s_store.core.session_header import check
from a3s_store.errors import DecodeError
from a3s_store.models import RunEventRecord
from a3s_store.wire import decode_many

_EVENTS: Final = RUN_RECORDS.rows.lists["events"]


@attrs.frozen
class FetchedValues:
    """The rows of a page of a collection, and its place in the collection."""

    collection: Collection
    values: FetchedList
    start: int
    stop: int
    length: int
    generation: int


def fetch_values(
    conn: sqlite3.Connection, collection: Collection, session_id: str, range_of: RangeOf
) -> FetchedValues | None:
    """Fetch a page of a collection; None when it was never saved. Raises ValueError: damaged."""
    header = session_header.find(conn, session_id)
    if header is not None:
        check(header)
    digest = None if header is None else header.parts.get(collection.name)
    if header is None or digest is None:
        return None
    start, stop = range_of(digest.count)
    return FetchedValues(
        collection=collection,
        values=list_rows.fetch_range(
            conn,
            collection.name,
            collection.rows,
            "owner_key",
            header.key,
            digest.count,
            (start, stop),
        ),
        start=start,
        stop=stop,
        length=digest.count,
        generation=header.generation,
    )


def build_values(_: sqlite3.Connection, fetched: FetchedValues | None) -> ListPage[Any] | None:
    """Return the page of fetched rows. Raises ValueError and DecodeError: a row is damaged."""
    if fetched is None:
        return None
    collection = fetched.collection
    return ListPage(
        items=decoded(collection.name, collection.rows, fetched.values, fetched.start),
        start=fetched.start,
        stop=fetched.stop,
        length=fetched.length,
        generation=fetched.generation,
    )


def decoded(name: str, rows: TableLayout, values: FetchedList, start: int) -> tuple[Any, ...]:
    """Return fetched values of a list, of which the first is at `start`.

    Raises ValueError and DecodeError: one is damaged.
    """
    try:
        found: tuple[Any, ...] = decode_many(rows.model, values.trees)
    except DecodeError as error:
        error.model = name
        raise
    if not values.is_proven:
        # Rows of older releases have no checksum.
        check_values(name, found, rows, values.marks, start)
    return found


@attrs.frozen
class FetchedEvents:
    """The rows of some events of a run, and what is known of all of them."""

    values: FetchedList
    first: int | None
    event_count: int
    after: int | None
    limit: int


def fetch_events(
    conn: sqlite3.Connection, session_id: str, run_id: str, after: int | None, limit: int
) -> FetchedEvents | None:
    """Fetch events of a run; None when no such run is stored. Raises ValueError: damaged."""
    header = session_header.find(conn, session_id)
    if header is not None:
        check(header)
    run = None if header is None else find_run(conn, header, run_id)
    if run is None:
        return None
    found = list_rows.fetch_where(
        conn,
        "events",
        _EVENTS,
        run.parent,
        run.key,
        "(sequence > ? OR sequence IS NULL)",
        (*_within(-1 if after is None else after, limit + 1),),
    )
    oldest: tuple[RunEventRecord, ...] = ()
    count = run.events.count
    if count:
        one = list_rows.fetch_range(conn, "events", _EVENTS, run.parent, run.key, count, (0, 1))
        oldest = decoded("events", _EVENTS, one, 0)
    return FetchedEvents(
        values=found,
        first=oldest[0].sequence if oldest else None,
        event_count=run.record.snapshot.event_count,
        after=after,
        limit=limit,
    )


def _within(*numbers: int) -> Iterator[int]:
    """Yield the numbers, those beyond 64 bits as the nearest within."""
    return (max(-(2**63), min(number, 2**63 - 1)) for number in numbers)


def build_events(_: sqlite3.Connection, fetched: FetchedEvents | None) -> RunEventPage | None:
    """Return the page of fetched events. Raises ValueError and DecodeError: a row is damaged."""
    if fetched is None:
        return None
    after = fetched.after
    found: tuple[RunEventRecord, ...] = decoded("events", _EVENTS, fetched.values, 0)
    if after is not None:
        # A sequence that its column cannot have is in another one.
        found = tuple(one for one in found if one.sequence > after)
    return page_of_events(found, fetched.first, fetched.event_count, after, fetched.limit)
