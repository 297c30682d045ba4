"""Find and remove items of streams that have expired, in steps.

Readers leave expired items out by themselves, so that it does not matter when they are removed.
Plain functions of a connection, each inside a transaction that its caller opened.
"""

from __future__ import annotations

import sqlite3

from a3s_store.backends.sqlite.rows import deleted_streams


def step(conn: sqlite3.Connection, now_ms: int) -> bool:
    """Remove some items; return whether there are more."""
    budget = deleted_streams.Budget()
    return deleted_streams.remove_items(conn, "i.expires_at_ms <= :now", {"now": now_ms}, budget)


def next_expiry(conn: sqlite3.Connection) -> int | None:
    """Return when the next item expires, in Unix milliseconds; None if none does."""
    (found,) = conn.execute(
        "SELECT min(expires_at_ms) FROM stream_item WHERE expires_at_ms IS NOT NULL"
    ).fetchone()
    return None if found is None else int(found)
