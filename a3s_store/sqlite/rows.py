"""The SQL of the families, made from their rows in the table: plain functions of a connection.

A list of values under one parent is written by what changed: nothing when its digest is the one on
record, the new values when it grew, a plan (`diff`) otherwise. Lists inside a value are the same
thing one level down. Names formatted into SQL come from families.py only.
"""

from __future__ import annotations

import functools
import sqlite3
from collections.abc import Sequence
from typing import Any

import attrs

from a3s_store.families import Rows
from a3s_store.snapshot import item_digest, rolling
from a3s_store.sqlite import blobs
from a3s_store.sqlite.diff import plan
from a3s_store.sqlite.shape import Shape, shape

Tree = dict[str, Any]


@attrs.frozen
class Extent:
    """What is on record of a list: how many values, and their rolling digest."""

    count: int
    digest: bytes


class Statements:
    """The statements of one table under one parent column."""

    def __init__(self, rows: Rows, parent: str) -> None:
        self.rows = rows
        self.shape: Shape = shape(rows)
        self.key = f"{rows.table}_key"
        self.parent = parent
        self.columns = [*self.shape.names]
        if rows.blob:
            self.columns.append("blob_key")
        if rows.lists:
            self.columns.append("digest")
            for name in rows.lists:
                self.columns += [f"{name}_count", f"{name}_digest"]
        every = [parent, "seq", *self.columns]
        table = rows.table
        # A new value at a position.
        self.insert = (
            f"INSERT INTO {table} ({', '.join(every)}) VALUES ({', '.join('?' * len(every))})"
        )
        # Another value at the same position.
        self.update = (
            f"UPDATE {table} SET {', '.join(f'{c} = ?' for c in self.columns)} WHERE {self.key} = ?"
        )
        # All values in order.
        self.select = (
            f"SELECT {self.key}, {', '.join(self.columns)} FROM {table} "
            f"WHERE {parent} = ? ORDER BY seq"
        )
        # A value that is no longer in the list.
        self.delete = f"DELETE FROM {table} WHERE {self.key} = ?"
        # Where does the next value go?
        self.next_seq = f"SELECT coalesce(max(seq) + 1, 0) FROM {table} WHERE {parent} = ?"


@functools.cache
def statements(rows: Rows, parent: str) -> Statements:
    """The statements of a table, made once."""
    return Statements(rows, parent)


def put_list(
    conn: sqlite3.Connection,
    rows: Rows,
    parent: str,
    parent_key: int,
    trees: Sequence[Tree],
    before: Extent | None,
) -> Extent:
    """Make the values under a parent these, writing only what changed; answers the new extent.

    `before` is what is on record, None when nothing is.
    """
    hashes = [item_digest(tree, rows) for tree in trees]
    after = Extent(len(trees), rolling(hashes))
    if before == after:
        return after
    sql = statements(rows, parent)
    kept = before.count if before is not None else 0
    grew = kept <= len(trees) and (before is None or rolling(hashes[:kept]) == before.digest)
    if grew:
        _insert(conn, sql, parent_key, trees[kept:], hashes[kept:])
    else:
        _rewrite(conn, sql, parent_key, trees, hashes)
    return after


def extent_of(rows: Rows, trees: Sequence[Tree]) -> Extent:
    """The extent a list would have."""
    return Extent(len(trees), rolling(item_digest(tree, rows) for tree in trees))


def _insert(
    conn: sqlite3.Connection,
    sql: Statements,
    parent_key: int,
    trees: Sequence[Tree],
    hashes: Sequence[bytes],
) -> None:
    if not trees:
        return
    seq = conn.execute(sql.next_seq, (parent_key,)).fetchone()[0]
    values = [_values(conn, sql, tree, digest) for tree, digest in zip(trees, hashes, strict=True)]
    numbered = [(parent_key, seq + i, *value) for i, value in enumerate(values)]
    if not sql.rows.lists:
        conn.executemany(sql.insert, numbered)
        return
    for tree, row in zip(trees, numbered, strict=True):
        key = conn.execute(sql.insert, row).lastrowid
        assert key is not None
        for name, part in sql.rows.lists.items():
            put_list(conn, part, sql.key, key, tree[name], None)


def _values(
    conn: sqlite3.Connection, sql: Statements, tree: Tree, digest: bytes
) -> tuple[Any, ...]:
    row = sql.shape.row(tree)
    if sql.rows.blob:
        row = _put_blob(conn, sql, row)
    if sql.rows.lists:
        row += (digest,)
        for name, part in sql.rows.lists.items():
            extent = extent_of(part, tree[name])
            row += (extent.count, extent.digest)
    return row


