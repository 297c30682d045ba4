"""Find the save that a save id names: plain functions of a connection, inside a transaction."""

from __future__ import annotations

import sqlite3
from typing import Final

from a3s_store.backends.sqlite.rows import session_header
from a3s_store.core.conversation import Head
from a3s_store.core.revision import Revision

# How many of the last saves of a session are searched for a save id: a call is repeated soon.
_REPEATED_WITHIN: Final = 256


def revision(conn: sqlite3.Connection, session_id: str, save_id: bytes) -> Revision | None:
    """Return the revision that the save with this id made; None when there is none.

    The commit log has it, too, while its generation may be pruned.
    """
    row = conn.execute(
        "SELECT generation, life FROM generation JOIN owner USING (owner_key) "
        "WHERE id = :id AND save_id = :save UNION ALL "
        "SELECT commit_log.generation, life FROM owner JOIN commit_log ON subject = id "
        "WHERE id = :id AND save_id = :save AND kind = 'session' "
        "AND commit_log.generation >= life ORDER BY 1 DESC LIMIT 1",
        {"id": session_id, "save": save_id},
    ).fetchone()
    return None if row is None else Revision(*row)


def head(conn: sqlite3.Connection, key: int, save_id: bytes) -> Head | None:
    """Return the head of the conversation that a save made; None when it is not found.

    Found are the last 256 saves of the session. Raises CorruptRowError.
    """
    row = conn.execute(
        "SELECT generation FROM (SELECT generation, save_id FROM generation WHERE owner_key = ? "
        "ORDER BY generation DESC LIMIT ?) WHERE save_id = ?",
        (key, _REPEATED_WITHIN, save_id),
    ).fetchone()
    if row is None:
        return None
    return next(save.head for save in session_header.saves(conn, key, row[0]))
