"""The bounds of keys and positions used in arithmetic, and keys of new rows within them.

A packed key is the parent's key, times 2^32, plus a position, in 63 bits. A damaged file may have
any 64-bit integer in the place of either.
"""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Callable
from typing import Final

from a3s_store.core.corruption import CorruptRowError
from a3s_store.errors import StoreFullError

# The first number that is too large for the key of a row that packed keys are made of.
KEYS: Final = 2**31
# The first position that no list has, as a part of a packed key.
POSITIONS: Final = 2**32 - 1
# Keys, positions and counts below this, and above its negative, can be added to in 64 bits.
SUMS: Final = 2**62
_TRIES: Final = 100


def check_parent(key: int) -> None:
    """Raise CorruptRowError unless packed keys can be made of this key."""
    if not 0 <= key < KEYS:
        raise CorruptRowError("a key is out of bounds")


def check_positions(*positions: int) -> None:
    """Raise CorruptRowError unless rows can have these positions."""
    for position in positions:
        if not 0 <= position <= POSITIONS:
            raise CorruptRowError("a position is out of bounds")


def next_key(conn: sqlite3.Connection, table: str, has_rows: Callable[[int], bool]) -> int:
    """Return the key for a new row: the largest plus one, or a random one where that cannot be.

    A damaged row may have any key; and where the last row is lost, rows under its key may be left,
    which `has_rows` reports. Raises StoreFullError.
    """
    # Which key follows?
    (key,) = conn.execute(f"SELECT coalesce(max({table}_key), 0) + 1 FROM {table}").fetchone()
    return _suitable(conn, table, key, has_rows)


def key_within(
    conn: sqlite3.Connection, table: str, key: int, has_rows: Callable[[int], bool]
) -> int:
    """Return the key of the row that was just inserted, after giving it another where needed.

    As `next_key`, for rows to which others refer without a foreign key.
    """
    chosen = _suitable(conn, table, key, has_rows)
    if chosen != key:
        conn.execute(f"UPDATE {table} SET {table}_key = ? WHERE {table}_key = ?", (chosen, key))
    return chosen


def _suitable(
    conn: sqlite3.Connection, table: str, key: int, has_rows: Callable[[int], bool]
) -> int:
    if 0 <= key < KEYS and not has_rows(key):
        return key
    for _ in range(_TRIES):
        chosen = random.randrange(KEYS // 2, KEYS)
        found = conn.execute(f"SELECT 1 FROM {table} WHERE {table}_key = ?", (chosen,)).fetchone()
        if found is None and not has_rows(chosen):
            return chosen
    raise StoreFullError(
        f"no key is left for a row of {table}",
        hint="`salvage` the file into a new one, which gives new keys",
    )
