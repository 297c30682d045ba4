"""Copies of a store: how one is made beside others' work, and how it takes its name when whole.

A copy is written under a temporary name in the folder where it will lie, synced and looked
through there. Only then does it take its name, and never that of something else.

Invariants: 1. at every moment what lies under a copy's name is nothing, or the whole copy; 2. a
copy is 0600 before its first byte, whatever the umask; 3. a copy is one file, and no log lies
beside it that SQLite would take for its own.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import sqlite3
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from a3s_store.backends.sqlite import transaction
from a3s_store.backends.sqlite.format import atomic_rename, commit_link
from a3s_store.backends.sqlite.format.files_beside import (
    ADDED,
    COMPANIONS,
    PARTIAL,
    beside,
)
from a3s_store.core import processes
from a3s_store.core.corruption import KEEP
from a3s_store.core.new_files import longest_name, shortened, sync_folder
from a3s_store.errors import CorruptionError, StoreUnavailableError

# Told pages copied and pages in all.
Progress = Callable[[int, int], object]

# Pages copied in one go: a megabyte, after which others have their turn at the disk.
PAGES: Final = 256
_COUNTER: Final = itertools.count()


def refuse_long(path: Path) -> None:
    """Raises StoreUnavailableError where SQLite's files beside a database would have no name."""
    length, most = len(os.fsencode(path.name)), longest_name(path.parent) - ADDED
    if length > most:
        raise StoreUnavailableError(
            f"the file's name has {length} bytes, and here a store's may have {most}: SQLite keeps "
            "files beside it whose names have -wal, -shm or -journal behind it",
            where=str(path),
            hint="Choose a shorter name",
        )


def refuse_taken(path: Path) -> None:
    """Raises StoreUnavailableError where something has this name, or SQLite's names beside it."""
    for suffix in ("", *COMPANIONS):
        if os.path.lexists(found := beside(path, suffix)):
            raise StoreUnavailableError(
                "there is something under this name already",
                where=str(found),
                hint="Name a file that is not there yet, or move this one away",
            )


def free_name(path: Path, *suffixes: str) -> Path:
    """This name, or else with .2, .3 ... behind it: one that nothing has, nor with a suffix."""
    for number in itertools.count(1):
        name = path if number == 1 else path.with_name(f"{path.name}.{number}")
        if not any(os.path.lexists(beside(name, suffix)) for suffix in ("", *suffixes)):
            return name
    raise AssertionError("some number is free")


@contextlib.contextmanager
def temporary(final: Path) -> Iterator[Path]:
    """A new empty file beside `final`, for us alone; gone afterwards whatever happens.

    A killed process leaves it behind, as `NAME.<process>.<number>.partial`: the process by its
    token of `core.processes`.
    """
    tail = f".{processes.own_token()}.{next(_COUNTER)}{PARTIAL}"
    # Room for the names of SQLite's own files as well.
    most = longest_name(final.parent) - len(tail) - ADDED
    made = final.with_name(shortened(final.name, most) + tail)
    flags = os.O_CREAT | os.O_EXCL | os.O_RDWR | getattr(os, "O_NOFOLLOW", 0)
    handle = os.open(made, flags, 0o600)
    try:
        with contextlib.suppress(AttributeError):  # not on Windows
            os.fchmod(handle, 0o600)  # a umask may take away what the owner needs
        os.close(handle)
        yield made
    finally:
        for suffix in ("", *COMPANIONS):
            # What cannot be removed must not hide the error that came first.
            with contextlib.suppress(OSError):
                if os.path.lexists(left := beside(made, suffix)):
                    left.unlink()


def copy(source: sqlite3.Connection, made: Path, progress: Progress | None = None) -> None:
    """Copy all that `source` sees at one moment into the empty file `made`, and sync it.

    It is a file of its own then: no log of the source's is taken for its own.
    Others go on writing meanwhile; the log they write to cannot be begun again until this is done.
    What `progress` raises ends it. Raises sqlite3.Error and OSError; what `made` holds is then of
    no use.
    """

    def tell(_: int, remaining: int, total: int) -> None:
        if progress is not None:
            progress(total - remaining, total)

    target = sqlite3.connect(f"{made.as_uri()}?mode=rw", uri=True, isolation_level=None)
    try:
        # A copy that fails is thrown away: there is nothing to go back to.
        target.execute("PRAGMA journal_mode = OFF").close()
        with transaction.read(source):
            # Only a read fixes the moment; without it each step would be of its own.
            source.execute("SELECT count(*) FROM sqlite_schema").fetchone()
            source.backup(target, pages=PAGES, progress=tell)
    finally:
        target.close()
    commit_link.renew(made)
    sync_file(made)


@contextlib.contextmanager
def opened(made: Path) -> Iterator[sqlite3.Connection]:
    """A connection to a copy that nobody else knows of; it leaves no files beside it."""
    conn = sqlite3.connect(f"{made.as_uri()}?immutable=1", uri=True, isolation_level=None)
    try:
        conn.execute("PRAGMA trusted_schema = OFF").close()
        conn.execute("PRAGMA cell_size_check = ON").close()
        yield conn
    finally:
        conn.close()


def check_structure(conn: sqlite3.Connection) -> None:
    """Raises CorruptionError where SQLite finds the structure of the file damaged."""
    (found,) = conn.execute("PRAGMA integrity_check(1)").fetchone()
    if found != "ok":
        what = " ".join(str(found).split())
        raise CorruptionError(f"the file is damaged: {what}", part="file", hint=KEEP)


def place(made: Path, target: Path) -> None:
    """Give a finished copy its name, for good, and never in place of something.

    Raises:
        StoreUnavailableError: something has that name; it is left as it is.
        OSError: the name was not given.
    """
    try:
        atomic_rename.rename_new(made, target)
    except FileExistsError:
        raise StoreUnavailableError(
            "something took this name meanwhile", where=str(target), hint="Name another file"
        ) from None
    try:
        sync_folder(target.parent)
    except BaseException:
        with contextlib.suppress(OSError):  # the first error is the one to tell
            target.unlink(missing_ok=True)
        raise


def sync_file(path: Path) -> None:
    """Make the content of a file that no connection has open outlast a power cut."""
    handle = os.open(path, os.O_RDWR | getattr(os, "O_NOFOLLOW", 0))
    try:
        if sys.platform == "darwin":
            import fcntl

            # There fsync alone does not reach the disk.
            fcntl.fcntl(handle, fcntl.F_FULLFSYNC)
        os.fsync(handle)
    finally:
        os.close(handle)
