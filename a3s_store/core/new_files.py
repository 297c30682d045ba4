"""Write files so that each is complete or absent, and name the temporary files on the way.

A temporary name says which process writes the file, so that `sweep` can tell the files of killed
processes from those that are being written.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import logging
import os
import re
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Final, NamedTuple

from a3s_store.core import processes

_log = logging.getLogger("a3s_store.files")

TEMPORARY: Final = ".tmp"
# Bytes, on common file systems; `longest_name` asks the file system of a folder.
MAX_FILE_NAME: Final = 255
# A file of an unknown writer is abandoned once it was not changed for so long.
_LONGEST_WRITE_S: Final = 86_400
_COUNTER: Final = itertools.count()
# After the name of the file: time, process, counter.
_NAME: Final = re.compile(r"(.*)\.\d{19}\.([0-9a-f]{12}\.\d+\.\w*)\.\d+\.tmp", re.DOTALL | re.ASCII)
# Of release 0.1.0: time, process id, counter.
_OLDER: Final = re.compile(r"(.*)\.\d{19}\.\d+\.\d+\.tmp", re.DOTALL | re.ASCII)
# Of release 0.1.0, for a file of JSON lines: a random name.
_OLDER_LINES: Final = re.compile(r"\.[0-9a-f]{32}\.tmp")
# Both are 0 where the system does not know them.
_NO_FOLLOW: Final = getattr(os, "O_NOFOLLOW", 0)
_BINARY: Final = getattr(os, "O_BINARY", 0)


def longest_name(folder: Path) -> int:
    """Return how many bytes the name of a file in this folder may have."""
    try:
        found = os.pathconf(folder, "PC_NAME_MAX")
    except (AttributeError, ValueError, OSError):  # Windows has none; the folder may not be there
        return MAX_FILE_NAME
    return found if found > 0 else MAX_FILE_NAME


def shortened(name: str, most: int) -> str:
    """Return the name; if it has more than `most` bytes, its beginning and its `mark`."""
    if len(os.fsencode(name)) <= most:
        return name
    end = mark(name)
    return os.fsencode(name)[: most - len(end)].decode("utf-8", "ignore") + end


def mark(name: str) -> str:
    """Return the end of a shortened name, a hash that keeps names with one beginning apart."""
    return f"~{hashlib.sha256(os.fsencode(name)).hexdigest()[:12]}"


def temporary_name(name: str) -> str:
    """Return a new temporary name: the final name, time, process, a counter, and `.tmp`.

    A final name that would make it too long loses its end.
    """
    tail = f".{time.time_ns():019}.{processes.own_token()}.{next(_COUNTER)}{TEMPORARY}"
    return _head(name, tail) + tail


def _head(name: str, tail: str) -> str:
    return os.fsencode(name)[: MAX_FILE_NAME - len(tail)].decode("utf-8", "ignore")


class Temporary(NamedTuple):
    """A parsed temporary name.

    `head`: the final name of the file, perhaps cut; empty in names of an older release. `writer`:
    the token of the process that writes it (`core.processes`); None in names of an older release.
    """

    name: str
    head: str
    writer: str | None

    @classmethod
    def of(cls, name: str) -> Temporary | None:
        """Parse a name; None for a name that `temporary_name` does not make."""
        if (found := _NAME.fullmatch(name)) is not None:
            return cls(name, found[1], found[2])
        if (found := _OLDER.fullmatch(name)) is not None:
            return cls(name, found[1], None)
        return cls(name, "", None) if _OLDER_LINES.fullmatch(name) else None

    def is_for(self, name: str) -> bool:
        """Return whether this may be the final name of the file."""
        return not self.head or self.head == _head(name, self.name[len(self.head) :])


def sweep(
    folder: Path,
    *,
    alone: bool,
    fits: Callable[[Temporary], bool] = lambda _: True,
    folders: bool = False,
) -> None:
    """Remove the temporary files of processes that ended; with `folders`, folders too.

    `alone`: no other process can be writing, as under a lock that all of them take, so a process
    of another machine or container has ended. Otherwise a file of such a process is removed once
    it was not changed for a day. A file that cannot be removed is logged.

    Raises:
        OSError: the folder cannot be read.
    """
    for found, path in temporaries(folder):
        if not fits(found) or (path.is_dir() and not path.is_symlink() and not folders):
            continue
        try:
            if is_left_behind(found.writer, path, alone=alone):
                remove(path)
        except FileNotFoundError:
            pass  # it was not left behind, or another process was quicker
        except OSError as error:
            _log.warning("%s, which a killed process left, stays: %s", path, error.strerror)


def temporaries(folder: Path) -> Iterator[tuple[Temporary, Path]]:
    """Yield the temporary files of a folder; none where there is no folder."""
    try:
        with os.scandir(folder) as entries:
            names = [entry.name for entry in entries if entry.name.endswith(TEMPORARY)]
    except (FileNotFoundError, NotADirectoryError):
        return
    for name in names:
        if (found := Temporary.of(name)) is not None:
            yield found, folder / name


def is_left_behind(writer: str | None, path: Path, *, alone: bool) -> bool:
    """Return whether no process writes the file any more.

    `writer` is the token of its process, None where it is unknown. `alone` as for `sweep`. Raises
    OSError when there is no such file.
    """
    state = "elsewhere" if writer is None else processes.state_of(writer)
    if state == "elsewhere" and not alone:
        return time.time() - path.lstat().st_mtime > _LONGEST_WRITE_S
    return state != "running"


def remove(path: Path) -> None:
    """Remove a file, a link, or a folder with all that is in it. Raises OSError."""
    if path.is_dir() and not path.is_symlink():
        import shutil  # here, since it is rarely needed and imports much

        shutil.rmtree(path)
    else:
        path.unlink()


@contextlib.contextmanager
def creating(path: Path) -> Iterator[IO[bytes]]:
    """Create a file that only its owner may read, and sync it at the end of the block.

    A failure, of the block too, leaves no file. Raises OSError.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _NO_FOLLOW | _BINARY
    descriptor = os.open(path, flags, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            with contextlib.suppress(AttributeError):  # not on Windows
                os.fchmod(descriptor, 0o600)  # a umask may take away what the owner needs
            yield file
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def write_new(path: Path, data: bytes) -> None:
    """Create a file with these bytes, as `creating` does."""
    with creating(path) as file:
        file.write(data)


def sync_folder(path: Path) -> None:
    """Sync a folder, so that the names in it outlast a power cut. Raises OSError."""
    if sys.platform == "win32":
        return  # Folders cannot be opened there; NTFS logs names by itself.
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
