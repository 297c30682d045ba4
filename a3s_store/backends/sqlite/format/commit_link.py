"""The commit link: a row, alone on its page, by which a database and its log know each other.

Every commit of a store rewrites it with a new random nonce and that of the commit before. So a log
belongs to a database if the database's link comes just before the log's first, or is one of the
log's. That is told from bytes, before SQLite opens anything (`log_owner`).

The row lies at the end of its page and has the same length each time, so all that ever changes is
in one sector of the database: a torn page cannot make it unreadable. In a log it may lie across
two.
"""

from __future__ import annotations

import os
import struct
import time
import zlib
from pathlib import Path
from typing import Final

import attrs

from a3s_store.backends.sqlite.format import pointer_map

# The first schema that has the table.
SCHEMA: Final = 5

_MAGIC: Final = b"a3sLINK1"
_BODY: Final = struct.Struct(">8sB3x16sQ8s8sIIIQ")
_SIZE: Final = _BODY.size + 4
_PAGE: Final = 4096
# The header of a database is so long.
HEADER: Final = 100
# The page that it is on: the first that can be a table's. With auto-vacuum page 2 is a pointer map.
PAGES: Final = (2, 3)


@attrs.frozen
class CommitLink:
    """Which file this is, and which of its commits.

    `open_mark` says that more commits may be in a log: it is set in the database only, never in the
    newest commit, so a file that is found with it and without a log lacks something. `file_id` is
    the file's own, another one in each copy that the package makes. `number` counts commits.
    `salt` is the first salt of the log when the commit was prepared, 0 when it is not known.
    `cookie` and `previous_cookie` are SQLite's schema cookie as this commit and the one before saw
    it. `at_ms` is Unix time in milliseconds.
    """

    file_id: bytes
    number: int
    nonce: bytes
    previous: bytes
    salt: int
    cookie: int
    previous_cookie: int
    at_ms: int
    open_mark: bool = False

    def pack(self) -> bytes:
        """The row's value."""
        body = _BODY.pack(
            _MAGIC,
            self.open_mark,
            self.file_id,
            self.number,
            self.nonce,
            self.previous,
            self.salt,
            self.cookie,
            self.previous_cookie,
            self.at_ms,
        )
        return body + struct.pack(">I", zlib.crc32(body))

    def next(self, *, salt: int, cookie: int, open_mark: bool = False) -> CommitLink:
        """That of the commit after this one."""
        return CommitLink(
            file_id=self.file_id,
            number=self.number + 1,
            nonce=os.urandom(8),
            previous=self.nonce,
            salt=salt,
            cookie=cookie,
            previous_cookie=self.cookie,
            at_ms=_now_ms(),
            open_mark=open_mark,
        )


def first(cookie: int, previous: bytes = bytes(8)) -> CommitLink:
    """That of a new file, or of a copy, which is a file of its own."""
    return CommitLink(
        file_id=os.urandom(16),
        number=1,
        nonce=os.urandom(8),
        previous=previous,
        salt=0,
        cookie=cookie,
        previous_cookie=cookie,
        at_ms=_now_ms(),
    )


def unpack(value: object) -> CommitLink | None:
    """The link in a row's value; None where it is none."""
    if not isinstance(value, bytes) or len(value) != _SIZE or not value.startswith(_MAGIC):
        return None
    if struct.unpack(">I", value[-4:])[0] != zlib.crc32(value[:-4]):
        return None
    _, mark, file_id, number, nonce, previous, *rest = _BODY.unpack(value[:-4])
    salt, cookie, previous_cookie, at_ms = rest
    return CommitLink(
        file_id=file_id,
        number=number,
        nonce=nonce,
        previous=previous,
        salt=salt,
        cookie=cookie,
        previous_cookie=previous_cookie,
        at_ms=at_ms,
        open_mark=mark == 1,
    )


def find(page: bytes) -> CommitLink | None:
    """The link on a page, wherever on it the row lies; None where there is none."""
    at = _place(page)
    return None if at is None else unpack(page[at : at + _SIZE])


def mark_at(page: bytes) -> int | None:
    """Where on a page the open mark is, as bit 0 of a byte; None where none is set."""
    at = _place(page)
    if at is None or not page[at + len(_MAGIC)]:
        return None
    return at + len(_MAGIC)


def _place(page: bytes) -> int | None:
    at = page.rfind(_MAGIC)
    while at >= 0:
        if unpack(page[at : at + _SIZE]) is not None:
            return at
        at = page.rfind(_MAGIC, 0, at + len(_MAGIC) - 1)
    return None


def renew(path: Path) -> None:
    """Make a copy that no connection has open a file of its own, where it has a link.

    The bytes are written in place: SQLite would put a log beside the copy for it.
    """
    with path.open("r+b") as file:
        header = file.read(HEADER)
        if int.from_bytes(header[60:64], "big") < SCHEMA:
            return
        start = (page_number(header) - 1) * int.from_bytes(header[16:18], "big")
        file.seek(start)
        at = _place(file.read(_PAGE))
        if at is not None:
            file.seek(start + at)
            file.write(first(int.from_bytes(header[40:44], "big")).pack())


def page_number(header: bytes) -> int:
    """The page that the link is on, in a database with this header."""
    return PAGES[pointer_map.is_on(header)]


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
