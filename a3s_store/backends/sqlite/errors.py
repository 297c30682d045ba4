"""Translate errors of sqlite3 into errors of this package, by code, never by text.

Modules of this backend use `during`, `explain` and `corruption_named` from here, so that every
sqlite3.Error reaches a caller as a StoreError.
"""

from __future__ import annotations

import contextlib
import functools
import sqlite3
from collections.abc import Iterator
from typing import Final

from a3s_store import errors
from a3s_store.core import corruption
from a3s_store.core.corruption import KEEP
from a3s_store.errors import (
    CorruptionError,
    Driver,
    EncodeError,
    NotAStoreError,
    StoreBusyError,
    StoreError,
    StoreFullError,
    StoreUnavailableError,
)

# An I/O error by its primary code: there was no space for the index of the WAL.
NO_ROOM = {sqlite3.SQLITE_IOERR_SHMSIZE}
_BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL}
_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_FORMAT}
# Failures of neither the disk nor another process.
_AGAIN = {sqlite3.SQLITE_ABORT, sqlite3.SQLITE_INTERRUPT, sqlite3.SQLITE_SCHEMA}


def explain(error: BaseException) -> StoreError | None:
    """Return the error of this package for one of sqlite3 or the operating system, else None."""
    if isinstance(error, sqlite3.Error):
        return _explain_sqlite(error)
    return errors.explain(error)


def _explain_sqlite(error: sqlite3.Error) -> StoreError:
    code = getattr(error, "sqlite_errorcode", None)
    name = getattr(error, "sqlite_errorname", type(error).__name__)
    what = f"{error} [{name}]"
    primary = code & 0xFF if code is not None else None
    if code is None and type(error) is sqlite3.OperationalError:
        # sqlite3 could not decode a text; its message would repeat that text.
        return CorruptionError("a text is not UTF-8", hint=KEEP)
    if primary in _BUSY:
        return StoreBusyError(what, hint="Another program holds the file; try again")
    if primary == sqlite3.SQLITE_FULL or code in NO_ROOM:
        return StoreFullError(what, hint="Free some space and save again")
    if primary == sqlite3.SQLITE_NOTADB:
        return NotAStoreError(what, hint="Name another file, or move this one away")
    if primary in _DAMAGED:
        return CorruptionError(what, hint=KEEP)
    if primary == sqlite3.SQLITE_TOOBIG or (code is None and isinstance(error, sqlite3.DataError)):
        return EncodeError(what, hint="Keep such a large value outside the store")
    if primary in {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH}:
        return StoreUnavailableError(what, hint="The file or its folder is not writable")
    if primary == sqlite3.SQLITE_CANTOPEN:
        return StoreUnavailableError(what, hint="Check that the folder exists and may be written")
    if primary == sqlite3.SQLITE_IOERR:
        return StoreUnavailableError(what, hint="Check the disk, then open the store again")
    if primary == sqlite3.SQLITE_NOMEM:
        return StoreUnavailableError(what, hint="Free some memory and try again")
    if primary == sqlite3.SQLITE_NOLFS:
        return StoreUnavailableError(what, hint="Use a file system that takes larger files")
    if primary in _AGAIN:
        return StoreError(what, hint="Try again")
    return StoreError(what, hint="This should not happen: please report it with this text")


def repeats_no_text(error: BaseException) -> bool:
    """Return whether an error surely repeats no stored text.

    sqlite3's own errors repeat a text that is not UTF-8, and then have no code of SQLite's.
    """
    if isinstance(error, sqlite3.Error):
        return hasattr(error, "sqlite_errorcode")
    return errors.repeats_no_text(error)


SQLITE: Final = Driver(explain, repeats_no_text)
during: Final = functools.partial(errors.during, driver=SQLITE)


@contextlib.contextmanager
def corruption_named(session_id: str | None = None) -> Iterator[None]:
    """As `core.corruption.corruption_named`, and for the damage that SQLite itself reports."""
    try:
        with corruption.corruption_named(session_id):
            yield
    except sqlite3.DatabaseError as error:
        if type(error) is sqlite3.OperationalError and not hasattr(error, "sqlite_errorcode"):
            # sqlite3 itself could not decode a text; its own message repeats that text.
            raise CorruptionError("a text is not UTF-8", session_id=session_id, hint=KEEP) from None
        known = explain(error)
        if not isinstance(known, CorruptionError):
            raise
        known.session_id, known.hint = session_id, KEEP
        raise known from error
