"""Facts about a database file that need no connection."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from a3s_store.backends.sqlite.connection import file_look, network_mounts, wal_checkpoint
from a3s_store.backends.sqlite.connection import permissions as access
from a3s_store.backends.sqlite.format import files_beside


def read(path: Path) -> dict[str, Any]:
    """Return facts of the system and of the header about a file, which must exist, by name."""
    mount = network_mounts.mount_of(path)
    return {
        "journal_mode": _journal_mode(path),
        "database_bytes": path.stat().st_size,
        "log_bytes": files_beside.size_bytes(files_beside.beside(path, files_beside.WAL)),
        **access.facts(path),
        "file_system": None if mount is None else mount.kind,
        "wal_reset_bug": "affected" if wal_checkpoint.has_reset_bug() else "fixed",
    }


def copies(path: Path) -> list[str]:
    """Return the names of the copies that the store made beside its file; [] where unreadable."""
    try:
        return [copy.path.name for copy in files_beside.find(path)]
    except OSError:
        return []


def _journal_mode(path: Path) -> str:
    """Return the mode in the header: SQLite returns another one when it reads without locks."""
    try:
        state = file_look.read_state(path)
    except OSError:
        return "unknown"
    if state is None:
        return "none"
    return "wal" if state.header[18:20] == b"\2\2" else "delete"
