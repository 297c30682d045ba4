"""The SQL of the collections, made from their rows in the table: plain functions of a connection.

Names formatted into SQL come from the registry only. Rows under a parent have consecutive `seq`,
which need not begin at 0: dropping the oldest moves nothing.
"""

from __future__ import annotations

import functools
import operator
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from a3s_store.backends.sqlite.rows import bounds
from a3s_store.core.collections import CHECKPOINTS, COLLECTIONS, SESSION_ROWS, TableLayout
from a3s_store.core.columns import SQL_TYPES, Shape, shape

Tree = dict[str, Any]

_PREFIX: Final = "digest_prefix"


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
    """The statements of one table under one parent column.

    `columns` are those of a value, in the order of the table: the value's own, its digests, the key
    of its blob, and columns that a later schema added. Rows of `select` begin with their place (the
    packed key; or the parent's key and `seq`); then come `columns`, the row checksum, and the key
    of the row where it is the parent of lists.
    """

    def __init__(self, rows: TableLayout, parent: str) -> None:
        self.rows = rows
        self.parent = parent
        self.shape: Shape = shape(rows)
        self.key = f"{rows.table}_key"
        self.lists = frozenset(rows.lists)
        # The columns of the digest of each list inside a value.
        self.extents = [f"{name}_{what}" for name in rows.lists for what in ("count", "digest")]
        made = [*self.shape.names, *(["digest", *self.extents] if rows.lists else [_PREFIX])]
        if rows.blob:
            made.append("blob_key")
        self.columns = [*(name for name in made if name not in rows.added), *rows.added]
        # Puts values in the order of `made` into that of `columns`.
        self.arranged = _picked([made.index(name) for name in self.columns])
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
        every = [*place, *self.columns, "checksum"]
        # The index of the first column, and of the checksum, in the rows that `select` returns.
        self.first, self.proven = len(place), len(place) + len(self.columns)
        self._original = self.proven - len(rows.added)
        # The index of the digest prefix, or of the digest that it is made of.
        self.mark = self.first + self.columns.index("digest" if rows.lists else _PREFIX)
        self.values = _picked([self.first + self.columns.index(name) for name in self.shape.names])
        self.texts = [
            self.first + self.columns.index(column.name)
            for column in self.shape.columns
            if SQL_TYPES[column.kind] == "TEXT"
        ]
        # A new value at a place.
        self.insert = (
            f"INSERT INTO {table} ({', '.join(every)}) VALUES ({', '.join('?' * len(every))})"
        )
        # Another value at the same place.
        changes = ", ".join(f"{name} = ?" for name in every[self.first :])
        self.update = f"UPDATE {table} SET {changes} WHERE {at}"
        # Values in order; the columns are put in between.
        self._select = "SELECT {} " + f"FROM {table} WHERE {segment} ORDER BY {place[-1]}"
        self.selected = [*every, self.key] if rows.lists else every
        self.select = self.between(", ".join(self.selected))
        # Values that are no longer in the list.
        self.delete = f"DELETE FROM {table} WHERE {segment}"
        # How many values are there?
        self.count = f"SELECT count(*) FROM {table} WHERE {segment}"
        # Where does the next value go?
        self.next_seq = f"SELECT coalesce({last} + 1, 0) FROM {table} WHERE {segment}"

    def between(self, columns: str) -> str:
        """Return the statement that reads these columns of the values in a key range, in order."""
        return self._select.format(columns)

    def between_parents(self, name: str) -> str:
        """Return the statement that reads the list `name` of all values in a key range, in order.

        Its rows are packed; they are those that `select` of that list returns.
        """
        part = self.rows.lists[name]
        inner = statements(part, self.key)
        columns = ", ".join(f"i.{column}" for column in inner.selected)
        return (
            f"SELECT {columns} FROM {self.rows.table} AS o CROSS JOIN {part.table} AS i "
            f"ON i.{inner.key} >= o.{self.key} << 32 AND i.{inner.key} < (o.{self.key} + 1) << 32 "
            f"WHERE o.{self.parent} = ? AND o.seq >= ? AND o.seq < ? ORDER BY o.seq, i.{inner.key}"
        )

    def checked(self, row: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return what the row checksum is made of: the place and the columns.

        Not the added columns behind the last one that is not NULL: older rows do not have them.
        """
        end = self.proven
        while end > self._original and row[end - 1] is None:
            end -= 1
        return row[:end]

    def is_there(self, parent: str) -> str:
        """Return the SQL expression whether a row has any values, given its table's alias."""
        within = f"{self.parent} = {parent}.{self.parent}"
        if self._packed:
            key = f"{parent}.{self.parent}"
            within = f"{self.key} >= {key} << 32 AND {self.key} < ({key} + 1) << 32"
        return f"EXISTS (SELECT 1 FROM {self.rows.table} WHERE {within})"

    def seq_of(self, row: tuple[Any, ...]) -> int:
        """Return the `seq` of a row of `select`."""
        seq: int = row[0] & bounds.POSITIONS if self._packed else row[1]
        return seq

    def select_where(self, condition: str) -> str:
        """Return the statement of all columns of the values in a key range that meet a condition.

        Its parameters are the key range, those of the condition, and the most values to read.
        """
        order = f" ORDER BY {self.key if self._packed else 'seq'}"
        before, after = self.select.split(order)
        assert not after, "the order is the end of the statement"
        return f"{before} AND {condition}{order} LIMIT ?"

    def places(self, parent_key: int, seq: int, count: int) -> list[tuple[int, ...]]:
        """Return the parameters that find each of some rows. Raises CorruptRowError: as `place`."""
        bounds.check_positions(seq + count)
        if self._packed:
            bounds.check_parent(parent_key)
            return [(parent_key << 32 | one,) for one in range(seq, seq + count)]
        return [(parent_key, one) for one in range(seq, seq + count)]

    def place(self, parent_key: int, seq: int) -> tuple[int, ...]:
        """Return the parameters that find a row. Raises CorruptRowError: out of bounds."""
        return self.places(parent_key, seq, 1)[0]

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


def _picked(places: Sequence[int]) -> Callable[[tuple[Any, ...]], tuple[Any, ...]]:
    """Return the function that takes the values at these places out of a tuple, in that order."""
    start, end = places[0], places[-1] + 1
    if [*places] == [*range(start, end)]:
        return operator.itemgetter(slice(start, end))
    return operator.itemgetter(*places)


@functools.cache
def statements(rows: TableLayout, parent: str) -> Statements:
    """Return the statements of a table, made once."""
    return Statements(rows, parent)


def put_one(
    conn: sqlite3.Connection, rows: TableLayout, key: str, row: dict[str, Any], tree: Tree
) -> None:
    """Write a row found by its `key` column; `row` has the columns that `tree` does not."""
    row = row | columns(rows, tree)
    conn.execute(upsert(rows.table, key, tuple(row)), tuple(row.values()))


def columns(rows: TableLayout, tree: Tree) -> dict[str, Any]:
    """Return the columns of a JSON object, by name."""
    return dict(zip(shape(rows).names, shape(rows).row(tree), strict=True))


def insert_one(conn: sqlite3.Connection, table: str, row: dict[str, Any]) -> None:
    """Add a row with these columns."""
    conn.execute(_insert(table, tuple(row)), tuple(row.values()))


def change_one(
    conn: sqlite3.Connection, table: str, key: str, value: int, row: dict[str, Any]
) -> None:
    """Change these columns of the row with this key."""
    conn.execute(_update(table, key, tuple(row)), (*row.values(), value))


@functools.cache
def _insert(table: str, names: tuple[str, ...]) -> str:
    return f"INSERT INTO {table} ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})"


@functools.cache
def _update(table: str, key: str, names: tuple[str, ...]) -> str:
    changes = ", ".join(f"{name} = ?" for name in names)
    return f"UPDATE {table} SET {changes} WHERE {key} = ?"


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
