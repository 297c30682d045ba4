"""Decide for a database that opening refuses, because of a WAL or journal beside it.

Invariants: 1. a file that is left out is renamed, never removed; 2. nothing is changed before the
result was tried on a private copy; 3. the file gets a new commit link afterwards, so that a WAL
that was left out never matches it again.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import attrs

from a3s_store.backends.sqlite.connection import exclusive_lock, kept_files, opening_check, paths
from a3s_store.backends.sqlite.errors import during
from a3s_store.backends.sqlite.format import atomic_rename, file_copy, file_link, files_beside
from a3s_store.backends.sqlite.format.files_beside import INDEX, LOGS, SET_ASIDE, WAL, beside
from a3s_store.backends.sqlite.schema import migrate
from a3s_store.core.new_files import sync_folder
from a3s_store.core.reports import ResolveReport
from a3s_store.errors import NotAStoreError, StoreUnavailableError

Action = Literal["set-aside-wal", "with-wal", "without-wal", "set-aside-journal"]


def resolve(path: str | os.PathLike[str], action: Action) -> ResolveReport:
    """Make a file openable that opening refuses with `FileStateError`.

    "set-aside-wal" keeps the database and renames the WAL; "with-wal" applies the WAL's changes;
    "without-wal" accepts the database without its WAL, which is missing or truncated;
    "set-aside-journal" renames a rollback journal. Files are renamed to `NAME-wal.set-aside`, with
    a number appended where that is taken.

    Blocks; the store must be closed in all processes. When this raises, no file was changed.

    Raises:
        StoreBusyError: a process has the store open.
        StoreUnavailableError: there is no file to which the action applies, or it cannot be
            accessed.
        CorruptionError: the result would be damaged; see `salvage`.
        NotAStoreError, SchemaError
    """
    began = time.monotonic()
    found = paths.resolve(path)
    with during("resolve", str(found)):
        if not found.is_file():
            raise NotAStoreError("there is no database at this path", hint="Restore a backup")
        aside = _to_set_aside(found, action)
        with exclusive_lock.held(found):
            tried = _try(found, action)
            renamed = [_set_aside(each) for each in aside]
            if action in ("set-aside-wal", "without-wal"):
                beside(found, INDEX).unlink(missing_ok=True)
            if action != "set-aside-journal":
                _begin_anew(found)
            sync_folder(found.parent)
    return ResolveReport(
        location=str(found),
        action=action,
        set_aside=tuple(map(str, renamed)),
        sessions=tried.sessions,
        last_saved_at_ms=tried.last_saved_at_ms,
        seconds=time.monotonic() - began,
    )


def _to_set_aside(path: Path, action: Action) -> list[Path]:
    """Return the files that an action renames. Raises StoreUnavailableError if it cannot apply."""
    log, journal = (beside(path, suffix) for suffix in LOGS)
    if action == "set-aside-journal":
        if not opening_check.is_hot(journal):
            raise _nothing("no journal that SQLite would roll back")
        return [journal]
    if action == "without-wal":
        return [log] if log.exists() else []
    if not log.exists():
        raise _nothing("no WAL")
    return [log] if action == "set-aside-wal" else []


def _nothing(what: str) -> StoreUnavailableError:
    return StoreUnavailableError(
        f"there is {what} beside the file", hint="`a3s-store doctor` lists the files beside it"
    )


@attrs.frozen
class _Tried:
    sessions: int
    last_saved_at_ms: int | None


def _try(path: Path, action: Action) -> _Tried:
    """Carry out the action on a copy; return how many sessions it has then, and the last save."""
    with file_copy.temporary(path) as made:
        kept_files.copy(path, made)
        log = beside(path, WAL)
        if action in ("with-wal", "set-aside-journal") and log.exists():
            shutil.copyfile(log, beside(made, WAL))
        with _opened(made) as conn:
            migrate.inspect(conn)
            file_copy.check_structure(conn)
            (sessions,) = conn.execute("SELECT count(*) FROM session").fetchone()
            (last,) = conn.execute("SELECT max(saved_at_ms) FROM generation").fetchone()
            return _Tried(sessions, last)


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    conn = sqlite3.connect(f"{path.as_uri()}?mode=rw", uri=True, isolation_level=None)
    try:
        conn.execute("PRAGMA trusted_schema = OFF").close()
        yield conn
    finally:
        conn.close()


def _set_aside(path: Path) -> Path:
    kept = file_copy.free_name(files_beside.aside(path, SET_ASIDE))
    atomic_rename.rename_new(path, kept)
    return kept


def _begin_anew(path: Path) -> None:
    """Commit a link that no WAL has, and close the database, which leaves one file."""
    with _opened(path) as conn:
        file_link.advance(conn)
