"""Refuse files that would lose commits if SQLite opened them.

SQLite replays any WAL and any rollback journal that lies beside a file, and then removes it, even
if it belongs to another file or is damaged. So both are inspected first, as bytes.

Invariants: 1. nothing is changed before the decision; 2. a file is refused only when two checks, a
moment apart, agree, since another process may be writing; 3. a file that this process has open is
not checked again; 4. a file that was ever written with durability "normal" is not refused for
a damaged WAL: there, a power cut may leave one.
"""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from a3s_store.backends.sqlite.connection import durability_note, file_look, kept_files
from a3s_store.backends.sqlite.connection.file_look import Look
from a3s_store.backends.sqlite.format import commit_link
from a3s_store.backends.sqlite.format.files_beside import JOURNAL, beside
from a3s_store.backends.sqlite.format.wal_links import WalContent
from a3s_store.core.corruption import KEEP
from a3s_store.errors import (
    CorruptionError,
    FileIncompleteError,
    JournalFoundError,
    StoreError,
    WalForeignError,
    WalMissingError,
)

# How often files are checked before one is refused.
_LOOKS: Final = 4


def check(path: Path) -> None:
    """Refuse a file that SQLite must not open as it is. It must not be open in this process.

    Raises:
        WalForeignError: the WAL belongs to another file, or to another state of this one.
        WalMissingError: the file was open when its WAL was lost.
        JournalFoundError: SQLite would replay a rollback journal, which no store has.
        FileIncompleteError: a database without tables.
        CorruptionError: the file was cut short, its link is gone, or recovery would drop commits.
        NotAStoreError: the WAL is not a regular file.
        OSError: a file cannot be read.
    """
    refused = refusal(path)
    if refused is not None:
        kept_files.release()
        raise refused


def refusal(path: Path) -> StoreError | None:
    """Return why `check` would refuse a file, or None. Raises NotAStoreError and OSError."""
    if is_hot(beside(path, JOURNAL)):
        return _journal_found(path)
    found = file_look.look(path)
    for _ in range(_LOOKS):
        refused = why_refused(path, found)
        if refused is None:
            return None
        time.sleep(file_look.BETWEEN_LOOKS)
        before, found = found, file_look.look(path)
        if found == before:
            return refused
    return None  # another process goes on writing: nothing is recovered now


def is_hot(journal: Path) -> bool:
    """Return whether SQLite may replay this rollback journal: its first byte is not zero."""
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOFOLLOW", 0)
    try:
        handle = os.open(journal, flags)
    except FileNotFoundError:
        return False
    try:
        return os.read(handle, 1) not in (b"", b"\0")
    finally:
        os.close(handle)


def why_refused(path: Path, found: Look) -> StoreError | None:
    """Return why a file in this state must not be opened, or None."""
    if not found.size:
        if found.log is not None and found.log.size:
            return _foreign(path, found, "no_database")
        return None
    if found.state is None:
        return None  # not a database: SQLite says so and changes nothing
    if found.state.link is None:
        if found.state.schema >= commit_link.SCHEMA:
            return _link_is_gone()
        if not found.state.has_tables and (found.log is None or not found.log.commits):
            return _incomplete(path)
    if found.reason == "cut":
        return _cut(found)
    if found.reason in ("absent", "cut_short"):
        return _missing(path, found)
    if found.audit.is_damaged and not durability_note.is_normal(path):
        return _damaged_log(found)
    if found.reason in (None, "unknown"):
        return None
    return _foreign(path, found, found.reason)


# -- Errors --------------------------------------------------------------------------------------


