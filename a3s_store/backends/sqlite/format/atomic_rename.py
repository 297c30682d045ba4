"""Rename a file without replacing another, and exchange the names of two files.

Python has neither. Both are one step of the file system, so a killed process leaves the state
before or after. The usual substitute, a hard link and an unlink, can be interrupted in between, and
a database with two names is refused when it is opened.
"""

from __future__ import annotations

import ctypes
import errno
import functools
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

# The flags of (never replace, exchange) on each system.
_FLAGS: Final = {"linux": (1, 2), "darwin": (4, 2)}
_AT_FDCWD: Final = -100
_UNKNOWN: Final = {errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP}
NO_LINKS: Final = {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK}


def rename_new(source: Path, target: Path) -> None:
    """Rename a file; never replace another.

    Raises:
        FileExistsError: the name is taken.
        OSError: the file was not renamed.
    """
    if sys.platform == "win32":
        source.rename(target)  # refuses to replace there
        return
    if _rename(source, target, 0):
        return
    try:
        os.link(source, target)
    except OSError as error:
        if error.errno not in NO_LINKS:
            raise
        # No hard links either: reserve the name with an empty file, then replace that.
        os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        source.replace(target)
    else:
        source.unlink()


def exchange(one: Path, two: Path) -> bool:
    """Exchange the names of two files; False, with nothing done, where that is not supported."""
    return _rename(one, two, 1)


def _rename(source: Path, target: Path, which: int) -> bool:
    call = _call()
    if call is None:
        return False
    if call(os.fsencode(source), os.fsencode(target), _FLAGS[sys.platform][which]) == 0:
        return True
    number = ctypes.get_errno()
    if number in _UNKNOWN:
        return False
    raise OSError(number, os.strerror(number), str(source), None, str(target))


@functools.cache
def _call() -> Callable[[bytes, bytes, int], int] | None:
    """Return the system's function of two paths and flags; None where there is none."""
    if sys.platform not in _FLAGS:
        return None
    library = ctypes.CDLL(None, use_errno=True)
    text, number = ctypes.c_char_p, ctypes.c_int
    try:
        if sys.platform == "darwin":
            plain = library.renamex_np
            plain.argtypes = (text, text, ctypes.c_uint)
            return lambda one, two, flags: int(plain(one, two, flags))
        found = library.renameat2
    except AttributeError:
        return None
    found.argtypes = (number, text, number, text, ctypes.c_uint)
    return lambda one, two, flags: int(found(_AT_FDCWD, one, _AT_FDCWD, two, flags))
