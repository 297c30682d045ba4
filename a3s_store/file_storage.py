"""The store for sessions of storage type `file`: upstream's directory of JSON files.

`SessionRegistry.with_persistence` of `runtime`, which names no backend, calls this module.
"""

from __future__ import annotations

from os import PathLike

from a3s_store.backends.jsonfiles import FileSessionStore


async def open_directory(directory: str | PathLike[str]) -> FileSessionStore:
    """Open the store of a directory. Raises as `FileSessionStore.open`."""
    return await FileSessionStore.open(directory)
