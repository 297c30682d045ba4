"""Inspect a database and its WAL as bytes, without SQLite.

The database is read through a descriptor that is kept (`kept_files`): closing one would drop
SQLite's locks in this process. SQLite's locks never lie on the WAL, so that is opened and closed.
"""

from __future__ import annotations

import os
import stat
import struct
import sys
from pathlib import Path
from typing import Final, NamedTuple

from a3s_store.backends.sqlite.connection import kept_files
from a3s_store.backends.sqlite.format import (
    commit_link,
    log_owner,
    wal_file,
    wal_links,
)
from a3s_store.backends.sqlite.format.files_beside import WAL, beside
from a3s_store.backends.sqlite.format.log_owner import DatabaseState, Reason
from a3s_store.backends.sqlite.format.wal_file import WalAudit
from a3s_store.backends.sqlite.format.wal_links import WalContent
from a3s_store.errors import NotAStoreError

MAGIC: Final = b"SQLite format 3\0"
# Seconds after which files that look wrong are checked again: a process may be writing to them.
BETWEEN_LOOKS: Final = 0.05
# Only so much of a longer WAL is checked; it grows so long only beside endless readers.
_LOOKED_AT: Final = 64 * 1024 * 1024
# Where SQLite's shared locks of a database lie.
_LOCKS_AT: Final = 0x40000002
_LOCKS: Final = 510


class Look(NamedTuple):
    """A database and its WAL as found at a path.

    `size`: bytes of the database, None without a file. `state`: its header and commit link, None
    when it is not a database. `log`: None without a WAL. `audit`: whether recovery would drop
    commits of the WAL. `reason`: why the WAL does not belong to the database, None if it does.
    """

    size: int | None
    state: DatabaseState | None
    log: WalContent | None
    audit: WalAudit
    log_changed_ns: int
    reason: Reason | None

    @property
    def is_fine(self) -> bool:
        """Whether recovery would lose no commit, as far as the bytes show."""
        return self.reason is None and not self.audit.is_damaged


def look(path: Path) -> Look:
    """Return the state of the database and of its WAL.

    Raises:
        NotAStoreError: the WAL is not a regular file.
        OSError: one of them cannot be read.
    """
    size, state = _database(path)
    log, audit, changed = _log(path)
    reason = None
    if state is not None:
        reason = log_owner.judge(state, log, is_live=is_open_elsewhere(path))
    return Look(size=size, state=state, log=log, audit=audit, log_changed_ns=changed, reason=reason)


def read_state(path: Path) -> DatabaseState | None:
    """Return header and commit link of a database; None for another file. Raises OSError."""
    return state_at(kept_files.descriptor(path))


def state_at(handle: int) -> DatabaseState | None:
    """Return what `read_state` does, of an open descriptor. Raises OSError."""
    # Page 1, and the one after it that has the link.
    data = kept_files.read(handle, 0, 3 * log_owner.PAGE)
    return log_owner.state_of(os.fstat(handle).st_size, data) if data.startswith(MAGIC) else None


def is_open_elsewhere(path: Path) -> bool:
    """Return whether another process has the database open; False where it is unknown."""
    if sys.platform != "linux":
        return False  # struct flock is laid out in another way on macOS, and Windows has none
    import fcntl

    # l_type, l_whence, l_start, l_len, l_pid of struct flock.
    wanted = struct.pack("hh4xqqi4x", fcntl.F_WRLCK, os.SEEK_SET, _LOCKS_AT, _LOCKS, 0)
    found = fcntl.fcntl(kept_files.descriptor(path), fcntl.F_GETLK, wanted)
    return bool(struct.unpack("hh4xqqi4x", found)[0] != fcntl.F_UNLCK)


def _database(path: Path) -> tuple[int | None, DatabaseState | None]:
    try:
        size = path.stat().st_size
    except FileNotFoundError:
        return None, None
    return size, read_state(path) if size else None


def _log(path: Path) -> tuple[WalContent | None, WalAudit, int]:
    """Return the WAL's content, its audit, and its modification time in nanoseconds."""
    log = beside(path, WAL)
    # It may be any kind of file: a pipe must not be waited for, a link not followed.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOFOLLOW", 0)
    try:
        if not stat.S_ISREG(log.lstat().st_mode):
            raise NotAStoreError("its WAL is not a regular file", hint="Move that file away")
        handle = os.open(log, flags)
    except FileNotFoundError:
        return None, WalAudit(header="none"), 0
    with os.fdopen(handle, "rb") as file:
        info = os.fstat(handle)
        data = file.read(_LOOKED_AT) if info.st_size else b""
        audit = wal_file.audit(data)
        content = wal_links.read(file, info.st_size, audit)
    if audit.suspects and (_is_torn_mark(data, audit) or _is_older_page(path, data, audit)):
        audit = audit._replace(suspects=())
    return content, audit, info.st_mtime_ns


def _is_torn_mark(data: bytes, found: WalAudit) -> bool:
    """Return whether the wrong bit may be the open mark of a half-written commit.

    Its link lay across two sectors, and the first sector is still that of the frame that was
    overwritten, which differs in this bit alone. No data is lost: such a commit has only a link.
    """
    if found.broken is None or len(found.suspects) != 1 or found.commits_behind != 1:
        return False
    number, page = wal_file.page_of(wal_file.corrected(data, found), found)
    at = commit_link.mark_at(page) if number in commit_link.PAGES else None
    return at is not None and found.suspects[0] == (found.broken + wal_file.FRAME + at, 0)


def _is_older_page(path: Path, data: bytes, found: WalAudit) -> bool:
    """Return whether the wrong frame may have a page that was not written at a power cut.

    Then it has an older version of the page, and two versions may differ in one counter or page
    number, which looks like one flipped bit. The database has an older version too, which differs
    from that one in at most this word. A bit flipped elsewhere makes two different words.
    """
    if found.broken is None:
        return False
    number, older = wal_file.page_of(data, found)
    if number == 0:
        return False  # no frame has page 0: the flipped bit is in the page number
    known = kept_files.read(
        kept_files.descriptor(path), (number - 1) * found.page_size, found.page_size
    )
    words = (slice(at, at + 4) for at in range(0, found.page_size, 4))
    return len(known) == len(older) and sum(known[w] != older[w] for w in words) <= 1
