"""Execute requests to streams on the engine of a `SqliteSessionStore`.

Requests that remove much take several transactions, between which others save. Imported with the
first call of a stream.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from a3s_store.backends.sqlite import read, rows, write
from a3s_store.backends.sqlite.store_base import SqliteStoreBase, stream_lane
from a3s_store.core.streams import requests
from a3s_store.core.streams.requests import DeletePlaces, DeleteStreams

if TYPE_CHECKING:
    from a3s_store.backends.sqlite.connection.work_connection import WorkConnection
    from a3s_store.backends.sqlite.write.write_states import WriteTransaction
    from a3s_store.core.job_queue import Lane
    from a3s_store.core.streams.requests import Read, Write


async def execute_read(store: SqliteStoreBase, op: str, name: str, query: Read) -> Any:
    """Return what a query asks for, read at one moment."""

    def fetch(conn: WorkConnection) -> Any:
        return read.streams.read(conn, query, store._now_ms())

    where = store._where(name, "stream")
    return await store._engine.read(op, where, fetch, read.decode.as_is)


async def execute_write(store: SqliteStoreBase, op: str, name: str, request: Write) -> Any:
    """Execute a request; return what its class says, once everything is removed."""
    where = store._where(name, "stream")
    if isinstance(request, DeleteStreams):
        return await _delete_streams(store, op, where, request)
    names = requests.names_of(request)
    lane: Lane = frozenset(map(stream_lane, names)) if len(names) > 1 else stream_lane(names[0])
    done, is_left = await _execute(store, op, where, request, lane)
    if requests.expires(request):
        store._note_expiry()
    if is_left:
        await store._remove_rest(op, where)
    if isinstance(request, DeletePlaces) and len(request.seqs) > write.streams.MOST_CHUNKS:
        await _remove_expired(store, op, where)
    return done


async def _execute(
    store: SqliteStoreBase, op: str, where: str, request: Write, lane: Lane
) -> tuple[Any, bool]:
    """Execute a request in one transaction; return its result, and whether rows are left."""
    execute, leaves_rows = write.streams.execute, write.streams.leaves_rows

    def apply(conn: WorkConnection, changes: WriteTransaction) -> tuple[Any, bool]:
        done = execute(conn, changes, request, store._now_ms())
        is_left = leaves_rows(conn, request)
        if is_left:
            # In case this caller does not wait for the rest.
            store._engine.writing.has_unfinished = True
        return done, is_left

    return await store._engine.write(op, where, apply, lane)


async def _delete_streams(
    store: SqliteStoreBase, op: str, where: str, request: DeleteStreams
) -> int:
    """Delete streams in several transactions; each takes the names of some of them away."""
    if request.dry_run:
        return await store._engine.read(
            op, where, lambda conn: len(rows.streams.named(conn, request.prefix)), read.decode.as_is
        )
    count = 0
    while True:
        # Without a lane: it comes behind all changes of streams that were asked for before.
        names, is_left = await _execute(store, op, where, request, None)
        count += len(names)
        if len(names) < write.streams.MOST_STREAMS:
            break
        request = attrs.evolve(request, after=names[-1])
    if is_left:
        await store._remove_rest(op, where)
    return count


async def _remove_expired(store: SqliteStoreBase, op: str, where: str) -> None:
    """Remove items that have expired. If it is interrupted, an idle writer goes on."""
    step = rows.expiry.step

    def remove(conn: WorkConnection, changes: WriteTransaction) -> bool:
        with changes.beside():
            return step(conn, store._now_ms())

    store._note_expiry()
    while await store._engine.write(op, where, remove, "delete\0"):
        pass
