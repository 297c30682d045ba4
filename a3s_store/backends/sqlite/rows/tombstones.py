"""The remainder of a deleted session: a hash of its id, and the last number given under it.

The number is 0 where only agent memory or checkpoints were under the id.

So no generation number is given twice under an id, and a condition on one never holds for a session
of another life. The hash is salted by the file, so that an id cannot be looked up in it elsewhere.
Plain functions of a connection, each inside a transaction that its caller opened.
"""

from __future__ import annotations

import hashlib
import sqlite3

from a3s_store.core.checksums import row_checksum
from a3s_store.core.corruption import NOT_WRITTEN, CorruptRowError


def last_generation(conn: sqlite3.Connection, session_id: str) -> int:
    """The last number given under an id whose session was deleted; 0 when none was."""
    salt = _salt(conn)
    if salt is None:
        return 0
    row = conn.execute(
        "SELECT id_hash, last_generation, row_checksum FROM tombstone WHERE id_hash = ?",
        (_hash(salt, session_id),),
    ).fetchone()
    return 0 if row is None else _checked(*row)


def check(conn: sqlite3.Connection) -> None:
    """Raise CorruptRowError for a row that is not what was written, or is not found any more."""
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
    """Keep the last number given under an id, in place of an earlier one."""
    # The salt is made with the first deletion.
    conn.execute("INSERT OR IGNORE INTO meta (name, value) VALUES ('salt', randomblob(16))")
    salt = _salt(conn)
    assert salt is not None, "it was just made"
    hashed = _hash(salt, session_id)
    conn.execute(
        "INSERT OR REPLACE INTO tombstone (id_hash, last_generation, row_checksum) "
        "VALUES (?, ?, ?)",
        (hashed, last, row_checksum(hashed.hex(), last)),
    )


def remember(conn: sqlite3.Connection, session_id: str) -> None:
    """Keep that there was something under an id that never had a number."""
    if not is_known(conn, session_id):
        put(conn, session_id, 0)


def is_known(conn: sqlite3.Connection, session_id: str) -> bool:
    """Whether something under this id was deleted earlier."""
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
