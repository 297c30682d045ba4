"""Read the rows of lists: verify each by its row checksum, and make its JSON object.

Rows that an older release wrote have no checksum. Their values are verified by their digests once
they are decoded (`core/checksums.py`); `FetchedList.is_proven` tells which lists have such rows.

Plain functions of a connection, each inside a transaction that the caller opened.
"""

from __future__ import annotations

import functools
import itertools
import sqlite3
import zlib
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import orjson

from a3s_store.backends.sqlite.rows import blobs, bounds
from a3s_store.backends.sqlite.rows.statements import Statements, statements
from a3s_store.core.checksums import digest_prefix, list_row_checksum
from a3s_store.core.collections import TableLayout
from a3s_store.core.corruption import NOT_WRITTEN, CorruptRowError
from a3s_store.core.digests import ListDigest, digest_with, item_digest
from a3s_store.wire import decode, encode, encode_without, orjson_memory, row_text

Tree = dict[str, Any]
Row = tuple[Any, ...]


class FetchedList(NamedTuple):
    """The JSON objects of a list, and the stored digest prefix of each.

    `is_proven`: the row of each value, and of each value inside it, has the right checksum. `size`
    is the bytes of all these rows as JSON.
    """

    trees: list[Tree]
    marks: list[int]
    is_proven: bool
    size: int = 0


def fetch_list(
    conn: sqlite3.Connection, name: str, rows: TableLayout, parent: str, parent_key: int, count: int
) -> FetchedList:
    """Return the JSON objects of the list `name` under a parent, in order.

    Raises CorruptRowError when there are not `count` rows, or for a damaged one, with its position.
    """
    sql = statements(rows, parent)
    return _fetch(conn, name, sql, sql.select, sql.key_range(parent_key), count, 0)


def fetch_range(
    conn: sqlite3.Connection,
    name: str,
    rows: TableLayout,
    parent: str,
    parent_key: int,
    count: int,
    wanted: tuple[int, int],
) -> FetchedList:
    """Return the JSON objects of some values of a list of `count`, from one position to another.

    Raises CorruptRowError when one is missing or damaged, with its position.
    """
    sql = statements(rows, parent)
    start, stop = wanted
    if start >= stop:
        return FetchedList([], [], True, 0)
    (end,) = conn.execute(sql.next_seq, sql.key_range(parent_key)).fetchone()
    first = end - count
    if first < 0:
        raise CorruptRowError(f"expected {count} rows, found {end} or fewer", name)
    where = sql.key_range(parent_key, first + start, first + stop)
    return _fetch(conn, name, sql, sql.select, where, stop - start, start)


def fetch_where(
    conn: sqlite3.Connection,
    name: str,
    rows: TableLayout,
    parent: str,
    parent_key: int,
    condition: str,
    values: tuple[int, ...],
) -> FetchedList:
    """Return the JSON objects of the first values of a list that meet a condition.

    `values` are the parameters of the condition, and the most values to return. The values have no
    lists inside. Raises CorruptRowError for a damaged one.
    """
    sql = statements(rows, parent)
    assert not rows.lists, "lists inside are not read"
    where = (*sql.key_range(parent_key), *values)
    stored = _rows(conn, sql, sql.select_where(condition), where, lambda _, __: (name, 0))
    proven, size = _refuse_changed(sql, name, stored)
    return FetchedList(_trees(conn, sql, name, stored), _marks(sql, stored), proven, size)


def _fetch(
    conn: sqlite3.Connection,
    name: str,
    sql: Statements,
    select: str,
    where: tuple[int, ...],
    count: int,
    start: int,
) -> FetchedList:
    """Return the JSON objects of `count` values in a key range, the first at position `start`."""
    stored = _rows(conn, sql, select, where, lambda number, _: (name, start + number))
    try:
        _refuse_gaps(sql, name, stored, count)
        proven, size = _refuse_changed(sql, name, stored)
        trees = _trees(conn, sql, name, stored)
        for inside in sql.rows.lists:
            are_proven, more = _fetch_inside(conn, name, inside, sql, where, stored, trees)
            proven, size = proven and are_proven, size + more
    except CorruptRowError as error:
        if error.position is not None:
            error.position += start
        raise
    return FetchedList(trees, _marks(sql, stored), proven, size)


def _fetch_inside(
    conn: sqlite3.Connection,
    name: str,
    inside: str,
    sql: Statements,
    where: tuple[int, ...],
    stored: Sequence[Row],
    trees: Sequence[Tree],
) -> tuple[bool, int]:
    """Put the list `inside` of each value into its tree; return as `_refuse_changed`."""
    inner = statements(sql.rows.lists[inside], sql.key)
    keys = [row[-1] for row in stored]
    for key in keys:
        bounds.check_parent(key)
    select = sql.between_parents(inside)
    rows = _rows(conn, inner, select, where, lambda _, row: (name, keys.index(row[0] >> 32)))
    found: dict[int, list[Row]] = {key: [] for key in keys}
    for row in rows:
        found[row[0] >> 32].append(row)
    for position, row in enumerate(stored):
        try:
            _refuse_gaps(inner, inside, found[row[-1]], digest_in(sql, inside, row).count)
        except CorruptRowError as error:
            raise CorruptRowError(str(error), name, position) from error
    try:
        proven, size = _refuse_changed(inner, inside, rows)
        made = iter(_trees(conn, inner, inside, rows))
    except CorruptRowError as error:
        # All rows are checked at once; the error names the position among those of one value.
        key = rows[error.position or 0][0] >> 32
        error.position = found[key].index(rows[error.position or 0])
        raise CorruptRowError(str(error), name, keys.index(key)) from error
    for tree, key in zip(trees, keys, strict=True):
        tree[inside] = [*itertools.islice(made, len(found[key]))]
    return proven, size


