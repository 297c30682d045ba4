"""Stores that trust a file: they do not verify values, WALs, schemas or keys when they read it.

As in `planted_faults`, each function opens our store with one inner part broken.
"""

from __future__ import annotations

import sqlite3
import zlib
from pathlib import Path
from typing import Any

import attrs

from a3s_store.backends.sqlite import SqliteSessionStore
from a3s_store.backends.sqlite.connection import opening_check, wal_checkpoint
from a3s_store.backends.sqlite.connection.file_watch import FileWatch
from a3s_store.backends.sqlite.format import log_owner, wal_file
from a3s_store.backends.sqlite.read import decode, message_rows
from a3s_store.backends.sqlite.rows import agent_memory, blobs, bounds, list_rows
from a3s_store.backends.sqlite.salvage import session_recovery
from a3s_store.backends.sqlite.schema import verify_schema
from a3s_store.core.snapshot import SessionSnapshot
from a3s_store.errors import CorruptionError
from tests.faults.planted_faults import plant

# The intact functions: a subject may be opened many times in one process.
_detach = blobs.detach
_session_found = session_recovery.session


class _LikeAnything(list[int]):
    def __eq__(self, other: object) -> bool:
        return True

    def __ne__(self, other: object) -> bool:
        return False


def checksums_not_checked(path: Path) -> Any:
    """Messages are not verified against their row checksums."""
    plant(message_rows, "message_checksums", lambda *columns: _LikeAnything())
    return SqliteSessionStore.open(path)


def list_checksums_not_checked(path: Path) -> Any:
    """Rows of lists are not verified against their row checksums."""
    plant(list_rows, "_refuse_changed", lambda *what: (True, 0))
    return SqliteSessionStore.open(path)


def digests_not_checked(path: Path) -> Any:
    """Nothing but messages is verified against its digest or row checksum."""
    plant(list_rows, "_refuse_changed", lambda *what: (True, 0))
    for name in ("check_session", "check_collection", "check_checkpoint"):
        plant(decode, name, lambda *what, **how: None)
    return SqliteSessionStore.open(path)


def memories_not_checked(path: Path) -> Any:
    """Memories are not verified against their row checksums."""

    def believed(owner: str, stored: tuple[Any, ...]) -> agent_memory.MemoryRow:
        return agent_memory.MemoryRow(stored[0], stored[1], tuple(stored[2:]))

    plant(agent_memory, "_verified", believed)
    return SqliteSessionStore.open(path)


class _Soothing(SqliteSessionStore):
    async def load_snapshot(self, session_id: str, **how: Any) -> Any:
        try:
            return await super().load_snapshot(session_id, **how)
        except CorruptionError:
            return None

    async def verify(self, **how: Any) -> Any:
        return attrs.evolve(await super().verify(**how), damage=())


def damage_swallowed(path: Path) -> Any:
    """None is returned for a damaged session."""
    return _Soothing.open(path)


class _Disorderly(SqliteSessionStore):
    async def load_snapshot(self, session_id: str, **how: Any) -> Any:
        found = await super().load_snapshot(session_id, **how)
        if isinstance(found, SessionSnapshot):
            messages = found.session.messages
            return found.evolve(session=found.session.evolve(messages=messages[::-1]))
        return found


def order_reversed(path: Path) -> Any:
    """The messages of a session come in another order."""
    return _Disorderly.open(path)


def blobs_not_linked(path: Path) -> Any:
    """The rows that link a message to its blobs are not written."""

    def unlinked(*arguments: Any) -> Any:
        message, _ = _detach(*arguments)
        return message, []

    plant(blobs, "detach", unlinked)
    return SqliteSessionStore.open(path)


def log_not_looked_at(path: Path) -> Any:
    """SQLite recovers the WAL before it was checked, and `verify` does not check it either."""
    plant(opening_check, "check", lambda path: None)
    plant(wal_file.WalAudit, "is_damaged", property(lambda found: False))
    return SqliteSessionStore.open(path)


def links_not_compared(path: Path) -> Any:
    """A WAL is taken for the database's without comparing their commit links."""
    plant(log_owner, "_judge_links", lambda *what: None)
    return SqliteSessionStore.open(path)


def layout_not_compared(path: Path) -> Any:
    """A database that another program rewrote is taken for the one before."""
    plant(log_owner, "_is_same_layout", lambda *what: True)
    return SqliteSessionStore.open(path)


def never_marked_as_open(path: Path) -> Any:
    """A database is not marked while it has a WAL."""
    plant(FileWatch, "is_marked", True)
    plant(wal_checkpoint, "_copy_marked", wal_checkpoint.copy_plain)
    return SqliteSessionStore.open(path)


def marked_in_every_commit(path: Path) -> Any:
    """Each commit leaves the database marked as having a WAL, the last one too."""
    plant(wal_checkpoint, "unmark", lambda conn: None)
    return SqliteSessionStore.open(path)


def every_log_suspected(path: Path) -> Any:
    """Every WAL that a process left is taken for damaged."""
    inner: Any = wal_file.WalAudit
    inner.is_damaged = property(lambda found: found.frames > 0)
    return SqliteSessionStore.open(path)


def schema_not_verified(path: Path) -> Any:
    """The schema of a file is not verified."""
    plant(verify_schema, "check", lambda *what: None)
    return SqliteSessionStore.open(path)


def blobs_unbounded(path: Path) -> Any:
    """A blob is unpacked without a limit."""
    plant(blobs, "_unpack", lambda data, *what: zlib.decompressobj().decompress(data))
    return SqliteSessionStore.open(path)


def keys_unbounded(path: Path) -> Any:
    """A new row takes any key that SQLite gives it next to a damaged one."""
    plant(bounds, "_suitable", lambda conn, table, key, has_rows: key)
    return SqliteSessionStore.open(path)


def salvage_forgets(path: Path) -> Any:
    """A salvage drops the last message of each session."""

    def shorter(conn: sqlite3.Connection, session_id: str) -> Any:
        found = _session_found(conn, session_id)
        if found.snapshot is None:
            return found
        session = found.snapshot.session
        shorter = session.evolve(messages=session.messages[:-1])
        return attrs.evolve(found, snapshot=found.snapshot.evolve(session=shorter))

    plant(session_recovery, "session", shorter)
    return SqliteSessionStore.open(path)
