"""Owner and permissions of a store's files, by the rules of POSIX; no checks on Windows.

Opening to write makes a file accessible to its owner only, and `health_check` reports that it did.
Files that another user may have planted are refused: a file of another user (except for root), a
file with several hard links, since each name would have a WAL of its own, and a WAL or index that
is not a regular file of the same owner.

Only paths are used, with stat and chmod: closing a descriptor would drop SQLite's locks.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from a3s_store.backends.sqlite.format import files_beside
from a3s_store.errors import StoreUnavailableError

_OTHERS: Final = 0o077
# The former modes of files that this process restricted to their owner.
_NARROWED: Final[dict[Path, int]] = {}
_POSIX: Final = os.name == "posix"


def companions(path: Path) -> tuple[Path, ...]:
    """Return the files SQLite makes beside a database."""
    return tuple(files_beside.beside(path, suffix) for suffix in files_beside.COMPANIONS)


def refuse(path: Path) -> None:
    """Refuse a file, which must exist, that another user may have planted.

    Raises:
        StoreUnavailableError: owner, hard links or the files beside it are not as they must be.
        OSError: the file cannot be looked at.
    """
    for what, hint in refusals(path):
        raise StoreUnavailableError(what, hint=hint)


def refusals(path: Path) -> Iterator[tuple[str, str]]:
    """Yield each reason to refuse a file, which must exist, and a hint. Raises OSError."""
    if not _POSIX:
        return
    info = path.lstat()
    if info.st_uid != os.geteuid() != 0:
        yield (
            f"the file belongs to {owner_name(info.st_uid)}, not to the user of this process",
            "Open it as its owner, or change the owner",
        )
    if info.st_nlink > 1:
        yield (
            f"the file has {info.st_nlink} names (hard links), and each would have a log of its "
            "own",
            "Remove the other names, or copy the file with `backup`",
        )
    for beside in companions(path):
        try:
            other = beside.lstat()
        except FileNotFoundError:
            continue
        if not stat.S_ISREG(other.st_mode) or other.st_nlink > 1 or other.st_uid != info.st_uid:
            yield (
                f"{beside.name} beside it is not a regular file of the same owner",
                "Find out where it comes from, and move it away if it is not this store's",
            )


def narrow(path: Path) -> None:
    """Restrict the file to its owner, and give its WAL and index the same permissions.

    SQLite creates the WAL with the permissions of the file: a file that was read-only for a while
    leaves a WAL that no process can write. Where chmod fails, `health_check` shows the permissions.
    """
    if not _POSIX:
        return
    wanted: int | None = None
    for file in (path, *companions(path)):
        try:
            mode = stat.S_IMODE(file.lstat().st_mode)
            wanted = mode & ~_OTHERS if wanted is None else wanted
            if mode != wanted:
                file.chmod(wanted)
                if file == path:
                    _NARROWED[path] = mode
        except OSError:
            if wanted is None:
                return


def facts(path: Path) -> dict[str, Any]:
    """Return permissions and owner of the file and of its folder; {} on Windows."""
    if not _POSIX:
        return {}
    info, folder = path.lstat(), path.parent.stat()
    return {
        "permissions": octal(info.st_mode),
        "owner": owner_name(info.st_uid),
        "hard_links": info.st_nlink,
        "folder_permissions": octal(folder.st_mode),
        "permissions_before": octal(_NARROWED[path]) if path in _NARROWED else None,
    }


def octal(mode: int) -> str:
    """Return permissions as four octal digits: `0600`."""
    return f"{stat.S_IMODE(mode):04o}"


def owner_name(uid: int) -> str:
    """Return the name of a user; the number where there is none."""
    try:
        import pwd

        return pwd.getpwuid(uid).pw_name
    except (ImportError, KeyError):
        return str(uid)
