"""Whose a name is, where several ids share one.

The id in the payload of its session file where there is one; else the id in its claim; else, when
there are shelves of that name, the id that equals it. Whoever does not own a name finds nothing
under it and can save nothing there. A checkpoint's owner is the id in its payload.

On a file system that folds case, shelves of `A` and `a` that have no session are the one thing this
cannot tell apart.
"""

from __future__ import annotations

from pathlib import Path

from a3s_store.backends.jsonfiles.atomic_write import present, read
from a3s_store.backends.jsonfiles.content import identity, read_claim
from a3s_store.backends.jsonfiles.layout import SUFFIX, Layout, name_of
from a3s_store.core.collections import COLLECTIONS, CheckpointKind
from a3s_store.errors import DecodeError


def owner(layout: Layout, name: str, asked: str) -> str | None:
    """The id that owns a name; None when nothing of that name is there.

    A damaged session file is taken for that of the id asked for when nothing says otherwise, so
    that loading it raises and saving or deleting it is possible.

    Raises:
        DecodeError: the session file is damaged, and need not be that of the id asked for.
    """
    try:
        found = identity(layout.session(name), "id", layout.file_bytes)
    except DecodeError as error:
        if claimed(layout, name) == asked:
            return asked
        error.hint = "Whose session it was cannot be told; move the file away"
        raise
    if found is not None or not has_collections(layout, name):
        return found
    return claimed(layout, name)


def is_saved(layout: Layout, session_id: str) -> bool:
    """Whether there is a session file and it is this id's. Raises as `owner`."""
    name = name_of(session_id)
    if name is None or not present(layout.session(name)):
        return False
    return owner(layout, name, session_id) == session_id


def claimed(layout: Layout, name: str) -> str:
    """The id in the claim of a name, or the id that equals it. Raises DecodeError."""
    path = layout.claim(name)
    data = read(path, layout.file_bytes)
    return name if data is None else read_claim(data, path)


def has_collections(layout: Layout, name: str) -> bool:
    """Whether any collection has something of this name."""
    return any(
        present(layout.own_folder(collection, name) or layout.collection(collection, name))
        for collection in COLLECTIONS
    )


def checkpoint_owner(layout: Layout, kind: CheckpointKind, path: Path, asked: str) -> str | None:
    """The id a checkpoint's file belongs to; None when there is no file. Raises as `owner`."""
    try:
        return identity(path, kind.key, layout.file_bytes)
    except DecodeError:
        if path.name == asked + SUFFIX:
            return asked
        raise
