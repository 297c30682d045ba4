"""The SQL of the collections, made from their rows in the table: plain functions of a connection.

Names formatted into SQL come from the registry only. Rows under a parent have consecutive `seq`,
which need not begin at 0: dropping the oldest moves nothing.
"""

from __future__ import annotations

import functools
import sqlite3
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from a3s_store.backends.sqlite.rows import blobs, bounds
from a3s_store.core.checksums import digest_prefix
from a3s_store.core.collections import CHECKPOINTS, COLLECTIONS, SESSION_ROWS, TableLayout
from a3s_store.core.columns import Shape, shape
from a3s_store.core.corruption import CorruptRowError
from a3s_store.core.digests import ListDigest

Tree = dict[str, Any]


def is_packed(rows: TableLayout) -> bool:
    """Return whether the key of a row is made of its parent's key and its position.

    Rows that have lists or a blob have keys of their own, and a foreign key to their parent.
    """
    return not rows.lists and not rows.blob


def packed_tables() -> Iterator[tuple[str, str, str]]:
    """Yield each table whose rows have a parent without a foreign key to it.

    As (table, column with the parent's key, table of the parent).
    """
    owned = [*SESSION_ROWS.lists.values(), *(collection.rows for collection in COLLECTIONS)]
    for rows in owned:
        yield from _packed_under("owner", rows)
    for kind in CHECKPOINTS:
        yield from _packed_lists(kind.rows)


def _packed_under(parent: str, rows: TableLayout) -> Iterator[tuple[str, str, str]]:
    if is_packed(rows):
        yield rows.table, f"{parent}_key", parent
    yield from _packed_lists(rows)


def _packed_lists(rows: TableLayout) -> Iterator[tuple[str, str, str]]:
    for inside in rows.lists.values():
        yield from _packed_under(rows.table, inside)


class Statements:
    """The statements of one table under one parent column."""

    def __init__(self, rows: TableLayout, parent: str) -> None:
        self.rows = rows
        self.parent = parent
        self.shape: Shape = shape(rows)
        self.key = f"{rows.table}_key"
        self.lists = frozenset(rows.lists)
        self.columns = [*self.shape.names]
        # The columns of the digest of each list inside a value.
        self.extents = [f"{name}_{what}" for name in rows.lists for what in ("count", "digest")]
        # A damaged value of a list is found by its digest, or the first bits of it.
        self.columns += ["digest", *self.extents] if rows.lists else ["digest_prefix"]
        if rows.blob:
            self.columns.append("blob_key")
        # The place of that column in the rows that `select` returns, which begin with the key.
        self.mark = 1 + len(self.shape.names)
        table = rows.table
        # Rows with keys of their own are found by two columns; in others both are packed into the
        # key: the parent's key, then seq.
        self._packed = is_packed(rows)
        if self._packed:
            place, at = [self.key], f"{self.key} = ?"
            segment = f"{self.key} >= ? AND {self.key} < ?"
            last = f"(max({self.key}) & {bounds.POSITIONS})"
        else:
            place, at = [parent, "seq"], f"{parent} = ? AND seq = ?"
            segment = f"{parent} = ? AND seq >= ? AND seq < ?"
            last = "max(seq)"
        every = [*place, *self.columns]
        # A new value at a place.
        self.insert = (
            f"INSERT INTO {table} ({', '.join(every)}) VALUES ({', '.join('?' * len(every))})"
        )
        # Another value at the same place.
        changes = ", ".join(f"{name} = ?" for name in self.columns)
        self.update = f"UPDATE {table} SET {changes} WHERE {at}"
        # Values in order; the columns are put in between.
        self._select = "SELECT {} " + f"FROM {table} WHERE {segment} ORDER BY {place[-1]}"
        # All columns of the values, with the key that is the parent of lists inside them.
        self.head = self.key if rows.lists else "seq"
        self.select = self.between(", ".join([self.head, *self.columns]))
        # Values that are no longer in the list.
        self.delete = f"DELETE FROM {table} WHERE {segment}"
        # How many values are there?
        self.count = f"SELECT count(*) FROM {table} WHERE {segment}"
        # Where does the next value go?
        self.next_seq = f"SELECT coalesce({last} + 1, 0) FROM {table} WHERE {segment}"

    def between(self, columns: str) -> str:
        """Return the statement that reads these columns of the values in a key range, in order."""
        return self._select.format(columns)

    def place(self, parent_key: int, seq: int) -> tuple[int, ...]:
        """Return the parameters that find a row. Raises CorruptRowError: out of bounds."""
        bounds.check_positions(seq + 1)
        if self._packed:
            bounds.check_parent(parent_key)
        return (parent_key << 32 | seq,) if self._packed else (parent_key, seq)

    def key_range(
        self, parent_key: int, start: int = 0, end: int = bounds.POSITIONS
    ) -> tuple[int, ...]:
        """Return the parameters for the values from one `seq` up to another; all by default.

        Raises CorruptRowError: out of bounds.
        """
        bounds.check_positions(start, end)
        if self._packed:
            bounds.check_parent(parent_key)
            return parent_key << 32 | start, parent_key << 32 | end
        return parent_key, start, end


