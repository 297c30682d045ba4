"""One connection to the file: how it is found, made, set up, checkpointed and let go.

Everything here runs on the worker's thread. Invariants: 1. no file that SQLite may have open is
ever opened by us: closing it again would drop SQLite's locks in this process; files are created,
and only then given to SQLite; 2. a new file is 0600 before SQLite sees it, and its log and index
take that over; 3. the log is in WAL mode, or nothing is written.
"""

from __future__ import annotations

import os
import sqlite3
import stat
import sys
import threading
import time
import weakref
from pathlib import Path
from typing import Final, Literal

import attrs

from a3s_store.backends.sqlite.connection import (
    network_mounts,
    permissions,
    wal_checkpoint,
    wal_preflight,
)
from a3s_store.backends.sqlite.connection.work_connection import WorkConnection
from a3s_store.backends.sqlite.errors import during
from a3s_store.backends.sqlite.format import file_copy
from a3s_store.backends.sqlite.schema import migrate
from a3s_store.errors import CorruptionError, NotAStoreError, StoreBusyError, StoreUnavailableError

Durability = Literal["full", "normal"]

MIN_SQLITE: Final = (3, 37, 0)  # STRICT tables
# How much of the log is kept as a file when it is begun again: about a thousand pages.
LOG_BYTES: Final = wal_checkpoint.LOG_BYTES
_LENGTH_LIMIT: Final = 512 * 1024 * 1024

# Creating a file and opening it are one step for this process: see invariant 1.
_CREATING = threading.Lock()
# Files whose disk failed while they were open here: they are checked when they are opened again.
_UNCHECKED: set[Path] = set()


# Those of this process that are open, and some that were.
_CONNECTIONS: weakref.WeakSet[WorkConnection] = weakref.WeakSet()
_LISTING = threading.Lock()


@attrs.frozen(kw_only=True)
class Settings:
    """How a store is opened; what each means for users is said at `SqliteSessionStore.open`.

    Raises ValueError for a number that SQLite or a list could not take.
    """

    path: Path
    durability: Durability = "full"
    busy_timeout_ms: int = 10_000
    cache_max_sessions: int = 32
    cache_max_items: int = 100_000
    pause_gc: bool = False
    network_mount: bool = False

    def __attrs_post_init__(self) -> None:
        for name in ("busy_timeout_ms", "cache_max_sessions", "cache_max_items"):
            setting = getattr(self, name)
            if type(setting) is not int or not 0 <= setting < 2**31:
                raise ValueError(f"{name} is an integer from 0 to {2**31 - 1}")

    @property
    def wal(self) -> Path:
        return self.path.with_name(self.path.name + "-wal")


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
        with _CREATING:
            created = _create(settings.path)
            permissions.narrow(settings.path)
            before = identity(settings.path)
            conn = _connect(settings.path, settings)
        try:
            writable = _look(conn, settings.path, before)
            _prepare_writer(conn, settings, writable, created)
        except BaseException:
            conn.close()
            raise
    return conn


def open_reader(settings: Settings) -> WorkConnection:
    """A connection that cannot write. Raises as `open_writer`."""
    with during("open", str(settings.path)):
        _check_library()
        _check_kind(settings.path)
        before = identity(settings.path)
        conn = _connect(settings.path, settings)
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
        network_mounts.refuse(settings.path, permitted=settings.network_mount)
        if not _check_kind(settings.path):
            return True
        before = identity(settings.path)
        conn = _connect(settings.path, settings)
        try:
            return _look(conn, settings.path, before)
        finally:
            conn.close()


def require_integrity_check(path: Path) -> None:
    """Have the file checked before this process writes to it again: its disk failed."""
    _UNCHECKED.add(path)


def _check_integrity_if_required(conn: sqlite3.Connection, path: Path) -> None:
    if path not in _UNCHECKED:
        return
    (found,) = conn.execute("PRAGMA quick_check(1)").fetchone()
    if found != "ok":
        raise CorruptionError(
            "after an I/O error the file is damaged", part="file", hint="See `verify`"
        )
    _UNCHECKED.discard(path)


