"""The note in a file that it was ever written with durability "normal".

After that a power cut may leave a log that looks damaged, and is not refused for it. The note is
copied into the database before anything is saved that way, so that it can be read without the log.
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
    """Whether the database itself says that it was written with durability "normal".

    Its log is ignored and no lock is taken, so that nothing is recovered by asking.
    """
    with contextlib.suppress(sqlite3.Error):
        conn = sqlite3.connect(f"{path.as_uri()}?mode=ro&immutable=1", uri=True)
        try:
            return says_normal(conn)
        finally:
            conn.close()
    return False


def says_normal(conn: sqlite3.Connection) -> bool:
    """Whether the file was ever written with durability "normal"."""
    found = conn.execute("SELECT 1 FROM meta WHERE name = ?", (NORMAL,)).fetchone()
    return found is not None


def note_normal(conn: WorkConnection) -> bool:
    """Note that the file is about to be written with durability "normal"; whether that is new."""
    if says_normal(conn):
        return False
    with transaction.write(conn, wal_checkpoint.follow):
        conn.execute("INSERT OR IGNORE INTO meta (name, value) VALUES (?, 1)", (NORMAL,))
    return True


def forget_normal(path: Path) -> None:
    """Take that note back: the file is closed, and all that is in it is about to be synced."""
    conn = sqlite3.connect(f"{path.as_uri()}?mode=rw", uri=True, isolation_level=None)
    try:
        with transaction.write(conn):
            conn.execute("DELETE FROM meta WHERE name = ?", (NORMAL,))
    finally:
        conn.close()