@functools.cache
def statements(rows: TableLayout, parent: str) -> Statements:
    """Return the statements of a table, made once."""
    return Statements(rows, parent)


class FetchedList(NamedTuple):
    """The JSON objects of a list, and the stored digest prefix of each."""

    trees: list[Tree]
    marks: list[int]


def fetch_list(
    conn: sqlite3.Connection, name: str, rows: TableLayout, parent: str, parent_key: int, count: int
) -> FetchedList:
    """Return the JSON objects of the list `name` under a parent, in order.

    Raises CorruptRowError when there are not `count` rows, or for a damaged one, with its position.
    """
    sql = statements(rows, parent)
    stored = conn.execute(sql.select, sql.key_range(parent_key)).fetchall()
    if len(stored) != count:
        raise CorruptRowError(f"expected {count} rows, found {len(stored)}", name)
    trees: list[Tree] = []
    for position, row in enumerate(stored):
        try:
            trees.append(tree_of(conn, sql, row))
        except (ValueError, TypeError, AttributeError) as error:
            raise CorruptRowError(_reason(error), name, position) from error
    return FetchedList(trees, [mark_in(sql, row) for row in stored])


def tree_of(conn: sqlite3.Connection, sql: Statements, stored: tuple[Any, ...]) -> Tree:
    """Return the JSON object of a row of `Statements.select`. Raises ValueError if damaged."""
    values = stored[1:]
    tree = sql.shape.tree(values[: len(sql.shape.names)])
    if sql.rows.blob and values[-1] is not None:
        tree[sql.rows.blob] = blobs.get(conn, values[-1])
    for name, part in sql.rows.lists.items():
        digest = digest_in(sql, name, values)
        tree[name] = fetch_list(conn, name, part, sql.key, stored[0], digest.count).trees
    return tree


def mark_in(sql: Statements, stored: tuple[Any, ...]) -> int:
    """Return the stored digest prefix of a row of `Statements.select`."""
    found = stored[sql.mark]
    return digest_prefix(found) if sql.lists else found


def _reason(error: Exception) -> str:
    return str(error) if isinstance(error, ValueError) else f"{type(error).__name__}: {error}"


def digest_in(sql: Statements, name: str, values: tuple[Any, ...]) -> ListDigest:
    """Return the digest of a list inside a value, from the columns of the value's row."""
    place = sql.columns.index(f"{name}_count")
    return ListDigest(values[place], values[place + 1])


def put_one(
    conn: sqlite3.Connection, rows: TableLayout, key: str, row: dict[str, Any], tree: Tree
) -> None:
    """Write a row found by its `key` column; `row` has the columns that `tree` does not."""
    names = [*row, *shape(rows).names]
    values = (*row.values(), *shape(rows).row(tree))
    conn.execute(upsert(rows.table, key, tuple(names)), values)


@functools.cache
def upsert(table: str, key: str, names: tuple[str, ...]) -> str:
    """Return the statement that inserts or replaces the row with this key."""
    changes = ", ".join(f"{name} = excluded.{name}" for name in names if name != key)
    return (
        f"INSERT INTO {table} ({', '.join(names)}) VALUES ({', '.join('?' * len(names))}) "
        f"ON CONFLICT ({key}) DO UPDATE SET {changes}"
    )


def fetch_one(
    conn: sqlite3.Connection, rows: TableLayout, key: str, value: Any, also: Sequence[str] = ()
) -> tuple[Tree, tuple[Any, ...]] | None:
    """Return the JSON object of the row with this key and the columns `also`; None without one."""
    names = (*also, *shape(rows).names)
    row = conn.execute(
        f"SELECT {', '.join(names)} FROM {rows.table} WHERE {key} = ?", (value,)
    ).fetchone()
    if row is None:
        return None
    return shape(rows).tree(row[len(also) :]), row[: len(also)]
