"""Opens connections: the one that writes, and those that read.

Everything here runs on a worker's thread. Invariants: 1. SQLite opens a file only after
`opening_check` has looked at it and at the files beside it; 2. a new file is 0600 and complete
before SQLite opens it (`creation`), and its WAL and index get the same permissions; 3. the database
is in WAL mode, or nothing is written.
"""

from __future__ import annotations

import functools
import os
import sqlite3
import threading
from pathlib import Path
from typing import Final, Literal

from a3s_store.backends.sqlite.connection import (
    creation,
    durability_note,
    file_look,
    integrity_check,
    kept_files,
    network_mounts,
    opening_check,
    paths,
    permissions,
    pragmas,
    wal_checkpoint,
)
from a3s_store.backends.sqlite.connection.kept_files import identity, is_open_here
from a3s_store.backends.sqlite.connection.queue_lock import QueueLock
from a3s_store.backends.sqlite.connection.settings import Settings
from a3s_store.backends.sqlite.connection.work_connection import WorkConnection
from a3s_store.backends.sqlite.errors import during
from a3s_store.backends.sqlite.format import (
    commit_link,
    file_copy,
    file_link,
    wal_file,
    wal_links,
)
from a3s_store.backends.sqlite.format.files_beside import INDEX, WAL, beside, size_bytes
from a3s_store.backends.sqlite.schema import migrate
from a3s_store.errors import NotAStoreError, SchemaError, StoreBusyError, StoreUnavailableError

_Mode = Literal["rw", "ro", "ro&immutable=1"]

MIN_SQLITE: Final = (3, 37, 0)  # STRICT tables

# Looking at a file and opening it are one step for this process.
_OPENING: Final = threading.Lock()


def open_writer(settings: Settings) -> WorkConnection:
    """Return a connection that writes; create the file and its tables where there are none.

    Raises:
        NotAStoreError: the file is not a store of this package.
        SchemaTooNewError, MigrationError: its schema cannot be brought to that of this release.
        CorruptionError: the file, its WAL or its schema is damaged.
        StoreBusyError: another process kept it locked for longer than the busy timeout.
        StoreUnavailableError: it cannot be written, or this Python's SQLite is too old.
    """
    with during("open", str(settings.path)):
        check_library()
        while paths.is_vacant(settings.path):
            if creation.create(settings.path, auto_vacuum=settings.auto_vacuum):
                break
            # Another process created a file meanwhile, which may be anything.
        permissions.narrow(settings.path)
        before = identity(settings.path)
        conn = _connect(settings.path, settings)
        try:
            writable = _look(conn, settings.path, before)
            _prepare_writer(conn, settings, writable)
        except BaseException:
            conn.close()
            raise
    return conn


def open_reader(settings: Settings) -> WorkConnection:
    """Return a connection that cannot write, and that leaves no file behind where possible.

    A closed file that no process has open is read without locks, so that a read-only folder is
    enough; its `is_current` returns afterwards whether the file was changed meanwhile. Raises as
    `open_writer` does.
    """
    with during("open", str(settings.path)):
        check_library()
        if paths.is_vacant(settings.path):
            raise NotAStoreError(
                "there is no store at this path", hint="Open it to write, which creates one"
            )
        before = identity(settings.path)
        conn = _connect_to_read(settings)
        try:
            pragmas.set_common(conn, settings)
            _look(conn, settings.path, before)
            conn.execute("PRAGMA query_only = ON")
        except BaseException:
            conn.close()
            raise
    return conn


def may_write(settings: Settings) -> bool:
    """Return whether this release may write to the file; a missing one it may create.

    Reads through a connection of its own and writes nothing. Raises as `open_writer` does.
    """
    with during("open", str(settings.path)):
        check_library()
        file_copy.refuse_long(settings.path)
        network_mounts.refuse(settings.path, permitted=settings.network_mount)
        if paths.is_vacant(settings.path):
            return True
        before = identity(settings.path)
        conn = _connect(settings.path, settings, _reading_mode(settings))
        try:
            return _look(conn, settings.path, before)
        finally:
            conn.close()


def require_current(conn: WorkConnection) -> None:
    """Refuse to read a file of an older schema, which only a migration would make readable.

    Raises:
        SchemaError: the schema is older than that of this release.
    """
    version = migrate.numbers(conn)[1]
    if version < migrate.newest():
        raise SchemaError(
            f"the file has schema {version}, and this release reads schema {migrate.newest()}; "
            "nothing was changed",
            op="open",
            hint="`a3s-store migrate` brings it there, after a backup; so does opening it to write",
        )


