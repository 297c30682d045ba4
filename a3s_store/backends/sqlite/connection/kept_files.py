"""Track the files that SQLite has open in this process, and read their bytes safely.

POSIX drops all locks that a process has on a file when it closes any descriptor of that file,
SQLite's locks included. So the bytes of a database are read through one descriptor per file, which
is not closed while a connection has the file open. The WAL has no locks and may be opened and
closed freely. The -shm has the locks of the WAL, and must not be opened and closed.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import stat
import sys
import threading
import weakref
from pathlib import Path
from typing import Final, Protocol

from a3s_store import _forks
from a3s_store.errors import NotAStoreError

# Device and inode, which tell a file from another that takes its name later.
FileIdentity = tuple[int, int]

# How many descriptors of files that are no longer open here are kept.
KEPT: Final = 64
# Neither wait for a pipe nor follow a link.
_FLAGS: Final = (
    os.O_RDONLY
    | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_BINARY", 0)
)

_CHUNK: Final = 1024 * 1024


class Connection(Protocol):
    """A connection of the package, as this module uses it."""

    file: FileIdentity
    closed: threading.Event
    takes_locks: bool

    def close(self) -> None:
        """Close it."""


_LOCK = threading.Lock()
_CONNECTIONS: weakref.WeakSet[Connection] = weakref.WeakSet()
# Usually one per file; the files used last are at the end.
_DESCRIPTORS: dict[FileIdentity, list[int]] = {}
# In a child that was forked while SQLite was at work: connections that must never be closed.
_INHERITED: list[Connection] = []


def note_open(conn: Connection) -> None:
    """Note that this connection has its `file` open until it is closed."""
    with _LOCK:
        _CONNECTIONS.add(conn)


def connections() -> list[Connection]:
    """Return the connections of this process that are open."""
    with _LOCK:
        return _open_connections()


def is_open(file: FileIdentity) -> bool:
    """Return whether a connection of this process has the file open."""
    return any(conn.file == file for conn in connections())


def identity(path: Path | str) -> FileIdentity:
    """Return device and inode of a file. Raises OSError."""
    info = os.stat(path)  # noqa: PTH116 - a Path would be made for each commit
    return info.st_dev, info.st_ino


def is_open_here(path: Path) -> bool:
    """Return whether a connection here has the file open with SQLite's locks. Raises OSError."""
    file = identity(path)
    return any(conn.file == file and conn.takes_locks for conn in connections())


def descriptor(path: Path) -> int:
    """Return a read-only descriptor of the file at this path, for `os.pread` and `os.fstat`.

    The caller never closes it and never moves it (`os.lseek`, `os.read`). It stays valid while a
    connection of this process has the file open, and usually longer; ask again for each use. Equal
    files have equal descriptors.

    Raises:
        OSError: there is no such file, or it cannot be opened.
        NotAStoreError: it is not a regular file.
    """
    with _LOCK:
        info = path.lstat()
        if not stat.S_ISREG(info.st_mode):
            raise NotAStoreError("the path is not a regular file", hint="Name a file")
        file = info.st_dev, info.st_ino
        if file not in _DESCRIPTORS:
            opened = os.open(path, _FLAGS)
            # Another file may have taken the name since. If that one is kept already, closing the
            # new descriptor would drop its locks, so both are kept.
            info = os.fstat(opened)
            file = info.st_dev, info.st_ino
            _DESCRIPTORS.setdefault(file, []).append(opened)
        _DESCRIPTORS[file] = found = _DESCRIPTORS.pop(file)
        _close_unneeded(file)
        return found[0]


def read(handle: int, at: int, length: int) -> bytes:
    """Return bytes of a descriptor's file, fewer where it ends before. Raises OSError."""
    if sys.platform == "win32":
        with _LOCK:
            os.lseek(handle, at, os.SEEK_SET)
            return os.read(handle, length)
    else:
        return os.pread(handle, length, at)


def copy(path: Path, made: Path) -> None:
    """Copy the bytes of a database into the empty file `made`. Raises OSError."""
    handle, at = descriptor(path), 0
    with made.open("r+b") as file:
        while data := read(handle, at, _CHUNK):
            file.write(data)
            at += len(data)


def release() -> None:
    """Close the descriptors of files that are open in no other way in this process.

    A file that is open cannot be ejected with its medium, nor free its space once removed.
    """
    with _LOCK:
        in_use = {conn.file for conn in _open_connections()}
        for file in [file for file in _DESCRIPTORS if file not in in_use]:
            if not _is_held_by_others(file):
                _close(file)


def _open_connections() -> list[Connection]:
    return [conn for conn in _CONNECTIONS if not conn.closed.is_set()]


def _close_unneeded(asked: FileIdentity) -> None:
    """Close the descriptors of removed files, and the oldest ones beyond `KEPT`."""
    in_use = {conn.file for conn in _open_connections()} | {asked}
    idle = [file for file in _DESCRIPTORS if file not in in_use]
    surplus = len(idle) - KEPT
    for number, file in enumerate(idle):
        # The space of a removed file is free only once nothing has it open.
        if number < surplus or os.fstat(_DESCRIPTORS[file][0]).st_nlink == 0:
            _close(file)


def _close(file: FileIdentity) -> None:
    for each in _DESCRIPTORS.pop(file):
        with contextlib.suppress(OSError):
            os.close(each)


def _is_held_by_others(file: FileIdentity) -> bool:
    """Return whether this process has a further descriptor, whose locks would be dropped."""
    if sys.platform == "win32":
        return False  # closing drops no locks there
    for folder in ("/proc/self/fd", "/dev/fd"):
        try:
            handles = [int(each.name) for each in Path(folder).iterdir()]
        except OSError:
            continue
        return any(handle not in _DESCRIPTORS[file] and _is(handle, file) for handle in handles)
    return True


def _is(handle: int, file: FileIdentity) -> bool:
    try:
        info = os.fstat(handle)
    except OSError:
        return False
    return (info.st_dev, info.st_ino) == file


def _after_fork() -> None:
    """In a forked child: close what it inherited, or keep it from being closed."""
    global _LOCK
    _LOCK = threading.Lock()  # another thread of the parent may have held it
    if _forks.was_quiet():
        _close_inherited()
    else:
        _INHERITED.extend(connections())  # some are in the middle of something


def _close_inherited() -> None:
    for conn in connections():
        with contextlib.suppress(sqlite3.Error):
            conn.close()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
