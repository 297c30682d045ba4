"""Which sessions a policy may delete, and what that removes. Plain functions of a connection."""

from __future__ import annotations

import sqlite3
from typing import Final

from a3s_store.backends.sqlite import transaction
from a3s_store.backends.sqlite.maintenance import prune_plan, prune_steps, sizes
from a3s_store.backends.sqlite.rows import session_host
from a3s_store.core.base.retention import Unused
from a3s_store.core.retention import Removed

# Archived sessions that may be deleted.
_ARCHIVED: Final = """
FROM session_host AS h JOIN session AS s USING (owner_key) JOIN owner AS o USING (owner_key)
WHERE h.archived AND NOT h.pinned AND h.trashed_at_ms IS NULL
AND NOT EXISTS (SELECT 1 FROM loop_checkpoint WHERE session_id = o.id)
"""


def archived(conn: sqlite3.Connection, before_ms: int) -> list[Unused]:
    """Return the archived sessions that may be deleted, see `RetentionPort.archived`."""
    rows = conn.execute(
        f"SELECT o.id, {session_host.LAST_CHANGE} {_ARCHIVED} "
        f"AND {session_host.LAST_CHANGE_MS} < ? "
        "ORDER BY s.updated_at, s.commit_sequence",
        (before_ms,),
    ).fetchall()
    return [Unused(*row) for row in rows]


def is_still(conn: sqlite3.Connection, one: Unused) -> bool:
    """Return whether a session is archived and may be deleted, and did not change since."""
    row = conn.execute(
        f"SELECT 1 {_ARCHIVED} AND o.id = ? AND {session_host.LAST_CHANGE} = ?",
        (one.session_id, one.sequence),
    ).fetchone()
    return row is not None


def bytes_of(conn: sqlite3.Connection, session_id: str) -> int:
    """Return the size of a session; 0 without one."""
    keys = sizes.keys_of(conn, [session_id])
    return sum(sizes.SessionSizes(conn).session(key, session_id).bytes for key in keys)


def measure(conn: sqlite3.Connection, session_ids: list[str]) -> tuple[Removed, int]:
    """Return what deleting these sessions removes, and the bytes of their lists beside that."""
    with transaction.read(conn):
        without, every = prune_plan.all_heads(conn, session_ids), prune_plan.all_heads(conn)
        lists = sizes.SessionSizes(conn)
        of_lists = sum(lists.lists(key) for key in sizes.keys_of(conn, session_ids))
    gone = prune_steps.unneeded(conn, without, session_ids).removed
    return gone.less(prune_steps.unneeded(conn, every).removed), of_lists
