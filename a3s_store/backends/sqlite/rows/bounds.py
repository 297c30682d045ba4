"""The bounds of keys and positions that arithmetic is done with, and keys of new rows within them.

A packed key is the parent's key, times 2^32, plus a position, in 63 bits. A damaged file may have
any 64-bit integer in the place of either.
"""

from __future__ import annotations

import random
import sqlite3
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


def key_within(conn: sqlite3.Connection, table: str, key: int) -> int:
    """The key of the row that was just inserted, which gets another if that is out of bounds.

    SQLite gives a new row the largest key plus one, and a damaged row may have any. What is chosen
    then is far from the keys of rows that lost their parent. Raises StoreFullError.
    """
    if 0 <= key < KEYS:
        return key
    for _ in range(_TRIES):
        chosen = random.randrange(KEYS // 2, KEYS)
        changed = conn.execute(
            f"UPDATE OR IGNORE {table} SET {table}_key = ? WHERE {table}_key = ?", (chosen, key)
        )
        if changed.rowcount:
            return chosen
    raise StoreFullError(
        f"no key is left for a row of {table}",
        hint="`salvage` the file into a new one, which gives new keys",
    )
