"""Changes to files that are written beside the old file, synced, and then renamed.

A set of changes is *staged* first: each new content is written and synced in the root, under a
temporary name. When all are on the disk, they are renamed in the order in which they were staged,
each with a sync of its folder. So a full disk, an I/O error or a kill while staging changes
nothing, and after a kill while renaming each file is old or new, the first ones being new.

Invariants: 1. no file is ever open for writing under its final name; 2. temporary files are removed
when anything fails; those of a killed process are ignored by every reader, and `left_behind`
removes them; 3. no symbolic link below the root is followed to write or remove.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import stat
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import attrs

from a3s_store.core.new_files import remove, sync_folder, temporary_name, write_new
from a3s_store.errors import DecodeError, StoreUnavailableError

# 0 where the system does not know it.
_NO_WAIT: Final = getattr(os, "O_NONBLOCK", 0)


def read(path: Path, most: int) -> bytes | None:
    """Return the whole content of a file; None when there is none.

    Raises:
        DecodeError: it is no regular file, or has more than `most` bytes; it was not read.
        OSError: it cannot be read.
    """
    data = _read(path, None, most)
    if data is not None and len(data) > most:
        raise too_large(path, len(data), most)  # it grew meanwhile
    return data


def read_start(path: Path, size: int) -> bytes | None:
    """Return the first `size` bytes of a file of any size; otherwise as `read`."""
    return _read(path, size, None)


def too_large(path: Path, size: int, most: int) -> DecodeError:
    """Return the error for a file with more bytes than the limit."""
    return DecodeError(
        f"the file has {size} bytes, and {most} is the limit",
        where=str(path),
        hint="Permit more with `Limits(file_bytes=...)`",
    )


def _read(path: Path, size: int | None, most: int | None) -> bytes | None:
    try:
        with open(path, "rb", opener=_open_to_read) as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise DecodeError("it is not a regular file", where=str(path))
            if most is not None and status.st_size > most:
                raise too_large(path, status.st_size, most)
            return file.read(status.st_size + 1 if size is None else size)
    except OSError as error:
        if _says_missing(error):
            return None
        raise


def present(path: Path) -> bool:
    """Return whether a file, folder or link has this name.

    Raises:
        OSError: it cannot be found out.
    """
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
    # Non-blocking: opening a pipe in place of a file would block the thread and the lock for ever.
    return os.open(path, flags | _NO_WAIT)


def make_folder(path: Path) -> None:
    """Make a folder, which only its owner may enter, unless it exists."""
    try:
        path.mkdir(mode=0o700)
    except FileExistsError:
        return
    sync_folder(path.parent)


@attrs.frozen
class _Step:
    """One change: `staged` is renamed to `final`; with None, `final` is removed."""

    staged: Path | None
    final: Path


class Changes:
    """Changes to files under one root: inside `with`, stage them, then call `land()` once."""

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
                # An error of the removal must not replace the first error.
                with contextlib.suppress(OSError):
                    remove(step.staged)

    def put(self, path: Path, data: bytes, *, own_folder: Path | None = None) -> None:
        """Stage the content of a file, unless the file has these bytes already.

        `own_folder` is a folder for this file only: a new one appears together with the file, since
        an empty folder is an empty collection.
        """
        self._refuse_links(path)
        if own_folder is not None and not present(own_folder):
            make_folder(own_folder.parent)
            staged = self._temporary(own_folder)
            staged.mkdir(mode=0o700)
            self._steps.append(_Step(staged, own_folder))
            write_new(staged / path.name, data)
            sync_folder(staged)
        elif read_start(path, len(data) + 1) != data:
            make_folder(path.parent)
            staged = self._temporary(path)
            write_new(staged, data)
            self._steps.append(_Step(staged, path))

    def drop(self, path: Path) -> None:
        """Stage the removal of a file or a whole folder; one that does not exist is success."""
        if not present(path) and all(step.final != path for step in self._steps):
            return  # a file is in the place of its folder
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
        # Renamed first, so that no reader sees a part of the folder.
        doomed = self._temporary(path)
        path.replace(doomed)
        sync_folder(path.parent)
        shutil.rmtree(doomed)

    def _temporary(self, path: Path) -> Path:
        # In the root, where no other name has this ending and one listing finds them all.
        return self._root / temporary_name(path.name)

    def _refuse_links(self, path: Path) -> None:
        for parent in path.parents:
            if parent == self._root:
                return
            if parent.is_symlink():
                refusal = StoreUnavailableError(
                    "a symbolic link stands in the place of a folder",
                    where=str(parent),
                    hint="Put the folder itself there",
                )
                refusal.errno = errno.ELOOP
                raise refusal
