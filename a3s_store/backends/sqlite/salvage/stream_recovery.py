"""Read streams out of recovered rows, and write them into a new store as they were.

Plain functions of a connection that no one else uses meanwhile.
"""

from __future__ import annotations

import sqlite3
from typing import Final

import attrs

from a3s_store.backends.sqlite.maintenance.row_checks import RowChecker
from a3s_store.backends.sqlite.rows import session_header, stream_items, streams, unfinished
from a3s_store.backends.sqlite.rows.stream_items import PART, ItemRow
from a3s_store.backends.sqlite.write.write_states import WriteTransaction
from a3s_store.core.reports import Damage
from a3s_store.core.streams.requests import Body, EncodedItem

# In place of a name that is lost.
_LOST: Final = "recovered-"


@attrs.frozen(kw_only=True)
class RecoveredStream:
    """The items of a stream that verify, with its row, or what is known without it."""

    name: str
    session_id: str | None
    next: int
    changed_at_ms: int
    metadata: str | None
    items: tuple[tuple[ItemRow, Body], ...]
    damage: tuple[Damage, ...]


def keys(conn: sqlite3.Connection) -> tuple[int, ...]:
    """Return the keys of all streams that have any row, deleted ones excepted."""
    found = conn.execute(
        "SELECT stream_key FROM stream UNION SELECT stream_key FROM stream_item "
        f"EXCEPT SELECT stream_key FROM stream WHERE {unfinished.IS_DELETED} ORDER BY 1",
        unfinished.DELETED_NAMES,
    ).fetchall()
    return tuple(row[0] for row in found)


def recovered(conn: sqlite3.Connection, stream_key: int) -> RecoveredStream:
    """Return what verifies of a stream."""
    row = conn.execute("SELECT name FROM stream WHERE stream_key = ?", (stream_key,)).fetchone()
    name = row[0] if row is not None else f"{_LOST}{stream_key}"
    checker = RowChecker(conn, key=name)
    stream = checker.stream(stream_key)
    if stream is None:
        name = f"{_LOST}{stream_key}"
        checker.note(PART, f"the row of a stream is lost; its items are in {name!r}")
    items = tuple(checker.stream_items(stream_key, by_labels=False))
    end = max((item.seq + 1 for item, _ in items), default=0)
    return RecoveredStream(
        name=name,
        session_id=None if stream is None else streams.session_of(conn, stream.owner_key),
        next=end if stream is None else max(end, stream.next),
        changed_at_ms=0 if stream is None else stream.changed_at_ms,
        metadata=None if stream is None else stream.metadata,
        items=items,
        damage=tuple(checker.damage),
    )


def restore(
    conn: sqlite3.Connection, changes: WriteTransaction, stream: RecoveredStream, now_ms: int
) -> None:
    """Write a stream into a new store, inside a transaction of the caller.

    It is tied to its session if that was recovered. Raises EncodeError.
    """
    with changes.beside():
        made = streams.add(conn, stream.name)
        for row, body in stream.items:
            _, item_id, version, at_ms, expires_at_ms, _, metadata, _, _, _ = row.columns
            item = EncodedItem(
                id=item_id,
                body=body,
                labels=tuple(row.labels().items()),
                metadata=metadata,
                ttl_ms=None,
            )
            stream_items.store(
                conn,
                made.key,
                row.seq,
                item,
                version,
                at_ms,
                expires_at_ms,
                compress=row.blob[2] == "zlib",
            )
        tie = stream.session_id
        made = made._replace(
            next=stream.next,
            metadata=stream.metadata,
            owner_key=None if tie is None else session_header.owner_of(conn, tie),
            changed_at_ms=stream.changed_at_ms,
            sequence=changes.log_beside(conn, "stream", stream.name, "append", now_ms),
        )
        streams.tie(conn, made)
        streams.write(conn, made)
