"""Where things lie in a directory: upstream's names at 3.3.0, and which id a name can stand for.

Invariants: 1. a name never leads out of the directory, nor to a folder that others' data is in;
2. every path is made here; 3. nothing here touches a file.

An id becomes a name by `safe_name`, as upstream does it, so several ids may share one name. Who
owns a name is read off the files (`Directory.owner`): off the session's own payload, else off the
*claim*, a file of ours in `.owners/` which upstream does not look at. Nor does it look at
`.memories/`, where agent memory lies: the names there are made of an id and a hash of it, so no two
owners share one, and any id has one.
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

# Of an owner's id, its file shows so many characters, and instead of others than these a line.
_SHOWN: Final = 80
_NOT_SHOWN: Final = re.compile(r"[^A-Za-z0-9_-]")

# Windows reads these as devices or streams, or drops their last character.
_NOT_ON_WINDOWS: Final = re.compile(
    r'(?i:con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(\..*)?|.*[<>:"|?*\x00-\x1f].*|.*[. ]', re.DOTALL
)


def safe_name(session_id: str) -> str:
    """The name upstream makes of an id: `/` and `\\` become `_`, then each `..` does."""
    return session_id.replace("/", "_").replace("\\", "_").replace("..", "_")


def name_of(session_id: str, *, windows: bool = os.name == "nt") -> str | None:
    """The name of an id that `check_id` let pass; None when no file can have it.

    `.` can have none: the artifacts of that name would be the folder of everybody's.
    """
    name = safe_name(session_id)
    if name in {"", "."} or len(os.fsencode(name)) > MAX_NAME:
        return None
    return None if windows and _NOT_ON_WINDOWS.fullmatch(name) else name


def checkpoint_name(key: str, *, windows: bool = os.name == "nt") -> str | None:
    """As `name_of`, of the id of a checkpoint; that of a session's queue is shortened if need be.

    It is longer than the id of its session, which may be as long as the name of a file.
    """
    name = name_of(key, windows=windows)
    session_id = key.removeprefix(WORKFLOW_PREFIX)
    if name is not None or session_id == key or name_of(session_id, windows=windows) is None:
        return name
    return shortened(safe_name(key), MAX_NAME)


def require_name(session_id: str) -> str:
    """The name of an id that is to be saved. Raises InvalidIdError when there is none."""
    return _required(name_of(session_id), "session id")


def require_checkpoint_name(key: str, what: str) -> str:
    """As `require_name`, of the id of a checkpoint, which the error calls `what`."""
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
    """The paths under one directory. `name` is always one that `name_of` returned, of a
    checkpoint `checkpoint_name`.
    """

    root: Path
    # No file with more bytes is read or written.
    file_bytes: int = DEFAULT_LIMITS.file_bytes

    def session(self, name: str) -> Path:
        """The file of a session."""
        return self.root / (name + SUFFIX)

    def folder(self, kept: Collection | CheckpointKind) -> Path:
        """The folder of a collection or of a kind of checkpoint."""
        return self.root / kept.folder

    def collection(self, collection: Collection, name: str) -> Path:
        """The file of a collection."""
        return self.folder(collection) / collection.file.replace("{}", name)

    def own_folder(self, collection: Collection, name: str) -> Path | None:
        """The folder a collection has for itself alone; None when it is a file among others."""
        path = self.collection(collection, name)
        return None if path.parent == self.folder(collection) else path.parent

    def checkpoint(self, kind: CheckpointKind, name: str) -> Path:
        """The file of a checkpoint."""
        return self.folder(kind) / (name + SUFFIX)

    def claim(self, name: str) -> Path:
        """The file that says whose the collections of a name are while there is no session file."""
        return self.root / CLAIMS / name

    def memories(self, owner: str) -> Path:
        """The file of an owner's agent memory. Any id has one."""
        digest = hashlib.sha256(owner.encode()).hexdigest()[:32]
        shown = _NOT_SHOWN.sub("_", owner[:_SHOWN])
        return self.root / MEMORIES / f"{shown}-{digest}{SUFFIX}"
