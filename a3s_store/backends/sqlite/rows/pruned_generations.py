"""Which generations of a session were pruned: noted, so that `verify` tells them from lost ones.

In two columns of `owner`. Plain functions of a connection, each inside a transaction of the caller.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Final, NamedTuple

from a3s_store.core.base import generational
from a3s_store.core.corruption import CorruptRowError
from a3s_store.errors import SessionNotFoundError

# The part that damage of a generation is reported under.
PART: Final = "generation"


class Pruned(NamedTuple):
    """Rows up to generation `through` may be missing: so many are `left`."""

    through: int
    left: int


def find(conn: sqlite3.Connection, owner_key: int) -> Pruned | None:
    """Return the note of a session; None when none of its generations was ever pruned."""
    row = conn.execute(
        "SELECT pruned_through, pruned_left FROM owner WHERE owner_key = ?", (owner_key,)
    ).fetchone()
    return None if row is None or row == (None, None) else Pruned(row[0] or 0, row[1] or 0)


def note(conn: sqlite3.Connection, owner_key: int, through: int) -> None:
    """Note that generations up to `through` were pruned just now, in place of the last note."""
    before = find(conn, owner_key)
    if before is not None:
        through = max(through, before.through)
    (left,) = conn.execute(
        "SELECT count(*) FROM generation WHERE owner_key = ? AND generation <= ?",
        (owner_key, through),
    ).fetchone()
    conn.execute(
        "UPDATE owner SET pruned_through = ?, pruned_left = ? WHERE owner_key = ?",
        (through, left, owner_key),
    )


def lost(
    conn: sqlite3.Connection, owner_key: int, numbers: Sequence[int]
) -> CorruptRowError | None:
    """Return the error of a session with these generations, in order; None if none is missing.

    A missing newest generation cannot be found by the numbers.
    """
    if not numbers:
        return CorruptRowError("no save of it is stored", PART)
    (life,) = conn.execute("SELECT life FROM owner WHERE owner_key = ?", (owner_key,)).fetchone()
    through, expected_left = find(conn, owner_key) or Pruned(through=life - 1, left=0)
    left = sum(number <= through for number in numbers)
    if left != expected_left:
        what = f"{expected_left} generations up to {through} were not pruned, {left} are stored"
        return CorruptRowError(what, PART)
    for expected, number in enumerate(numbers[left:], through + 1):
        if number != expected:
            return CorruptRowError(f"found {number}, expected {expected}", PART, expected)
    return None


def not_there(
    conn: sqlite3.Connection, owner_key: int, number: int
) -> SessionNotFoundError | CorruptRowError:
    """Return the error for a generation without a conversation: pruned, never made, or lost."""
    (life, newest) = conn.execute(
        "SELECT life, (SELECT max(generation) FROM generation WHERE owner_key = :key) "
        "FROM owner WHERE owner_key = :key",
        {"key": owner_key},
    ).fetchone()
    pruned = find(conn, owner_key)
    exists = "SELECT 1 FROM generation WHERE owner_key = ? AND generation = ?"
    if (
        life <= number <= (newest or 0)
        and conn.execute(exists, (owner_key, number)).fetchone() is None
    ):
        if pruned is None or number > pruned.through:
            return CorruptRowError("it is missing", PART, number)
        return generational.pruned(number)
    return generational.not_there(number, newest)
