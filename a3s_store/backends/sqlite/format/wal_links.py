"""Read the commit links in a WAL, and which pages of the database it has."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import BinaryIO, Final, NamedTuple

from a3s_store.backends.sqlite.format import commit_link
from a3s_store.backends.sqlite.format.commit_link import CommitLink
from a3s_store.backends.sqlite.format.wal_file import FRAME, HEADER, WalAudit

_SALT: Final = slice(16, 24)
_FRAME_HEAD: Final = struct.Struct(">2I8s").unpack_from
_PAGE: Final = 4096
# Frames read at once.
_CHUNK: Final = 256


class WalContent(NamedTuple):
    """A WAL as recovery will use it: its valid commits, in order.

    `headers`: the versions of page 1 in it, as `header_of` returns them. `pages`: the numbers of
    its pages. `database_pages`: how many pages the database has after the last commit.
    """

    size: int
    has_header: bool = False
    salt: int = 0
    commits: int = 0
    links: tuple[CommitLink, ...] = ()
    headers: frozenset[bytes] = frozenset()
    pages: frozenset[int] = frozenset()
    database_pages: int = 0

    @property
    def holds_a_frame(self) -> bool:
        """Whether it is long enough for one frame."""
        return self.size >= HEADER + FRAME + _PAGE


def read(log: BinaryIO, size: int, found: WalAudit) -> WalContent:
    """Return the content of an audited WAL of `size` bytes, as far as the audit went.

    After that, commits with the WAL's salts are taken for valid: a WAL is that long only beside
    endless readers, and auditing all of it would take seconds.
    """
    log.seek(0)
    head = log.read(HEADER)
    if found.header != "whole":
        return WalContent(size=size)
    walk = _Walk()
    for number, frame in enumerate(_frames(log, found.page_size)):
        page, pages_after, salts = _FRAME_HEAD(frame)
        if number >= found.good_frames and (
            found.broken is not None or salts != head[_SALT] or not page
        ):
            break
        walk.take(page, frame[FRAME:], pages_after)
    return WalContent(
        size=size,
        has_header=True,
        salt=salt_of(head),
        commits=walk.commits,
        links=tuple(dict.fromkeys(walk.links)),
        headers=frozenset(walk.headers),
        pages=frozenset(walk.pages),
        database_pages=walk.database_pages,
    )


class _Walk:
    """Collects frames; those after the last commit do not count."""

    def __init__(self) -> None:
        self.commits = self.database_pages = 0
        self.links: list[CommitLink] = []
        self.headers: list[bytes] = []
        self.pages: set[int] = set()
        self._pending: list[tuple[int, CommitLink | None, bytes]] = []

    def take(self, page: int, content: bytes, pages_after: int) -> None:
        link = commit_link.find(content) if page in commit_link.PAGES else None
        self._pending.append((page, link, header_of(content) if page == 1 else b""))
        if not pages_after:
            return
        for number, found, header in self._pending:
            self.pages.add(number)
            if found is not None:
                self.links.append(found)
            if header:
                self.headers.append(header)
        self._pending.clear()
        self.commits += 1
        self.database_pages = pages_after


def salt_of(header: bytes) -> int:
    """Return the first salt in a WAL's header; 0 where the WAL is empty."""
    return int.from_bytes(header[16:20], "big")


def header_of(page: bytes) -> bytes:
    """Return the header of page 1 from the change counter on, which identifies its version."""
    return page[24 : commit_link.HEADER]


def _frames(log: BinaryIO, page_size: int) -> Iterator[bytes]:
    step = FRAME + page_size
    while chunk := log.read(step * _CHUNK):
        for at in range(0, len(chunk) - step + 1, step):
            yield chunk[at : at + step]
