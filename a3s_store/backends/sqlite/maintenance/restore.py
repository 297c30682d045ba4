"""Restore: put a backup in the place of a closed store, and keep the replaced store.

A database and its WAL belong together: SQLite replays the WAL of one database into another and
damages it, or ignores the WAL and loses its commits. So this module is about the order of file
operations.

Invariants, at every moment and after a power cut: 1. under the store's name is the old database
with its WAL, or the new one without any; or no file, only where the old database could not be
opened (opening then refuses to create a store beside the WAL that is left); 2. no file of the old
store is removed: it is renamed to `NAME.replaced`; 3. no process has the old store open while it is
replaced: an exclusive lock is held from before the first operation until after the last.
"""

from __future__ import annotations

import contextlib
import functools
import os
import sqlite3
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from a3s_store.backends.sqlite.connection import (
    connect,
    exclusive_lock,
    failing_reads,
    file_look,
    fork_gate,
    kept_files,
    opening_check,
    paths,
)
from a3s_store.backends.sqlite.connection.settings import Settings
from a3s_store.backends.sqlite.errors import during, explain
from a3s_store.backends.sqlite.format import (
    atomic_rename,
    file_copy,
    file_link,
    files_beside,
)
from a3s_store.backends.sqlite.format.files_beside import (
    COMPANIONS,
    INDEX,
    LOGS,
    REPLACED,
    beside,
)
from a3s_store.backends.sqlite.maintenance import backup
from a3s_store.backends.sqlite.schema import migrate
from a3s_store.core.new_files import sync_folder
from a3s_store.core.reports import RestoreReport
from a3s_store.errors import (
    CorruptionError,
    NotAStoreError,
    SchemaError,
    StoreBusyError,
    StoreUnavailableError,
)

# Seconds to wait for another process to close the store.
_BUSY_TIMEOUT: Final = 1.0


def restore(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    *,
    replace: bool = False,
    progress: file_copy.Progress | None = None,
) -> RestoreReport:
    """Copy the store `source` (a backup, or any closed store) to `target`.

    Blocks. With `replace` a store at `target` is renamed to `NAME.replaced`, together with its WAL
    (`.replaced.2` and so on if that is taken). Both stores must be closed in all processes. The
    copy has permissions 0600. `progress` is called with the pages copied and the pages in all. When
    this raises, the store at `target` is unchanged, unless the error says that it was replaced; a
    killed process leaves the old store or the new one.

    Raises:
        StoreUnavailableError: a file is at `target`, and `replace` is False.
        StoreBusyError: a process has the store at `target` open.
        CorruptionError: `source` is damaged.
        NotAStoreError, SchemaError, StoreFullError
    """
    started = time.monotonic()
    old = paths.resolve(target)
    settings = Settings(path=paths.resolve(source))
    with during("restore", str(old)), fork_gate.inside():
        file_copy.refuse_long(old)
        there = _is_there(old)
        if there and not replace:
            raise StoreUnavailableError(
                "there is a store already", hint="`replace` keeps it under another name"
            )
        if settings.path == old or (there and settings.path.samefile(old)):
            raise StoreUnavailableError(
                "source and target are the same file", hint="Name another file"
            )
        with file_copy.temporary(old) as made:
            sessions, pages = _copy(settings, made, progress)
            size = made.stat().st_size
            with _alone(old) if there else contextlib.nullcontext(False) as healthy:
                kept = _swap(old, made) if healthy else _set_aside(old, made, there)
    return RestoreReport(
        source=str(settings.path),
        target=str(old),
        replaced=tuple(map(str, kept)),
        bytes=size,
        pages=pages,
        sessions=sessions,
        seconds=time.monotonic() - started,
    )


def _copy(settings: Settings, made: Path, progress: file_copy.Progress | None) -> tuple[int, int]:
    """Copy the source with the commits in its WAL, and verify the copy."""
    with during("restore", str(settings.path)), contextlib.closing(_opened(settings)) as source:
        if migrate.numbers(source)[1] == 0:
            raise NotAStoreError("there is no store in this file", hint="Name a backup")
        file_copy.copy(source, made, progress)
        return backup.check(made)


def _opened(settings: Settings) -> sqlite3.Connection:
    return failing_reads.opening(settings.path, lambda: connect.open_reader(settings))


def _is_there(path: Path) -> bool:
    """Return whether there is a file. Raises NotAStoreError when it is no regular file."""
    try:
        info = path.lstat()
    except FileNotFoundError:
        return False
    if not stat.S_ISREG(info.st_mode):
        raise NotAStoreError("not a regular file", hint="Name a file")
    return True


# -- The exclusive lock -----------------------------------------------------------------------


