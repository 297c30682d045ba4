"""Files whose disk failed in this process, which are checked before they are written to again."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from a3s_store.backends.sqlite.schema import structure_check
from a3s_store.errors import CorruptionError

_REQUIRED: set[Path] = set()


def require(path: Path) -> bool:
    """Have `run_if_required` check the file, since its disk failed. Returns whether that is new."""
    is_new = path not in _REQUIRED
    _REQUIRED.add(path)
    return is_new


def is_required(path: Path) -> bool:
    """Return whether the file's disk failed in this process, and the file was not checked since."""
    return path in _REQUIRED


def waive(path: Path) -> None:
    """Take `require` back: the disk did not fail."""
    _REQUIRED.discard(path)


def run_if_required(conn: sqlite3.Connection, path: Path) -> None:
    """Check the structure of the file where `require` asked for it, then require it no more.

    Raises:
        CorruptionError: the file is damaged; it stays to be checked.
    """
    if path not in _REQUIRED:
        return
    if any(structure_check.problems(conn, "quick_check", 1)):
        raise CorruptionError(
            "after an I/O error the file is damaged", part="file", hint="See `verify`"
        )
    _REQUIRED.discard(path)
