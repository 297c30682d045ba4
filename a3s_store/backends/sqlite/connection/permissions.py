"""Who else can get at a store's files, by the rules of POSIX; on Windows nothing is asked.

What a session holds is its owner's: a file that others may open is narrowed to its owner when it is
opened to be written, and `health_check` says that it was. Refused is what others could have put in
the place of a file of ours: a file of another user (except by root), one with a second name, whose
log would then lie in two places, and a log that is no plain file of the same owner.

Everything here goes by the path, with stat and chmod: a descriptor of our own would drop SQLite's
locks when it is closed.
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
# The modes of files that others could open until they were opened here.
_NARROWED: Final[dict[Path, int]] = {}
_POSIX: Final = os.name == "posix"


def companions(path: Path) -> tuple[Path, ...]:
    """The files SQLite makes beside a database."""
    return tuple(files_beside.beside(path, suffix) for suffix in files_beside.COMPANIONS)


def refuse(path: Path) -> None:
    """Refuse a file, which must exist, that somebody else could have put there.

    Raises:
        StoreUnavailableError
    """
    for what, hint in refusals(path):
        raise StoreUnavailableError(what, hint=hint)


def refusals(path: Path) -> Iterator[tuple[str, str]]:
    """Why a file, which must exist, would be refused: what is the matter, and what to do."""
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
            "Remove the others, or copy it with `backup`",
        )
    for beside in companions(path):
        try:
            other = beside.lstat()
        except FileNotFoundError:
            continue
        if not stat.S_ISREG(other.st_mode) or other.st_nlink > 1 or other.st_uid != info.st_uid:
            yield (
                f"{beside.name} beside it is no plain file of the same owner",
                "See who put it there, and move it away if it is not this store's",
            )


def narrow(path: Path) -> None:
    """Take from others what they may do with the file, and give its log the file's permissions.

    SQLite makes the log with those of the file: one that could be read only, for a while, leaves a
    log that nobody can write to. Where the file system has no permissions, `health_check` says so.
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
    """Permissions and owner, of the file and of its folder; nothing on Windows."""
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
    """Permissions as everybody writes them: `0600`."""
    return f"{stat.S_IMODE(mode):04o}"


def owner_name(uid: int) -> str:
    """A user by name; the number where there is none."""
    try:
        import pwd

        return pwd.getpwuid(uid).pw_name
    except (ImportError, KeyError):
        return str(uid)
