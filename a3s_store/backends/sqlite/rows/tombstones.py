"""Tombstones: a hash of the id of each deleted session, and the last generation it had.

The number is 0 where only agent memory or checkpoints were stored under the id.

So no generation number is given twice under an id, and a condition on one never holds for a session
of another life. The hash has a salt of the file, so that an id cannot be looked up without it.
Plain functions of a connection, each inside a transaction that its caller opened.
"""

from __future__ import annotations

import hashlib
import sqlite3

from a3s_store.core.checksums import row_checksum
from a3s_store.core.corruption import NOT_WRITTEN, CorruptRowError


def last_generation(conn: sqlite3.Connection, session_id: str) -> int:
    """Return the last generation of the deleted session of an id; 0 when none was deleted."""
    salt = _salt(conn)
    if salt is None:
        return 0
    row = conn.execute(
        "SELECT id_hash, last_generation, row_checksum FROM tombstone WHERE id_hash = ?",
        (_hash(salt, session_id),),
    ).fetchone()
    return 0 if row is None else _checked(*row)


def check(conn: sqlite3.Connection) -> None:
    """Raise CorruptRowError for a row with a wrong checksum, or a missing salt."""
    found = conn.execute("SELECT id_hash, last_generation, row_checksum FROM tombstone").fetchall()
    if found and _salt(conn) is None:
        raise CorruptRowError("the salt of the tombstones is missing", "generation")
    for row in found:
        _checked(*row)


def _checked(id_hash: bytes, last: int, checksum: int) -> int:
    if row_checksum(id_hash.hex(), last) != checksum:
        raise CorruptRowError(NOT_WRITTEN, "generation")
    return last


def put(conn: sqlite3.Connection, session_id: str, last: int) -> None:
    """Store the last generation of an id, in place of an earlier one."""
    hashed = hash_of(conn, session_id)
    conn.execute(
        "INSERT OR REPLACE INTO tombstone (id_hash, last_generation, row_checksum) "
        "VALUES (?, ?, ?)",
        (hashed, last, row_checksum(hashed.hex(), last)),
    )


def hash_of(conn: sqlite3.Connection, session_id: str) -> bytes:
    """Return the hash of an id; the salt is made with the first one."""
    conn.execute("INSERT OR IGNORE INTO meta (name, value) VALUES ('salt', randomblob(16))")
    salt = _salt(conn)
    assert salt is not None, "it was just made"
    return _hash(salt, session_id)


def remember(conn: sqlite3.Connection, session_id: str) -> None:
    """Store a tombstone for an id under which no session was stored, unless it has one."""
    if not is_known(conn, session_id):
        put(conn, session_id, 0)


def is_known(conn: sqlite3.Connection, session_id: str) -> bool:
    """Whether something was deleted under this id."""
    salt = _salt(conn)
    if salt is None:
        return False
    row = conn.execute(
        "SELECT 1 FROM tombstone WHERE id_hash = ?", (_hash(salt, session_id),)
    ).fetchone()
    return row is not None


def _salt(conn: sqlite3.Connection) -> bytes | None:
    row = conn.execute("SELECT value FROM meta WHERE name = 'salt'").fetchone()
    return None if row is None else bytes(row[0])


def _hash(salt: bytes, session_id: str) -> bytes:
    return hashlib.sha256(salt + session_id.encode()).digest()
