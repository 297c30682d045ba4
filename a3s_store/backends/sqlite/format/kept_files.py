"""Which database files this process has open, and a descriptor of each to read its bytes with.

On POSIX systems a process that closes any descriptor of a file drops all locks it has on it,
SQLite's too. So a database is read through one descriptor, which stays open while a connection may
be: also one that the application made itself.
"""

from __future__ import annotations

import os
import sys
import threading
import weakref
from pathlib import Path
from typing import Final, Protocol

_CHUNK: Final = 1024 * 1024

# What tells a file from another that takes its name: device and inode.
Identity = tuple[int, int]


class Connection(Protocol):
    """A connection of the package, as far as this is concerned."""

    file: Identity
    closed: threading.Event
    takes_locks: bool


# Those of this process that are open, and some that were.
_CONNECTIONS: weakref.WeakSet[Connection] = weakref.WeakSet()
# By identity; the one that was asked for last is the last.
_KEPT: dict[Identity, int] = {}
_LOCK: Final = threading.RLock()


def identity(path: Path) -> Identity:
    """What tells a file from another that takes its name later. Raises OSError."""
    info = path.stat()
    return info.st_dev, info.st_ino


def register(conn: Connection) -> None:
    """Note a connection that was opened; its `file` is set."""
    with _LOCK:
        _CONNECTIONS.add(conn)


def is_open_here(path: Path) -> bool:
    """Whether this process has a store open on the file, with SQLite's locks. Raises OSError."""
    file = identity(path)
    with _LOCK:
        return any(conn.takes_locks for conn in _open(file))


def descriptor(path: Path) -> int:
    """A descriptor of the file at this path, never to be closed, nor moved in.

    Raises OSError.
    """
    with _LOCK:
        wanted = identity(path)
        handle = _KEPT.pop(wanted, None)
        if handle is None:
            flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
            handle = os.open(path, flags)
            info = os.fstat(handle)
            wanted = info.st_dev, info.st_ino
            # Replaced since it was asked who it is, by one that is kept: both stay open.
            handle = _KEPT.pop(wanted, handle)
        _KEPT[wanted] = handle
        return handle


def read(handle: int, at: int, length: int) -> bytes:
    """Bytes of such a file, fewer where it ends before. Raises OSError."""
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
    """Close what neither the package nor, as far as that is told, the application has open.

    A file that is open cannot be ejected with its medium, nor free its space once removed.
    """
    with _LOCK:
        for file in [file for file in _KEPT if not _open(file)]:
            if not _is_held_by_others(file):
                os.close(_KEPT.pop(file))


def _open(file: Identity) -> list[Connection]:
    return [conn for conn in _CONNECTIONS if conn.file == file and not conn.closed.is_set()]


def _is_held_by_others(file: Identity) -> bool:
    """Whether this process has a further descriptor of the file, whose locks would be dropped."""
    if sys.platform == "win32":
        return False  # closing drops no locks there
    ours = _KEPT[file]
    for folder in ("/proc/self/fd", "/dev/fd"):
        try:
            handles = [int(each.name) for each in Path(folder).iterdir()]
        except OSError:
            continue
        return any(handle != ours and _is(handle, file) for handle in handles)
    return True


def _is(handle: int, file: Identity) -> bool:
    try:
        info = os.fstat(handle)
    except OSError:
        return False
    return (info.st_dev, info.st_ino) == file