def check_library() -> None:
    """Raise StoreUnavailableError if this Python's SQLite is too old."""
    if sqlite3.sqlite_version_info < MIN_SQLITE:
        raise StoreUnavailableError(
            f"this Python has SQLite {sqlite3.sqlite_version}",
            hint="Use a Python with SQLite 3.37 or newer",
        )


def _look(conn: WorkConnection, path: Path, before: tuple[int, int]) -> bool:
    """Return whether this release may write to the file, once it is known to be the one opened.

    From the first read on, the connection has a lock that keeps a restore from replacing the file.
    Before that a restore may have replaced it, and the WAL would belong to another file.
    """
    writable = migrate.inspect(conn)
    if identity(path) != before:
        raise StoreBusyError("the file was replaced while it was being opened", hint="Try again")
    return writable


def _connect_to_read(settings: Settings) -> WorkConnection:
    """Connect as `_reading_mode` says; to a copy where SQLite cannot read the WAL in place."""
    mode, path = _reading_mode(settings), settings.path
    index = beside(path, INDEX)
    if mode != "ro" or os.access(path.parent, os.W_OK) or index.exists():
        return _connect(path, settings, mode)
    opening_check.check(path)
    import shutil
    import tempfile

    folder = tempfile.TemporaryDirectory(prefix="a3s-store-")
    try:
        made = Path(folder.name) / path.name
        made.touch(0o600)
        kept_files.copy(path, made)
        shutil.copyfile(settings.wal, beside(made, WAL))
        conn = _connect(made, settings)
    except OSError as error:
        folder.cleanup()
        raise StoreUnavailableError(
            f"reading the WAL needs a folder that can be written: {error}",
            hint="Copy both files to a folder of your own",
        ) from error
    except BaseException:
        folder.cleanup()
        raise
    conn.folder = folder
    return conn


def _reading_mode(settings: Settings) -> _Mode:
    """Return the mode in which reading leaves the file as it is.

    A connection that may write copies the WAL into the database when it is the last to close it,
    also the WAL of a process that ended between the two commits of a checkpoint. So a connection
    that reads may not write.
    """
    path = settings.path
    if is_open_here(path) or size_bytes(settings.wal) > 0 or file_look.is_open_elsewhere(path):
        return "ro"
    return "ro&immutable=1"


def _connect(path: Path, settings: Settings, mode: _Mode = "rw") -> WorkConnection:
    with _OPENING:
        if not is_open_here(path):
            opening_check.check(path)
        file = identity(path)
        # Not rwc: SQLite itself must not create anything, it would not be 0600.
        conn = sqlite3.connect(
            f"{path.as_uri()}?mode={mode}",
            uri=True,
            timeout=settings.busy_seconds,
            isolation_level=None,
            check_same_thread=False,
            cached_statements=256,
            factory=WorkConnection,
        )
        conn.closed = threading.Event()
        conn.file = file
        if mode == "ro&immutable=1":
            conn.watch_for_changes(kept_files.descriptor(path))
        kept_files.note_open(conn)
    # Before anything is read: the schema of a file from elsewhere may call functions.
    conn.execute("PRAGMA trusted_schema = OFF").close()
    return conn


def _prepare_writer(conn: WorkConnection, settings: Settings, writable: bool) -> None:
    if not writable:
        raise StoreUnavailableError(
            "the file was written by a newer release", hint="Open it with `read_only`"
        )
    pragmas.switch_to_wal(conn, settings)
    pragmas.set_common(conn, settings)
    integrity_check.run_if_required(conn, settings.path)
    turn = QueueLock(settings.path, settings.busy_timeout_ms)
    conn.take_turns(turn)
    conn.log_salt = functools.partial(_log_salt, settings.wal)
    conn.migrated = migrate.migrate(conn, settings.path, lambda: _header(settings.path))
    conn.guard = _connect(settings.path, settings)
    conn.guard.execute("PRAGMA wal_autocheckpoint = 0").close()
    conn.guard.take_turns(turn)
    # Prepared now and kept: later there may be no memory for it, and the lock would stay held.
    # Since it has read, it has SQLite's lock of an open file.
    conn.guard.execute("BEGIN").close()
    file_link.read(conn.guard)
    conn.guard.execute("ROLLBACK").close()
    if conn.migrated.backup is not None:
        wal_checkpoint.checkpoint(conn)  # the old schema needs no WAL any more
    # A process may have ended between the two commits of a checkpoint.
    wal_checkpoint.unmark(conn)
    if settings.durability == "normal":
        durability_note.note_normal(conn, settings.path)


def _header(path: Path) -> bytes:
    return kept_files.read(kept_files.descriptor(path), 0, commit_link.HEADER)


def _log_salt(wal: Path) -> int:
    with wal.open("rb") as log:
        return wal_links.salt_of(log.read(wal_file.HEADER))
