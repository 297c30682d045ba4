"""Take SQLite's exclusive lock without SQLite, which would replay the files beside a database."""

from __future__ import annotations

import contextlib
import errno
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from a3s_store.backends.sqlite.connection import kept_files
from a3s_store.errors import StoreBusyError

_AT: Final = 0x40000000
_BYTES: Final = 512


@contextlib.contextmanager
def held(path: Path) -> Iterator[None]:
    """Keep all processes from opening a file with SQLite while the block runs.

    No lock is needed on Windows, where open files cannot be renamed.

    Raises:
        StoreBusyError: a process has the file open.
        OSError: the file cannot be opened or locked.
    """
    if kept_files.is_open_here(path):
        raise busy()
    if sys.platform == "win32":
        yield
        return
    import fcntl

    with path.open("r+b") as file:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, _BYTES, _AT)
        except OSError as error:
            if error.errno in (errno.EACCES, errno.EAGAIN):
                raise busy() from None
            raise
        yield


def busy() -> StoreBusyError:
    """Return the error for a file that a process has open."""
    return StoreBusyError(
        "the store is open in a process", hint="Close it everywhere, then try again"
    )
