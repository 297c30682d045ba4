"""The commit link: a row, alone on its page, that ties a WAL to its database.

Every commit of a store rewrites it with a new random nonce and the nonce of the commit before. So a
WAL belongs to a database if the database's link precedes the WAL's first link, or is one of the
WAL's links. That is decided from bytes, before SQLite opens anything (`log_owner`).

The row lies at the end of its page and always has the same length, so all changes are within one
sector of the database, and a torn page cannot make it unreadable. In a WAL it may lie across two
sectors.
"""

from __future__ import annotations

import os
import struct
import time
import zlib
from pathlib import Path
from typing import Final, NamedTuple

from a3s_store.backends.sqlite.format import pointer_map

# The first schema that has the table.
SCHEMA: Final = 5

_MAGIC: Final = b"a3sLINK1"
_BODY: Final = struct.Struct(">8sB3x16sQ8s8sIIIQ")
_SIZE: Final = _BODY.size + 4
_PAGE: Final = 4096
# Bytes of the header of a database.
HEADER: Final = 100
# The page of the row, without and with auto-vacuum, where page 2 is a pointer map.
PAGES: Final = (2, 3)


class CommitLink(NamedTuple):
    """The identity of a file and of its newest commit.

    `open_mark`: more commits may be in a WAL. It is set in the database only, never in the newest
    commit, so a file with it and without a WAL has lost commits. `file_id`: the id of the file;
    each copy that the package makes gets its own. `number` counts commits. `salt`: the first salt
    of the WAL when the commit was prepared, 0 when unknown. `cookie`, `previous_cookie`: SQLite's
    schema cookie at this commit and at the one before. `at_ms`: Unix time in milliseconds.
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
        """Return the bytes of the row's value."""
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
        """Return the link of the commit after this one."""
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
    """Return the first link of a new file or of a copy, with a file id of its own."""
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
    """Return the link in a row's value; None for any other value."""
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
    """Return the link on a page, at any offset; None where there is none."""
    at = _place(page)
    return None if at is None else unpack(page[at : at + _SIZE])


def mark_at(page: bytes) -> int | None:
    """Return the offset of the byte with the open mark (bit 0) on a page; None if not set."""
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
    """Give a closed copy a file id of its own, if its schema has a link. Raises OSError.

    The bytes are written in place; SQLite would create a WAL beside the copy.
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
    """Return the number of the page with the link, in a database with this header."""
    return PAGES[pointer_map.is_on(header)]


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
