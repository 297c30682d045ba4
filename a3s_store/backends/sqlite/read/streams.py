"""Read streams and their items: plain functions of a connection, in a transaction of the caller."""

from __future__ import annotations

import sqlite3
from typing import Any

from a3s_store.backends.sqlite.format import file_link
from a3s_store.backends.sqlite.rows import stream_items, streams
from a3s_store.backends.sqlite.rows.stream_items import ItemRow
from a3s_store.backends.sqlite.rows.streams import StreamRow
from a3s_store.core.listing.values import Page
from a3s_store.core.streams import paging
from a3s_store.core.streams.requests import (
    InfoQuery,
    ItemQuery,
    LabelQuery,
    Read,
    StreamQuery,
    after_prefix,
)
from a3s_store.core.streams.values import Item, StreamInfo
from a3s_store.wire import parse_own


def read(conn: sqlite3.Connection, query: Read, now_ms: int) -> Any:
    """Return what a query asks for. Raises CorruptRowError, InvalidCursorError."""
    match query:
        case ItemQuery():
            return tuple(row.item() for row in items(conn, query, now_ms))
        case InfoQuery():
            return _info_and_last(conn, query, now_ms)
        case StreamQuery():
            return _page(conn, query, now_ms)
        case LabelQuery():
            return _labelled(conn, query, now_ms)


def items(
    conn: sqlite3.Connection, query: ItemQuery, now_ms: int, *, values: bool = True
) -> list[ItemRow]:
    """Return the rows of a query, in order; without `values`, their `body` must not be called.

    Raises CorruptRowError.
    """
    row = conn.execute("SELECT stream_key FROM stream WHERE name = ?", (query.name,)).fetchone()
    if row is None:
        return []
    most = query.limit if query.last is None else query.last
    found = conn.execute(
        statement(query, stream_items.SELECT if values else stream_items.SELECT_ROWS),
        {**stream_items.parameters(query, row[0], now_ms), "most": -1 if most is None else most},
    ).fetchall()
    if query.last is not None:
        found.reverse()
    return [stream_items.checked(one) for one in found]


def statement(query: ItemQuery, select: str = stream_items.SELECT) -> str:
    """Return the SELECT of a query; with `last`, the last rows come first."""
    found = f"{select} WHERE {stream_items.conditions(query)} "
    if query.id is None:  # of an id there is one row
        direction = "ASC" if query.last is None else "DESC"
        found += f"ORDER BY {'i.item_id' if query.order == 'id' else 'i.seq'} {direction} "
    return found + "LIMIT :most"


def info(conn: sqlite3.Connection, row: StreamRow, now_ms: int) -> StreamInfo:
    """Return what is known of a stream."""
    return StreamInfo(
        name=row.name,
        count=streams.count(conn, row.key, now_ms),
        next=row.next,
        changed_at_ms=row.changed_at_ms,
        sequence=row.sequence,
        metadata=None if row.metadata is None else parse_own(row.metadata),
        session_id=streams.session_of(conn, row.owner_key),
    )


def _info_and_last(
    conn: sqlite3.Connection, query: InfoQuery, now_ms: int
) -> tuple[StreamInfo | None, tuple[Item, ...]]:
    row = streams.find(conn, query.name)
    if row is None:
        return None, ()
    last = ItemQuery(name=query.name, last=query.last)
    found = items(conn, last, now_ms) if query.last else []
    return info(conn, row, now_ms), tuple(one.item() for one in found)


def _page(conn: sqlite3.Connection, query: StreamQuery, now_ms: int) -> Page[StreamInfo]:
    store_id = file_link.read(conn).file_id.hex()
    place = paging.start(query, store_id)
    after = None if place is None else place[0]
    rows = streams.behind(conn, query.prefix, after, query.limit + 1)
    return paging.streams(query, [info(conn, row, now_ms) for row in rows], store_id)


def _labelled(conn: sqlite3.Connection, query: LabelQuery, now_ms: int) -> Page[tuple[str, Item]]:
    store_id = file_link.read(conn).file_id.hex()
    place = paging.start(query, store_id)
    end = after_prefix(query.prefix)
    where = [
        stream_items.THERE,
        *stream_items.label_conditions(query.labels),
        "s.name >= max(:prefix, '\x01')",
    ]
    if end is not None:
        where.append("s.name < :end")
    if place is not None:
        where.append("(s.name, i.seq) > (:after_name, :after_seq)")
    name, seq = (None, None) if place is None else place
    found = conn.execute(
        stream_items.SELECT.replace("SELECT ", "SELECT s.name, ", 1)
        + "JOIN stream AS s ON s.stream_key = i.stream_key "
        + f"WHERE {' AND '.join(where)} ORDER BY s.name, i.seq LIMIT :most",
        {
            **stream_items.label_parameters(query.labels),
            "now": now_ms,
            "prefix": query.prefix,
            "end": end,
            "after_name": name,
            "after_seq": seq,
            "most": query.limit + 1,
        },
    ).fetchall()
    made = [(row[0], stream_items.checked(row[1:]).item()) for row in found]
    return paging.items(query, made, store_id)
