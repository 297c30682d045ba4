"""The settings of SQLite that every connection of the package has, and the switch to WAL mode."""

from __future__ import annotations

import sqlite3
import sys
import time
from typing import Final

from a3s_store.backends.sqlite.connection import wal_checkpoint
from a3s_store.backends.sqlite.connection.retry_busy import RETRY_SECONDS
from a3s_store.backends.sqlite.connection.settings import Settings
from a3s_store.errors import StoreBusyError, StoreUnavailableError

_LENGTH_LIMIT: Final = 512 * 1024 * 1024


def set_common(conn: sqlite3.Connection, settings: Settings) -> None:
    """Set durability, limits and checks of a connection. Raises sqlite3.Error."""
    for pragma in (
        f"synchronous = {settings.durability.upper()}",
        "foreign_keys = ON",
        "cell_size_check = ON",
        "temp_store = MEMORY",
        "mmap_size = 0",
        "wal_autocheckpoint = 0",
        f"journal_size_limit = {wal_checkpoint.LOG_BYTES}",
        "secure_delete = FAST",
    ):
        conn.execute(f"PRAGMA {pragma}").close()
    if sys.platform == "darwin":
        # There fsync alone does not reach the disk.
        conn.execute("PRAGMA fullfsync = ON").close()
        conn.execute("PRAGMA checkpoint_fullfsync = ON").close()
    conn.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _LENGTH_LIMIT)
    conn.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)


def switch_to_wal(conn: sqlite3.Connection, settings: Settings) -> None:
    """Turn WAL mode on, and read the mode back: a failed switch raises nothing.

    SQLite does not call the busy handler while another process switches, so it is retried here.

    Raises:
        StoreBusyError: the database stayed locked for longer than the busy timeout.
        StoreUnavailableError: the file system has no WAL mode.
    """
    deadline = time.monotonic() + settings.busy_seconds
    while True:
        try:
            (mode,) = conn.execute("PRAGMA journal_mode = WAL").fetchone()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF not in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
                raise
            mode = "busy"
        if mode == "wal":
            return
        if time.monotonic() > deadline:
            break
        time.sleep(RETRY_SECONDS)
    if mode == "busy":
        raise StoreBusyError("the database is locked by another process", hint="Try again")
    raise StoreUnavailableError(
        f"the journal mode is {mode}, not wal",
        hint="The folder may be on a network file system; use a local one",
    )