def _rows(
    conn: sqlite3.Connection,
    sql: Statements,
    select: str,
    where: tuple[int, ...],
    place_of: Callable[[int, Row], tuple[str, int]],
) -> list[Row]:
    """Return the rows of a statement, as `sql.select` returns them.

    `place_of` returns the list and the position of the value with a row, given its number.
    """
    try:
        return conn.execute(select, where).fetchall()
    except sqlite3.OperationalError as error:
        if hasattr(error, "sqlite_errorcode"):
            raise
    # sqlite3 itself could not decode a text, and its error does not say in which row.
    conn.text_factory = bytes
    try:
        rows: list[Row] = conn.execute(select, where).fetchall()
    finally:
        conn.text_factory = str
    for number, row in enumerate(rows):
        try:
            for text in filter(None, [row[place] for place in sql.texts]):
                text.decode()
        except UnicodeDecodeError:
            raise CorruptRowError("a text is not UTF-8", *place_of(number, row)) from None
    raise CorruptRowError("a text is not UTF-8", place_of(0, rows[0])[0])


def _refuse_gaps(sql: Statements, name: str, stored: Sequence[Row], count: int) -> None:
    """Raise CorruptRowError unless there are `count` rows, at consecutive positions."""
    if len(stored) != count:
        raise CorruptRowError(f"expected {count} rows, found {len(stored)}", name)
    if stored and sql.seq_of(stored[-1]) - sql.seq_of(stored[0]) != count - 1:
        raise CorruptRowError("their positions are not consecutive", name)


def _refuse_changed(sql: Statements, name: str, stored: Sequence[Row]) -> tuple[bool, int]:
    """Return whether each row has a checksum, and the bytes of the rows as JSON.

    Raises CorruptRowError where a checksum is wrong.
    """
    end = sql.proven
    found = [row[end] for row in stored]
    texts = _row_texts(sql, stored)
    if found != [*map(zlib.crc32, texts)]:
        for position, row in enumerate(stored):
            if row[end] is not None and not is_written(sql, row):
                raise CorruptRowError(NOT_WRITTEN, name, position)
    return None not in found, sum(map(len, texts))


_dumps = functools.partial(orjson.dumps, default=bytes.hex)


def _row_texts(sql: Statements, stored: Sequence[Row]) -> list[bytes]:
    """Return the JSON that the checksum of each row is made of: `row_text`, quicker for many."""
    columns = (
        [*map(sql.checked, stored)] if sql.rows.added else [row[: sql.proven] for row in stored]
    )
    longest = 0
    for place in sql.texts:
        longest += max(map(len, filter(None, [row[place] for row in stored])), default=0)
    return [*map(row_text if longest > orjson_memory.SMALL else _dumps, columns)]


def is_written(sql: Statements, row: Row) -> bool:
    """Return whether a row of `Statements.select` has the right checksum; False without one."""
    try:
        return bool(row[sql.proven] == list_row_checksum(sql.checked(row)))
    except (TypeError, UnicodeEncodeError):
        return False


def _trees(
    conn: sqlite3.Connection, sql: Statements, name: str, stored: Sequence[Row]
) -> list[Tree]:
    """Return the JSON object of each row. Raises CorruptRowError, with the position."""
    trees: list[Tree] = []
    try:
        if sql.rows.blob:
            trees += (tree_of(conn, sql, row) for row in stored)
        else:
            trees += map(sql.shape.tree, map(sql.values, stored))
    except (ValueError, TypeError, AttributeError) as error:
        raise CorruptRowError(_reason(error), name, len(trees)) from error
    return trees


def tree_of(conn: sqlite3.Connection, sql: Statements, stored: Row) -> Tree:
    """Return the JSON object of a row of `Statements.select`, without the lists inside.

    Raises ValueError if it is damaged.
    """
    tree = sql.shape.tree(sql.values(stored))
    if sql.rows.blob and (key := stored[sql.first + sql.columns.index("blob_key")]) is not None:
        tree[sql.rows.blob] = blobs.get(conn, key)
    return tree


def value_of(conn: sqlite3.Connection, sql: Statements, stored: Row) -> tuple[Any, bytes]:
    """Return the value in a row, with the lists inside it empty, and its digest.

    It is encoded again for that. Raises ValueError or DecodeError if it is damaged, CorruptRowError
    where it does not have the stored digest prefix.
    """
    tree = tree_of(conn, sql, stored)
    value: Any = decode(sql.rows.model, {**tree, **{name: [] for name in sql.lists}})
    inside = {name: digest_in(sql, name, stored) for name in sql.rows.lists}
    digest = (
        digest_with(encode_without(value, sql.lists), inside)
        if inside
        else item_digest(encode(value), sql.rows)
    )
    if digest_prefix(digest) != mark_in(sql, stored):
        raise CorruptRowError(NOT_WRITTEN)
    return value, digest


def mark_in(sql: Statements, stored: Row) -> int:
    """Return the stored digest prefix of a row of `Statements.select`."""
    prefix: int = digest_prefix(stored[sql.mark]) if sql.lists else stored[sql.mark]
    return prefix


def _marks(sql: Statements, stored: Sequence[Row]) -> list[int]:
    found = [row[sql.mark] for row in stored]
    return [*map(digest_prefix, found)] if sql.lists else found


def digest_in(sql: Statements, name: str, stored: Row) -> ListDigest:
    """Return the digest of a list inside a value, from the row of the value."""
    place = sql.first + sql.columns.index(f"{name}_count")
    return ListDigest(stored[place], stored[place + 1])


def _reason(error: Exception) -> str:
    return str(error) if isinstance(error, ValueError) else f"{type(error).__name__}: {error}"
