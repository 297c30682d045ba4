"""Create the file of a new store under a temporary name, complete, before it gets its own name.

So no process ever finds a store without tables, the tables need no WAL, and SQLite never writes a
rollback journal for a file with that name.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from a3s_store.backends.sqlite.errors import explain
from a3s_store.backends.sqlite.format import atomic_rename, file_copy
from a3s_store.backends.sqlite.schema import migrate
from a3s_store.core.new_files import sync_folder
from a3s_store.errors import CorruptionError, NotAStoreError, StoreUnavailableError

# Offset of the header's versions for writing and reading: 2 is WAL mode.
_VERSIONS: Final = 18


def create(path: Path, *, auto_vacuum: bool = True) -> bool:
    """Create a store where there is no file, or an empty one; False when another process did.

    With `auto_vacuum` free pages can be returned to the file system without rewriting the file.

    Raises:
        OSError, sqlite3.Error: the path is as before, or (if only the folder could not be synced)
            has the complete store.
        StoreUnavailableError: the disk does not return the bytes that were written.
    """
    with file_copy.temporary(path) as made:
        try:
            _fill(made, auto_vacuum)
        except (sqlite3.DatabaseError, CorruptionError) as error:
            known = error if isinstance(error, CorruptionError) else explain(error)
            if not isinstance(known, CorruptionError | NotAStoreError):
                raise
            raise StoreUnavailableError(
                f"reading the new file back gave other bytes than were written: {error}",
                hint="Check the disk, then open the store again",
            ) from error
        _declare_wal(made)
        file_copy.sync_file(made)
        if not (_replace_empty(made, path) if path.exists() else _take_name(made, path)):
            return False
    # SQLite syncs folders too, but ignores an error of it.
    sync_folder(path.parent)
    return True


def _fill(made: Path, auto_vacuum: bool) -> None:
    conn = sqlite3.connect(f"{made.as_uri()}?mode=rw", uri=True, isolation_level=None)
    with contextlib.closing(conn):
        # An unfinished file is removed, so it needs neither a journal nor syncs.
        conn.execute("PRAGMA journal_mode = OFF").close()
        conn.execute("PRAGMA synchronous = OFF").close()
        conn.execute("PRAGMA page_size = 4096").close()
        conn.execute(f"PRAGMA auto_vacuum = {'INCREMENTAL' if auto_vacuum else 'NONE'}").close()
        migrate.make(conn)


def _declare_wal(made: Path) -> None:
    """Set WAL mode in the header; SQLite would create a WAL beside the file to do so."""
    with made.open("r+b") as file:
        file.seek(_VERSIONS)
        file.write(b"\2\2")


def _take_name(made: Path, path: Path) -> bool:
    try:
        atomic_rename.rename_new(made, path)
    except FileExistsError:
        return False
    return True


def _replace_empty(made: Path, path: Path) -> bool:
    """Replace an empty file by the new one; False when it is no longer there or not empty."""
    with _locked(path) as handle:
        found, there = os.fstat(handle), path.stat()
        if (found.st_dev, found.st_ino) != (there.st_dev, there.st_ino) or found.st_size:
            return False
        made.replace(path)
    return True


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[int]:
    """Open and lock the empty file, so that no other process replaces it (on POSIX systems)."""
    handle = os.open(path, os.O_RDWR | getattr(os, "O_NOFOLLOW", 0))
    try:
        if sys.platform != "win32":
            import fcntl

            fcntl.flock(handle, fcntl.LOCK_EX)
        yield handle
    finally:
        os.close(handle)
