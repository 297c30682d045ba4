"""One connection to the file: how it is found, made, set up, checkpointed and let go.

Everything here runs on the worker's thread. Invariants: 1. SQLite opens a file only after what lies
at the path was looked at (`opening_check`); 2. a new file is 0600 and whole before SQLite sees it
(`creation`), and its log and index take the permissions over; 3. the log is in WAL mode, or nothing
is written.
"""

from __future__ import annotations

import functools
import os
import shutil
import sqlite3
import stat
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Final, Literal

import attrs

from a3s_store.backends.sqlite.connection import (
    creation,
    durability_note,
    file_look,
    kept_files,
    network_mounts,
    opening_check,
    permissions,
    wal_checkpoint,
)
from a3s_store.backends.sqlite.connection.kept_files import identity, is_open_here
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
from a3s_store.backends.sqlite.schema import migrate, structure_check
from a3s_store.errors import (
    CorruptionError,
    InvalidArgumentError,
    NotAStoreError,
    SchemaError,
    StoreBusyError,
    StoreUnavailableError,
)
from a3s_store.printable import short_repr
from a3s_store.wire import DEFAULT_LIMITS, Limits

Durability = Literal["full", "normal"]
Mode = Literal["rw", "ro", "ro&immutable=1"]

MIN_SQLITE: Final = (3, 37, 0)  # STRICT tables
# How much of the log is kept as a file when it is begun again: about a thousand pages.
LOG_BYTES: Final = wal_checkpoint.LOG_BYTES
_LENGTH_LIMIT: Final = 512 * 1024 * 1024

# Looking at a file and opening it are one step for this process.
_OPENING: Final = threading.Lock()
# Files whose disk failed while they were open here: they are checked when they are opened again.
_UNCHECKED: set[Path] = set()


@attrs.frozen(kw_only=True)
class Settings:
    """How a store is opened; what each means for users is said at `SqliteSessionStore.open`.

    Raises InvalidArgumentError for a number that SQLite or a list could not take.
    """

    path: Path
    durability: Durability = "full"
    busy_timeout_ms: int = 10_000
    cache_max_sessions: int = 32
    cache_max_items: int = 100_000
    pause_gc: bool = False
    network_mount: bool = False
    read_only: bool = False
    limits: Limits = DEFAULT_LIMITS
    auto_vacuum: bool = True
    prove_chain: bool = False

    def __attrs_post_init__(self) -> None:
        for name in ("busy_timeout_ms", "cache_max_sessions", "cache_max_items"):
            setting = getattr(self, name)
            if type(setting) is not int or not 0 <= setting < 2**31:
                raise InvalidArgumentError(
                    f"{name} is an integer from 0 to {2**31 - 1}, not {short_repr(setting)}",
                    argument=name,
                    op="open",
                    where=str(self.path),
                )

    @property
    def wal(self) -> Path:
        return beside(self.path, WAL)


def resolve(path: str | os.PathLike[str]) -> Path:
    """The absolute path of a store, symlinks resolved once.

    Raises:
        StoreUnavailableError: empty, `:memory:`, or with a NUL.
    """
    text = os.fspath(path)
    if not isinstance(text, str) or not text or text == ":memory:" or "\0" in text:
        raise StoreUnavailableError(
            "this path cannot name a store",
            op="open",
            hint="Use MemorySessionStore() to keep nothing",
        )
    with during("open", ascii(text)):
        try:
            found = Path(text).absolute().resolve()
            os.fsencode(found)
            if not found.name:
                raise NotAStoreError("this is a folder", hint="Name a file")
        except (RuntimeError, UnicodeEncodeError) as error:  # links in a circle, a lone surrogate
            raise StoreUnavailableError(
                f"this path leads nowhere: {type(error).__name__}", hint="Name a file"
            ) from None
    return found


def open_writer(settings: Settings) -> WorkConnection:
    """The one connection that writes; creates the file and its tables where there are none.

    Raises:
        NotAStoreError, SchemaTooNewError, MigrationError, CorruptionError, StoreBusyError,
        StoreUnavailableError
    """
    with during("open", str(settings.path)):
        _check_library()
        _create(settings)
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
    """A connection that cannot write, and leaves nothing behind where that can be.

    A closed file that no process has open is read without locks, so that a folder that cannot be
    written will do: `is_current` says afterwards whether it was changed meanwhile. Raises as
    `open_writer`.
    """
    with during("open", str(settings.path)):
        _check_library()
        if _is_to_be_made(settings.path):
            raise NotAStoreError("there is no store yet", hint="Open it to write, which makes one")
        before = identity(settings.path)
        conn = _connect_to_read(settings)
        try:
            _set_common(conn, settings)
            _look(conn, settings.path, before)
            conn.execute("PRAGMA query_only = ON")
        except BaseException:
            conn.close()
            raise
    return conn


