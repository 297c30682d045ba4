"""Puts a backup in the place of a store, of closed ones only, and keeps what was there.

A database and its log belong together: the log of one beside another is replayed into it and
damages it, or is not, and what was in it is lost. So the order of the file operations is what this
room is about.

Invariants, at every moment, and after a power cut: 1. under the store's name lies the old database
with its log, or the new one without any, or, only where the old one could not be opened, nothing
(opening then refuses to make a new store beside the log that is left); 2. nothing of the old store
is removed; it is called `NAME.replaced` now; 3. nobody has the old store open while it is replaced:
an exclusive lock is held from before the first operation until after the last.
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
)
from a3s_store.backends.sqlite.connection.connect import Settings
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

# How long somebody who has the store open is waited for, in seconds.
_PATIENCE: Final = 1.0


def restore(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    *,
    replace: bool = False,
    progress: file_copy.Progress | None = None,
) -> RestoreReport:
    """Make the store `source` (a backup, or any closed store) the store at `target`, as a copy.

    Blocks. With `replace` a store that is at `target` is kept as `NAME.replaced`, its log with it
    (`.replaced.2` and so on if that is taken). Both must be closed, in all processes. The copy is
    0600. When this raises, what was at `target` is there as it was, unless the error says that it
    was replaced; a process that is killed leaves one or the other.

    Raises:
        StoreUnavailableError: something is at `target`, and `replace` was not said.
        StoreBusyError: somebody has the store at `target` open.
        CorruptionError: `source` is damaged.
        NotAStoreError, SchemaError, StoreFullError
    """
    started = time.monotonic()
    old = connect.resolve(target)
    settings = Settings(path=connect.resolve(source))
    with during("restore", str(old)), fork_gate.inside():
        file_copy.refuse_long(old)
        there = _is_there(old)
        if there and not replace:
            raise StoreUnavailableError(
                "there is a store already", hint="To keep it under another name, say `replace`"
            )
        if settings.path == old or (there and settings.path.samefile(old)):
            raise StoreUnavailableError("this is the backup itself", hint="Name another file")
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
    """Copy the source, with what is in its log, and look it through."""
    with during("restore", str(settings.path)), contextlib.closing(_opened(settings)) as source:
        if migrate.numbers(source)[1] == 0:
            raise NotAStoreError("there is no store in this file", hint="Name a backup")
        file_copy.copy(source, made, progress)
        return backup.check(made)


def _opened(settings: Settings) -> sqlite3.Connection:
    return failing_reads.opening(settings.path, lambda: connect.open_reader(settings))


def _is_there(path: Path) -> bool:
    """Whether something has this name. Raises NotAStoreError when it is no regular file."""
    try:
        info = path.lstat()
    except FileNotFoundError:
        return False
    if not stat.S_ISREG(info.st_mode):
        raise NotAStoreError("this is no regular file", hint="Name a file")
    return True


# -- Nobody else ------------------------------------------------------------------------------


@contextlib.contextmanager
def _alone(path: Path) -> Iterator[bool]:
    """Hold the store against everybody; answers whether it is one file now, its log copied.

    It is not when it is damaged: it is then kept as it is, log and all.

    Raises:
        StoreBusyError: somebody has it open.
    """
    if kept_files.is_open_here(path):
        raise exclusive_lock.busy()
    if _is_unreadable(path):
        # SQLite would remove the log when it closes such a file.
        with exclusive_lock.held(path):
            yield False
        return
    conn = sqlite3.connect(
        f"{path.as_uri()}?mode=rw", uri=True, isolation_level=None, timeout=_PATIENCE
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
        # SQLite sees that its file has another name, and leaves what lies beside the old one alone.
        conn.close()


def _is_unreadable(path: Path) -> bool:
    """Whether SQLite must not open it: no database at first sight, or what lies beside it."""
    with path.open("rb") as file:
        is_database = file.read(len(file_look.MAGIC)) == file_look.MAGIC
    return not is_database or opening_check.refusal(path) is not None


def _checkpoint_alone(conn: sqlite3.Connection, path: Path) -> bool:
    # In this mode the first read takes a lock that nobody else's connection lives beside. So no
    # guard is needed: the bug of checkpoints needs somebody who commits.
    conn.execute("PRAGMA locking_mode = EXCLUSIVE").close()
    conn.execute("PRAGMA trusted_schema = OFF").close()
    conn.execute("BEGIN EXCLUSIVE").close()
    conn.execute("ROLLBACK").close()
    # What is damaged is kept as it is: something may yet be brought back from it, or its log.
    migrate.inspect(conn)
    file_copy.check_structure(conn)
    file_link.unmark(conn)
    busy, _, _ = conn.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    return not busy and all(_size(beside(path, suffix)) <= 0 for suffix in LOGS)


def _size(path: Path) -> int:
    """Bytes of a file; -1 when there is none."""
    try:
        return path.lstat().st_size
    except FileNotFoundError:
        return -1


# -- The file operations ----------------------------------------------------------------------


def _swap(old: Path, made: Path) -> tuple[Path, ...]:
    """Replace a store that is one file: at every moment one of the two has the name."""
    kept = file_copy.free_name(_aside(old), *COMPANIONS)
    with _undoing() as undo:
        # The new one first has the name that the old one is to have; then they swap.
        atomic_rename.rename_new(made, kept)
        undo.append(kept.unlink)
        # Empty: nothing is lost with them, whoever has the name. They must go before the new one
        # comes, which somebody may open at once, and begin a log for.
        for suffix in COMPANIONS:
            beside(old, suffix).unlink(missing_ok=True)
        sync_folder(old.parent)
        if not atomic_rename.exchange(kept, old):
            atomic_rename.rename_new(kept, made)
            undo.clear()
            return _set_aside(old, made, True)
        undo.clear()
        _sync_last(old, kept)
    return (kept,)


def _set_aside(old: Path, made: Path, there: bool) -> tuple[Path, ...]:
    """Move away what is there, with its log, then let the copy take the name."""
    kept = file_copy.free_name(_aside(old), *COMPANIONS)
    # The database first: a log without its database is refused by whoever opens the store, while a
    # database without its log would be opened and have lost what was in it.
    suffixes = ("", *LOGS) if there else LOGS
    pairs = [(beside(old, s), beside(kept, s)) for s in suffixes if _size(beside(old, s)) >= 0]
    with _undoing() as undo:
        # Both have their new names before any loses its old one, so a database and its log are
        # together in one place or the other, wherever this is stopped.
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
        file_copy.place(made, old)
        undo.clear()
    return tuple(aside for _, aside in pairs)


def _link_all(pairs: list[tuple[Path, Path]], undo: list[Callable[[], object]]) -> bool:
    """Give each file a second name; False where the file system has no such thing."""
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
            hint=f"Check the disk; what was there is {kept.name} now",
        ) from error


@contextlib.contextmanager
def _undoing() -> Iterator[list[Callable[[], object]]]:
    """When the block fails, do what is in the list, the last first, as far as that goes."""
    undo: list[Callable[[], object]] = []
    try:
        yield undo
    except BaseException:
        for step in reversed(undo):
            try:
                step()
            except OSError:
                break  # going on would part a database from its log the other way round
        raise
