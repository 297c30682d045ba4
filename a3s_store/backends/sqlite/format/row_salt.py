"""The salt of the checksums of message rows, which ties a row to its file and its branch.

A page of messages from another store or branch has valid CRCs there; with the salt they are wrong
here. Files of an older schema keep their rows: rows from `first_key` on have the salt, and rows
before it may have it or not (keys of deleted rows are reused). The salt is in one row of `meta`
with a checksum of its own, and copies of a file have the same salt.
"""

from __future__ import annotations

import functools
import os
import sqlite3
import struct
import zlib
from typing import Any, Final, NamedTuple

from a3s_store.core.corruption import CorruptRowError

# The first schema that has it.
SCHEMA: Final = 6
NAME: Final = "row_salt"
_BODY: Final = struct.Struct(">16sQ")


class RowSalt(NamedTuple):
    """The salt, and the key of the first message row from which on every row has it."""

    salt: bytes
    first_key: int

    def seed(self, branch_key: int) -> int:
        """Return the initial value of the CRCs of the rows of a branch."""
        return _seed(self.salt, branch_key)

    def pack(self) -> bytes:
        """Return the value of the row."""
        body = _BODY.pack(self.salt, self.first_key)
        return body + zlib.crc32(body).to_bytes(4, "big")


# The salt of a file in which no row has one.
NONE_YET: Final = RowSalt(bytes(16), 2**63)


@functools.lru_cache(256)
def _seed(salt: bytes, branch_key: int) -> int:
    return zlib.crc32(salt + branch_key.to_bytes(8, "big", signed=True))


def unpack(value: Any) -> RowSalt | None:
    """Return the salt in a row's value; None for any other value."""
    if type(value) is not bytes or len(value) != _BODY.size + 4:
        return None
    body = value[: _BODY.size]
    if zlib.crc32(body) != int.from_bytes(value[_BODY.size :], "big"):
        return None
    return RowSalt(*_BODY.unpack(body))


def find(conn: sqlite3.Connection) -> RowSalt | None:
    """Return the salt of the file; None where it is missing or damaged."""
    row = conn.execute("SELECT value FROM meta WHERE name = ?", (NAME,)).fetchone()
    return None if row is None else unpack(row[0])


def read(conn: sqlite3.Connection) -> RowSalt:
    """Return the salt of the file. Raises CorruptRowError where it is missing or damaged.

    It never changes, so it is cached in the connection if that has an attribute for it.
    """
    found: RowSalt | None = getattr(conn, "row_salt", None)
    if found is None:
        found = find(conn)
        if found is None:
            raise CorruptRowError("the salt of the row checksums is missing or damaged", "file")
        if hasattr(conn, "row_salt"):
            conn.row_salt = found
    return found


def begin(conn: sqlite3.Connection) -> None:
    """Create the salt, in the transaction of the migration step that introduces it."""
    (last,) = conn.execute("SELECT max(message_key) FROM message").fetchone()
    put(conn, RowSalt(os.urandom(16), 1 if last is None else max(last, 0) + 1))


def put(conn: sqlite3.Connection, salt: RowSalt) -> None:
    """Write the salt, replacing a former one. Raises sqlite3.Error."""
    conn.execute("INSERT OR REPLACE INTO meta (name, value) VALUES (?, ?)", (NAME, salt.pack()))
