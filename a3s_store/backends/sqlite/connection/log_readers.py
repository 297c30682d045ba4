"""Find the processes that keep a read transaction open in a store's WAL, on Linux.

A reader has a shared lock on one of five bytes of the WAL's index; until it ends, SQLite does not
reset the WAL. Linux lists such locks in /proc/locks. Elsewhere, and for processes of other
containers, no process is found.

Source: https://www.sqlite.org/walformat.html#wal_locks
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from a3s_store.printable import one_line

_LOCKS: Final = Path("/proc/locks")
# The first and last byte of the index that readers lock.
_FIRST: Final = 123
_LAST: Final = 127
# Characters of a command that are shown, and how many processes are listed.
_LONGEST: Final = 60
_NAMED: Final = 5


class LogReader(NamedTuple):
    """A process that reads in the WAL: its id and its command, "" where that is unknown.

    Of the command only the program and a first word are shown: arguments may hold secrets.
    """

    pid: int
    command: str

    def __str__(self) -> str:
        if self.pid == os.getpid():
            return "this process"
        return f"process {self.pid}" + (f" ({self.command})" if self.command else "")


def readers(index: Path) -> tuple[LogReader, ...]:
    """Return the processes with a read transaction, by id; none where that is unknown."""
    try:
        found = index.stat()
        lines = _LOCKS.read_text(encoding="ascii").splitlines()
    except (OSError, UnicodeDecodeError):
        return ()
    pids = sorted({pid for pid, inode in _reading(lines) if inode == found.st_ino})
    return tuple(LogReader(pid, _command(pid)) for pid in pids[:_NAMED])


def _reading(lines: list[str]) -> Iterator[tuple[int, int]]:
    """Yield process and inode of each lock of a reader.

    A line is `1: POSIX  ADVISORY  READ 4711 fe:00:2181329 124 124`; the device is not that of
    `stat` on every file system.
    """
    for line in lines:
        words = line.split()
        if len(words) != 8 or words[1] == "->" or not words[4].isdecimal() or words[4] == "0":
            continue
        inode, first, last = words[5].rpartition(":")[2], words[6], words[7]
        if not (inode.isdecimal() and first.isdecimal() and last.isdecimal()):
            continue
        if int(first) <= _LAST and int(last) >= _FIRST:
            yield int(words[4]), int(inode)


def _command(pid: int) -> str:
    try:
        parts = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return ""
    shown = [Path(parts[0]).name]
    if len(parts) > 1 and not parts[1].startswith("-"):
        shown.append(Path(parts[1]).name)
    return one_line(" ".join(shown).strip())[:_LONGEST]