def may_write(settings: Settings) -> bool:
    """Whether this release may write to the file; a missing one it may make.

    Looks through a connection of its own, so nothing is written by asking. Raises as `open_writer`.
    """
    with during("open", str(settings.path)):
        _check_library()
        file_copy.refuse_long(settings.path)
        network_mounts.refuse(settings.path, permitted=settings.network_mount)
        if _is_to_be_made(settings.path):
            return True
        before = identity(settings.path)
        conn = _connect(settings.path, settings, _reading_mode(settings))
        try:
            return _look(conn, settings.path, before)
        finally:
            conn.close()


def require_current(conn: WorkConnection) -> None:
    """Refuse to read a file of an older schema, which only a migration would make readable.

    Raises SchemaError.
    """
    version = migrate.numbers(conn)[1]
    if version < migrate.newest():
        raise SchemaError(
            f"the file has schema {version}, and this release reads schema {migrate.newest()}; "
            "nothing was changed",
            op="open",
            hint="`a3s-store migrate` brings it there, after a backup; so does opening it to write",
        )


def require_integrity_check(path: Path) -> bool:
    """Have the file checked before this process writes to it again: its disk failed.

    Returns whether that is new.
    """
    new = path not in _UNCHECKED
    _UNCHECKED.add(path)
    return new


def is_unchecked(path: Path) -> bool:
    """Whether the file's disk failed in this process, and the file was not checked since."""
    return path in _UNCHECKED


def waive_integrity_check(path: Path) -> None:
    """Take `require_integrity_check` back: the disk did not fail."""
    _UNCHECKED.discard(path)


def _check_integrity_if_required(conn: sqlite3.Connection, path: Path) -> None:
    if path not in _UNCHECKED:
        return
    if any(structure_check.problems(conn, "quick_check", 1)):
        raise CorruptionError(
            "after an I/O error the file is damaged", part="file", hint="See `verify`"
        )
    _UNCHECKED.discard(path)


def _look(conn: WorkConnection, path: Path, before: tuple[int, int]) -> bool:
    """Whether this release may write to the file, and is it still the one that was opened?

    Once it was read, the connection holds a lock for as long as it lives, without which no restore
    replaces the file. Before that one may have, and its log would be another's.
    """
    writable = migrate.inspect(conn)
    if identity(path) != before:
        raise StoreBusyError("the file was replaced while it was being opened", hint="Try again")
    return writable


def _check_library() -> None:
    if sqlite3.sqlite_version_info < MIN_SQLITE:
        raise StoreUnavailableError(
            f"this Python has SQLite {sqlite3.sqlite_version}",
            hint="A Python with SQLite 3.37 or newer is needed",
        )


def _check_kind(path: Path) -> bool:
    """Whether a file is there, empty or not. Refuses what is no regular file."""
    try:
        info = path.lstat()  # links were resolved: what is one now was put there since
    except FileNotFoundError:
        return False
    if not stat.S_ISREG(info.st_mode):
        raise NotAStoreError("this is no regular file", hint="Name a file")
    permissions.refuse(path)
    return True


def _create(settings: Settings) -> None:
    """Make the store where there is no file, or an empty one."""
    path = settings.path
    while _is_to_be_made(path):
        if creation.create(path, auto_vacuum=settings.auto_vacuum):
            return
        # Another was quicker; what lies there now may be anything.


def _is_to_be_made(path: Path) -> bool:
    """Whether there is no file, or an empty one, and no log beside it. Raises as `check`."""
    if _check_kind(path) and path.stat().st_size:
        return False
    opening_check.check(path)
    return True


def _connect_to_read(settings: Settings) -> WorkConnection:
    """A connection as `_reading_mode` says; to a copy where SQLite cannot read the log in place."""
    mode, path = _reading_mode(settings), settings.path
    index = beside(path, INDEX)
    if mode != "ro" or os.access(path.parent, os.W_OK) or index.exists():
        return _connect(path, settings, mode)
    opening_check.check(path)
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
            f"the log has to be read too, which needs a folder that can be written: {error}",
            hint="Copy both files to a folder of your own",
        ) from error
    except BaseException:
        folder.cleanup()
        raise
    conn.folder = folder
    return conn


