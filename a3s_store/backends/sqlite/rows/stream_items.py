"""Rows of the items of streams: SQL, checksums, and values.

Plain functions of a connection, each inside a transaction that its caller opened.

Invariants: 1. a row is verified against its checksum before its value is used, a value in a blob
against its hash; 2. an expired item is read only to be removed or replaced; 3. the labels of an
item are in its row, and once more in `stream_item_label`, from which items are found.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import Any, Final, NamedTuple

import orjson

from a3s_store.backends.sqlite.rows import blobs
from a3s_store.core.checksums import list_row_checksum
from a3s_store.core.corruption import NOT_WRITTEN, CorruptRowError
from a3s_store.core.streams.requests import Body, EncodedItem, ItemQuery, Labels, after_prefix
from a3s_store.core.streams.values import Item
from a3s_store.wire import parse_own
from a3s_store.wire.values import frozen_dict

PART: Final = "streams"
# Values of so many bytes lie in a blob.
IN_BLOB: Final = 4096

# The columns of an item in the order in which its checksum is made of them, then its stream's key.
_CHECKED: Final = (
    "seq, item_id, version, at_ms, expires_at_ms, labels, metadata, blob_key, json, bytes"
)
_INSERT: Final = (
    f"INSERT INTO stream_item (stream_key, row_checksum, {_CHECKED}) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
# A new value under an id, which keeps its `seq`. SQLite writes each index of a column that is named
# here, even with the same value: the second statement is for rows without expiry and blob.
_UPDATE: Final = (
    "UPDATE stream_item SET row_checksum = ?, version = ?, at_ms = ?, labels = ?, metadata = ?, "
    "json = ?, bytes = ?, expires_at_ms = ?, blob_key = ? WHERE item_key = ?"
)
_UPDATE_VALUE: Final = (
    "UPDATE stream_item SET row_checksum = ?, version = ?, at_ms = ?, labels = ?, metadata = ?, "
    "json = ?, bytes = ? WHERE item_key = ?"
)
_LABEL: Final = "INSERT INTO stream_item_label (key, value, item_key) VALUES (?, ?, ?)"
SELECT: Final = (
    "SELECT i.item_key, i.stream_key, i.row_checksum, "
    + ", ".join(f"i.{name}" for name in _CHECKED.split(", "))
    + ", b.hash, b.size_bytes, b.encoding, b.data "
    "FROM stream_item AS i LEFT JOIN blob AS b USING (blob_key) "
)
# The same without the values that lie in blobs, which need not be read to remove an item.
SELECT_ROWS: Final = (
    "SELECT i.item_key, i.stream_key, i.row_checksum, "
    + ", ".join(f"i.{name}" for name in _CHECKED.split(", "))
    + ", NULL, NULL, NULL, NULL FROM stream_item AS i "
)
THERE: Final = "(i.expires_at_ms IS NULL OR i.expires_at_ms > :now)"


class ItemRow(NamedTuple):
    """A verified row of an item; the value is verified, and decoded, by `item`."""

    key: int
    stream_key: int
    columns: tuple[Any, ...]
    blob: tuple[Any, ...]

    @property
    def seq(self) -> int:
        """Its place."""
        return int(self.columns[0])

    @property
    def id(self) -> str | None:
        """Its id."""
        found: str | None = self.columns[1]
        return found

    @property
    def blob_key(self) -> int | None:
        """The key of the blob with its value."""
        found: int | None = self.columns[7]
        return found

    def labels(self) -> dict[str, str]:
        """Return its labels, in the order of their keys. Raises ValueError for damage."""
        text = self.columns[5]
        found: dict[str, str] = {} if text is None else orjson.loads(text)
        return found

    def body(self) -> Body:
        """Return the stored value. Raises CorruptRowError for a damaged one."""
        json, raw = self.columns[8:]
        if self.blob_key is None:
            return Body(raw, False) if json is None else Body(json.encode(), True)
        if self.blob[0] is None:
            raise CorruptRowError("the blob of an item is missing", PART, self.seq)
        try:
            return Body(blobs.unpacked(self.blob_key, *self.blob), json is not None)
        except ValueError:
            raise CorruptRowError("the blob of an item is damaged", PART, self.seq) from None

    def is_same(self, other: EncodedItem) -> bool:
        """Return whether this has the value, labels, metadata of another, and never expires."""
        _, _, _, _, expires, labels, metadata, _, _, _ = self.columns
        mine = (expires, labels, metadata)
        return mine == (None, labels_text(other.labels), other.metadata) and (
            self.body() == other.body
        )

    def item(self) -> Item:
        """Return the item. Raises CorruptRowError, ValueError."""
        seq, item_id, version, at_ms, expires_at_ms, _, metadata, _, _, _ = self.columns
        return Item(
            seq=seq,
            id=item_id,
            value=self.body().value(),
            labels=frozen_dict(self.labels(), True),
            metadata=None if metadata is None else parse_own(metadata),
            version=version,
            at_ms=at_ms,
            expires_at_ms=expires_at_ms,
        )


def checked(row: tuple[Any, ...]) -> ItemRow:
    """Return a row of `SELECT`. Raises CorruptRowError."""
    key, stream_key, checksum, *rest = row
    columns = tuple(rest[:10])
    if stream_key + list_row_checksum(columns) != checksum:
        seq = columns[0]
        raise CorruptRowError(NOT_WRITTEN, PART, seq if type(seq) is int else None)
    return ItemRow(key, stream_key, columns, tuple(rest[10:]))


def labels_text(labels: Labels) -> str | None:
    """Return sorted labels as the text of their column."""
    return orjson.dumps(dict(labels)).decode() if labels else None


def store(
    conn: sqlite3.Connection,
    stream_key: int,
    seq: int,
    item: EncodedItem,
    version: int,
    at_ms: int,
    expires_at_ms: int | None,
    *,
    compress: bool,
    replaces: ItemRow | None = None,
) -> None:
    """Write an item: a new row, or in place of another; its blob is reclaimed if that was its last.

    Raises EncodeError.
    """
    body, blob_key = item.body, None
    if len(body.data) >= IN_BLOB:
        blob_key = blobs.put_bytes(conn, body.data, compress=compress)
        body = Body(b"", body.is_json)
    columns = (
        seq,
        item.id,
        version,
        at_ms,
        expires_at_ms,
        labels_text(item.labels),
        item.metadata,
        blob_key,
        body.data.decode() if body.is_json else None,
        None if body.is_json else body.data,
    )
    checksum = stream_key + list_row_checksum(columns)
    if replaces is None:
        key = conn.execute(_INSERT, (stream_key, checksum, *columns)).lastrowid
        assert key is not None
    else:
        key = replaces.key
        _, _, _, _, _, labels, metadata, _, json, raw = columns
        changed = (checksum, version, at_ms, labels, metadata, json, raw)
        indexed = (expires_at_ms, blob_key, replaces.columns[4], replaces.blob_key)
        if indexed == (None, None, None, None):
            conn.execute(_UPDATE_VALUE, (*changed, key))
        else:
            conn.execute(_UPDATE, (*changed, expires_at_ms, blob_key, key))
        if replaces.columns[5] is not None:
            conn.execute("DELETE FROM stream_item_label WHERE item_key = ?", (key,))
        if replaces.blob_key is not None:
            blobs.reclaim(conn, [replaces.blob_key])
    if item.labels:
        conn.executemany(_LABEL, [(*label, key) for label in item.labels])


def keep(conn: sqlite3.Connection, row: ItemRow) -> None:
    """Have an item expire no more."""
    _set_expiry(conn, row, None)


def _set_expiry(conn: sqlite3.Connection, row: ItemRow, at_ms: int | None) -> None:
    columns = (*row.columns[:4], at_ms, *row.columns[5:])
    checksum = row.stream_key + list_row_checksum(columns)
    conn.execute(
        "UPDATE stream_item SET expires_at_ms = ?, row_checksum = ? WHERE item_key = ?",
        (at_ms, checksum, row.key),
    )


def expire(conn: sqlite3.Connection, row: ItemRow) -> None:
    """Have an item be gone, whatever the clock says; it is removed like one that expired."""
    _set_expiry(conn, row, 1)


def drop(conn: sqlite3.Connection, rows: Iterable[tuple[int, int | None]]) -> None:
    """Remove items, given as their keys and the keys of their blobs."""
    found = [*rows]
    if not found:
        return
    # Their labels are removed with them.
    conn.executemany("DELETE FROM stream_item WHERE item_key = ?", [(key,) for key, _ in found])
    blobs.reclaim(conn, (key for _, key in found if key is not None))


def by_id(conn: sqlite3.Connection, stream_key: int, item_id: str) -> ItemRow | None:
    """Return the row with an id, expired or not. Raises CorruptRowError."""
    row = conn.execute(
        f"{SELECT} WHERE i.stream_key = ? AND i.item_id = ?", (stream_key, item_id)
    ).fetchone()
    return None if row is None else checked(row)


def seqs(conn: sqlite3.Connection, stream_key: int) -> list[int]:
    """Return the places of all items of a stream, expired or not, in order."""
    found = conn.execute(
        "SELECT seq FROM stream_item WHERE stream_key = ? ORDER BY seq", (stream_key,)
    ).fetchall()
    return [row[0] for row in found]


def without_value(conn: sqlite3.Connection, stream_key: int, seq: int) -> ItemRow | None:
    """Return the row at a place; `body` must not be called. Raises CorruptRowError."""
    row = conn.execute(
        f"{SELECT_ROWS} WHERE i.stream_key = ? AND i.seq = ?", (stream_key, seq)
    ).fetchone()
    return None if row is None else checked(row)


def at(conn: sqlite3.Connection, stream_key: int, seq: int, by_labels: bool) -> ItemRow | None:
    """Return the row at a place; `by_labels`: check that its labels are those it is found by.

    Raises CorruptRowError.
    """
    row = conn.execute(
        f"{SELECT} WHERE i.stream_key = ? AND i.seq = ?", (stream_key, seq)
    ).fetchone()
    if row is None:
        return None
    found = checked(row)
    if by_labels:
        labels = conn.execute(
            "SELECT key, value FROM stream_item_label WHERE item_key = ?", (found.key,)
        ).fetchall()
        if dict(labels) != found.labels():
            raise CorruptRowError("its labels are not those that it is found by", PART, seq)
    return found


def copy(conn: sqlite3.Connection, stream_key: int, to: int, now_ms: int) -> None:
    """Store the items of a stream in another one, which is empty."""
    conn.execute(
        "INSERT INTO stream_item (stream_key, row_checksum, " + _CHECKED + ") "
        f"SELECT :to, row_checksum - :key + :to, {_CHECKED} FROM stream_item AS i "
        f"WHERE stream_key = :key AND {THERE} ORDER BY seq",
        {"key": stream_key, "to": to, "now": now_ms},
    )
    conn.execute(
        "INSERT INTO stream_item_label (key, value, item_key) "
        "SELECT l.key, l.value, n.item_key FROM stream_item AS o "
        "JOIN stream_item_label AS l USING (item_key) "
        "JOIN stream_item AS n ON n.stream_key = :to AND n.seq = o.seq "
        "WHERE o.stream_key = :key",
        {"key": stream_key, "to": to},
    )


def are_few_before(conn: sqlite3.Connection, stream_key: int, start: int, most: int) -> bool:
    """Return whether a stream has at most so many items, expired or not, before a `seq`."""
    found = conn.execute(
        "SELECT 1 FROM stream_item WHERE stream_key = ? AND seq < ? LIMIT ?",
        (stream_key, start, most + 1),
    ).fetchall()
    return len(found) <= most


def move(conn: sqlite3.Connection, stream_key: int, to: int, start: int) -> None:
    """Give the items before a `seq` to another stream, which is empty."""
    conn.execute(
        "UPDATE stream_item SET stream_key = :to, row_checksum = row_checksum - :key + :to "
        "WHERE stream_key = :key AND seq < :start",
        {"key": stream_key, "to": to, "start": start},
    )


def conditions(query: ItemQuery) -> str:
    """Return the SQL conditions of a query on `stream_item AS i`; `parameters` has their values."""
    found = ["i.stream_key = :key", THERE]
    if query.after is not None:
        found.append("i.seq > :after")
    if query.before is not None:
        found.append("i.seq < :before")
    if query.id is not None:
        found.append("i.item_id = :id")
    if query.id_prefix is not None:
        found.append("i.item_id >= :id_prefix")
        if after_prefix(query.id_prefix) is not None:
            found.append("i.item_id < :id_end")
    if query.id_after is not None:
        found.append("i.item_id > :id_after")
    if query.id_before is not None:
        found.append("i.item_id < :id_before")
    elif query.order == "id":
        found.append("i.item_id IS NOT NULL")
    found += label_conditions(query.labels)
    return " AND ".join(found)


def parameters(query: ItemQuery, stream_key: int, now_ms: int) -> dict[str, Any]:
    """Return the values of `conditions`."""
    return {
        "key": stream_key,
        "now": now_ms,
        "after": query.after,
        "before": query.before,
        "id": query.id,
        "id_prefix": query.id_prefix,
        "id_end": None if query.id_prefix is None else after_prefix(query.id_prefix),
        "id_after": query.id_after,
        "id_before": query.id_before,
        **label_parameters(query.labels),
    }


def label_conditions(labels: Labels) -> list[str]:
    """Return a condition on `i.item_key` for each label."""
    return [
        "i.item_key IN (SELECT item_key FROM stream_item_label "
        f"WHERE key = :label{n} AND value = :text{n})"
        for n in range(len(labels))
    ]


def label_parameters(labels: Labels) -> dict[str, str]:
    """Return the values of `label_conditions`."""
    keys = {f"label{n}": key for n, (key, _) in enumerate(labels)}
    return keys | {f"text{n}": text for n, (_, text) in enumerate(labels)}
