"""Looks at the write-ahead log before SQLite does, and refuses to open what would lose commits.

Opening a file recovers its log, and closing it removes that: where a bit of the log was flipped,
both together drop every later commit for good and say nothing. So the log is audited first.

Invariants: 1. nothing is touched before the answer is known, neither the file nor its log; 2. a
file that was ever written with durability "normal" is not refused: there, a power cut may leave
such a log. That fact is a row of its own, copied into the database before anything is saved that
way, so that it can be read without the log. A process that has the store open asks nothing here.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import stat
import time
from pathlib import Path
from typing import Final

import attrs

from a3s_store.backends.sqlite import transaction
from a3s_store.backends.sqlite.format import wal_file
from a3s_store.backends.sqlite.format.wal_file import WalAudit
from a3s_store.errors import CorruptionError, NotAStoreError

# The row of `meta` that says that the file was written with durability "normal".
NORMAL: Final = "durability_normal"
# Of a longer log only so much is looked at; it grows so long only beside endless readers.
_LOOKED_AT: Final = 64 * 1024 * 1024
# How often, and after how many seconds, a log is looked at again: somebody may be writing to it.
_LOOKS: Final = 4
_BETWEEN: Final = 0.05

Look = tuple[tuple[int, int], WalAudit]


def check(path: Path) -> None:
    """Look at the log of a file that is about to be opened, and not open in this process.

    Raises:
        CorruptionError: recovery would drop commits; nothing was touched.
        NotAStoreError: the log is no regular file.
    """
    found = _look(path)
    for _ in range(_LOOKS):
        if found is None or not found[1].is_damaged:
            return
        time.sleep(_BETWEEN)
        before, found = found, _look(path)
        if found == before:
            break
    else:
        return  # another process goes on writing, so it is not recovered now
    if found is None or is_normal(path):
        return
    lost = found[1].commits_behind
    raise CorruptionError(
        f"the log is damaged: opening the file would drop the last {lost} or more commits in "
        "silence; nothing was touched",
        part="wal",
        hint="Keep the file and its -wal as they are; `a3s-store salvage` brings back what is whole"
        " of both",
    )


def is_normal(path: Path) -> bool:
    """Whether the database itself says that it was written with durability "normal".

    Its log is ignored and no lock is taken, so that nothing is recovered by asking.
    """
    with contextlib.suppress(sqlite3.Error):
        conn = sqlite3.connect(f"{path.as_uri()}?mode=ro&immutable=1", uri=True)
        try:
            return says_normal(conn)
        finally:
            conn.close()
    return False


def says_normal(conn: sqlite3.Connection) -> bool:
    """Whether the file was ever written with durability "normal"."""
    found = conn.execute("SELECT 1 FROM meta WHERE name = ?", (NORMAL,)).fetchone()
    return found is not None


def note_normal(conn: sqlite3.Connection) -> bool:
    """Note that the file is about to be written with durability "normal"; whether that is new."""
    if says_normal(conn):
        return False
    with transaction.write(conn):
        conn.execute("INSERT OR IGNORE INTO meta (name, value) VALUES (?, 1)", (NORMAL,))
    return True


def forget_normal(path: Path) -> None:
    """Take that note back: the file is closed, and all that is in it is about to be synced."""
    conn = sqlite3.connect(f"{path.as_uri()}?mode=rw", uri=True, isolation_level=None)
    try:
        with transaction.write(conn):
            conn.execute("DELETE FROM meta WHERE name = ?", (NORMAL,))
    finally:
        conn.close()


def _look(path: Path) -> Look | None:
    """Size, time and audit of a file's log; None when there is none."""
    log = path.with_name(path.name + "-wal")
    # Whatever lies there: a pipe must not be waited for, a link not followed.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOFOLLOW", 0)
    try:
        if not stat.S_ISREG(log.lstat().st_mode):
            raise NotAStoreError("its log is no regular file", hint="Move that away")
        handle = os.open(log, flags)
    except FileNotFoundError:
        return None
    with os.fdopen(handle, "rb") as file:
        info = os.fstat(handle)
        data = file.read(_LOOKED_AT) if info.st_size else b""
    found = wal_file.audit(data)
    if found.suspects and _is_older_page(path, data, found):
        found = attrs.evolve(found, suspects=())
    return (info.st_size, info.st_mtime_ns), found


def _is_older_page(path: Path, data: bytes, found: WalAudit) -> bool:
    """Whether what is wrong in a log may be a page that was not written when the power went.

    Then an older version of the page lies there, and two versions may differ in a counter or in
    the number of a page, which looks like one flipped bit. The database has one of the older
    versions too, so this differs from it in that word at most. A bit that was flipped anywhere else
    makes two.
    """
    if found.broken is None:
        return False
    number, older = wal_file.page_of(data, found)
    if number == 0:
        return False  # no frame is of such a page: it is in there that a bit was flipped
    with path.open("rb") as file:
        file.seek((number - 1) * found.page_size)
        known = file.read(found.page_size)
    words = (slice(at, at + 4) for at in range(0, found.page_size, 4))
    return len(known) == len(older) and sum(known[w] != older[w] for w in words) <= 1
