"""Names of the files beside a database: those of SQLite, and the copies that a store makes.

A copy keeps what was in the database at some moment, whatever is erased from it later.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final, Literal

import attrs

from a3s_store.core.new_files import longest_name, mark, shortened

WAL: Final = "-wal"
JOURNAL: Final = "-journal"
INDEX: Final = "-shm"
# These may hold what the database itself does not.
LOGS: Final = (WAL, JOURNAL)
# All that SQLite keeps beside a database.
COMPANIONS: Final = (*LOGS, INDEX)

# What a restore kept, and what `resolve` took away.
REPLACED: Final = ".replaced"
SET_ASIDE: Final = ".set-aside"
# Before the milliseconds of the moment: a copy of a database that was removed while it was open.
RESCUED: Final = ".rescued-"
# Behind the token of a process and a number: a copy being made, or one that was left behind.
PARTIAL: Final = ".partial"
# Of a live session that could not be saved, in the folder its application chose.
RESCUE_FILE: Final = ".rescue.json"

# The longest name that SQLite gives to a file beside a database has this behind the database's.
ADDED: Final = len(JOURNAL)

Kind = Literal["replaced", "migration backup", "rescued", "set aside", "partial", "rescue file"]
# The token is that of `core.processes`; before that it was the id of the process alone.
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
    """The file SQLite would find beside a database: `agent.a3s`, `-wal`."""
    return path.with_name(path.name + suffix)


def size_bytes(path: Path) -> int:
    """How many bytes a file has; 0 when there is none."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def aside(path: Path, suffix: str) -> Path:
    """The name of a copy beside `path`: its name with the suffix, shortened where it must be."""
    # A number may follow, and what SQLite adds.
    most = longest_name(path.parent) - len(suffix) - len(".9999") - ADDED
    return path.with_name(shortened(path.name, most) + suffix)


def backup_name(path: Path, version: int) -> Path:
    """What the copy made before leaving schema `version` is called; numbered if that is taken."""
    return aside(path, f".schema-{version}.backup")


@attrs.frozen(kw_only=True)
class Copy:
    """A file beside a database that the store itself made.

    `writer` is the process that makes a partial one: its token, or in a name of an older release
    its id.
    """

    path: Path
    kind: Kind
    writer: str | None = None

    @property
    def is_database(self) -> bool:
        """Whether it is a whole store, which can be opened."""
        return self.kind in ("replaced", "migration backup", "rescued")


def find(path: Path) -> tuple[Copy, ...]:
    """The copies beside a database, by name; the files SQLite keeps of a copy are not named.

    Raises OSError.
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
    """The part of a file's name behind that of the database, which may be a shortened one."""
    if found.startswith(name):
        return found[len(name) :]
    for ending in ("", *LOGS):
        _, is_ours, rest = found.partition(mark(name + ending))
        if is_ours:
            return ending + rest
    return None
