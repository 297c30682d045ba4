"""The owners of file names: which id has the files of a name, and which ids the directory has.

Several ids may share one name. The owner of a name is the id in the payload of its session file;
without such a file, the id in its claim; without a claim, and if there are collections of that
name, the id that equals it. For other ids of the name nothing is stored, and nothing can be saved
there. The owner of a checkpoint is the id in its payload.

On a file system that folds case, collections of `A` and `a` without sessions cannot be told apart.

Temporary files, and files with names that no value has, are ignored. A file with the name of a
value and other content is left out and logged, never with its content.
"""

from __future__ import annotations

import logging
import os
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from a3s_store.backends.jsonfiles.atomic_write import present, read
from a3s_store.backends.jsonfiles.content import ForeignFileError, identity, read_claim
from a3s_store.backends.jsonfiles.layout import MEMORIES, SUFFIX, Layout, checkpoint_name, name_of
from a3s_store.core.collections import CHECKPOINTS, COLLECTIONS, LOOP_CHECKPOINTS, CheckpointKind
from a3s_store.core.protocol import Inventory
from a3s_store.errors import DecodeError

_log = logging.getLogger("a3s_store.files")


def owner(layout: Layout, name: str, asked: str) -> str | None:
    """Return the id that owns a name; None when there is nothing of that name.

    A damaged session file counts as that of `asked` if the claim, or the name, agrees: then loading
    it raises, and saving or deleting it is possible.

    Raises:
        DecodeError: the session file is damaged, and may belong to another id.
    """
    try:
        found = identity(layout.session(name), "id", layout.file_bytes)
    except DecodeError as error:
        if claimed(layout, name) == asked:
            return asked
        error.hint = "The id of its session cannot be read; move the file away"
        raise
    if found is not None or not has_collections(layout, name):
        return found
    return claimed(layout, name)


def is_saved(layout: Layout, session_id: str) -> bool:
    """Return whether there is a session file of this id. Raises as `owner` does."""
    name = name_of(session_id)
    if name is None or not present(layout.session(name)):
        return False
    return owner(layout, name, session_id) == session_id


def claimed(layout: Layout, name: str) -> str:
    """Return the id in the claim of a name; without a claim, the id that equals the name.

    Raises:
        DecodeError: the claim is damaged.
    """
    path = layout.claim(name)
    data = read(path, layout.file_bytes)
    return name if data is None else read_claim(data, path)


def has_collections(layout: Layout, name: str) -> bool:
    """Return whether any collection has a file or folder of this name."""
    return any(
        present(layout.own_folder(collection, name) or layout.collection(collection, name))
        for collection in COLLECTIONS
    )


def checkpoint_owner(layout: Layout, kind: CheckpointKind, path: Path, asked: str) -> str | None:
    """Return the id in the file of a checkpoint; None without a file. Raises as `owner` does."""
    try:
        return identity(path, kind.key, layout.file_bytes)
    except DecodeError:
        if path.name == asked + SUFFIX:
            return asked
        raise


def session_ids(layout: Layout) -> list[str]:
    """Return the ids of the sessions, sorted.

    Raises:
        OSError: the directory cannot be read.
    """
    return sorted(_sessions(layout, damaged=False).values())


def inventory(layout: Layout) -> Inventory:
    """Return all ids, including those of damaged session files as far as they can be read."""
    sessions = _sessions(layout, damaged=True)
    loops, workflows = (sorted(_checkpoint_ids(layout, kind)) for kind in CHECKPOINTS)
    return Inventory(
        sessions=tuple(sorted(sessions.values())),
        collections_only=tuple(sorted(_collections_only(layout))),
        loop_checkpoints=tuple(loops),
        workflow_checkpoints=tuple(workflows),
    )


def loop_checkpoints_of(layout: Layout, session_id: str) -> list[Path]:
    """Return the files of the loop checkpoints of a session's runs."""
    return loop_checkpoints(layout).get(session_id, [])


def loop_checkpoints(layout: Layout) -> dict[str, list[Path]]:
    """Return the files of all loop checkpoints, by the ids of their sessions."""
    found: defaultdict[str, list[Path]] = defaultdict(list)
    for path in _files_in(layout.folder(LOOP_CHECKPOINTS)):
        try:
            session_id = identity(path, "session_id", layout.file_bytes)
        except DecodeError as error:
            _log.warning("%s is left out, since its session cannot be read: %s", path, error.what)
            continue
        if session_id is not None:
            found[session_id].append(path)
    return dict(found)


def _sessions(layout: Layout, *, damaged: bool) -> dict[str, str]:
    """Return the id of each name with a session file, with `damaged` also of damaged files."""
    found: dict[str, str] = {}
    for path in _files_in(layout.root, must_exist=True):
        name = path.name.removesuffix(SUFFIX)
        try:
            session_id = identity(path, "id", layout.file_bytes)
        except DecodeError as error:
            _log.warning("%s is not a session: %s", path, error.what)
            if not damaged or isinstance(error, ForeignFileError):
                continue
            session_id = claimed(layout, name)
        if session_id is not None and _fits(session_id, name, path):
            found[name] = session_id
    return found


def _collections_only(layout: Layout) -> Iterator[str]:
    names: set[str] = set()
    for collection in COLLECTIONS:
        has_folder = layout.own_folder(collection, "x") is not None
        for entry in _entries(layout.folder(collection)):
            if has_folder and entry.is_dir():
                names.add(entry.name)
            elif not has_folder and entry.name.endswith(SUFFIX):
                names.add(entry.name.removesuffix(SUFFIX))
    for name in sorted(names):
        path = layout.session(name)
        if not present(path):
            session_id = claimed(layout, name)
            if _fits(session_id, name, path):
                yield session_id


def _checkpoint_ids(layout: Layout, kind: CheckpointKind) -> Iterator[str]:
    for path in _files_in(layout.folder(kind)):
        try:
            key = identity(path, kind.key, layout.file_bytes)
        except DecodeError as error:
            _log.warning("%s is not a %s: %s", path, kind.name, error.what)
            continue
        if key is not None and _has_name(
            checkpoint_name(key), path.name.removesuffix(SUFFIX), path
        ):
            yield key


def memory_owners(layout: Layout) -> Iterator[str]:
    """Yield the owners of the files of agent memory."""
    for path in _files_in(layout.root / MEMORIES):
        try:
            owner = identity(path, "owner", layout.file_bytes)
        except DecodeError as error:
            _log.warning("%s is not a file of agent memory: %s", path, error.what)
            continue
        if owner is not None and layout.memories(owner) == path:
            yield owner
        else:
            _log.warning("%s has an owner that belongs to another file name", path)


def _fits(session_id: str, name: str, path: Path) -> bool:
    return _has_name(name_of(session_id), name, path)


def _has_name(wanted: str | None, name: str, path: Path) -> bool:
    if wanted == name:
        return True
    _log.warning("%s has an id that belongs to another file name", path)
    return False


def _files_in(folder: Path, *, must_exist: bool = False) -> Iterator[Path]:
    for entry in _entries(folder, must_exist=must_exist):
        if not entry.name.endswith(SUFFIX):
            continue
        if entry.is_dir():
            _log.warning("%s is a folder", entry.path)
        else:
            yield Path(entry.path)


def _entries(folder: Path, *, must_exist: bool = False) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except FileNotFoundError:
        if must_exist:
            raise
        return []
