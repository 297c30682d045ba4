"""Lists in the file: their values are made these, and only what changed is written.

Where the values on record are remembered, the new ones are compared with those and only what
differs is encoded; otherwise all are encoded and compared by digest, then row by row. Lists inside
a value are the same thing one level down. Plain functions of a connection, each inside a
transaction that somebody else opened.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import attrs

from a3s_store.backends.sqlite.rows import blobs, bounds
from a3s_store.backends.sqlite.rows.statements import Statements, digest_in, statements, upsert
from a3s_store.core.checksums import digest_prefix
from a3s_store.core.collections import TableLayout
from a3s_store.core.digests import EMPTY_LIST, ListDigest, digest_with, item_digest
from a3s_store.core.list_diff import Plan, plan, recognise
from a3s_store.errors import EncodeError
from a3s_store.wire import encode_without
from a3s_store.wire.limits import in_force

Tree = dict[str, Any]
Values = tuple[Any, ...]


@attrs.frozen
class Place:
    """Where values stand for whoever gave them: errors name it."""

    model: str
    path: str

    def refuse(self, error: EncodeError, position: int | None) -> EncodeError:
        """The error of the value at a position; None: the values are none of a list."""
        return error.inside(self.model, self._path(position))

    def at(self, position: int | None, name: str) -> Place:
        """Where a list inside the value at a position stands."""
        path = self._path(position)
        return Place(self.model, f"{path}.{name}" if path else name)

    def _path(self, position: int | None) -> str:
        return self.path if position is None else f"{self.path}[{position}]"


class Item(NamedTuple):
    """A value made ready to be written: its columns, its hash, and its lists likewise."""

    columns: tuple[Any, ...]
    digest: bytes
    lists: Mapping[str, tuple[list[Item], ListDigest]]


@attrs.frozen
class Target:
    """One list in the file: its statements, and the row it hangs on."""

    sql: Statements
    parent_key: int
    place: Place

    def stretch(self, *seqs: int) -> tuple[int, ...]:
        """The parameters that say from where to where; the whole list, unless it is said."""
        return self.sql.stretch(self.parent_key, *seqs)


def target(rows: TableLayout, parent: str, parent_key: int, place: Place) -> Target:
    """The list of these rows under one parent."""
    return Target(statements(rows, parent), parent_key, place)


def put_list(
    conn: sqlite3.Connection,
    to: Target,
    values: Values,
    known: Values | None,
    before: ListDigest | None,
) -> ListDigest:
    """Make the values of a list these, writing only what changed; answers the new extent.

    `before` is what is on record, None when nothing is; `known` are the values on record if they
    are remembered.

    Raises:
        EncodeError: a value breaks its rules.
    """
    if known is values and before is not None:
        return before
    if known is None or before is None:
        return _put_items(conn, to, _items(to, values, 0), before or EMPTY_LIST)
    return _put_changes(conn, to, values, known, before)


# -- By what is remembered ------------------------------------------------------------------------


def _put_changes(
    conn: sqlite3.Connection, to: Target, values: Values, known: Values, before: ListDigest
) -> ListDigest:
    steps = recognise(known, values)
    digest = before
    (end,) = conn.execute(to.sql.next_seq, to.stretch()).fetchone()
    first = end - len(known)
    start = first + steps.drop_front
    if (steps.drop_front, steps.keep) != (0, len(known)):
        digest = _remove(conn, to, known, steps, before, first)
    for position in steps.replace:
        old = known[steps.drop_front + position]
        digest = _replace(conn, to, digest, position, old, values[position], start + position)
    added = _items(to, values[steps.keep :], steps.keep)
    seq = start + steps.keep if steps.keep else 0
    _insert(conn, to, added, seq)
    return digest.appended([item.digest for item in added])


def _remove(
    conn: sqlite3.Connection, to: Target, known: Values, steps: Plan, before: ListDigest, first: int
) -> ListDigest:
    """Remove the rows before and after those that stay; answers what stands for those."""
    end = first + len(known)
    keep_from, keep_to = first + steps.drop_front, first + steps.drop_front + steps.keep
    digest = EMPTY_LIST
    if steps.keep:
        front = _hashes(conn, to, known, first, first, keep_from)
        back = _hashes(conn, to, known, first, keep_to, end)
        digest = before.without_first(front).without_last(back)
    _delete(conn, to, first, keep_from)
    _delete(conn, to, keep_to, end)
    return digest


def _hashes(
    conn: sqlite3.Connection, to: Target, known: Values, first: int, start: int, end: int
) -> list[bytes]:
    """The hashes of the values in a range of rows: on record, or made once more."""
    if to.sql.lists:
        # What stands for these values?
        found = conn.execute(to.sql.between("digest"), to.stretch(start, end)).fetchall()
        return [row[0] for row in found]
    with in_force(None):  # stored values may be as large as they are
        gone = _items(to, known[start - first : end - first], start - first)
    return [item.digest for item in gone]


def _delete(conn: sqlite3.Connection, to: Target, start: int, end: int) -> None:
    if start >= end:
        return
    segment = to.stretch(start, end)
    released: list[int] = []
    if to.sql.rows.blob:
        # Which blobs do these values refer to?
        found = conn.execute(to.sql.between("blob_key"), segment).fetchall()
        released = [row[0] for row in found if row[0] is not None]
    conn.execute(to.sql.delete, segment)
    blobs.reclaim(conn, released)


def _replace(
    conn: sqlite3.Connection,
    to: Target,
    extent: ListDigest,
    position: int,
    old: Any,
    new: Any,
    seq: int,
) -> ListDigest:
    """Write another value over the row of one; answers what stands for the list then."""
    sql = to.sql
    if not sql.lists:
        with in_force(None):
            (was,) = _items(to, (old,), position)
        (item,) = _items(to, (new,), position)
        _update(conn, to, item.columns, seq)
        return extent.replaced(position, was.digest, item.digest)
    # What is on record of this value and its lists?
    key, digest, *recorded = conn.execute(
        sql.between(", ".join([sql.key, "digest", *sql.extents])), to.stretch(seq, seq + 1)
    ).fetchone()
    tree = _encode(to, new, position)
    extents = _put_inner(conn, to, key, position, new, old, recorded)
    after = digest_with(tree, extents)
    _update(conn, to, (*sql.shape.row(tree), after, *_flat(extents)), seq)
    return extent.replaced(position, digest, after)


def _put_inner(
    conn: sqlite3.Connection,
    to: Target,
    key: int,
    position: int | None,
    new: Any,
    old: Any | None,
    recorded: Sequence[Any],
) -> dict[str, ListDigest]:
    """Write the lists of a value over those on record, which hang on the row with this key."""
    extents: dict[str, ListDigest] = {}
    for index, (name, part) in enumerate(to.sql.rows.lists.items()):
        extents[name] = put_list(
            conn,
            target(part, to.sql.key, key, to.place.at(position, name)),
            _list_of(to, new, name, position),
            None if old is None else getattr(old, name),
            ListDigest(*recorded[2 * index : 2 * index + 2]),
        )
    return extents


def put_alone(
    conn: sqlite3.Connection, rows: TableLayout, key: str, value: Any, known: Any
) -> None:
    """Write a value that is in no list, but has some, over the one with the same `key` column.

    `known` is the value on record if it is remembered. Raises EncodeError.
    """
    to = target(rows, key, 0, Place(rows.model.__name__, ""))
    sql = to.sql
    stored = conn.execute(
        f"SELECT {sql.key}, {', '.join(sql.extents)} FROM {rows.table} WHERE {key} = ?",
        (getattr(value, key),),
    ).fetchone()
    if stored is None:
        item = _item(to, value, None)
        insert = upsert(rows.table, key, (*sql.columns,))
        inserted = conn.execute(insert, item.columns).lastrowid
        assert inserted is not None
        inserted = _own_key(conn, sql, inserted)
        for name, part in rows.lists.items():
            _insert(conn, target(part, sql.key, inserted, to.place), item.lists[name][0], 0)
        return
    tree = _encode(to, value, None)
    extents = _put_inner(conn, to, stored[0], None, value, known, stored[1:])
    columns = (*sql.shape.row(tree), digest_with(tree, extents), *_flat(extents))
    conn.execute(upsert(rows.table, key, (*sql.columns,)), columns)


def _update(conn: sqlite3.Connection, to: Target, columns: tuple[Any, ...], seq: int) -> None:
    if not to.sql.rows.blob:
        conn.execute(to.sql.update, (*columns, *to.sql.place(to.parent_key, seq)))
        return
    # Which blob does the value refer to that goes?
    found = conn.execute(to.sql.between("blob_key"), to.stretch(seq, seq + 1)).fetchone()
    with_blob = _put_blob(conn, to.sql, columns)
    conn.execute(to.sql.update, (*with_blob, *to.sql.place(to.parent_key, seq)))
    blobs.reclaim(conn, [key for key in found if key is not None])


# -- By content -----------------------------------------------------------------------------------


def _put_items(
    conn: sqlite3.Connection, to: Target, items: list[Item], before: ListDigest
) -> ListDigest:
    hashes = [item.digest for item in items]
    after = EMPTY_LIST.appended(hashes)
    if before == after:
        return after
    kept = before.count
    if kept <= len(items) and EMPTY_LIST.appended(hashes[:kept]) == before:
        (seq,) = conn.execute(to.sql.next_seq, to.stretch()).fetchone()
        _insert(conn, to, items[kept:], seq)
    else:
        _rewrite(conn, to, items)
    return after


def _rewrite(conn: sqlite3.Connection, to: Target, items: list[Item]) -> None:
    sql = to.sql
    stored = conn.execute(sql.select, to.stretch()).fetchall()
    (end,) = conn.execute(sql.next_seq, to.stretch()).fetchone()
    new = [_put_blob(conn, sql, item.columns) for item in items]
    steps = plan([row[1:] for row in stored], new)
    first = end - len(stored)
    start = first + steps.drop_front
    for position in steps.replace:
        row = stored[steps.drop_front + position]
        _update(conn, to, items[position].columns, start + position)
        for name, part in sql.rows.lists.items():
            was = digest_in(sql, name, row[1:])
            inner = target(part, sql.key, row[0], to.place)
            _put_items(conn, inner, items[position].lists[name][0], was)
    _delete(conn, to, first, start)
    _delete(conn, to, start + steps.keep, end)
    _insert(conn, to, items[steps.keep :], start + steps.keep if steps.keep else 0)


# -- Values made ready ----------------------------------------------------------------------------


def _items(to: Target, values: Values, start: int) -> list[Item]:
    """The values as rows; `start` is the position of the first, for errors."""
    if to.sql.lists:
        return [_item(to, value, position) for position, value in enumerate(values, start)]
    row = to.sql.shape.row
    items: list[Item] = []
    for position, value in enumerate(values, start):
        tree = _encode(to, value, position)
        digest = item_digest(tree, to.sql.rows)
        items.append(Item((*row(tree), digest_prefix(digest)), digest, {}))
    return items


def _item(to: Target, value: Any, position: int | None) -> Item:
    sql = to.sql
    tree = _encode(to, value, position)
    lists: dict[str, tuple[list[Item], ListDigest]] = {}
    for name, part in sql.rows.lists.items():
        inner = target(part, sql.key, 0, to.place.at(position, name))
        items = _items(inner, _list_of(to, value, name, position), 0)
        lists[name] = items, EMPTY_LIST.appended([item.digest for item in items])
    extents = {name: digest for name, (_, digest) in lists.items()}
    digest = digest_with(tree, extents)
    columns = sql.shape.row(tree)
    if sql.lists:
        columns = (*columns, digest, *_flat(extents))
    return Item(columns, digest, lists)


def _encode(to: Target, value: Any, position: int | None) -> Tree:
    """The JSON object of a value without its lists. Raises EncodeError."""
    if type(value) is not to.sql.rows.model:
        what = f"expected a {to.sql.rows.model.__name__}, found {type(value).__name__}"
        raise to.place.refuse(EncodeError(what), position)
    try:
        return encode_without(value, to.sql.lists)
    except EncodeError as error:
        raise to.place.refuse(error, position) from None


def _list_of(to: Target, value: Any, name: str, position: int | None) -> Values:
    found: Any = getattr(value, name)
    if type(found) is not tuple:
        what = f"expected an array, found {type(found).__name__}"
        raise to.place.refuse(EncodeError(what, path=name), position)
    return found


def _flat(extents: Mapping[str, ListDigest]) -> tuple[Any, ...]:
    return tuple(part for digest in extents.values() for part in (digest.count, digest.digest))


def _insert(conn: sqlite3.Connection, to: Target, items: Sequence[Item], seq: int) -> None:
    if not items:
        return
    sql = to.sql
    rows = [
        (*sql.place(to.parent_key, seq + index), *_put_blob(conn, sql, item.columns))
        for index, item in enumerate(items)
    ]
    if not sql.lists:
        conn.executemany(sql.insert, rows)
        return
    for item, row in zip(items, rows, strict=True):
        key = conn.execute(sql.insert, row).lastrowid
        assert key is not None
        key = _own_key(conn, sql, key)
        for name, part in sql.rows.lists.items():
            _insert(conn, target(part, sql.key, key, to.place), item.lists[name][0], 0)


def _own_key(conn: sqlite3.Connection, sql: Statements, key: int) -> int:
    """The key of a row that was just inserted, on which no row of a list hangs yet."""
    lists = [statements(part, sql.key) for part in sql.rows.lists.values()]

    def has_rows(key: int) -> bool:
        # Has a list under this key a value?
        found = (conn.execute(one.next_seq, one.stretch(key)).fetchone() for one in lists)
        return any(following for (following,) in found)

    return bounds.key_within(conn, sql.rows.table, key, has_rows)


def _put_blob(
    conn: sqlite3.Connection, sql: Statements, columns: tuple[Any, ...]
) -> tuple[Any, ...]:
    if sql.rows.blob is None:
        return columns
    place = sql.shape.names.index(sql.rows.blob)
    text = columns[place]
    if not blobs.is_large(text):
        return (*columns, None)
    return (*columns[:place], None, *columns[place + 1 :], blobs.put(conn, text))
