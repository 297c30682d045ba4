"""Which generations of a session were pruned: noted, so that `verify` tells them from lost ones.

In two columns of `owner`. Plain functions of a connection, each inside a transaction of the caller.
"""

from __future__ import annotations

import sqlite3
from typing import NamedTuple

from a3s_store.errors import GenerationGoneError, SessionNotFoundError


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


def not_there(conn: sqlite3.Connection, owner_key: int, number: int) -> SessionNotFoundError:
    """Return the error for a generation that has no conversation here: pruned, or never one."""
    (life, newest) = conn.execute(
        "SELECT life, (SELECT max(generation) FROM generation WHERE owner_key = :key) "
        "FROM owner WHERE owner_key = :key",
        {"key": owner_key},
    ).fetchone()
    pruned = find(conn, owner_key)
    exists = "SELECT 1 FROM generation WHERE owner_key = ? AND generation = ?"
    if (
        pruned is not None
        and life <= number <= pruned.through
        and conn.execute(exists, (owner_key, number)).fetchone() is None
    ):
        return GenerationGoneError(
            f"generation {number} was pruned",
            generation=number,
            hint="`generations()` names those that are kept",
        )
    return SessionNotFoundError(
        f"there is no conversation of generation {number}",
        hint=f"The session is at generation {newest}",
    )
