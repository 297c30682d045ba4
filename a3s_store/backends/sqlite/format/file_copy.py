"""Copy a store while others use it, and give the complete copy its name.

A copy is written under a temporary name in its final folder, synced and checked there. Only then is
it renamed, and never over another file.

Invariants: 1. at every moment the name of a copy has no file, or the complete copy; 2. a copy is
0600 before its first byte, whatever the umask; 3. a copy is one file, and there is no WAL beside it
that SQLite would take for the copy's.
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
from a3s_store.backends.sqlite.format import atomic_rename, commit_link, files_beside
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

# Called with the pages copied so far and the pages in total.
Progress = Callable[[int, int], object]

# Pages copied in one step: a megabyte, after which others get to use the disk.
PAGES: Final = 256
_COUNTER: Final = itertools.count()


def refuse_long(path: Path) -> None:
    """Raise StoreUnavailableError if the names of SQLite's files beside it would be too long."""
    length, most = len(os.fsencode(path.name)), longest_name(path.parent) - ADDED
    if length > most:
        raise StoreUnavailableError(
            f"the file's name has {length} bytes, and here a store's may have {most}: SQLite keeps "
            "files beside it whose names have -wal, -shm or -journal behind it",
            where=str(path),
            hint="Choose a shorter name",
        )


def refuse_taken(path: Path) -> None:
    """Raise StoreUnavailableError if this name, or one of SQLite's names beside it, is taken."""
    for suffix in ("", *COMPANIONS):
        if os.path.lexists(found := beside(path, suffix)):
            raise StoreUnavailableError(
                "there is already a file of this name",
                where=str(found),
                hint="Name a file that is not there yet, or move this one away",
            )


def free_name(path: Path, *suffixes: str) -> Path:
    """Return this name, or else with .2, .3 ... appended: a name free also with the suffixes."""
    for number in itertools.count(1):
        name = path if number == 1 else path.with_name(f"{path.name}.{number}")
        if not any(os.path.lexists(beside(name, suffix)) for suffix in ("", *suffixes)):
            return name
    raise AssertionError("some number is free")


@contextlib.contextmanager
def temporary(final: Path) -> Iterator[Path]:
    """Create an empty 0600 file beside `final`; remove it after the block, whatever happens.

    A killed process leaves it behind as `NAME.<process>.<number>.partial`, with the token of the
    process (`core.processes`). Raises OSError.
    """
    tail = f".{processes.own_token()}.{next(_COUNTER)}{PARTIAL}"
    # Leave space for the names of SQLite's own files.
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
            # An error here must not hide the first one.
            with contextlib.suppress(OSError):
                if os.path.lexists(left := beside(made, suffix)):
                    left.unlink()
        files_beside.remove_queue(made)


def copy(
    source: sqlite3.Connection,
    made: Path,
    progress: Progress | None = None,
    change: Callable[[sqlite3.Connection], object] | None = None,
) -> None:
    """Copy one snapshot of `source` into the empty file `made`, and sync it.

    `change` is called with a connection to the copy, to change it before anyone else sees it.
    The copy gets a file id of its own, so that no WAL of the source is taken for the copy's.
    Others go on writing meanwhile, but their WAL cannot be reset until this ends. An exception of
    `progress` ends it.

    Raises:
        sqlite3.Error, OSError: `made` is incomplete.
    """

    def tell(_: int, remaining: int, total: int) -> None:
        if progress is not None:
            progress(total - remaining, total)

    target = sqlite3.connect(f"{made.as_uri()}?mode=rw", uri=True, isolation_level=None)
    try:
        # A copy that fails is removed, so it needs no journal.
        target.execute("PRAGMA journal_mode = OFF").close()
        with transaction.read(source):
            # Only a read starts the snapshot; without it each step would see its own.
            source.execute("SELECT count(*) FROM sqlite_schema").fetchone()
            source.backup(target, pages=PAGES, progress=tell)
        if change is not None:
            change(target)
    finally:
        target.close()
    commit_link.renew(made)
    sync_file(made)


@contextlib.contextmanager
def opened(made: Path) -> Iterator[sqlite3.Connection]:
    """Open a read-only connection to a copy that no other process uses; it creates no files."""
    conn = sqlite3.connect(f"{made.as_uri()}?immutable=1", uri=True, isolation_level=None)
    try:
        conn.execute("PRAGMA trusted_schema = OFF").close()
        conn.execute("PRAGMA cell_size_check = ON").close()
        yield conn
    finally:
        conn.close()


def check_structure(conn: sqlite3.Connection) -> None:
    """Raise CorruptionError if SQLite finds the structure of the file damaged."""
    (found,) = conn.execute("PRAGMA integrity_check(1)").fetchone()
    if found != "ok":
        what = " ".join(str(found).split())
        raise CorruptionError(f"the file is damaged: {what}", part="file", hint=KEEP)


def place(made: Path, target: Path) -> None:
    """Give a finished copy its name, and sync the folder; never replace another file.

    Raises:
        StoreUnavailableError: the name is taken; that file is left as it is.
        OSError: the copy did not get the name.
    """
    try:
        atomic_rename.rename_new(made, target)
    except FileExistsError:
        raise StoreUnavailableError(
            "another file took this name meanwhile", where=str(target), hint="Name another file"
        ) from None
    try:
        sync_folder(target.parent)
    except BaseException:
        with contextlib.suppress(OSError):  # the first error is the one to tell
            target.unlink(missing_ok=True)
        raise


def sync_file(path: Path) -> None:
    """Sync a file that no connection has open. Raises OSError."""
    handle = os.open(path, os.O_RDWR | getattr(os, "O_NOFOLLOW", 0))
    try:
        sync(handle)
    finally:
        os.close(handle)


def sync(handle: int) -> None:
    """Sync an open file. Raises OSError; on Windows also for a read-only descriptor."""
    if sys.platform == "darwin":
        import fcntl

        # There fsync alone does not reach the disk.
        fcntl.fcntl(handle, fcntl.F_FULLFSYNC)
    os.fsync(handle)
