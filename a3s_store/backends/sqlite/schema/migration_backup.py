"""Back up a file before a migration changes it."""

from __future__ import annotations

import contextlib
import itertools
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path

from a3s_store.backends.sqlite import transaction
from a3s_store.backends.sqlite.errors import explain
from a3s_store.backends.sqlite.format import file_copy
from a3s_store.backends.sqlite.format.files_beside import COMPANIONS, PARTIAL, backup_name
from a3s_store.errors import CorruptionError, MigrationError, StoreError, StoreUnavailableError


def keep(
    path: Path, version: int, check: Callable[[sqlite3.Connection], None]
) -> tuple[Path, bool]:
    """Back up the file beside it; return the backup, and whether it is new.

    The write lock must be held. `check` refuses a copy whose tables are not those of schema
    `version`. An equal backup of an earlier, interrupted attempt is used again, so that repeated
    attempts do not fill the disk.

    Raises:
        MigrationError: no backup could be made.
        CorruptionError: the file is damaged.
    """
    try:
        name = backup_name(path, version)
        with file_copy.temporary(name) as made:
            # A connection in a write transaction cannot be the source of a backup.
            source = sqlite3.connect(f"{path.as_uri()}?mode=rw", uri=True, isolation_level=None)
            try:
                file_copy.copy(source, made)
            finally:
                source.close()
            with file_copy.opened(made) as conn:
                file_copy.check_structure(conn)
                with transaction.read(conn):
                    check(conn)
                for there in _earlier(name, made):
                    if _is_equal(conn, there, check):
                        return there, False
            return _place(made, name), True
    except (StoreError, sqlite3.Error, OSError) as error:
        known = error if isinstance(error, StoreError) else explain(error)
        if isinstance(known, CorruptionError):
            raise damaged(known, version) from error
        raise MigrationError(
            f"no backup could be made, so nothing was migrated: {known}",
            hint="Free some space, or give the folder the rights; then open the store again",
        ) from error


def _place(made: Path, name: Path) -> Path:
    while True:
        found = file_copy.free_name(name, *COMPANIONS)
        try:
            file_copy.place(made, found)
        except StoreUnavailableError:
            if os.path.lexists(found):
                continue  # taken meanwhile
            raise
        return found


def _earlier(name: Path, made: Path) -> list[Path]:
    """Return earlier backups of this name; remove partial ones of killed processes.

    No other process is making one: that needs the write lock.
    """
    found = []
    import glob

    for there in sorted(name.parent.glob(f"{glob.escape(name.name)}*")):
        rest = there.name.removeprefix(name.name)
        if not rest or (rest.startswith(".") and rest[1:].isdecimal()):
            found.append(there)
        elif rest.endswith(PARTIAL) and there != made:
            with contextlib.suppress(OSError):
                there.unlink()
    return found


def _is_equal(
    conn: sqlite3.Connection, there: Path, check: Callable[[sqlite3.Connection], None]
) -> bool:
    """Return whether a backup made earlier has the same rows in the same tables."""
    if there.is_symlink() or not there.is_file() or there.stat().st_size == 0:
        return False
    other = sqlite3.connect(f"{there.as_uri()}?mode=rw", uri=True, isolation_level=None)
    try:
        with transaction.read(other):
            check(other)
            if any(
                conn.execute(f"PRAGMA {name}").fetchone()
                != other.execute(f"PRAGMA {name}").fetchone()
                for name in ("application_id", "user_version")
            ):
                return False
            file_copy.check_structure(other)
            # Our tables are the same; the user's tables may differ.
            tables = conn.execute(
                "SELECT name, sql FROM sqlite_schema WHERE type = 'table' ORDER BY name"
            ).fetchall()
            if (
                tables
                != other.execute(
                    "SELECT name, sql FROM sqlite_schema WHERE type = 'table' ORDER BY name"
                ).fetchall()
            ):
                return False
            # Each copy has a link of its own.
            return all(_same_rows(conn, other, name) for name, _ in tables if name != "file_link")
    except (StoreError, sqlite3.Error):
        return False  # damaged, or another file of this name
    finally:
        other.close()


def _same_rows(one: sqlite3.Connection, two: sqlite3.Connection, table: str) -> bool:
    quoted = '"' + table.replace('"', '""') + '"'
    rows = (conn.execute(f"SELECT * FROM {quoted}") for conn in (one, two))
    return all(a == b for a, b in itertools.zip_longest(*rows))


def damaged(error: CorruptionError, version: int) -> CorruptionError:
    """Return the error for a damaged file, which is not migrated."""
    return CorruptionError(
        f"the file has schema {version} and is damaged, so it was not migrated: {error.what}",
        part="file",
        hint="Keep the file as it is; `a3s-store salvage` writes its intact rows into a new store",
    )
