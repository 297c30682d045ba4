"""Paths of stores: the file that a path names, and whether a store is to be created there."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from a3s_store.backends.sqlite.connection import opening_check, permissions
from a3s_store.backends.sqlite.errors import during
from a3s_store.errors import (
    InvalidArgumentError,
    NotAStoreError,
    StoreUnavailableError,
    UnsupportedError,
)
from a3s_store.printable import short_repr


def resolve(path: str | os.PathLike[str]) -> Path:
    """Return the absolute path of a store, symbolic links resolved once.

    Raises:
        UnsupportedError: `:memory:`, which is no file; `open` alone takes it.
        InvalidArgumentError: another spelling of it, which would be a file with that name.
        StoreUnavailableError: empty, with a NUL, not encodable, or a circle of links.
        NotAStoreError: the root folder.
    """
    text = os.fspath(path)
    if text == ":memory:":
        raise UnsupportedError(
            "a store in memory has no file",
            op="open",
            hint='`SqliteSessionStore.open(":memory:")` opens one; here give the path of a file',
        )
    if isinstance(text, str) and _means_memory(text):
        raise InvalidArgumentError(
            f"{short_repr(text)} would be a file with that name, not a store in memory",
            argument="path",
            op="open",
            hint='`SqliteSessionStore.open(":memory:")`, in exactly these letters, opens one; '
            "for a file with that name give its absolute path",
        )
    if not isinstance(text, str) or not text or "\0" in text:
        raise StoreUnavailableError(
            "invalid database path: not a str, empty or contains NUL",
            op="open",
            hint='`SqliteSessionStore.open(":memory:")` keeps nothing',
        )
    with during("open", ascii(text)):
        try:
            found = Path(text).absolute().resolve()
            os.fsencode(found)
            if not found.name:
                raise NotAStoreError("the path is a folder", hint="Name a file")
        except (RuntimeError, UnicodeEncodeError) as error:  # links in a circle, a lone surrogate
            raise StoreUnavailableError(
                f"the path cannot be resolved: {type(error).__name__}", hint="Name a file"
            ) from None
    return found


def _means_memory(text: str) -> bool:
    """Return whether a path is another spelling of `:memory:`, or SQLite's URI of such a database.

    SQLite itself makes a file of `:MEMORY:`, whose author expects that nothing is left.
    """
    folded = text.strip().lower()
    is_uri = folded.startswith("file:")
    return folded == ":memory:" or (is_uri and (":memory:" in folded or "mode=memory" in folded))


def is_vacant(path: Path) -> bool:
    """Return whether a store may be created here: no file, or an empty one, and no WAL beside it.

    Raises:
        NotAStoreError: the path is not a regular file.
        StoreError: as `permissions.refuse` and `opening_check.check` do.
        OSError: the file cannot be looked at.
    """
    try:
        info = path.lstat()  # `resolve` resolved links: one that is found here is new
    except FileNotFoundError:
        pass
    else:
        if not stat.S_ISREG(info.st_mode):
            raise NotAStoreError("the path is not a regular file", hint="Name a file")
        permissions.refuse(path)
        if info.st_size:
            return False
    opening_check.check(path)
    return True
