"""The files of other tools under a path: found without following links, opened as they were found.

Nothing outside the given path is read: links are passed over, also where one takes the place of a
file between finding and opening it, and no path inside a file is ever opened.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Iterator
from io import BufferedReader, FileIO
from pathlib import Path
from typing import Final

import attrs

from a3s_store.importers.upstream_scan import shown

# The bytes at the beginning of a file by which its format is recognised.
SAMPLE_BYTES: Final = 64 * 1024
# Not every system has each of them.
_FLAGS: Final = os.O_RDONLY | sum(
    getattr(os, flag, 0) for flag in ("O_NOFOLLOW", "O_NONBLOCK", "O_BINARY", "O_CLOEXEC")
)


@attrs.frozen(kw_only=True)
class FoundFile:
    """A file under the given path; `path` is relative to it and printable.

    `sample` is its beginning. A file with a `problem` is not read.
    """

    path: str
    full: Path
    size_bytes: int = 0
    sample: bytes = b""
    problem: str | None = None

    @property
    def parts(self) -> tuple[str, ...]:
        """The steps of the relative path."""
        return tuple(self.path.split("/"))


def open_source(path: Path) -> BufferedReader[FileIO]:
    """Open a regular file for reading, without following a link. Raises OSError."""
    file = BufferedReader(FileIO(os.open(path, _FLAGS)), 1 << 18)
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise OSError(errno.EINVAL, "not a regular file", str(path))
    return file


def found_files(root: Path) -> Iterator[FoundFile]:
    """Yield the files under a path in order, or the path itself if it is a file."""
    if not root.is_dir():
        yield _found(root.name, root)
        return
    for folder, folders, files in os.walk(root):
        folders.sort()
        links = [name for name in folders if Path(folder, name).is_symlink()]
        for name in sorted([*files, *links]):
            full = Path(folder, name)
            yield _found(shown("/".join(full.relative_to(root).parts)), full)


def _found(path: str, full: Path) -> FoundFile:
    try:
        status = full.lstat()
        if stat.S_ISLNK(status.st_mode):
            return FoundFile(path=path, full=full, problem="a link, which is not followed")
        if not stat.S_ISREG(status.st_mode):
            return FoundFile(path=path, full=full, problem="not a regular file")
        with open_source(full) as file:
            sample = file.read(SAMPLE_BYTES)
    except OSError as error:
        return FoundFile(path=path, full=full, problem=f"cannot be read: {error.strerror}")
    return FoundFile(path=path, full=full, size_bytes=status.st_size, sample=sample)


def digest_of(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, in hex. Raises OSError."""
    with open_source(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
