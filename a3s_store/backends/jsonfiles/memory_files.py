"""Agent memory in a directory: one file for each owner, in a folder that upstream ignores.

A file has its owner and all items, the oldest first; each change replaces the whole file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from a3s_store.agent_memory.item import MemoryItem, unfit
from a3s_store.agent_memory.session_stores import Change, session_deleted
from a3s_store.backends.jsonfiles import claims, content
from a3s_store.backends.jsonfiles.atomic_write import Changes, read
from a3s_store.backends.jsonfiles.layout import Layout
from a3s_store.backends.jsonfiles.lock import DirectoryLock
from a3s_store.core.collections import check_id
from a3s_store.errors import DecodeError, InvalidIdError
from a3s_store.wire import Model, encode, field, model

if TYPE_CHECKING:
    from typing import Self, Unpack

    from a3s_store import _changes


@model()
class MemoryFile(Model):
    """The content of a file."""

    owner: str
    items: tuple[MemoryItem, ...] = field(default=())

    if TYPE_CHECKING:

        def evolve(self, **changes: Unpack[_changes.MemoryFileChanges]) -> Self: ...


class MemoryFiles:
    """The memories of all owners. Every method holds the lock of the directory while it runs.

    A file with more bytes than `Layout.file_bytes` is neither read nor written.
    """

    def __init__(self, layout: Layout, lock: DirectoryLock) -> None:
        self._layout = layout
        self._lock = lock

    def load(self, owner: str) -> tuple[MemoryItem, ...]:
        """Return the items of an owner, the oldest first.

        Raises:
            DecodeError: the file is damaged or too large.
        """
        with self._lock.shared():
            return self._read(owner).items

    def change(self, owner: str, change: Change) -> None:
        """Apply a change to the items of an owner; a file without items is removed.

        When this raises, the file is as it was.
        """
        with self._lock.exclusive():
            self._change(owner, change)

    def change_of_session(self, session_id: str, change: Change) -> None:
        """Apply a change to the items of a stored session, as `change` does.

        Raises:
            SessionDeletedError: no session of this id is stored.
        """
        with self._lock.exclusive():
            if not claims.is_saved(self._layout, session_id):
                raise session_deleted(session_id)
            self._change(session_id, change)

    def _change(self, owner: str, change: Change) -> None:
        with Changes(self._layout.root) as changes:
            stored = self._read(owner)
            items = {item.id: item for item in stored.items}
            change(items)
            path = self._layout.memories(owner)
            if items:
                tree = encode(stored.evolve(items=tuple(items.values())))
                text = content.tree_text(tree, model="MemoryFile")
                content.refuse_unreadable(text, self._layout.file_bytes)
                changes.put(path, text)
            else:
                changes.drop(path)
            changes.land()

    def _read(self, owner: str) -> MemoryFile:
        path = self._layout.memories(owner)
        data = read(path, self._layout.file_bytes)
        if data is None:
            return MemoryFile(owner=owner)
        with content.in_file(path):
            found = content.read_value(MemoryFile, data, path)
            if found.owner != owner:
                raise DecodeError("these are the memories of another owner", path="owner")
            for number, item in enumerate(found.items):
                _check(item, f"items[{number}]")
        return found

    def owners(self) -> list[str]:
        """Return the owners of at least one item; a file without a valid owner is logged."""
        with self._lock.shared():
            return [*claims.memory_owners(self._layout)]


def _check(item: MemoryItem, place: str) -> None:
    try:
        check_id(item.id, "memory id")
    except InvalidIdError as error:
        raise DecodeError(error.what, model="MemoryItem", path=f"{place}.id") from None
    what = unfit(item)
    if what is not None:
        raise DecodeError(what, model="MemoryItem", path=f"{place}.metadata")
