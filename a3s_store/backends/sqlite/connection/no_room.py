"""Tell a limit on file sizes, or a quota, from a disk that cannot be written.

SQLite reports ENOSPC as SQLITE_FULL, but EFBIG and EDQUOT as the I/O error of a failing disk, and
`sqlite3_system_errno` cannot be called from Python. So after such an error the limit is compared
with the sizes, and a few bytes are written beside the file.
"""

from __future__ import annotations

import errno
import os
import sqlite3
import sys
from pathlib import Path
from typing import Final

from a3s_store.backends.sqlite.format import file_copy
from a3s_store.backends.sqlite.format.files_beside import WAL, beside
from a3s_store.errors import StoreFullError

_CODES: Final = {
    sqlite3.SQLITE_IOERR_WRITE,
    sqlite3.SQLITE_IOERR_TRUNCATE,
    sqlite3.SQLITE_IOERR_SHMSIZE,
}
_FULL: Final = {errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC)}
# The largest thing that SQLite writes at once: a page with the header of its frame.
_ONE_WRITE: Final = 64 * 1024 + 24
_PROBE: Final = 4096


def explain(error: BaseException | None, path: Path) -> StoreFullError | None:
    """Return the error of a write to the store at `path` that found no space, else None."""
    if getattr(error, "sqlite_errorcode", None) not in _CODES:
        return None
    number = errno.EFBIG if _is_at_limit(path) else _write_beside(path)
    if number is None:
        return None
    hint = "Free some space and save again"
    if number == errno.EFBIG:
        hint = "Raise the limit on the size of files (`ulimit -f`) and save again"
    full = StoreFullError(f"{os.strerror(number)} [{errno.errorcode[number]}]", hint=hint)
    full.errno = number
    full.__cause__ = error
    return full


def _is_at_limit(path: Path) -> bool:
    if sys.platform == "win32":
        return False
    import resource

    limit, _ = resource.getrlimit(resource.RLIMIT_FSIZE)
    if limit == resource.RLIM_INFINITY:
        return False
    return any(_size(beside(path, suffix)) + _ONE_WRITE > limit for suffix in ("", WAL))


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _write_beside(path: Path) -> int | None:
    """Return the errno of a small write that fails for lack of space, else None."""
    try:
        with file_copy.temporary(path) as made:
            made.write_bytes(bytes(_PROBE))
    except OSError as error:
        return error.errno if error.errno in _FULL else None
    return None
