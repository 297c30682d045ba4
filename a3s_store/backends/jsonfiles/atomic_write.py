"""How a file changes: never in place, and never without reaching the disk.

A set of changes is *staged* first: each new content is written and synced under a temporary name.
Only when all of it lies on the disk are the names changed, in the order given, each with a sync of
its folder. So a full disk, an I/O error or a kill while staging changes nothing, and a kill while
landing leaves each file old or new, those staged first being new first.

Invariants: 1. no file is ever open for writing under its final name; 2. temporary files are removed
when anything fails; a killed process leaves its own behind, and every reader passes over them;
3. no symbolic link below the root is followed to write or remove.
"""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import shutil
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import attrs

from a3s_store.backends.jsonfiles.layout import MAX_FILE_NAME, TEMPORARY
from a3s_store.errors import StoreUnavailableError

_COUNTER: Final = itertools.count()
# Both are 0 where the system does not know them.
_NO_FOLLOW: Final = getattr(os, "O_NOFOLLOW", 0)
_NO_WAIT: Final = getattr(os, "O_NONBLOCK", 0)
_BINARY: Final = getattr(os, "O_BINARY", 0)


def read(path: Path) -> bytes | None:
    """The whole content of a file; None when there is none. Any other failure is an OSError."""
    return read_start(path, -1)


def read_start(path: Path, size: int) -> bytes | None:
    """The first `size` bytes of a file, as `read` does it."""
    try:
        with open(path, "rb", opener=_open_to_read) as file:
            return file.read(size)
    except OSError as error:
        if _says_missing(error):
            return None
        raise


def present(path: Path) -> bool:
    """Whether something has this name. A failure to find out is an OSError, never False."""
    try:
        path.lstat()
    except OSError as error:
        if _says_missing(error):
            return False
        raise
    return True


def _says_missing(error: OSError) -> bool:
    return error.errno in {errno.ENOENT, errno.ENAMETOOLONG}


def _open_to_read(path: str, flags: int) -> int:
    # Without waiting: a pipe in a file's place would hold the thread and the lock for ever.
    return os.open(path, flags | _NO_WAIT)


def temporary_beside(path: Path) -> Path:
    """A new name in the same folder: upstream's `<name>.<nanos>.<pid>`, a counter, and `.tmp`.

    A name that would grow too long loses its end, so that whatever can be read can be replaced.
    """
    tail = f".{time.time_ns()}.{os.getpid()}.{next(_COUNTER)}{TEMPORARY}"
    head = os.fsencode(path.name)[: MAX_FILE_NAME - len(tail)]
    return path.parent / (head.decode("utf-8", "ignore") + tail)


def write_new(path: Path, data: bytes) -> None:
    """Create a file only its owner may read, and sync it; nothing is left of one that failed."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _NO_FOLLOW | _BINARY
    descriptor = os.open(path, flags, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            with contextlib.suppress(AttributeError):  # not on Windows
                os.fchmod(descriptor, 0o600)  # a umask may take away what the owner needs
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def make_folder(path: Path) -> None:
    """Make a folder only its owner may enter, unless it is there."""
    try:
        path.mkdir(mode=0o700)
    except FileExistsError:
        return
    sync_folder(path.parent)


def sync_folder(path: Path) -> None:
    """Make the names in a folder outlast a power cut."""
    if sys.platform == "win32":
        return  # Folders cannot be opened there; NTFS logs names by itself.
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@attrs.frozen
class _Step:
    """`staged` takes the name `final`; None: what has that name goes away."""

    staged: Path | None
    final: Path


class Changes:
    """Changes to files under one root. Within `with`, stage them, then `land()` once."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._steps: list[_Step] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for step in self._steps:
            if step.staged is not None:
                _remove(step.staged)

    def put(self, path: Path, data: bytes, *, own_folder: Path | None = None) -> None:
        """Stage a file in place of what is there, unless that has the same bytes.

        `own_folder` is the folder that is the file's alone: when it is new, it appears together
        with the file, since an empty one would mean something else.
        """
        self._refuse_links(path)
        if own_folder is not None and not present(own_folder):
            make_folder(own_folder.parent)
            # In the root, where no other folder's name can end like that.
            staged = temporary_beside(self._root / own_folder.name)
            staged.mkdir(mode=0o700)
            self._steps.append(_Step(staged, own_folder))
            write_new(staged / path.name, data)
            sync_folder(staged)
        elif read(path) != data:
            make_folder(path.parent)
            staged = temporary_beside(path)
            write_new(staged, data)
            self._steps.append(_Step(staged, path))

    def drop(self, path: Path) -> None:
        """Stage the removal of a file or a whole folder; what is not there then is success."""
        self._refuse_links(path)
        self._steps.append(_Step(None, path))

    def land(self) -> None:
        """Make the changes, in the order in which they were staged."""
        while self._steps:
            step = self._steps[0]
            if step.staged is not None:
                step.staged.replace(step.final)
                sync_folder(step.final.parent)
            elif present(step.final):
                self._remove_now(step.final)
            del self._steps[0]

    def _remove_now(self, path: Path) -> None:
        if path.is_symlink() or not path.is_dir():
            path.unlink(missing_ok=True)
            sync_folder(path.parent)
            return
        # Renamed first, so that nobody finds the folder half empty.
        doomed = temporary_beside(self._root / path.name)
        path.replace(doomed)
        sync_folder(path.parent)
        shutil.rmtree(doomed)

    def _refuse_links(self, path: Path) -> None:
        for parent in path.parents:
            if parent == self._root:
                return
            if parent.is_symlink():
                raise StoreUnavailableError(
                    "a symbolic link stands in the place of a folder",
                    where=str(parent),
                    hint="Put the folder itself there",
                )


def _remove(path: Path) -> None:
    """Remove what was staged; what cannot be removed must not hide the error that came first."""
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
        return
    try:
        path.unlink(missing_ok=True)
    except OSError:
        pass
