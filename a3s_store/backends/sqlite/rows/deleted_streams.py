"""Deleted streams: their names go at once, their items in steps, between which others save.

The first transaction removes as many items as one step does. If some are left, the stream gets a
name that begins with two NULs, as no other does, and loses metadata and session: nothing finds it,
and a new stream may have its former name. Later transactions remove its items, and the row of the
stream last. After a crash a later writer goes on (`unfinished.exists`). Items that expired are
removed with the same bounds (`expiry`).

Plain functions of a connection, each inside a transaction that its caller opened.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from typing import Any, Final

from a3s_store.backends.sqlite.rows import stream_items, streams, unfinished
from a3s_store.backends.sqlite.rows.streams import StreamRow
from a3s_store.backends.sqlite.rows.unfinished import DELETED_STREAMS
from a3s_store.core.corruption import CorruptRowError

# The most rows that one transaction removes, of items and of their labels, and the most bytes of
# their values. A larger value is removed by itself.
ROWS: Final = 256
BYTES: Final = 4 << 20
# Item, blob, bytes of the value, labels. Nothing is read of a value, not even of a large one.
_ITEMS: Final = (
    "SELECT i.item_key, i.blob_key, "
    "coalesce(length(b.data), 0) + coalesce(length(i.json), 0) + coalesce(length(i.bytes), 0), "
    "(SELECT count(*) FROM stream_item_label AS l WHERE l.item_key = i.item_key) "
    "FROM stream_item AS i LEFT JOIN blob AS b USING (blob_key) WHERE "
)


class Budget:
    """How much one transaction may still remove."""

    def __init__(self) -> None:
        self.rows = ROWS
        self.bytes = BYTES

    def takes(self, rows: int, size: int) -> bool:
        """Return whether so much may be removed, and note it; the first item always may."""
        if self.rows < ROWS and (rows > self.rows or size > self.bytes):
            return False
        self.rows -= rows
        self.bytes -= size
        return True


def release(conn: sqlite3.Connection, stream: StreamRow, budget: Budget) -> None:
    """Remove a stream, or take its name away and leave items to `step`."""
    if remove_items(conn, "i.stream_key = :key ORDER BY i.seq", {"key": stream.key}, budget):
        hide(conn, stream)
    else:
        streams.remove(conn, stream.key)


def hide(conn: sqlite3.Connection, stream: StreamRow) -> None:
    """Take the name of a stream away, and leave its items to `step`."""
    streams.rename(conn, stream, f"{DELETED_STREAMS}{stream.key}")


def step(conn: sqlite3.Connection) -> bool:
    """Remove some rows that deletions of sessions and streams have left.

    Returns whether there are more.
    """
    if unfinished.step(conn):
        return True
    return _step(conn, Budget())


def finish(conn: sqlite3.Connection) -> None:
    """Remove all rows that are left, in this one transaction; saves in progress begin again."""
    unfinished.finish(conn)
    while _step(conn, Budget()):
        pass


def _step(conn: sqlite3.Connection, budget: Budget) -> bool:
    while (found := unfinished.deleted_stream(conn)) is not None:
        if remove_items(conn, "i.stream_key = :key ORDER BY i.seq", {"key": found}, budget):
            return True
        if not streams.remove(conn, found):
            # The index of names is damaged, which `verify` reports: it would be found for ever.
            return False
    return False


def remove_items(
    conn: sqlite3.Connection, where: str, given: Mapping[str, Any], budget: Budget
) -> bool:
    """Remove items that an SQL condition on `stream_item AS i` chooses; return whether some stay.

    Blobs go with the last item that has them. Raises CorruptRowError where nothing is removed.
    """
    found = conn.execute(f"{_ITEMS} {where} LIMIT :most", {**given, "most": ROWS + 1}).fetchall()
    chosen: list[tuple[int, int | None]] = []
    for key, blob_key, size, labels in found:
        if len(chosen) == ROWS or not budget.takes(1 + labels, size):
            break
        chosen.append((key, blob_key))
    before = conn.total_changes
    stream_items.drop(conn, chosen)
    if chosen and conn.total_changes == before:
        raise CorruptRowError("items cannot be removed", stream_items.PART)
    return len(chosen) < len(found)
