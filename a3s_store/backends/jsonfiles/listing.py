"""What a directory holds: original ids, read off the payloads.

Temporary files and whatever else is not named like a value are passed over. A file that is named
like one and is none is logged, never with anything that stands in it, and left out.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from pathlib import Path

from a3s_store.backends.jsonfiles.atomic_write import present
from a3s_store.backends.jsonfiles.content import ForeignFileError, identity
from a3s_store.backends.jsonfiles.layout import MEMORIES, SUFFIX, Layout, checkpoint_name, name_of
from a3s_store.backends.jsonfiles.owners import claimed
from a3s_store.core.collections import CHECKPOINTS, COLLECTIONS, LOOP_CHECKPOINTS, CheckpointKind
from a3s_store.core.protocol import Inventory
from a3s_store.errors import DecodeError

_log = logging.getLogger("a3s_store.files")


def session_ids(layout: Layout) -> list[str]:
    """The ids of the sessions, sorted. Raises OSError when the directory cannot be read."""
    return sorted(_sessions(layout, damaged=False).values())


def inventory(layout: Layout) -> Inventory:
    """All ids, those of damaged session files included as far as they can be told."""
    sessions = _sessions(layout, damaged=True)
    loops, workflows = (sorted(_checkpoint_ids(layout, kind)) for kind in CHECKPOINTS)
    return Inventory(
        sessions=tuple(sorted(sessions.values())),
        collections_only=tuple(sorted(_collections_only(layout))),
        loop_checkpoints=tuple(loops),
        workflow_checkpoints=tuple(workflows),
    )


def loop_checkpoints_of(layout: Layout, session_id: str) -> Iterator[Path]:
    """The files of the loop checkpoints of a session's runs."""
    for path in _files_in(layout.folder(LOOP_CHECKPOINTS)):
        try:
            if identity(path, "session_id", layout.file_bytes) == session_id:
                yield path
        except DecodeError as error:
            _log.warning("%s stays, whoever's it is: %s", path, error.what)


def _sessions(layout: Layout, *, damaged: bool) -> dict[str, str]:
    """The id of each name that has a session file, of damaged ones too if asked for."""
    found: dict[str, str] = {}
    for path in _files_in(layout.root, must_exist=True):
        name = path.name.removesuffix(SUFFIX)
        try:
            session_id = identity(path, "id", layout.file_bytes)
        except DecodeError as error:
            _log.warning("%s is no session: %s", path, error.what)
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
            _log.warning("%s is no %s: %s", path, kind.name, error.what)
            continue
        if key is not None and _has_name(
            checkpoint_name(key), path.name.removesuffix(SUFFIX), path
        ):
            yield key


def memory_owners(layout: Layout) -> Iterator[str]:
    """The owners of the files of agent memory."""
    for path in _files_in(layout.root / MEMORIES):
        try:
            owner = identity(path, "owner", layout.file_bytes)
        except DecodeError as error:
            _log.warning("%s has no agent memory: %s", path, error.what)
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
