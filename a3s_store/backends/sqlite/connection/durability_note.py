"""Note in a file that it was ever written with durability "normal".

After that, a power cut may leave a WAL that looks damaged, and the file is not refused for it. The
note is copied into the database, and synced, before the first such save of each process, so it can
be read without the WAL.
"""

from __future__ import annotations

import contextlib
import sqlite3
import sys
from pathlib import Path
from typing import Final

from a3s_store.backends.sqlite import transaction
from a3s_store.backends.sqlite.connection import kept_files, wal_checkpoint
from a3s_store.backends.sqlite.connection.work_connection import WorkConnection
from a3s_store.backends.sqlite.format import file_copy

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


def note_normal(conn: WorkConnection, path: Path) -> None:
    """Have the note in the database before the first save with durability "normal".

    In the database itself, and on the disk: another process may have written the note a moment ago,
    and not have copied or synced it yet. Not where a reader, or a writer, of another process keeps
    the WAL from being copied for longer than the busy timeout. Raises sqlite3.Error and OSError.
    """
    if not says_normal(conn):
        with transaction.write(conn, wal_checkpoint.follow):
            conn.execute("INSERT OR IGNORE INTO meta (name, value) VALUES (?, 1)", (NORMAL,))
    if not is_normal(path):
        wal_checkpoint.checkpoint(conn)
    if sys.platform != "win32":  # there a descriptor that only reads cannot be synced
        file_copy.sync(kept_files.descriptor(path))


def forget_normal(path: Path) -> None:
    """Remove the note from a closed file that is about to be synced. Raises sqlite3.Error."""
    conn = sqlite3.connect(f"{path.as_uri()}?mode=rw", uri=True, isolation_level=None)
    try:
        with transaction.write(conn):
            conn.execute("DELETE FROM meta WHERE name = ?", (NORMAL,))
    finally:
        conn.close()
