"""Names and paths of the files in a directory, as upstream 3.3.0 names them.

Invariants: 1. a name never leads out of the directory, nor to a folder with data of other ids;
2. every path is made here; 3. this module reads and writes no file.

An id becomes a name by `safe_name`, as in upstream, so several ids may share one name; `claims`
finds the owner of a name in the payload of the session file or in its *claim*, a file of ours in
`.owners/`, which upstream ignores. Upstream also ignores `.memories/`, which has the agent memory:
names there are made of an id and a hash of it, so that each owner has a name of its own.
"""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path
from typing import Final

import attrs

from a3s_store.core.base.queue_entries import WORKFLOW_PREFIX
from a3s_store.core.collections import CheckpointKind, Collection
from a3s_store.core.new_files import MAX_FILE_NAME, shortened
from a3s_store.errors import InvalidIdError
from a3s_store.wire import DEFAULT_LIMITS

SUFFIX: Final = ".json"
CLAIMS: Final = ".owners"
MEMORIES: Final = ".memories"
HEALTH_PROBE: Final = ".health_check"
MAX_NAME: Final = MAX_FILE_NAME - len(SUFFIX)

# A name in `.memories/` has this many characters of the owner's id; others than these become `_`.
_SHOWN: Final = 80
_NOT_SHOWN: Final = re.compile(r"[^A-Za-z0-9_-]")

# Windows reads these as devices or streams, or drops their last character.
_NOT_ON_WINDOWS: Final = re.compile(
    r'(?i:con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(\..*)?|.*[<>:"|?*\x00-\x1f].*|.*[. ]', re.DOTALL
)


def safe_name(session_id: str) -> str:
    """Return upstream's name for an id: `/` and `\\` become `_`, then each `..` does."""
    return session_id.replace("/", "_").replace("\\", "_").replace("..", "_")


def name_of(session_id: str, *, windows: bool = os.name == "nt") -> str | None:
    """Return the name of a valid id; None when no file can have it.

    The id `.` has none: its folder of artifacts would be the folder of all artifacts.
    """
    name = safe_name(session_id)
    if name in {"", "."} or len(os.fsencode(name)) > MAX_NAME:
        return None
    return None if windows and _NOT_ON_WINDOWS.fullmatch(name) else name


def checkpoint_name(key: str, *, windows: bool = os.name == "nt") -> str | None:
    """Return the name of a checkpoint's id as `name_of` does, shortened for a session's queue.

    The id of a queue's checkpoint is longer than that of its session, which may have the length of
    a file name.
    """
    name = name_of(key, windows=windows)
    session_id = key.removeprefix(WORKFLOW_PREFIX)
    if name is not None or session_id == key or name_of(session_id, windows=windows) is None:
        return name
    return shortened(safe_name(key), MAX_NAME)


def require_name(session_id: str) -> str:
    """Return the name of an id to save.

    Raises:
        InvalidIdError: no file can have its name.
    """
    return _required(name_of(session_id), "session id")


def require_checkpoint_name(key: str, what: str) -> str:
    """Return the name of a checkpoint's id to save; an error calls the id `what`.

    Raises:
        InvalidIdError: no file can have its name.
    """
    return _required(checkpoint_name(key), what)


def _required(name: str | None, what: str) -> str:
    if name is None:
        raise InvalidIdError(
            f"no file can be named after the {what}",
            hint=f"It may have {MAX_NAME} bytes and must not be a dot",
        )
    return name


@attrs.frozen
class Layout:
    """The paths under one directory.

    A `name` is one that `name_of` returned, for a checkpoint `checkpoint_name`.
    """

    root: Path
    # No file with more bytes is read or written.
    file_bytes: int = DEFAULT_LIMITS.file_bytes

    def session(self, name: str) -> Path:
        """Return the file of a session."""
        return self.root / (name + SUFFIX)

    def folder(self, kept: Collection | CheckpointKind) -> Path:
        """Return the folder of a collection or of a kind of checkpoint."""
        return self.root / kept.folder

    def collection(self, collection: Collection, name: str) -> Path:
        """Return the file of a collection."""
        return self.folder(collection) / collection.file.replace("{}", name)

    def own_folder(self, collection: Collection, name: str) -> Path | None:
        """Return the folder that has only this collection; None when the folder is shared."""
        path = self.collection(collection, name)
        return None if path.parent == self.folder(collection) else path.parent

    def checkpoint(self, kind: CheckpointKind, name: str) -> Path:
        """Return the file of a checkpoint."""
        return self.folder(kind) / (name + SUFFIX)

    def claim(self, name: str) -> Path:
        """Return the file with the owner of a name's collections, used without a session file."""
        return self.root / CLAIMS / name

    def memories(self, owner: str) -> Path:
        """Return the file of an owner's agent memory; every id has one."""
        digest = hashlib.sha256(owner.encode()).hexdigest()[:32]
        shown = _NOT_SHOWN.sub("_", owner[:_SHOWN])
        return self.root / MEMORIES / f"{shown}-{digest}{SUFFIX}"
