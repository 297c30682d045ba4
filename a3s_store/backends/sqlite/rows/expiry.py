"""Find and remove items of streams that have expired, in steps.

Readers leave expired items out by themselves, so that it does not matter when they are removed.
Plain functions of a connection, each inside a transaction that its caller opened.
"""

from __future__ import annotations

import sqlite3
from typing import Final

from a3s_store.backends.sqlite.rows import blobs

# How many items one transaction removes.
ROWS: Final = 256


def step(conn: sqlite3.Connection, now_ms: int) -> bool:
    """Remove some items; return whether there may be more."""
    found = conn.execute(
        "SELECT item_key, blob_key FROM stream_item WHERE expires_at_ms <= ? LIMIT ?",
        (now_ms, ROWS),
    ).fetchall()
    # Their labels are removed with them.
    conn.executemany("DELETE FROM stream_item WHERE item_key = ?", [(key,) for key, _ in found])
    blobs.reclaim(conn, (key for _, key in found if key is not None))
    return len(found) == ROWS


def next_expiry(conn: sqlite3.Connection) -> int | None:
    """Return when the next item expires, in Unix milliseconds; None if none does."""
    (found,) = conn.execute(
        "SELECT min(expires_at_ms) FROM stream_item WHERE expires_at_ms IS NOT NULL"
    ).fetchone()
    return None if found is None else int(found)
