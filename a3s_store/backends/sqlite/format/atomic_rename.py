"""Renames that Python has no names for: one that never replaces, and one that swaps two files.

Both are one step of the file system, so a process that is stopped leaves the state before or after.
The usual way round, a second name (hard link) and then taking away the first, can be stopped in
between, and a database with two names is refused when it is opened.
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

# (never replace, swap), as each system numbers them.
_FLAGS: Final = {"linux": (1, 2), "darwin": (4, 2)}
_AT_FDCWD: Final = -100
_UNKNOWN: Final = {errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP}
NO_LINKS: Final = {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK}


def rename_new(source: Path, target: Path) -> None:
    """Rename a file, never in place of something.

    Raises FileExistsError when the name is taken, OSError when it was not renamed.
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
        # No such names either: an empty file takes the name first, which is then replaced.
        os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        source.replace(target)
    else:
        source.unlink()


def exchange(one: Path, two: Path) -> bool:
    """Let two files have each other's names; False, and nothing done, where that cannot be."""
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
    """The system's own function of two paths and flags; None where there is none."""
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
