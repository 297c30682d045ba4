"""Execute requests to streams: plain functions of a connection, in a transaction of the caller.

No row of a session is touched, so the write states of sessions stay valid: all of it runs inside
`WriteTransaction.beside`.
"""

from __future__ import annotations

import sqlite3
from typing import Any, Final

import attrs

from a3s_store.backends.sqlite.read import streams as reading
from a3s_store.backends.sqlite.rows import (
    deleted_streams,
    session_header,
    stream_items,
    streams,
    unfinished,
)
from a3s_store.backends.sqlite.rows.stream_items import ItemRow
from a3s_store.backends.sqlite.rows.streams import StreamRow
from a3s_store.backends.sqlite.write.write_states import WriteTransaction
from a3s_store.core.base.generational import not_saved
from a3s_store.core.commit_log import CommitOp
from a3s_store.core.streams import planning
from a3s_store.core.streams.planning import StoredItem
from a3s_store.core.streams.requests import (
    Append,
    Copy,
    Delete,
    DeletePlaces,
    DeleteStreams,
    Finish,
    ItemQuery,
    Pop,
    Truncate,
    Write,
    logged_as,
)
from a3s_store.core.streams.values import Item, StreamAppended

# How many streams one transaction of `delete_streams` removes.
MOST_STREAMS: Final = 256
# A byte artifact with more chunks is removed in steps: 4 MiB.
MOST_CHUNKS: Final = 16


def leaves_rows(conn: sqlite3.Connection, request: Write) -> bool:
    """Return whether rows are left, after a request was executed, that steps have to remove."""
    may_leave = isinstance(request, DeleteStreams | Truncate) or (
        isinstance(request, Delete) and request.is_whole
    )
    return may_leave and unfinished.exists(conn)


def execute(
    conn: sqlite3.Connection, changes: WriteTransaction, request: Write, now_ms: int
) -> Any:
    """Execute a request; return what its class says.

    Raises:
        StaleItemError: a condition of the request does not hold.
        SessionNotFoundError: the session that a stream is to be tied to is not stored.
        CorruptRowError, EncodeError
    """
    with changes.beside():
        match request:
            case Append():
                return _append(conn, changes, request, now_ms)
            case Pop():
                return _pop(conn, changes, request, now_ms)
            case Delete():
                return _delete(conn, changes, request, now_ms)
            case Truncate():
                return _truncate(conn, changes, request, now_ms)
            case Copy():
                return _copy(conn, changes, request, now_ms)
            case DeleteStreams():
                return _delete_streams(conn, changes, request, now_ms)
            case Finish():
                return _finish(conn, changes, request, now_ms)
            case DeletePlaces():
                return _delete_places(conn, changes, request, now_ms)


def _append(
    conn: sqlite3.Connection, changes: WriteTransaction, request: Append, now_ms: int
) -> StreamAppended:
    owner_key = None
    if request.session_id is not None:
        owner_key = session_header.owner_of(conn, request.session_id)
        if owner_key is None:
            raise not_saved()
    row = streams.find(conn, request.name)
    state = None if row is None else row.state(streams.session_of(conn, row.owner_key))
    found: dict[str, ItemRow] = {}
    if row is not None:
        for item_id in {item.id for item in request.items if item.id is not None}:
            old = stream_items.by_id(conn, row.key, item_id)
            if old is not None:
                found[item_id] = old
    expired = [old for old in found.values() if _is_expired(old, now_ms)]
    stored = {
        item_id: StoredItem(old, old.columns[2], old.is_same)
        for item_id, old in found.items()
        if old not in expired
    }
    plan = planning.plan(request, state, stored, now_ms)
    if not plan.changes_stream:
        return plan.result
    stream_items.drop(conn, [(old.key, old.blob_key) for old in expired])
    row = row or streams.add(conn, request.name)
    for action in plan.actions:
        old = action.key
        stream_items.store(
            conn,
            row.key,
            old.seq if action.seq is None else action.seq,
            action.item,
            action.version,
            plan.at_ms,
            plan.expires_at_ms(action.item),
            compress=request.compress,
            replaces=old,
        )
    if owner_key is not None and owner_key != row.owner_key:
        row = row._replace(owner_key=owner_key)
        streams.tie(conn, row)
    metadata = row.metadata if request.metadata is None else request.metadata
    row = row._replace(next=plan.result.next, metadata=metadata)
    if not request.is_logged:
        streams.write(conn, row._replace(changed_at_ms=plan.at_ms))
        return plan.result
    sequence = _changed(conn, changes, row, "append" if plan.inserts else "update", now_ms)
    done = plan.result
    return StreamAppended(
        first=done.first,
        next=done.next,
        inserted=done.inserted,
        versions=done.versions,
        sequence=sequence,
    )


def _is_expired(row: ItemRow, now_ms: int) -> bool:
    expires_at_ms = row.columns[4]
    return expires_at_ms is not None and expires_at_ms <= now_ms


def _changed(
    conn: sqlite3.Connection,
    changes: WriteTransaction,
    row: StreamRow,
    op: CommitOp,
    now_ms: int,
) -> int:
    """Add a change of a stream to the commit log, and write its row; return the sequence."""
    at_ms = max(now_ms, row.changed_at_ms)
    sequence = changes.log_beside(conn, *logged_as(row.name), op, at_ms)
    streams.write(conn, row._replace(changed_at_ms=at_ms, sequence=sequence))
    return sequence


