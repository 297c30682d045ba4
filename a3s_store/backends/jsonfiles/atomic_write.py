"""How a file changes: never in place, and never without reaching the disk.

A set of changes is *staged* first: each new content is written and synced in the root, under a
temporary name. Only when all of it lies on the disk are the names changed, in the order given, each
with a sync of its folder. So a full disk, an I/O error or a kill while staging changes nothing, and
a kill while landing leaves each file old or new, those staged first being new first.

Invariants: 1. no file is ever open for writing under its final name; 2. temporary files are removed
when anything fails; a killed process leaves its own behind, every reader passes over them, and
`left_behind` removes them; 3. no symbolic link below the root is followed to write or remove.
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
    """The whole content of a file; None when there is none. Any other failure is an OSError.

    Raises:
        DecodeError: it is no regular file, or has more than `most` bytes; nothing of it was read.
    """
    data = _read(path, None, most)
    if data is not None and len(data) > most:
        raise too_large(path, len(data), most)  # it grew meanwhile
    return data


def read_start(path: Path, size: int) -> bytes | None:
    """The first `size` bytes of a file, as `read` does it; the file may be of any size."""
    return _read(path, size, None)


def too_large(path: Path, size: int, most: int) -> DecodeError:
    """The error of a file of JSON that has more bytes than may be read."""
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


def make_folder(path: Path) -> None:
    """Make a folder only its owner may enter, unless it is there."""
    try:
        path.mkdir(mode=0o700)
    except FileExistsError:
        return
    sync_folder(path.parent)


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
                # What cannot be removed must not hide the error that came first.
                with contextlib.suppress(OSError):
                    remove(step.staged)

    def put(self, path: Path, data: bytes, *, own_folder: Path | None = None) -> None:
        """Stage a file in place of what is there, unless that has the same bytes.

        `own_folder` is the folder that is the file's alone: when it is new, it appears together
        with the file, since an empty one would mean something else.
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
        """Stage the removal of a file or a whole folder; what is not there then is success."""
        if not present(path) and all(step.final != path for step in self._steps):
            return  # whatever stands in the place of its folder
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
        doomed = self._temporary(path)
        path.replace(doomed)
        sync_folder(path.parent)
        shutil.rmtree(doomed)

    def _temporary(self, path: Path) -> Path:
        # In the root, where no name of ours ends like that, and where one look finds them all.
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
