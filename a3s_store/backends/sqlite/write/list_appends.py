"""Add values to a collection and events to a run, reading only the values that go.

Plain functions of a connection, each inside a transaction that its caller opened.
"""

from __future__ import annotations

import sqlite3
from typing import Final

from a3s_store.backends.sqlite.read import list_ranges
from a3s_store.backends.sqlite.read.run_rows import StoredRun, find_run
from a3s_store.backends.sqlite.rows import list_rows, session_header
from a3s_store.backends.sqlite.write import session_writer
from a3s_store.backends.sqlite.write.write_states import WriteTransaction
from a3s_store.core.base.appends import no_run, with_events
from a3s_store.core.base.generational import refuse_other
from a3s_store.core.batch import Batch
from a3s_store.core.collections import RUN_RECORDS, Collection
from a3s_store.core.columns import shape
from a3s_store.core.digests import EMPTY_LIST, ListDigest, digest_with, item_digest
from a3s_store.core.list_plan import ListPlan, Place, PlannedRow, new_rows
from a3s_store.core.session_header import SessionHeader
from a3s_store.models import RunEventRecord, RunRecord
from a3s_store.wire import encode, encode_without

_RUNS: Final = RUN_RECORDS.rows
_EVENTS: Final = _RUNS.lists["events"]
_LISTS: Final = frozenset(_RUNS.lists)


def append_values(
    conn: sqlite3.Connection,
    changes: WriteTransaction,
    collection: Collection,
    batch: Batch,
    keep_last: int | None,
    now_ms: int,
) -> int:
    """Add the values of a batch to a collection; see `AppendMethods._append_values`.

    Raises:
        StaleGenerationError: the session is not at `batch.expected_generation`.
        EncodeError: a value breaks its rules.
    """
    values = batch.collections[collection] or ()
    added = new_rows(collection.rows, Place("", collection.name), values, 0)
    before = changes.header(conn, batch.session_id)
    generation = 0 if before is None else before.generation
    refuse_other(batch.expected_generation, generation)
    stored = None if before is None else before.parts.get(collection.name)
    length = (EMPTY_LIST if stored is None else stored).count
    excess = 0 if keep_last is None else max(0, length + len(added) - keep_last)
    if not added and not (stored is not None and excess):
        return generation
    dropped = min(excess, length)
    digests = [] if before is None else _first_digests(conn, collection, before, dropped)
    plan = plan_append(stored or EMPTY_LIST, added[excess - dropped :], digests)
    if plan.digest == stored:
        return generation
    if before is None:
        before = session_header.add_owner(conn, batch.session_id)
    session_writer.write_list(conn, changes, collection.rows, before.key, plan)
    parts = before.parts.changed({collection.name: plan.digest})
    return session_writer.write_parts(
        conn, changes, batch.session_id, before, parts, "save", now_ms
    ).header.generation


def plan_append(stored: ListDigest, added: list[PlannedRow], dropped: list[bytes]) -> ListPlan:
    """Return what to write so that values follow a list without its first ones: a pure function.

    `dropped` has the digests of those.
    """
    kept = stored.count - len(dropped)
    digest = stored.without_first(dropped) if kept else EMPTY_LIST
    return ListPlan(
        digest=digest.appended([row.digest for row in added]),
        drop_front=len(dropped),
        keep=kept,
        added=added,
    )


def _first_digests(
    conn: sqlite3.Connection, collection: Collection, header: SessionHeader, count: int
) -> list[bytes]:
    """Return the digests of the first values of a collection, which are read."""
    if not count:
        return []
    digest = header.parts[collection.name]
    fetched = list_rows.fetch_range(
        conn, collection.name, collection.rows, "owner_key", header.key, digest.count, (0, count)
    )
    values = list_ranges.decoded(collection.name, collection.rows, fetched, 0)
    return [item_digest(encode(value), collection.rows) for value in values]


def append_events(
    conn: sqlite3.Connection,
    changes: WriteTransaction,
    session_id: str,
    run_id: str,
    events: tuple[RunEventRecord, ...],
    after_sequence: int | None,
    now_ms: int,
) -> int:
    """Add events to a run; see `AppendMethods._append_events`.

    Raises:
        SessionNotFoundError, StaleGenerationError: nothing was written.
        EncodeError: an event breaks its rules.
    """
    added = new_rows(_EVENTS, Place("", "events"), events, 0)
    before = changes.header(conn, session_id)
    run = None if before is None else find_run(conn, before, run_id)
    if before is None or run is None:
        raise no_run()
    last = _last_event(conn, run)
    changed = with_events(run.record.evolve(events=last), events, after_sequence, before.generation)
    if not events:
        return before.generation
    digest = before.parts[RUN_RECORDS.name]
    plan = plan_events(run, changed, digest, added)
    session_writer.write_list(conn, changes, _RUNS, before.key, plan)
    parts = before.parts.changed({RUN_RECORDS.name: plan.digest})
    return session_writer.write_parts(
        conn, changes, session_id, before, parts, "save", now_ms
    ).header.generation


def _last_event(conn: sqlite3.Connection, run: StoredRun) -> tuple[RunEventRecord, ...]:
    count = run.events.count
    place = max(0, count - 1), count
    fetched = list_rows.fetch_range(conn, "events", _EVENTS, run.parent, run.key, count, place)
    return list_ranges.decoded("events", _EVENTS, fetched, place[0])


def plan_events(
    run: StoredRun, changed: RunRecord, runs: ListDigest, added: list[PlannedRow]
) -> ListPlan:
    """Return what to write so that a stored run has more events: a pure function.

    `changed` has the new snapshot; its events are not looked at. `runs` is the digest of all runs.
    """
    tree = encode_without(changed, _LISTS)
    events = ListPlan(
        digest=run.events.appended([row.digest for row in added]),
        keep=run.events.count,
        added=added,
    )
    digest = digest_with(tree, {"events": events.digest})
    row = PlannedRow(shape(_RUNS).row(tree), digest, (events,))
    return ListPlan(
        digest=runs.replaced(run.position, run.digest, digest),
        keep=runs.count,
        replace=[(run.position, row)],
    )