def _pop(
    conn: sqlite3.Connection, changes: WriteTransaction, request: Pop, now_ms: int
) -> Item | None:
    last = reading.items(conn, ItemQuery(name=request.name, last=1), now_ms)
    if not last:
        return None
    item = last[0].item()
    _remove(conn, changes, request.name, last, now_ms)
    return item


def _delete(
    conn: sqlite3.Connection, changes: WriteTransaction, request: Delete, now_ms: int
) -> int:
    if request.is_whole:
        row = streams.find(conn, request.name)
        if row is None:
            return 0
        count = streams.count(conn, row.key, now_ms)
        _remove_stream(conn, changes, row, now_ms)
        return count
    query = ItemQuery(
        name=request.name, id=request.id, id_prefix=request.id_prefix, labels=request.labels
    )
    found = reading.items(conn, query, now_ms, values=False)
    return _remove(conn, changes, request.name, found, now_ms)


def _truncate(
    conn: sqlite3.Connection, changes: WriteTransaction, request: Truncate, now_ms: int
) -> int:
    row = streams.find(conn, request.name)
    if request.expected_next is not None:
        planning.refuse_other("the next seq", request.expected_next, 0 if row is None else row.next)
    if row is None:
        return 0
    most = deleted_streams.ROWS
    count = streams.count(conn, row.key, now_ms, request.start)
    if count > most and stream_items.are_few_before(conn, row.key, request.start, most):
        _move_before(conn, changes, row, request.start, now_ms)
        return count
    query = ItemQuery(name=request.name, after=request.start - 1)
    found = reading.items(conn, query, now_ms, values=False)
    return _remove(conn, changes, request.name, found, now_ms)


def _move_before(
    conn: sqlite3.Connection, changes: WriteTransaction, row: StreamRow, start: int, now_ms: int
) -> None:
    """Move the few items before a `seq` to a new row of the stream, whose other items go in steps.

    The former row is that of a deleted stream.
    """
    deleted_streams.hide(conn, row)
    made = row._replace(key=streams.add(conn, row.name).key)
    streams.tie(conn, made)
    stream_items.move(conn, row.key, made.key, start)
    _changed(conn, changes, made, "delete", now_ms)


def _remove(
    conn: sqlite3.Connection,
    changes: WriteTransaction,
    name: str,
    items: list[ItemRow],
    now_ms: int,
) -> int:
    if not items:
        return 0
    row = streams.find(conn, name)
    assert row is not None, "it has items"
    stream_items.drop(conn, [(item.key, item.blob_key) for item in items])
    _changed(conn, changes, row, "delete", now_ms)
    return len(items)


def _copy(conn: sqlite3.Connection, changes: WriteTransaction, request: Copy, now_ms: int) -> None:
    taken = streams.find(conn, request.to)
    planning.refuse_taken(None if taken is None else taken.state(None))
    row = streams.find(conn, request.name)
    if row is None:
        return
    made = streams.add(conn, request.to)
    stream_items.copy(conn, row.key, made.key, now_ms)
    made = row._replace(key=made.key, name=made.name, owner_key=None)
    _changed(conn, changes, made, "fork", now_ms)


def _delete_streams(
    conn: sqlite3.Connection, changes: WriteTransaction, request: DeleteStreams, now_ms: int
) -> list[str]:
    """Remove the next streams; return their names."""
    found = [*streams.behind(conn, request.prefix, request.after, MOST_STREAMS)]
    for row in found:
        _remove_stream(conn, changes, row, now_ms)
    return [row.name for row in found]


def _remove_stream(
    conn: sqlite3.Connection, changes: WriteTransaction, row: StreamRow, now_ms: int
) -> None:
    deleted_streams.release(conn, row, changes.removal)
    at_ms = max(now_ms, row.changed_at_ms)
    changes.log_beside(conn, *logged_as(row.name), "delete", at_ms)


def _finish(
    conn: sqlite3.Connection, changes: WriteTransaction, request: Finish, now_ms: int
) -> int:
    name = request.append.name
    query = ItemQuery(name=name, id_prefix=request.id_prefix, order="id", last=1)
    last = reading.items(conn, query, now_ms)
    version = planning.next_version(last[0].id if last else None, request.expected_version)
    row = streams.find(conn, name)
    for seq in request.written:
        chunk = None if row is None else stream_items.without_value(conn, row.key, seq)
        if chunk is None or _is_expired(chunk, now_ms):
            raise planning.chunks_gone()
        stream_items.keep(conn, chunk)
    done = _append(conn, changes, request.append, now_ms)
    made = planning.manifest_item(
        request, version, (*request.written, *range(done.first, done.next))
    )
    manifest = attrs.evolve(request.append, items=(made,), is_logged=True)
    _append(conn, changes, manifest, now_ms)
    return version


def _delete_places(
    conn: sqlite3.Connection, changes: WriteTransaction, request: DeletePlaces, now_ms: int
) -> int:
    row = streams.find(conn, request.name)
    if row is None:
        return 0
    found = [stream_items.without_value(conn, row.key, seq) for seq in request.seqs]
    there = [one for one in found if one is not None and not _is_expired(one, now_ms)]
    if not there:
        return 0
    if len(there) <= MOST_CHUNKS:
        return _remove(conn, changes, request.name, there, now_ms)
    # Their chunks are removed in steps, as those of values that were never complete.
    for one in there:
        stream_items.expire(conn, one)
    _changed(conn, changes, row, "delete", now_ms)
    return len(there)