def _put_blob(conn: sqlite3.Connection, sql: Statements, row: tuple[Any, ...]) -> tuple[Any, ...]:
    assert sql.rows.blob is not None
    place = sql.shape.names.index(sql.rows.blob)
    text = row[place]
    if not blobs.is_large(text):
        return (*row, None)
    return (*row[:place], None, *row[place + 1 :], blobs.put(conn, text))


def _rewrite(
    conn: sqlite3.Connection,
    sql: Statements,
    parent_key: int,
    trees: Sequence[Tree],
    hashes: Sequence[bytes],
) -> None:
    stored = conn.execute(sql.select, (parent_key,)).fetchall()
    new = [_values(conn, sql, tree, digest) for tree, digest in zip(trees, hashes, strict=True)]
    steps = plan([row[1:] for row in stored], new)
    gone = stored[: steps.drop_front] + stored[steps.drop_front + steps.keep :]
    released = _blob_keys(sql, gone)
    conn.executemany(sql.delete, [(row[0],) for row in gone])
    for position in steps.replace:
        row = stored[steps.drop_front + position]
        released += _blob_keys(sql, [row])
        conn.execute(sql.update, (*new[position], row[0]))
        for name, part in sql.rows.lists.items():
            was = _extent_in(sql, name, row[1:])
            put_list(conn, part, sql.key, row[0], trees[position][name], was)
    _insert(conn, sql, parent_key, trees[steps.keep :], hashes[steps.keep :])
    blobs.reclaim(conn, released)


def _blob_keys(sql: Statements, stored: Sequence[tuple[Any, ...]]) -> list[int]:
    if not sql.rows.blob:
        return []
    place = sql.columns.index("blob_key") + 1
    return [row[place] for row in stored if row[place] is not None]


def _extent_in(sql: Statements, name: str, values: tuple[Any, ...]) -> Extent:
    place = sql.columns.index(f"{name}_count")
    return Extent(values[place], values[place + 1])


def fetch_list(
    conn: sqlite3.Connection, rows: Rows, parent: str, parent_key: int, count: int
) -> list[Tree]:
    """The JSON objects under a parent, in order.

    Raises ValueError, with the position, when there are not `count` of them or one is damaged.
    """
    sql = statements(rows, parent)
    stored = conn.execute(sql.select, (parent_key,)).fetchall()
    if len(stored) != count:
        raise ValueError(f"{rows.table}: {count} rows should be there, {len(stored)} are")
    return [_tree(conn, sql, row, position) for position, row in enumerate(stored)]


def _tree(
    conn: sqlite3.Connection, sql: Statements, stored: tuple[Any, ...], position: int
) -> Tree:
    values = stored[1:]
    width = len(sql.shape.names)
    try:
        tree = sql.shape.tree(values[:width])
        if sql.rows.blob and values[width] is not None:
            tree[sql.rows.blob] = blobs.get(conn, values[width])
        for name, part in sql.rows.lists.items():
            extent = _extent_in(sql, name, values)
            tree[name] = fetch_list(conn, part, sql.key, stored[0], extent.count)
    except ValueError as error:
        raise ValueError(f"{sql.rows.table}[{position}]: {error}") from None
    return tree


def put_one(
    conn: sqlite3.Connection, rows: Rows, key: str, row: dict[str, Any], tree: Tree
) -> None:
    """Write the one row of a table whose `key` column is given in `row` with its other columns."""
    names = [*row, *shape(rows).names]
    values = (*row.values(), *shape(rows).row(tree))
    conn.execute(_upsert(rows.table, key, tuple(names)), values)


@functools.cache
def _upsert(table: str, key: str, names: tuple[str, ...]) -> str:
    changes = ", ".join(f"{name} = excluded.{name}" for name in names if name != key)
    return (
        f"INSERT INTO {table} ({', '.join(names)}) VALUES ({', '.join('?' * len(names))}) "
        f"ON CONFLICT ({key}) DO UPDATE SET {changes}"
    )


def fetch_one(
    conn: sqlite3.Connection, rows: Rows, key: str, value: Any, also: Sequence[str] = ()
) -> tuple[Tree, tuple[Any, ...]] | None:
    """The JSON object of the row whose `key` is `value`, and its other columns; None if none."""
    names = (*also, *shape(rows).names)
    row = conn.execute(
        f"SELECT {', '.join(names)} FROM {rows.table} WHERE {key} = ?", (value,)
    ).fetchone()
    if row is None:
        return None
    return shape(rows).tree(row[len(also) :]), row[: len(also)]
