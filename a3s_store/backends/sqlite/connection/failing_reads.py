"""Tell a disk that cannot be read from a damaged file.

SQLite turns EIO on a read into SQLITE_CORRUPT inside a statement, the same as real damage, and
the advice for damage (restore a backup) costs the user the data of an intact file. So before
damage is reported, the bytes are read once more outside SQLite, and the operation is retried.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple, TypeVar

from a3s_store.backends.sqlite.connection import integrity_check, kept_files, lost_header
from a3s_store.backends.sqlite.connection.work_connection import WorkConnection
from a3s_store.backends.sqlite.errors import explain
from a3s_store.backends.sqlite.format.files_beside import WAL, beside
from a3s_store.errors import CorruptionError, NotAStoreError, StoreError, StoreUnavailableError

R = TypeVar("R")

# Codes of SQLite for damage (primary codes) and for failed reads (extended codes).
_DAMAGED: Final = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_FORMAT, sqlite3.SQLITE_NOTADB}
_UNREAD: Final = {
    sqlite3.SQLITE_IOERR_READ,
    sqlite3.SQLITE_IOERR_SHORT_READ,
    sqlite3.SQLITE_IOERR_CORRUPTFS,
}
_CHUNK: Final = 1024 * 1024
# How many seconds the files are read for.
READ_SECONDS: Final = 10.0


class FileReading(NamedTuple):
    """The result of reading a file: the error, if any, and whether the end was reached in time."""

    error: OSError | None = None
    finished: bool = True


def is_suspect(error: BaseException | None) -> bool:
    """Return whether an error, or its cause, may come from a read that failed."""
    if isinstance(error, CorruptionError) and error.part == "file":
        return True  # SQLite's own checks report a failed read by a text alone
    while error is not None:
        code = getattr(error, "sqlite_errorcode", None)
        if code is not None:
            return code in _UNREAD or code & 0xFF in _DAMAGED
        error = error.__cause__
    return False


def read_through(path: Path, seconds: float = READ_SECONDS) -> FileReading:
    """Read a database and its WAL, for at most so many seconds."""
    until = time.monotonic() + seconds
    found = _read(lambda: kept_files.descriptor(path), until)
    if found.error is not None or not found.finished:
        return found
    wal = beside(path, WAL)
    opened: list[int] = []

    def open_wal() -> int:
        opened.append(os.open(wal, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0)))
        return opened[0]

    try:
        return _read(open_wal, until)
    finally:
        for handle in opened:
            os.close(handle)  # a WAL has no locks that this could drop


def _read(descriptor: Callable[[], int], until: float) -> FileReading:
    at = 0
    try:
        handle = descriptor()
        while time.monotonic() < until:
            read = len(os.pread(handle, _CHUNK, at))
            if read == 0:
                return FileReading()
            at += read
    except FileNotFoundError:
        return FileReading()
    except OSError as error:
        return FileReading(error)
    return FileReading(finished=False)


def unavailable(found: OSError) -> StoreUnavailableError:
    """Return the error of a disk that cannot be read."""
    name = errno.errorcode.get(found.errno or 0, "OSError")
    error = StoreUnavailableError(
        f"the disk cannot be read: {found.strerror or found} [{name}]",
        hint="Nothing says that the file is damaged. Check the disk, or copy the file to another "
        "one, then open the store again",
    )
    error.errno = found.errno
    return error


def unsettled(error: BaseException) -> StoreError | None:
    """Return the error with a hint that a failing disk may be the reason; None if not of damage."""
    known = error if isinstance(error, StoreError) else explain(error)
    if not isinstance(known, CorruptionError):
        return None
    known.hint = (
        "This is damage or a failing disk: the file could not be read through in "
        f"{READ_SECONDS:.0f} s. Keep it as it is, check the disk, then run `verify`"
    )
    return known


def opening(path: Path, attempt: Callable[[], R]) -> R:
    """Return the result of `attempt` to open the file, retried once after a suspect error.

    Raises:
        StoreUnavailableError: the disk cannot be read.
        CorruptionError: the file is damaged, or a store that lost its first page.
        StoreError: whatever else `attempt` raises.
    """
    try:
        return attempt()
    except Exception as error:
        if not is_suspect(error):
            raise
        first = error
    is_new = integrity_check.require(path)
    # "Not a database" depends on the first page alone; the file may be large and not ours.
    found = read_through(path, 1.0 if isinstance(first, NotAStoreError) else READ_SECONDS)
    if found.error is not None:
        raise unavailable(found.error) from first
    try:
        return attempt()
    except Exception as error:
        if not is_suspect(error):
            raise
    # It is damage: the disk can be read, and the retry failed too.
    if is_new:
        integrity_check.waive(path)
    raise lost_header.explain(path, first) or first


class ReadRetry:
    """Retries reads of an open store that may have failed because of the disk.

    `on_failure` is called with the error of each failed read, even if the retry worked: on a disk
    that failed once, no save is acknowledged any more. `failures` counts failed reads.
    """

    def __init__(
        self,
        path: Path,
        open_reader: Callable[[], WorkConnection],
        on_failure: Callable[[BaseException], object],
    ) -> None:
        self._path = path
        self._open_reader = open_reader
        self._on_failure = on_failure
        self.failures = 0

    def opened(self) -> WorkConnection:
        """Return another reading connection to the open file. Raises as `opening` does."""
        try:
            return self._open_reader()
        except Exception as error:
            if not is_suspect(error):
                raise
            self.note(error)
        return opening(self._path, self._open_reader)

    def run(
        self,
        conn: WorkConnection,
        read: Callable[[WorkConnection], R],
        shows_damage: Callable[[R], bool] = lambda _: False,
    ) -> R:
        """Return the result of `read`, retried on a new connection where it shows damage.

        `shows_damage` tells whether a result reports damage.

        Raises:
            StoreUnavailableError: the disk cannot be read.
            StoreError: whatever `read` raises.
        """
        failure: Exception | None = None
        try:
            value = read(conn)
            if not shows_damage(value):
                return value
        except Exception as error:
            if not is_suspect(error):
                raise
            failure = error
        found = read_through(self._path)
        if found.error is not None:
            refused = unavailable(found.error)
            self.note(refused)
            raise refused from failure
        again = self._again(read, failure, finished=found.finished)
        if not shows_damage(again):
            self.note(StoreUnavailableError("a read of the disk failed, and worked when repeated"))
        return again

    def _again(
        self, read: Callable[[WorkConnection], R], first: Exception | None, *, finished: bool
    ) -> R:
        try:
            with contextlib.closing(self._open_reader()) as fresh:
                return read(fresh)
        except Exception as second:
            if not is_suspect(second):
                raise
            if isinstance(explain(second), StoreUnavailableError):
                self.note(second)
            known = None if finished else unsettled(first or second)
            raise (known or first or second) from second

    def note(self, error: BaseException) -> None:
        """Count a failed read and report it to `on_failure`."""
        self.failures += 1
        self._on_failure(error)
