"""Whether database, log and index are still those that were opened, and whole.

Cleaners remove logs, users copy backups over a file that is open, tools cut files short; SQLite
notices none of it and goes on acknowledging. So the three are looked at before every transaction
and again before it is acknowledged: three `stat` calls, and bytes only of what changed.

Invariants: 1. what is no longer what was opened is never saved to; 2. what the log holds is copied
into the database then, unless that is no longer the database the log is for: nothing is copied into
such a file, at closing either.
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
# A file that was changed so lately may be changed again with the same time.
_TICK_NS: Final = 20_000_000
# What looks cut is looked at again after so many seconds: a checkpoint may be under way.
_BETWEEN: Final = 0.05
_SALT: Final = slice(16, 20)
# In the head of the log's index: how many frames of the log are committed, as the machine has it.
_INDEX_HEAD: Final = 48
_FRAMES: Final = slice(16, 20)


class FileWatch:
    """The three files of an open store, from when its writer has read them.

    `look` is the writer's; `look_at_database` may be called from any thread.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self.refusal: StoreReplacedError | None = None
        self._identities = [kept_files.identity(beside(path, end)) for _, end in _NAMES]
        self._database = kept_files.descriptor(path)
        flags = os.O_RDONLY | getattr(os, "O_BINARY", 0)
        self._log = os.open(beside(path, WAL), flags)
        self.close: Final = weakref.finalize(self, os.close, self._log)
        self.close.atexit = False  # accepted saves are made at exit, and looked at
        self._log_size = 0
        self._log_salt = b""
        self._seen: tuple[int, int] | None = None
        self._state: DatabaseState | None = None

    def salt(self) -> int:
        """The first salt of the log; 0 where it is empty."""
        return wal_links.salt_of(self._log_header())

    @property
    def is_marked(self) -> bool:
        """Whether the database, as last looked at, says that more may be in its log."""
        return self._state is not None and self._state.is_open_mark_set

    def look(self, conn: WorkConnection) -> StoreReplacedError | None:
        """Why nothing may be saved any more, or None. Raises OSError and sqlite3.Error."""
        if self.refusal is None:
            self._look(conn)
        return self.refusal

    def look_at_database(self) -> StoreReplacedError | None:
        """Why the database is not the one that was opened any more, or None. Raises OSError."""
        with self._lock:
            info = os.fstat(self._database)
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

    # -- What is seen ---------------------------------------------------------------------------

    def _look(self, conn: WorkConnection) -> None:
        for (which, end), identity in zip(_NAMES, self._identities, strict=True):
            try:
                found = kept_files.identity(beside(self._path, end))
            except FileNotFoundError:
                self._refuse(conn, which, "gone")
                return
            if found != identity:
                self._refuse(conn, which, "replaced")
                return
        if self._is_log_cut(conn):
            self._refuse(conn, "log", "cut")
        elif self.look_at_database() is not None:
            conn.pin()

    def _is_log_cut(self, conn: WorkConnection) -> bool:
        """Whether the log was cut, and not by SQLite itself.

        That cuts it when it begins it anew: the header is written first, and the log is cut once
        the commit is made, so it may have been seen with the new header and its old size.
        """
        size = os.fstat(self._log).st_size
        salt = self._log_header()[_SALT]
        cut = (
            size < self._log_size
            and salt in (b"", self._log_salt)
            and self._lacks_commits()
            and not self._is_copied(conn)
        )
        self._log_size, self._log_salt = size, salt
        return cut

    def _lacks_commits(self) -> bool:
        """Whether the log is shorter than the commits that its index knows."""
        index = kept_files.read(kept_files.descriptor(beside(self._path, INDEX)), 0, _INDEX_HEAD)
        frames = int.from_bytes(index[_FRAMES], sys.byteorder)
        # Asked after that: others write on, frames first.
        size = os.fstat(self._log).st_size
        return size < wal_file.HEADER + frames * (wal_file.FRAME + PAGE)

    def _log_header(self) -> bytes:
        return kept_files.read(self._log, 0, 32)

    def _is_copied(self, conn: WorkConnection) -> bool:
        """Whether the newest commit is in the database."""
        try:
            newest = file_link.read(conn)
        except (sqlite3.Error, CorruptionError):
            return False
        state = self._read()
        return state is not None and state.link == newest

    def _changed(self) -> Kind | None:
        """How the database was changed by other means than SQLite, or None."""
        state = self._read()
        if state is None or (self._state is not None and not _is_later(self._state, state)):
            return "overwritten"
        if log_owner.is_cut(state, None) and self._is_cut():
            return "cut"
        self._state = state
        return None

    def _is_cut(self) -> bool:
        """Whether pages are missing that the log has not either, twice."""
        found = []
        for _ in range(2):
            look = file_look.look(self._path)
            if look.state is None or not log_owner.is_cut(look.state, look.log):
                return False
            found.append(look)
            time.sleep(_BETWEEN)
        return found[0] == found[1]

    def _read(self) -> DatabaseState | None:
        return file_look.state_at(self._database)

    # -- What is done then ------------------------------------------------------------------------

    def _refuse(self, conn: WorkConnection, which: Which, kind: Kind) -> None:
        """Refuse from now on, once what the log holds is in the database, if it can be."""
        rescued: str | None = None
        if kind in ("overwritten", "cut"):
            conn.pin()
        else:
            rescued = self._rescue(conn, which)
        self.refusal = self._refused(which, kind, rescued)

    def _rescue(self, conn: WorkConnection, which: Which) -> str | None:
        """Copy the log into the file that was opened; into a copy where that has no name left."""
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
            kept = "What was saved last may be in no file any more"
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
    """Whether a database may have become this by commits. The first link comes with a log."""
    if before.link is None:
        return True
    link = now.link
    return (
        link is not None
        and link.file_id == before.link.file_id
        and link.number >= before.link.number
    )


def _is_another(refusal: StoreReplacedError) -> bool:
    """Whether the content is not that of the store any more, so that nothing is read either."""
    return refusal.kind in ("overwritten", "cut")


def _copied(conn: WorkConnection, path: Path) -> Path:
    """A copy of the whole store beside where it was, a file of its own."""
    with file_copy.temporary(path) as made:
        file_copy.copy(conn, made)
        rescued = files_beside.aside(path, f"{RESCUED}{time.time_ns() // 1_000_000}")
        file_copy.place(made, rescued)
    return rescued