def _foreign(path: Path, found: Look, reason: str) -> WalForeignError:
    name = path.name
    log = _commits(found.log)
    if reason == "no_database":
        return WalForeignError(
            f"there is a log at {name}-wal, but no database",
            hint="A restore may have been stopped, or the file was removed: put the database back "
            "beside its log, or restore a backup, which keeps the log aside",
            **_facts(path, found, reason),
        )
    assert found.state is not None, "both are there"
    link = found.state.link
    accept = (
        f"If {name} is what you want: `a3s-store resolve {name} --set-aside-wal`. If the log is: "
        "put its own database back beside it"
    )
    if reason == "unlinked":
        what = f"nothing in {name}-wal says that it is {name}'s: another program wrote it"
        accept = (
            f"`a3s-store resolve {name} --with-wal` takes its changes in, `--set-aside-wal` leaves "
            "them out"
        )
    elif reason == "other_file":
        assert link is not None
        assert found.log is not None
        other = found.log.links[-1]
        what = (
            f"{name}-wal belongs to another store (id {_short(other.file_id)}, last commit "
            f"{_when(other.at_ms)}); {name} is store {_short(link.file_id)}, last commit "
            f"{_when(link.at_ms)}"
        )
    elif reason == "relaid":
        what = (
            f"{name} was written anew by another program (VACUUM, .backup or a dump) after its log "
            "was begun"
        )
    else:
        assert link is not None
        assert log is not None
        what = (
            f"{name}-wal holds commits {log[0]} to {log[1]} (the last {_when(log[2])}) of this "
            f"store, and {name} is at commit {link.number} ({_when(link.at_ms)}): one of them was "
            "put here from another moment"
        )
    return WalForeignError(
        f"{what}. Nothing was changed", hint=accept, **_facts(path, found, reason)
    )


def _missing(path: Path, found: Look) -> WalMissingError:
    assert found.state is not None
    assert found.state.link is not None
    assert found.reason is not None
    name = path.name
    how = "is not here" if found.reason == "absent" else "was cut short"
    return WalMissingError(
        f"{name} was copied or its program ended while it was open, and its log {name}-wal {how}; "
        f"newer saves than of {_when(found.state.link.at_ms)} may be missing",
        hint="Find the -wal and put it beside the file, or restore a backup; to go on with what is "
        f"here: `a3s-store resolve {name} --without-wal`",
        **_facts(path, found, found.reason),
    )


def _journal_found(path: Path) -> JournalFoundError:
    name = path.name
    return JournalFoundError(
        f"{name}-journal would be played back into {name}, and a store never writes one. Nothing "
        "was changed",
        hint=f"`a3s-store resolve {name} --set-aside-journal`, then `a3s-store verify {name}`",
        path=str(path),
        reason="hot",
    )


def _incomplete(path: Path) -> FileIncompleteError:
    return FileIncompleteError(
        f"{path.name} is a database without tables: a store of an older release that lost its log, "
        "or another program's",
        hint="Find its -wal and put it beside the file, restore a backup, or move the file away",
        path=str(path),
        reason="no_tables",
    )


def _cut(found: Look) -> CorruptionError:
    assert found.size is not None
    return CorruptionError(
        f"the file was cut short: it ends after {found.size} bytes, and pages are missing",
        part="file",
        hint=KEEP,
    )


def _link_is_gone() -> CorruptionError:
    return CorruptionError("the page with the commit link is damaged", part="file", hint=KEEP)


def _damaged_log(found: Look) -> CorruptionError:
    lost = found.audit.commits_behind
    return CorruptionError(
        f"the log is damaged: opening the file would drop the last {lost} or more commits in "
        "silence; nothing was touched",
        part="wal",
        hint="Keep the file and its -wal as they are; `a3s-store salvage` brings back what is whole"
        " of both",
    )


def _facts(path: Path, found: Look, reason: str) -> dict[str, Any]:
    """Return the attributes of a `FileStateError` about both files."""
    link = None if found.state is None else found.state.link
    return {
        "path": str(path),
        "reason": reason,
        "file_id": None if link is None else link.file_id.hex(),
        "file_commit": None if link is None else (link.number, link.at_ms),
        "log_commits": _commits(found.log),
    }


def _commits(log: WalContent | None) -> tuple[int, int, int] | None:
    if log is None or not log.links:
        return None
    return log.links[0].number, log.links[-1].number, log.links[-1].at_ms


def _short(file_id: bytes) -> str:
    return file_id.hex()[:8]


def _when(at_ms: int) -> str:
    try:
        return f"{datetime.fromtimestamp(at_ms / 1000, UTC):%Y-%m-%d %H:%M:%S} UTC"
    except (OverflowError, ValueError, OSError):
        return "at an unknown time"
