"""Note in a file that it was ever written with durability "normal".

After that, a power cut may leave a WAL that looks damaged, and the file is not refused for it. The
note is copied into the database before the first such save, so it can be read without the WAL.
"""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path
from typing import Final

from a3s_store.backends.sqlite import transaction
from a3s_store.backends.sqlite.connection import wal_checkpoint
from a3s_store.backends.sqlite.connection.work_connection import WorkConnection

# The row of `meta` that says that the file was written with durability "normal".
NORMAL: Final = "durability_normal"


def is_normal(path: Path) -> bool:
    """Return whether the database has the note; False where it cannot be read.

    Reads without the WAL and without locks, so that SQLite recovers nothing.
    """
    with contextlib.suppress(sqlite3.Error):
        conn = sqlite3.connect(f"{path.as_uri()}?mode=ro&immutable=1", uri=True)
        try:
            return says_normal(conn)
        finally:
            conn.close()
    return False


def says_normal(conn: sqlite3.Connection) -> bool:
    """Return whether the file was ever written with durability "normal"."""
    found = conn.execute("SELECT 1 FROM meta WHERE name = ?", (NORMAL,)).fetchone()
    return found is not None


def note_normal(conn: WorkConnection) -> bool:
    """Write the note before the first save with durability "normal"; return whether it is new."""
    if says_normal(conn):
        return False
    with transaction.write(conn, wal_checkpoint.follow):
        conn.execute("INSERT OR IGNORE INTO meta (name, value) VALUES (?, 1)", (NORMAL,))
    return True


def forget_normal(path: Path) -> None:
    """Remove the note from a closed file that is about to be synced. Raises sqlite3.Error."""
    conn = sqlite3.connect(f"{path.as_uri()}?mode=rw", uri=True, isolation_level=None)
    try:
        with transaction.write(conn):
            conn.execute("DELETE FROM meta WHERE name = ?", (NORMAL,))
    finally:
        conn.close()
