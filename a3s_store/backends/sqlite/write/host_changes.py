"""Change what a host keeps with a session: it has commits of its own, and makes no generation.

Plain functions of a connection, each inside a transaction that its caller opened.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from typing import Any

import attrs

from a3s_store.backends.sqlite.rows import commit_log, session_header, session_host
from a3s_store.core.base.generational import not_saved
from a3s_store.core.unit_marks import UnitMarks


def put_in_trash(conn: sqlite3.Connection, session_id: str, now_ms: int, *, trashed: bool) -> None:
    """Put a session in the trash, or take it out; see `HostDataStore.trash`.

    Raises:
        SessionNotFoundError: no session is stored.
    """
    key = session_header.owner_of(conn, session_id)
    if key is None:
        raise not_saved()
    host = session_host.find(conn, key)
    if trashed:
        if is_trashed_at(conn, session_id, host.trashed_sequence):
            return
        stamp = commit_log.add_change(conn, session_id, "trash", now_ms)
        assert stamp is not None, "the session is stored"
        host = attrs.evolve(host, trashed_at_ms=stamp.at_ms, trashed_sequence=stamp.sequence)
    elif host.trashed_at_ms is None:
        return
    else:
        commit_log.add_change(conn, session_id, "untrash", now_ms)
        host = attrs.evolve(host, trashed_at_ms=None, trashed_sequence=None)
    session_host.put(conn, key, host)


def is_trashed_at(conn: sqlite3.Connection, session_id: str, sequence: int | None) -> bool:
    """Return whether the last change of a session is the commit that put it in the trash."""
    row = conn.execute(
        f"SELECT {session_host.LAST_CHANGE}, trashed_sequence FROM session AS s "
        "JOIN owner USING (owner_key) JOIN session_host USING (owner_key) WHERE id = ?",
        (session_id,),
    ).fetchone()
    return sequence is not None and row == (sequence, sequence)


def update(
    conn: sqlite3.Connection,
    session_id: str,
    owner_key: int,
    change: Mapping[str, Any],
    now_ms: int,
    unit: UnitMarks | None,
    *,
    is_logged: bool,
) -> None:
    """Change labels, metadata and marks; `is_logged`: this call logged another change.

    Raises:
        EncodeError: there would be too many labels.
    """
    before = session_host.find(conn, owner_key)
    after = before.changed(change)
    if after == before:
        return
    session_host.put(conn, owner_key, after)
    if is_logged:
        return
    if unit is None:
        commit_log.add_change(conn, session_id, "update", now_ms)
        return
    op, before_it = unit.entry(session_id, "update")
    stamp = commit_log.add_change(conn, session_id, op, now_ms, before_it)
    assert stamp is not None, "the session is stored"
    unit.logged(session_id, op, stamp.sequence)
