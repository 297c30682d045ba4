"""Detect that the database, WAL or index of an open store was removed, replaced or changed.

Cleaners remove WALs, users copy backups over an open file, tools truncate files; SQLite notices
none of it and goes on acknowledging commits. So the three files are checked before every
transaction and again before it is acknowledged: three `stat` calls, and a read of a changed file.

Invariants: 1. a file that is not the opened one any more is never saved to; 2. the WAL is then
copied into the database, unless the database is no longer the one the WAL belongs to: nothing is
copied into such a file, not even at closing.
"""

from __future__ import annotations

import os
import sqlite3
import sys
import threading
import time
import weakref
from pathlib import Path
from typing import Final, Literal

from a3s_store.backends.sqlite.connection import file_look, kept_files, wal_checkpoint
from a3s_store.backends.sqlite.connection.work_connection import WorkConnection
from a3s_store.backends.sqlite.format import (
    file_copy,
    file_link,
    files_beside,
    log_owner,
    wal_file,
    wal_links,
)
from a3s_store.backends.sqlite.format.files_beside import INDEX, RESCUED, WAL, beside
from a3s_store.backends.sqlite.format.log_owner import PAGE, DatabaseState
from a3s_store.core.corruption import KEEP
from a3s_store.errors import CorruptionError, StoreReplacedError

Which = Literal["database", "log", "index"]
Kind = Literal["gone", "replaced", "overwritten", "cut"]

_NAMES: Final[tuple[tuple[Which, str], ...]] = (
    ("database", ""),
    ("log", WAL),
    ("index", INDEX),
)
# A file changed less than this ago may change again with the same modification time.
_TICK_NS: Final = 20_000_000
_LOG_HEAD: Final = 32
# In the head of the WAL's index: the count of committed frames, in the machine's byte order.
_INDEX_HEAD: Final = 48
_FRAMES: Final = slice(16, 20)


