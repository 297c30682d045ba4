"""Rows of agent memory: one for each item, and for each owner one with the number of items.

Plain functions of a connection, each inside a transaction that the caller opened.

Invariants: 1. every value returned was verified: a row by its digest prefix, all rows of an owner
by their number and the sum of their digest prefixes; 2. a function that reads all rows keeps no
more of them at once than it returns. Search reads all rows, so that it finds the same in every
store: SQL and FTS5 fold upper and lower case differently than Python and Rust.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final, NamedTuple, TypeAlias

from a3s_store.agent_memory import MemoryItem
from a3s_store.agent_memory.protocol import Rank, first
from a3s_store.backends.sqlite.rows import tombstones
from a3s_store.core.collections import TableLayout
from a3s_store.core.columns import shape
from a3s_store.core.corruption import NOT_WRITTEN, CorruptRowError
from a3s_store.wire import decode, encode, parse_own

PART: Final = "memories"
SUM_IS_WRONG: Final = (
    "all row checksums are right, but their total is not: a row was added, removed or is from an "
    "older save"
)
ROWS: Final = TableLayout(find=lambda: MemoryItem, table="memory")
_SHAPE: Final = shape(ROWS)
_COLUMNS: Final = ", ".join(_SHAPE.names)
_AT: Final = {name: place for place, name in enumerate(_SHAPE.names)}
_ID: Final = _AT["id"]
_CONTENT, _TAGS = _AT["content"], _AT["tags"]
_IMPORTANCE, _TIMESTAMP = _AT["importance"], _AT["timestamp"]
# Digest prefixes, and their sum, are numbers below this.
_MODULUS: Final = 2**63
# How many rows are fetched at once.
_BATCH: Final = 256

# A row as the full-text index has it: key, owner, content.
_Words: TypeAlias = tuple[int, str, str]

_INSERT: Final = (
    f"INSERT INTO agent_memory (memory_key, owner, digest_prefix, {_COLUMNS}) "
    f"VALUES (?, ?, ?{', ?' * len(_SHAPE.names)}) ON CONFLICT (owner, id) DO UPDATE SET "
    + ", ".join(f"{name} = excluded.{name}" for name in ("digest_prefix", *_SHAPE.names))
)


class MemoryRow(NamedTuple):
    """A verified row: its key, its digest prefix, and the columns of the item."""

    key: int
    digest_prefix: int
    row: tuple[Any, ...]

    @property
    def content(self) -> str:
        """The text of the item."""
        found: str = self.row[_CONTENT]
        return found

    @property
    def tags(self) -> list[str]:
        """The tags of the item."""
        found: list[str] = parse_own(self.row[_TAGS])
        return found

    @property
    def importance(self) -> float:
        """The importance of the item; a column cannot store negative zero."""
        return self.row[_IMPORTANCE] or 0.0

    @property
    def timestamp(self) -> str:
        """When the item was made."""
        found: str = self.row[_TIMESTAMP]
        return found

    def item(self) -> MemoryItem:
        """Return the item. Raises ValueError or DecodeError for damage with a right checksum."""
        return decode(MemoryItem, _SHAPE.tree(self.row))


# -- Writing --------------------------------------------------------------------------------------


def put(conn: sqlite3.Connection, owner: str, items: Iterable[MemoryItem]) -> None:
    """Store items, each in place of the one with its id. Raises EncodeError, CorruptRowError."""
    count, total = stored_total(conn, owner)
    before = count, total
    changed: list[tuple[_Words, _Words]] = []
    for item in items:
        columns = _SHAPE.row(encode(item))
        old = _find(conn, owner, item.id)
        key = _next_key(conn) if old is None else old.key
        prefix = digest_prefix_of(key, owner, columns)
        if old is not None and old.digest_prefix == prefix:
            continue
        conn.execute(_INSERT, (key, owner, prefix, *columns))
        if old is not None and old.content != columns[_CONTENT]:
            changed.append(((key, owner, old.content), (key, owner, columns[_CONTENT])))
        count += old is None
        total += prefix - (0 if old is None else old.digest_prefix)
    if (count, total) != before:
        _write_total(conn, owner, count, total)
    if changed:
        from a3s_store.backends.sqlite.rows import memory_index

        memory_index.replace(conn, changed)


def drop(conn: sqlite3.Connection, owner: str, item_id: str) -> None:
    """Remove an item, if it is stored. Raises CorruptRowError."""
    count, total = stored_total(conn, owner)
    old = _find(conn, owner, item_id)
    if old is not None:
        _delete(conn, [(old.key, owner, old.content)], "memory_key = ?", old.key)
        _write_total(conn, owner, count - 1, total - old.digest_prefix)


def clear(conn: sqlite3.Connection, owner: str) -> bool:
    """Remove all rows of an owner, damaged or not; return whether there were any."""
    gone = _delete(conn, _words(conn, owner), "owner = ?", owner)
    gone += conn.execute("DELETE FROM agent_memory_total WHERE owner = ?", (owner,)).rowcount
    if gone:
        tombstones.remember(conn, owner)
    return gone > 0


def _words(conn: sqlite3.Connection, owner: str) -> list[_Words] | None:
    """Return the rows of an owner as the index has them; None where one is damaged."""
    from a3s_store.backends.sqlite.rows import memory_index

    if not memory_index.INDEX.watermark(conn):
        return []
    rows = conn.execute(
        f"SELECT memory_key, digest_prefix, {_COLUMNS} FROM agent_memory WHERE owner = ? LIMIT ?",
        (owner, memory_index.MOST + 1),
    ).fetchall()
    try:
        found = [_verified(owner, row) for row in rows]
    except CorruptRowError:
        return None
    return [(one.key, owner, one.content) for one in found]


def _delete(
    conn: sqlite3.Connection, words: list[_Words] | None, where: str, value: int | str
) -> int:
    """Delete rows, and their words from the index, which None gives up; return how many."""
    from a3s_store.backends.sqlite.rows import memory_index

    if words is None:
        memory_index.INDEX.give_up(conn)
    else:
        memory_index.remove(conn, words)
    gone = conn.execute(f"DELETE FROM agent_memory WHERE {where}", (value,)).rowcount
    memory_index.INDEX.lower(conn)
    return gone


def _next_key(conn: sqlite3.Connection) -> int:
    (key,) = conn.execute("SELECT coalesce(max(memory_key), 0) + 1 FROM agent_memory").fetchone()
    return int(key)


def _write_total(conn: sqlite3.Connection, owner: str, count: int, total: int) -> None:
    if count == 0:
        conn.execute("DELETE FROM agent_memory_total WHERE owner = ?", (owner,))
        tombstones.remember(conn, owner)
        return
    conn.execute(
        "INSERT INTO agent_memory_total (owner, count, digest_sum) VALUES (?, ?, ?) "
        "ON CONFLICT DO UPDATE SET count = excluded.count, digest_sum = excluded.digest_sum",
        (owner, count, total % _MODULUS),
    )


# -- Reading --------------------------------------------------------------------------------------


def find(conn: sqlite3.Connection, owner: str, item_id: str) -> MemoryRow | None:
    """Return the row of an item; None when no row has the id, which all rows are read for.

    Raises CorruptRowError.
    """
    found = _find(conn, owner, item_id)
    if found is None and any(other.row[_ID] == item_id for other in every(conn, owner)):
        raise CorruptRowError("a row is missing from its index", PART)
    return found


def count(conn: sqlite3.Connection, owner: str) -> int:
    """Return the number of items. Raises CorruptRowError when there are not as many rows."""
    expected, _ = stored_total(conn, owner)
    (there,) = conn.execute(
        "SELECT count(*) FROM agent_memory WHERE owner = ?", (owner,)
    ).fetchone()
    _check_count(expected, there)
    return expected


def best(
    conn: sqlite3.Connection,
    owner: str,
    fits: Callable[[MemoryRow], bool],
    rank: Rank,
    limit: int,
) -> list[MemoryRow]:
    """Return the first `limit` rows that fit, by rank, then by age. Raises CorruptRowError."""
    return first(
        (found for found in every(conn, owner) if fits(found)),
        lambda found: (*rank(found.importance, found.timestamp), found.key),
        limit,
    )


def every(conn: sqlite3.Connection, owner: str) -> Iterator[MemoryRow]:
    """Yield all rows of an owner, in no order, and verify at the end that none is missing.

    Raises CorruptRowError.
    """
    return intact(conn, owner, _raise)


def intact(
    conn: sqlite3.Connection, owner: str, damaged: Callable[[CorruptRowError], None]
) -> Iterator[MemoryRow]:
    """As `every`, without damaged rows: `damaged` is called for each, and for missing ones."""
    expected: int | None = None
    total: int | None = None
    try:
        expected, total = stored_total(conn, owner)
    except CorruptRowError as error:
        damaged(error)
    there, digest_sum = 0, 0
    cursor = conn.execute(
        f"SELECT memory_key, digest_prefix, {_COLUMNS} FROM agent_memory WHERE owner = ?", (owner,)
    )
    try:
        while stored := cursor.fetchmany(_BATCH):
            for row in stored:
                there += 1
                try:
                    found = _verified(owner, row)
                except CorruptRowError as error:
                    total = None  # the sum cannot be verified any more
                    damaged(error)
                    continue
                digest_sum += found.digest_prefix
                yield found
    finally:
        cursor.close()  # a cursor that is not read to its end keeps its snapshot of the file
    try:
        _check_count(there if expected is None else expected, there)
        if total is not None and digest_sum % _MODULUS != total:
            raise CorruptRowError(SUM_IS_WRONG, PART)
    except CorruptRowError as error:
        damaged(error)


def _raise(error: CorruptRowError) -> None:
    raise error


def with_keys(conn: sqlite3.Connection, owner: str, keys: Sequence[int]) -> Iterator[MemoryRow]:
    """Yield the rows of an owner among those with these keys. Raises CorruptRowError."""
    rows = conn.execute(
        f"SELECT memory_key, digest_prefix, {_COLUMNS} FROM agent_memory "
        "WHERE memory_key IN (SELECT value FROM json_each(?)) AND +owner = ?",
        (json.dumps(keys), owner),
    ).fetchall()
    return (_verified(owner, row) for row in rows)


def above(conn: sqlite3.Connection, owner: str, key: int, *, are_few: bool) -> Iterator[MemoryRow]:
    """Yield the rows of an owner above a key, which `are_few` for all owners together.

    Raises CorruptRowError.
    """
    # Few are read by key, since the owner may have many others; many by owner.
    found = "memory_key > ? AND +owner = ?" if are_few else "+memory_key > ? AND owner = ?"
    rows = conn.execute(
        f"SELECT memory_key, digest_prefix, {_COLUMNS} FROM agent_memory WHERE {found}",
        (key, owner),
    ).fetchall()
    return (_verified(owner, row) for row in rows)


def adds_up(conn: sqlite3.Connection, owner: str, found: Sequence[int]) -> bool:
    """Whether rows with these digest prefixes are all rows of the owner, if that is stored."""
    try:
        return stored_total(conn, owner) == (len(found), sum(found) % _MODULUS)
    except CorruptRowError:
        return False


# Which owners have memories? Both tables are read without their indexes, which may be damaged.
OWNERS: Final = (
    "SELECT owner FROM agent_memory NOT INDEXED "
    "UNION SELECT owner FROM agent_memory_total ORDER BY owner"
)


def stored_total(conn: sqlite3.Connection, owner: str) -> tuple[int, int]:
    """Return the stored number of rows of an owner and the sum of their digest prefixes.

    Raises CorruptRowError.
    """
    row = conn.execute(
        "SELECT count, digest_sum FROM agent_memory_total WHERE owner = ?", (owner,)
    ).fetchone()
    if row is not None:
        return row[0], row[1]
    if conn.execute("SELECT 1 FROM agent_memory WHERE owner = ? LIMIT 1", (owner,)).fetchone():
        raise CorruptRowError("the stored number of them is missing", PART)
    return 0, 0


def _find(conn: sqlite3.Connection, owner: str, item_id: str) -> MemoryRow | None:
    row = conn.execute(
        f"SELECT memory_key, digest_prefix, {_COLUMNS} FROM agent_memory "
        "WHERE owner = ? AND id = ?",
        (owner, item_id),
    ).fetchone()
    return None if row is None else _verified(owner, row)


def _check_count(expected: int, there: int) -> None:
    if there != expected:
        raise CorruptRowError(f"expected {expected} rows, found {there}", PART)


# -- Digest prefixes ------------------------------------------------------------------------------


def _verified(owner: str, stored: tuple[Any, ...]) -> MemoryRow:
    key, prefix, *columns = stored
    row = tuple(columns)
    if digest_prefix_of(key, owner, row) != prefix:
        raise CorruptRowError(f"row {key}: {NOT_WRITTEN}", PART)
    return MemoryRow(key, prefix, row)


def digest_prefix_of(key: int, owner: str, columns: tuple[Any, ...]) -> int:
    """Return 63 bits of a SHA-256 over the other columns of a row, each with type and length."""
    parts: list[bytes] = []
    for value in (key, owner, *columns):
        if type(value) is str:
            data = value.encode("utf-8", "surrogatepass")
            parts.append(b"t%d:" % len(data))
            parts.append(data)
        elif value is None:
            parts.append(b"n")
        else:
            # `repr` gives each number its own text; a damaged row may have any type.
            parts.append(f"{type(value).__name__} {value!r};".encode())
    return int.from_bytes(hashlib.sha256(b"".join(parts)).digest()[:8], "big") >> 1