@contextlib.contextmanager
def _alone(path: Path) -> Iterator[bool]:
    """Lock the store exclusively; yield whether it is one file now, its WAL copied into it.

    A damaged store is kept as it is, with its WAL: yields False.

    Raises:
        StoreBusyError: a process has the store open.
    """
    if kept_files.is_open_here(path):
        raise exclusive_lock.busy()
    if _is_unreadable(path):
        # SQLite would remove the WAL when it closes such a file.
        with exclusive_lock.held(path):
            yield False
        return
    conn = sqlite3.connect(
        f"{path.as_uri()}?mode=rw", uri=True, isolation_level=None, timeout=_BUSY_TIMEOUT
    )
    try:
        try:
            healthy = _checkpoint_alone(conn, path)
        except (SchemaError, NotAStoreError, CorruptionError):
            healthy = False
        except sqlite3.Error as error:
            healthy = False
            known = explain(error)
            if isinstance(known, StoreBusyError):
                raise exclusive_lock.busy() from None
            if not isinstance(known, CorruptionError | NotAStoreError):
                raise
        if os.name == "nt":
            conn.close()  # an open file cannot be renamed there
        yield healthy
    finally:
        # SQLite notices that its file was renamed, and leaves the files beside the old name alone.
        conn.close()


def _is_unreadable(path: Path) -> bool:
    """Return whether SQLite must not open a file: for its first bytes, or the files beside it."""
    with path.open("rb") as file:
        is_database = file.read(len(file_look.MAGIC)) == file_look.MAGIC
    return not is_database or opening_check.refusal(path) is not None


def _checkpoint_alone(conn: sqlite3.Connection, path: Path) -> bool:
    # In this mode the first read takes a lock that excludes all other connections. So the WAL-reset
    # bug cannot occur, which needs a process that commits during the WAL checkpoint.
    conn.execute("PRAGMA locking_mode = EXCLUSIVE").close()
    conn.execute("PRAGMA trusted_schema = OFF").close()
    conn.execute("BEGIN EXCLUSIVE").close()
    conn.execute("ROLLBACK").close()
    # A damaged store is kept as it is: salvage may need its WAL.
    migrate.inspect(conn)
    file_copy.check_structure(conn)
    file_link.unmark(conn)
    busy, _, _ = conn.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    return not busy and all(_size(beside(path, suffix)) <= 0 for suffix in LOGS)


def _size(path: Path) -> int:
    """Return the bytes of a file; -1 when there is none."""
    try:
        return path.lstat().st_size
    except FileNotFoundError:
        return -1


# -- The file operations ----------------------------------------------------------------------


def _swap(old: Path, made: Path) -> tuple[Path, ...]:
    """Replace a store that is one file: at every moment the old or the new one has the name."""
    kept = file_copy.free_name(_aside(old), *COMPANIONS)
    with _undoing() as undo:
        # First the new store gets the name that the old one is to have; then they swap names.
        atomic_rename.rename_new(made, kept)
        undo.append(kept.unlink)
        # They are empty, so nothing is lost. They must go before the new store gets the name: a
        # process may open it at once and create a WAL.
        for suffix in COMPANIONS:
            beside(old, suffix).unlink(missing_ok=True)
        files_beside.remove_queue(old)
        sync_folder(old.parent)
        if not atomic_rename.exchange(kept, old):
            atomic_rename.rename_new(kept, made)
            undo.clear()
            return _set_aside(old, made, True)
        undo.clear()
        _sync_last(old, kept)
    return (kept,)


def _set_aside(old: Path, made: Path, there: bool) -> tuple[Path, ...]:
    """Rename the old store with its WAL, then give the copy its name."""
    kept = file_copy.free_name(_aside(old), *COMPANIONS)
    # The database first: opening refuses a WAL without its database, but would open a database
    # without its WAL, whose commits would be lost.
    suffixes = ("", *LOGS) if there else LOGS
    pairs = [(beside(old, s), beside(kept, s)) for s in suffixes if _size(beside(old, s)) >= 0]
    with _undoing() as undo:
        # Both get their new names before any loses its old one: wherever this is stopped, the
        # database and its WAL are together under one of the names.
        linked = len(pairs) > 1 and _link_all(pairs, undo)
        sync_folder(old.parent)
        for here, aside in pairs:
            if linked:
                here.unlink()
                undo.append(functools.partial(os.link, aside, here))
            else:
                atomic_rename.rename_new(here, aside)
                undo.append(functools.partial(atomic_rename.rename_new, aside, here))
            sync_folder(old.parent)
        beside(old, INDEX).unlink(missing_ok=True)
        files_beside.remove_queue(old)
        file_copy.place(made, old)
        undo.clear()
    return tuple(aside for _, aside in pairs)


def _link_all(pairs: list[tuple[Path, Path]], undo: list[Callable[[], object]]) -> bool:
    """Give each file a second name; return False where the file system has no hard links."""
    for here, aside in pairs:
        try:
            os.link(here, aside)
        except OSError as error:
            if error.errno in atomic_rename.NO_LINKS and not undo:
                return False
            raise
        undo.append(aside.unlink)
    return True


def _aside(old: Path) -> Path:
    return files_beside.aside(old, REPLACED)


def _sync_last(old: Path, kept: Path) -> None:
    try:
        sync_folder(old.parent)
    except OSError as error:
        raise StoreUnavailableError(
            f"the store was replaced, but may be the old one again after a power cut: {error}",
            hint=f"Check the disk; the old store is {kept.name} now",
        ) from error


@contextlib.contextmanager
def _undoing() -> Iterator[list[Callable[[], object]]]:
    """When the block fails, call the functions in the list, last first, until one fails."""
    undo: list[Callable[[], object]] = []
    try:
        yield undo
    except BaseException:
        for step in reversed(undo):
            try:
                step()
            except OSError:
                break  # continuing would separate the database from its WAL
        raise
