"""A row of the commit log: its columns, its checksum, and how one is added.

Numbers follow each other without gaps: a row is added inside the write transaction of its change,
and the newest row is never removed. Plain functions of a connection, each inside a transaction that
its caller opened.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from a3s_store.core.checksums import row_checksum
from a3s_store.core.commit_log import CommitKind, CommitOp

# The first schema that has the table.
SCHEMA: Final = 9
# In the order in which the row checksum is made of them.
COLUMNS: Final = "sequence, kind, subject, op, generation, digest, committed_at_ms, save_id"
_DIGEST: Final = "sha256:"
_INSERT: Final = (
    f"INSERT INTO commit_log ({COLUMNS}, row_checksum) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
)


def add(
    conn: sqlite3.Connection,
    kind: CommitKind,
    subject: str,
    op: CommitOp,
    now_ms: int,
    *,
    generation: int | None = None,
    digest: str | None = None,
    save_id: bytes | None = None,
    last: int | None = None,
    instead_of: int | None = None,
) -> int:
    """Add the row of a change; return its sequence. `last` is that of the newest row, if known.

    With `instead_of` it takes the place of the row with this sequence.
    """
    hashed = None if digest is None else bytes.fromhex(digest.removeprefix(_DIGEST))
    sequence = instead_of or (latest(conn) if last is None else last) + 1
    columns = (sequence, kind, subject, op, generation, hashed, now_ms, save_id)
    if instead_of is not None:
        conn.execute("DELETE FROM commit_log WHERE sequence = ?", (instead_of,))
    conn.execute(_INSERT, (*columns, checksum(columns)))
    return sequence


def latest(conn: sqlite3.Connection) -> int:
    """Return the sequence of the newest row, 0 without one."""
    (found,) = conn.execute("SELECT max(sequence) FROM commit_log").fetchone()
    return found or 0


class Stamp(NamedTuple):
    """The commit that changed a session last: its sequence and its time in Unix milliseconds."""

    sequence: int
    at_ms: int

    def columns(self) -> dict[str, Any]:
        """Return the columns of the session's row that say so."""
        return {"commit_sequence": self.sequence, "changed_at_ms": self.at_ms}

    def write(self, conn: sqlite3.Connection, owner_key: int) -> None:
        """Change these columns alone, if the owner has a session."""
        changes = ", ".join(f"{name} = ?" for name in self.columns())
        conn.execute(f"UPDATE session SET {changes} WHERE owner_key = ?", (*self, owner_key))


def checksum(columns: Sequence[Any]) -> int:
    """Return the checksum of a row with these columns, which are in the order of `COLUMNS`."""
    sequence, kind, subject, op, generation, digest, at_ms, save_id = columns
    digest = digest.hex() if type(digest) is bytes else digest
    save_id = save_id.hex() if type(save_id) is bytes else save_id
    return row_checksum(sequence, kind, subject, op, generation, digest, at_ms, save_id)


def shown(digest: bytes | None) -> str | None:
    """Return a stored digest in the form that callers see."""
    return None if digest is None else _DIGEST + digest.hex()


def begin(conn: sqlite3.Connection) -> None:
    """Add a row for each session that the file has, in the migration step that makes the table.

    So the log of a migrated file tells of all its sessions, too.
    """
    rows = conn.execute(
        "SELECT owner_key, id, generation, generation.digest, saved_at_ms, "
        "EXISTS (SELECT 1 FROM session WHERE session.owner_key = owner.owner_key) "
        "FROM owner JOIN generation USING (owner_key) "
        "WHERE generation = (SELECT max(g.generation) FROM generation AS g "
        "WHERE g.owner_key = owner.owner_key) ORDER BY saved_at_ms, owner_key"
    ).fetchall()
    for key, session_id, generation, digest, saved_at_ms, is_session in rows:
        if type(session_id) is not str:
            continue  # damage, which `verify` names
        sequence = add(
            conn, "session", session_id, "save", saved_at_ms, generation=generation, digest=digest
        )
        if is_session:
            Stamp(sequence, saved_at_ms).write(conn, key)
