"""Finding the files in upstream's directories: each belongs to a session, a checkpoint, or neither.

Files are only read. A session is read with all its collections at one moment, under the lock of
`FileSessionStore`.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from a3s_store.backends.jsonfiles.atomic_write import too_large
from a3s_store.backends.jsonfiles.layout import (
    CLAIMS,
    HEALTH_PROBE,
    MEMORIES,
    SUFFIX,
)
from a3s_store.backends.jsonfiles.lock import DirectoryLock
from a3s_store.backends.jsonfiles.store import DEFAULT_TIMEOUT
from a3s_store.core.collections import CHECKPOINTS, COLLECTIONS, Collection
from a3s_store.core.new_files import TEMPORARY
from a3s_store.errors import during
from a3s_store.importers.store_item import Outcome
from a3s_store.importers.upstream_files import (
    CheckpointFile,
    Content,
    Group,
    SourceFile,
    Unit,
    read_checkpoint,
    read_group,
)
from a3s_store.wire import DEFAULT_LIMITS, Limits

OP: Final = "import_directory"
_UNKNOWN: Final = "not a file of a session store"
_MEMORIES: Final = "agent memory is not imported; copy it with memories(owner)"
_TEMPORARY: Final = "a temporary file; its save did not finish"
_COLLECTIONS: Final = {collection.folder: collection for collection in COLLECTIONS}
_CHECKPOINTS: Final = {kind.folder: kind for kind in CHECKPOINTS}


class Source:
    """A directory to import. `scan` sets `groups`, `checkpoints` and `strays`."""

    def __init__(self, root: Path, limits: Limits = DEFAULT_LIMITS) -> None:
        self._root = root
        self._most = limits.file_bytes
        self._lock = DirectoryLock(root, DEFAULT_TIMEOUT)
        self._groups: dict[str, Group] = {}
        self.checkpoints: list[CheckpointFile] = []
        self.strays: list[tuple[SourceFile, Outcome]] = []

    @property
    def groups(self) -> list[Group]:
        """The names with a session or a collection, with their files, sorted."""
        return [group for _, group in sorted(self._groups.items())]

    def scan(self) -> None:
        """Find all files.

        Raises:
            StoreUnavailableError: the directory cannot be read.
            StoreBusyError: the directory stayed locked.
        """
        with during(OP, str(self._root)), self._lock.shared():
            for file, parts in _walk(self._root, self._most):
                self._place(file, parts)
            for collection in COLLECTIONS:
                self._place_empty_folders(collection)
        for name, group in list(self._groups.items()):
            if group.session is None and not group.collections:
                assert group.claim is not None, "a group begins with a file"
                self._leave(group.claim, "nothing is stored under this id")
                del self._groups[name]

    def _place_empty_folders(self, collection: Collection) -> None:
        """Add empty collections: a folder of artifacts without a file is one."""
        folder = self._root / collection.folder
        if "/" in collection.file and folder.is_dir() and not folder.is_symlink():
            for entry in _entries(folder):
                if entry.is_dir() and not entry.is_symlink():
                    path = shown(f"{collection.folder}/{entry.name}/")
                    file = SourceFile(path=path, full=entry, size_bytes=0, empty=True)
                    self._group(entry.name).collections.setdefault(collection, file)

    def _group(self, name: str) -> Group:
        return self._groups.setdefault(name, Group(name=name))

    def _place(self, file: SourceFile, parts: tuple[str, ...]) -> None:
        head, last = parts[0], parts[-1]
        stem, is_value = last.removesuffix(SUFFIX), _is_value(parts)
        if head == "v1" and len(parts) > 1:
            self._leave(file, "the layout v1 of newer releases is not read")
        elif len(parts) == 1 and is_value:
            self._group(stem).session = file
        elif (
            head in _COLLECTIONS
            and (name := _collection_name(_COLLECTIONS[head], parts, file)) is not None
        ):
            self._group(name).collections[_COLLECTIONS[head]] = file
        elif head in _CHECKPOINTS and len(parts) == 2 and is_value:
            kind = _CHECKPOINTS[head]
            self.checkpoints.append(CheckpointFile(kind=kind, name=stem, file=file))
        elif len(parts) == 1 and head in _COLLECTIONS.keys() | _CHECKPOINTS.keys():
            # Probably a link, which upstream follows; without it the session is incomplete.
            reason = file.problem if file.unread else "not a folder"
            self.strays.append((file, Outcome("refused", reason)))
        elif file.unread:
            self.strays.append((file, Outcome("refused", file.problem)))
        elif head == CLAIMS and len(parts) == 2:
            self._group(last).claim = file
        elif any(part.endswith(TEMPORARY) for part in parts):
            self._leave(file, _TEMPORARY)
        elif head == MEMORIES and len(parts) == 2 and is_value:
            self._leave(file, _MEMORIES)
        elif parts == (HEALTH_PROBE,):
            self._leave(file, "left behind by a health check")
        else:
            self._leave(file, file.problem or _UNKNOWN)

    def _leave(self, file: SourceFile, reason: str) -> None:
        self.strays.append((file, Outcome("skipped", reason)))

    def read(self, unit: Unit) -> Content:
        """Read the files of a unit at one moment.

        Raises:
            RefusedError: a file is bad, so that nothing of the unit may be stored.
            StoreBusyError: the directory stayed locked.
        """
        with during(OP, str(self._root)), self._lock.shared():
            return read_group(unit) if isinstance(unit, Group) else read_checkpoint(unit)


def _entries(folder: Path) -> list[Path]:
    with contextlib.suppress(OSError):  # `_walk` reports the same error
        return sorted(folder.iterdir())
    return []


def _walk(root: Path, most: int) -> Iterator[tuple[SourceFile, tuple[str, ...]]]:
    """Yield every file with the parts of its path, sorted.

    Links to folders count as files, and so do folders below the root that cannot be listed.
    """
    unread: list[OSError] = []

    def fail(error: OSError) -> None:
        if Path(error.filename) == root:
            raise error
        unread.append(error)

    for folder, folders, files in os.walk(root, onerror=fail):
        folders.sort()
        links = [name for name in folders if _is_link(Path(folder, name))]
        for name in sorted([*files, *links]):
            yield _found(root, Path(folder, name), most)
    for error in unread:
        full = Path(error.filename)
        parts = full.relative_to(root).parts
        path = shown("/".join(parts)) + "/"
        problem = f"the folder cannot be read: {error.strerror}"
        yield SourceFile(path=path, full=full, size_bytes=0, problem=problem, unread=True), parts


def _is_link(full: Path) -> bool:
    with contextlib.suppress(OSError):  # a path that is too long
        return full.is_symlink()
    return False


def _found(root: Path, full: Path, most: int) -> tuple[SourceFile, tuple[str, ...]]:
    """Return a file with the parts of its path."""
    parts = full.relative_to(root).parts
    size, problem = 0, None
    try:
        status = full.lstat()
    except OSError as error:
        problem = f"the file cannot be read: {error.strerror}"
    else:
        size = status.st_size
        if not stat.S_ISREG(status.st_mode):
            size, problem = 0, "not a regular file"
        elif size > most:
            problem = too_large(full, size, most).what
    path = shown("/".join(parts))
    return SourceFile(path=path, full=full, size_bytes=size, problem=problem, most=most), parts


def shown(path: str) -> str:
    """Return a path as printable text, with escapes for bytes that are not UTF-8."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def _collection_name(
    collection: Collection, parts: tuple[str, ...], file: SourceFile
) -> str | None:
    """Return the name of a collection's file; that of the empty id is in the shared folder."""
    tail = collection.file.removeprefix("{}")
    if not tail.startswith("/"):
        return parts[1].removesuffix(SUFFIX) if len(parts) == 2 and _is_value(parts) else None
    is_link_to_folder = len(parts) == 2 and file.problem is not None
    if is_link_to_folder or "/".join(("", *parts[2:])) == tail:
        return parts[1]
    return "" if "/".join(("", *parts[1:])) == tail else None


def _is_value(parts: tuple[str, ...]) -> bool:
    return parts[-1].endswith(SUFFIX)