def identity(path: Path) -> tuple[int, int]:
    """What tells a file from another that takes its name later. Raises OSError."""
    info = path.stat()
    return info.st_dev, info.st_ino


def _look(conn: WorkConnection, path: Path, before: tuple[int, int]) -> bool:
    """Whether this release may write to the file, and is it still the one that was opened?

    Once it was read, the connection holds a lock for as long as it lives, without which no restore
    replaces the file. Before that one may have, and its log would be another's.
    """
    writable = migrate.inspect(conn)
    if identity(path) != before:
        raise StoreBusyError("the file was replaced while it was being opened", hint="Try again")
    return writable


def is_open_here(path: Path) -> bool:
    """Whether this process has a store open on the file: see invariant 1. Raises OSError."""
    wanted = identity(path)
    with _LISTING:
        return any(conn.file == wanted and not conn.closed.is_set() for conn in _CONNECTIONS)


def _check_library() -> None:
    if sqlite3.sqlite_version_info < MIN_SQLITE:
        raise StoreUnavailableError(
            f"this Python has SQLite {sqlite3.sqlite_version}",
            hint="A Python with SQLite 3.37 or newer is needed",
        )


def _check_kind(path: Path) -> bool:
    """Whether the file exists. Refuses what is no regular file, and a database cut to nothing."""
    try:
        info = path.lstat()  # links were resolved: what is one now was put there since
    except FileNotFoundError:
        if _size(path.with_name(path.name + "-wal")) > 0:
            raise CorruptionError(
                "there is a log, but no database",
                hint="A restore may have been stopped: run it again, or restore a backup; "
                "it keeps the log aside",
            ) from None
        return False
    if not stat.S_ISREG(info.st_mode):
        raise NotAStoreError("this is no regular file", hint="Name a file")
    permissions.refuse(path)
    if info.st_size == 0 and _size(path.with_name(path.name + "-wal")) > 0:
        raise CorruptionError(
            "the database is empty, but its log is not",
            hint="Move both away and restore a backup",
        )
    return True


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _create(path: Path) -> bool:
    """Make the file, for us alone, unless it is there. An empty one is a store yet to be made."""
    if _check_kind(path):
        return False
    flags = os.O_CREAT | os.O_EXCL | os.O_RDWR | getattr(os, "O_NOFOLLOW", 0)
    try:
        os.close(os.open(path, flags, 0o600))
    except FileExistsError:
        return False  # another process was quicker
    return True


def _connect(path: Path, settings: Settings) -> WorkConnection:
    if not is_open_here(path):
        wal_preflight.check(path)
    file = identity(path)
    # mode=rw: SQLite itself must not create anything, it would not be 0600.
    conn = sqlite3.connect(
        f"{path.as_uri()}?mode=rw",
        uri=True,
        timeout=settings.busy_timeout_ms / 1000,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=256,
        factory=WorkConnection,
    )
    conn.closed = threading.Event()
    conn.file = file
    with _LISTING:
        _CONNECTIONS.add(conn)
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


def _prepare_writer(
    conn: WorkConnection, settings: Settings, writable: bool, created: bool
) -> None:
    if not writable:
        raise StoreUnavailableError("the file was written by a newer release; open it to read")
    if created:
        conn.execute("PRAGMA page_size = 4096").close()
    _switch_to_wal(conn, settings)
    _set_common(conn, settings)
    _check_integrity_if_required(conn, settings.path)
    conn.migrated = migrate.migrate(conn, settings.path)
    file_copy.sync_folder(settings.path.parent)
    conn.guard = _connect(settings.path, settings)
    conn.guard.execute("PRAGMA wal_autocheckpoint = 0").close()
    # Prepared now and kept: without memory it could not be, and the lock would stay held.
    conn.guard.execute("BEGIN").close()
    conn.guard.execute("ROLLBACK").close()
    if settings.durability == "normal" and wal_preflight.note_normal(conn):
        # Into the database itself, where it is found without the log.
        wal_checkpoint.checkpoint(conn)


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