def _reading_mode(settings: Settings) -> Mode:
    """How to read a file without a trace.

    A connection that may write copies the log into the database when it is the last to close it,
    also the log of a process that ended between the two commits of a checkpoint. So a connection
    that reads may not write.
    """
    path = settings.path
    if is_open_here(path) or size_bytes(settings.wal) > 0 or file_look.is_open_elsewhere(path):
        return "ro"
    return "ro&immutable=1"


def _connect(path: Path, settings: Settings, mode: Mode = "rw") -> WorkConnection:
    with _OPENING:
        if not is_open_here(path):
            opening_check.check(path)
        file = identity(path)
        # Not rwc: SQLite itself must not create anything, it would not be 0600.
        conn = sqlite3.connect(
            f"{path.as_uri()}?mode={mode}",
            uri=True,
            timeout=settings.busy_timeout_ms / 1000,
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
    # Before anything is read: a file from somebody else has a schema from somebody else.
    conn.execute("PRAGMA trusted_schema = OFF").close()
    return conn


def _set_common(conn: sqlite3.Connection, settings: Settings) -> None:
    for pragma in (
        f"synchronous = {settings.durability.upper()}",
        "foreign_keys = ON",
        "cell_size_check = ON",
        "temp_store = MEMORY",
        "mmap_size = 0",
        "wal_autocheckpoint = 0",
        f"journal_size_limit = {LOG_BYTES}",
        "secure_delete = FAST",
    ):
        conn.execute(f"PRAGMA {pragma}").close()
    if sys.platform == "darwin":
        # There fsync alone does not reach the disk.
        conn.execute("PRAGMA fullfsync = ON").close()
        conn.execute("PRAGMA checkpoint_fullfsync = ON").close()
    conn.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _LENGTH_LIMIT)
    conn.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)


def _prepare_writer(conn: WorkConnection, settings: Settings, writable: bool) -> None:
    if not writable:
        raise StoreUnavailableError("the file was written by a newer release; open it to read")
    _switch_to_wal(conn, settings)
    _set_common(conn, settings)
    _check_integrity_if_required(conn, settings.path)
    conn.log_salt = functools.partial(_log_salt, settings.wal)
    conn.migrated = migrate.migrate(conn, settings.path, lambda: _header(settings.path))
    conn.guard = _connect(settings.path, settings)
    conn.guard.execute("PRAGMA wal_autocheckpoint = 0").close()
    # Prepared now and kept: without memory it could not be, and the lock would stay held. Having
    # read, it holds SQLite's lock of who has the file open.
    conn.guard.execute("BEGIN").close()
    file_link.read(conn.guard)
    conn.guard.execute("ROLLBACK").close()
    if conn.migrated.backup is not None:
        wal_checkpoint.checkpoint(conn)  # the old schema needs no log any more
    # A process may have ended between the two commits of a checkpoint.
    wal_checkpoint.unmark(conn)
    if settings.durability == "normal" and durability_note.note_normal(conn):
        # Into the database itself, where it is found without the log.
        wal_checkpoint.checkpoint(conn)


def _header(path: Path) -> bytes:
    return kept_files.read(kept_files.descriptor(path), 0, commit_link.HEADER)


def _log_salt(wal: Path) -> int:
    with wal.open("rb") as log:
        return wal_links.salt_of(log.read(wal_file.HEADER))


def _switch_to_wal(conn: sqlite3.Connection, settings: Settings) -> None:
    """Turn the log on and look at the answer: a failed switch raises nothing.

    The busy handler is not asked while another process switches, so it is tried again here.
    """
    deadline = time.monotonic() + settings.busy_timeout_ms / 1000
    while True:
        try:
            (mode,) = conn.execute("PRAGMA journal_mode = WAL").fetchone()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF not in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
                raise
            mode = "busy"
        if mode == "wal":
            return
        if time.monotonic() > deadline:
            break
        time.sleep(0.005)
    if mode == "busy":
        raise StoreBusyError("another program holds the file", hint="Try again")
    raise StoreUnavailableError(
        f"the journal mode is {mode}, not wal",
        hint="The folder may be on a network file system; use a local one",
    )
