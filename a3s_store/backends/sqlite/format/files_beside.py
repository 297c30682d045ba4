"""Names of the files beside a database: SQLite's own, and the copies that a store makes.

Copies keep old content of the database, also content that is erased from it later.
"""

from __future__ import annotations

import contextlib
import os
import re
import stat
from pathlib import Path
from typing import Final, Literal, NamedTuple

from a3s_store.core.new_files import longest_name, mark, shortened

WAL: Final = "-wal"
JOURNAL: Final = "-journal"
INDEX: Final = "-shm"
# These may have content that the database does not have.
LOGS: Final = (WAL, JOURNAL)
# All files of SQLite beside a database.
COMPANIONS: Final = (*LOGS, INDEX)
# An empty file whose lock is the queue of the writers; it is there as long as the WAL.
QUEUE: Final = "-queue"

# The former database of a restore, and a WAL or journal that `resolve` set aside.
REPLACED: Final = ".replaced"
SET_ASIDE: Final = ".set-aside"
# Before a time in milliseconds: a copy of a database that was removed while it was open.
RESCUED: Final = ".rescued-"
# After the token of a process and a number: a copy that is being made, or was left behind.
PARTIAL: Final = ".partial"
# A live session that could not be saved, in a folder that the application chose.
RESCUE_FILE: Final = ".rescue.json"

# Bytes of the longest suffix that SQLite appends to the name of a database.
ADDED: Final = len(JOURNAL)

Kind = Literal["replaced", "migration backup", "rescued", "set aside", "partial", "rescue file"]
# The token of `core.processes`; in older releases the process id alone.
_WRITER: Final = r"(?P<writer>[0-9a-f]{12}\.\d+\.\w*|\d+)"
_KINDS: Final[dict[Kind, re.Pattern[str]]] = {
    "replaced": re.compile(rf"{re.escape(REPLACED)}(\.\d+)?"),
    "migration backup": re.compile(r"\.schema-\d+\.backup(\.\d+)?"),
    "rescued": re.compile(rf"{re.escape(RESCUED)}\d+"),
    "set aside": re.compile(rf"-(wal|journal){re.escape(SET_ASIDE)}(\.\d+)?"),
    # The longest token counts, since its end looks like an id.
    "partial": re.compile(rf".*?\.{_WRITER}\.\d+{re.escape(PARTIAL)}", re.DOTALL | re.ASCII),
}


def beside(path: Path, suffix: str) -> Path:
    """Return the path of a file beside a database: `agent.a3s-wal` for `-wal`."""
    return path.with_name(path.name + suffix)


def remove_queue(path: Path) -> None:
    """Remove the queue lock beside a database; whatever else has its name stays."""
    queue = beside(path, QUEUE)
    with contextlib.suppress(OSError):
        info = queue.lstat()
        if stat.S_ISREG(info.st_mode) and info.st_size == 0:
            queue.unlink()


def size_bytes(path: Path) -> int:
    """Return the size of a file in bytes; 0 when there is none."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def aside(path: Path, suffix: str) -> Path:
    """Return the path of a copy beside `path`: its name, shortened if needed, and the suffix."""
    # A number may follow, and a suffix of SQLite.
    most = longest_name(path.parent) - len(suffix) - len(".9999") - ADDED
    return path.with_name(shortened(path.name, most) + suffix)


def backup_name(path: Path, version: int) -> Path:
    """Return the path of the backup before a migration from schema `version`."""
    return aside(path, f".schema-{version}.backup")


class Copy(NamedTuple):
    """A file beside a database that the store made.

    `writer`: the process that makes a partial copy, by its token, or by its id in a name of an
    older release; None for other kinds.
    """

    path: Path
    kind: Kind
    writer: str | None = None

    @property
    def is_database(self) -> bool:
        """Whether it is a complete store, which can be opened."""
        return self.kind in ("replaced", "migration backup", "rescued")


def find(path: Path) -> tuple[Copy, ...]:
    """Return the copies beside a database, sorted by path, without SQLite's files beside them.

    Raises:
        OSError: the folder cannot be read.
    """
    with os.scandir(path.parent) as entries:
        files = [entry for entry in entries if entry.is_file(follow_symlinks=False)]
    copies = (_copy(path.name, entry) for entry in files)
    return tuple(sorted((one for one in copies if one is not None), key=lambda one: one.path))


def _copy(name: str, entry: os.DirEntry[str]) -> Copy | None:
    if entry.name.endswith(RESCUE_FILE):
        return Copy(path=Path(entry.path), kind="rescue file")
    rest = _behind(name, entry.name)
    if rest is None:
        return None
    for kind, pattern in _KINDS.items():
        found = pattern.fullmatch(rest)
        if found is not None:
            writer = found.groupdict().get("writer")
            return Copy(path=Path(entry.path), kind=kind, writer=writer)
    return None


def _behind(name: str, found: str) -> str | None:
    """Return what follows the name of the database, perhaps shortened, in a file's name."""
    if found.startswith(name):
        return found[len(name) :]
    for ending in ("", *LOGS):
        _, is_ours, rest = found.partition(mark(name + ending))
        if is_ours:
            return ending + rest
    return None