class FileWatch:
    """The three files of an open store, as they were once its writer had read them.

    `look` is for the writer's thread; `look_at_database` may be called from any thread.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self.refusal: StoreReplacedError | None = None
        # Texts, since each commit looks at them twice.
        self._paths = [str(beside(path, end)) for _, end in _NAMES]
        self._identities = [kept_files.identity(one) for one in self._paths]
        self._database = kept_files.descriptor(path)
        flags = os.O_RDONLY | getattr(os, "O_BINARY", 0)
        self._log = os.open(beside(path, WAL), flags)
        self._close = weakref.finalize(self, os.close, self._log)
        self._close.atexit = False  # accepted saves are made at exit, and looked at
        # The bytes of the WAL when it was last looked at.
        self.log_size = 0
        self._seen: tuple[int, int] | None = None
        self._state: DatabaseState | None = None

    def close(self) -> None:
        """Close the WAL; twice is fine."""
        self._close()

    def salt(self) -> int:
        """Return the first salt of the WAL; 0 where it is empty."""
        return wal_links.salt_of(kept_files.read(self._log, 0, _LOG_HEAD))

    @property
    def is_marked(self) -> bool:
        """Whether the database, when last checked, had the open mark: its WAL may have more."""
        return self._state is not None and self._state.is_open_mark_set

    def look(self, conn: WorkConnection) -> StoreReplacedError | None:
        """Return why saves must be refused, or None. Raises OSError and sqlite3.Error."""
        if self.refusal is None:
            self._look(conn)
        return self.refusal

    def look_at_database(self) -> StoreReplacedError | None:
        """Return why the database is no longer the opened one, or None. Raises OSError."""
        return self._look_at_database(os.fstat(self._database))

    # -- What is seen ---------------------------------------------------------------------------

    def _look(self, conn: WorkConnection) -> None:
        found = []
        for path, identity, (which, _) in zip(self._paths, self._identities, _NAMES, strict=True):
            try:
                info = os.stat(path)  # noqa: PTH116 - as in `kept_files.identity`
            except FileNotFoundError:
                self._refuse(conn, which, "gone")
                return
            if (info.st_dev, info.st_ino) != identity:
                self._refuse(conn, which, "replaced")
                return
            found.append(info)
        database, log, _ = found
        size = log.st_size
        is_cut = size < self.log_size and self._lacks_commits() and not self._is_copied(conn)
        self.log_size = size
        if is_cut:
            self._refuse(conn, "log", "cut")
        elif self._look_at_database(database) is not None:
            conn.pin()

    def _look_at_database(self, info: os.stat_result) -> StoreReplacedError | None:
        with self._lock:
            seen = info.st_mtime_ns, info.st_size
            if self.refusal is None and seen != self._seen:
                kind = self._changed()
                if kind is not None:
                    self.refusal = self._refused("database", kind, None)
                elif time.time_ns() - info.st_mtime_ns > _TICK_NS:
                    self._seen = seen
                else:
                    self._seen = None
            refusal = self.refusal
        return refusal if refusal is not None and _is_another(refusal) else None

    def _lacks_commits(self) -> bool:
        """Return whether the WAL is shorter than the commits in its index.

        SQLite itself truncates the WAL once it has begun it anew, which it notes in the index
        first. So the index is read before and after the size.
        """
        handle = kept_files.descriptor(beside(self._path, INDEX))
        head = kept_files.read(handle, 0, _INDEX_HEAD)
        size = os.fstat(self._log).st_size
        frames = int.from_bytes(head[_FRAMES], sys.byteorder)
        is_short = size < wal_file.HEADER + frames * (wal_file.FRAME + PAGE)
        return is_short and kept_files.read(handle, 0, _INDEX_HEAD) == head

    def _is_copied(self, conn: WorkConnection) -> bool:
        """Return whether the newest commit is in the database."""
        try:
            newest = file_link.read(conn)
        except (sqlite3.Error, CorruptionError):
            return False
        state = self._read()
        return state is not None and state.link == newest

    def _changed(self) -> Kind | None:
        """Return how the database was changed other than through SQLite, or None."""
        state = self._read()
        if state is None or (self._state is not None and not _is_later(self._state, state)):
            return "overwritten"
        if log_owner.is_cut(state, None) and self._is_cut():
            return "cut"
        self._state = state
        return None

    def _is_cut(self) -> bool:
        """Return whether two checks find the same pages missing in both the file and the WAL."""
        found = []
        for _ in range(2):
            look = file_look.look(self._path)
            if look.state is None or not log_owner.is_cut(look.state, look.log):
                return False
            found.append(look)
            time.sleep(file_look.BETWEEN_LOOKS)
        return found[0] == found[1]

    def _read(self) -> DatabaseState | None:
        return file_look.state_at(self._database)

    # -- What is done then ------------------------------------------------------------------------

    def _refuse(self, conn: WorkConnection, which: Which, kind: Kind) -> None:
        """Refuse saves from now on; first copy the WAL into the database where possible."""
        rescued: str | None = None
        if kind in ("overwritten", "cut"):
            conn.pin()
        else:
            rescued = self._rescue(conn, which)
        self.refusal = self._refused(which, kind, rescued)

    def _rescue(self, conn: WorkConnection, which: Which) -> str | None:
        """Copy the WAL into the opened file; where that was unlinked, save a copy of the store."""
        try:
            if which == "database" and os.fstat(self._database).st_nlink == 0:
                return str(_copied(conn, self._path))
            wal_checkpoint.unmark(conn)
            found = wal_checkpoint.copy_plain(conn)
        except (sqlite3.Error, OSError, CorruptionError):
            return None
        return "in the file" if found is not None and found[0] == found[1] else None

    def _refused(self, which: Which, kind: Kind, rescued: str | None) -> StoreReplacedError:
        name = self._path.name + dict(_NAMES)[which]
        done = {"gone": "moved or removed", "cut": "cut short"}.get(kind, kind)
        if rescued is None:
            kept = "The last saves may be lost"
        elif rescued == "in the file":
            kept = "All that was acknowledged is in the database that was opened"
        else:
            kept = f"All that was acknowledged is in {rescued}"
        hint = "Close the store, see what is at its path, and open it again"
        if kind in ("overwritten", "cut"):
            hint = f"{KEEP}; close the store first"
        return StoreReplacedError(
            f"{name} was {done} while the store was open, so nothing is saved any more. {kept}",
            which=which,
            kind=kind,
            rescued=rescued,
            hint=hint,
        )


def _is_later(before: DatabaseState, now: DatabaseState) -> bool:
    """Return whether commits may have led from one state to the other."""
    if before.link is None:
        return True
    link = now.link
    return (
        link is not None
        and link.file_id == before.link.file_id
        and link.number >= before.link.number
    )


def _is_another(refusal: StoreReplacedError) -> bool:
    """Return whether the content is no longer the store's, so that reads are refused too."""
    return refusal.kind in ("overwritten", "cut")


def _copied(conn: WorkConnection, path: Path) -> Path:
    """Copy the whole store to a new file beside its path, and return that."""
    with file_copy.temporary(path) as made:
        file_copy.copy(conn, made)
        rescued = files_beside.aside(path, f"{RESCUED}{time.time_ns() // 1_000_000}")
        file_copy.place(made, rescued)
    return rescued
