"""Find tool calls without results and results without calls in all conversations of a file."""

from __future__ import annotations

import sqlite3

from a3s_store.backends.sqlite.read import catalog
from a3s_store.backends.sqlite.read import messages as conversation
from a3s_store.backends.sqlite.rows import session_header
from a3s_store.backends.sqlite.schema import migrate
from a3s_store.core.tool_pairs import PairProblem, check_pairs
from a3s_store.errors import StoreError


def problems(conn: sqlite3.Connection) -> dict[str, tuple[PairProblem, ...]]:
    """Return the problems of each session that has any, by id, in the order of its messages.

    Inside a read transaction. Every message is read, one session after the other. Damaged sessions
    are left out, which `verify` reports. Empty for a file of another schema than this release's.
    """
    if not migrate.is_current(conn):
        return {}
    found = {name: _of_session(conn, name) for name in catalog.inventory(conn).sessions}
    return {name: some for name, some in found.items() if some}


def _of_session(conn: sqlite3.Connection, session_id: str) -> tuple[PairProblem, ...]:
    try:
        header = session_header.find(conn, session_id)
        if header is None or header.head is None:
            return ()
        messages = conversation.read(conn, conversation.find(conn, header.head)).messages
    except (ValueError, StoreError):
        return ()
    return check_pairs(messages)
