"""Decide whether a WAL belongs to the database beside it, before SQLite opens either.

The rules are those of the table in docs/file-and-wal.md. Invariants: 1. the files
that a crash or a power cut leaves are never refused; 2. in doubt, a WAL is refused rather than
replayed.
"""

from __future__ import annotations

import hashlib
from typing import Final, Literal, NamedTuple

from a3s_store.backends.sqlite.format import commit_link
from a3s_store.backends.sqlite.format.commit_link import CommitLink
from a3s_store.backends.sqlite.format.wal_links import WalContent, header_of

# How often a WAL may have been reset since the commit of the database's link.
_RESTARTS: Final = 65_536
# Bytes of a page: a store is made with pages of this size.
PAGE: Final = 4096
# Offsets in page 1: the kind of b-tree page, and the number of cells.
_TREE: Final = commit_link.HEADER
_CELLS: Final = slice(_TREE + 3, _TREE + 5)
_LEAF: Final = b"\x0d"

Reason = Literal[
    "absent",
    "cut_short",
    "other_file",
    "older",
    "newer",
    "diverged",
    "relaid",
    "unlinked",
    "unknown",
    "cut",
]


class DatabaseState(NamedTuple):
    """State of a database file: its size, its 100-byte header, and its link, None if it has none.

    `has_tables`: whether page 1 lists a table; commits in the WAL may be newer.
    """

    size: int
    header: bytes
    link: CommitLink | None
    has_tables: bool

    @property
    def schema(self) -> int:
        """The number of its schema, from the header."""
        return int.from_bytes(self.header[60:64], "big")

    @property
    def cookie(self) -> int:
        """SQLite's schema cookie."""
        return int.from_bytes(self.header[40:44], "big")

    @property
    def is_open_mark_set(self) -> bool:
        """Whether the link has the open mark: commits may be in a WAL."""
        return self.link is not None and self.link.open_mark


def judge(file: DatabaseState, log: WalContent | None, *, is_live: bool) -> Reason | None:
    """Return None if the WAL (None: no WAL) belongs to the file; else why not.

    `is_live`: another process has the file open; commits of other programs have no link. "unknown":
    the file is older than links, or has its link only in the WAL; try such a pair on a copy.
    """
    found = _judge(file, log, is_live)
    if found is None and is_cut(file, log):
        return "cut"
    return found


def is_cut(file: DatabaseState, log: WalContent | None) -> bool:
    """Return whether pages are missing that neither the file nor the WAL has."""
    there = file.size // PAGE
    if log is not None and log.commits:
        return any(page not in log.pages for page in range(there + 1, log.database_pages + 1))
    header = file.header
    # The count of pages holds where SQLite wrote it together with the change counter.
    counted = header[24:28] == header[92:96]
    return counted and there < int.from_bytes(header[28:32], "big")


def _judge(file: DatabaseState, log: WalContent | None, is_live: bool) -> Reason | None:
    if log is None or not log.size:
        return "absent" if file.is_open_mark_set else None
    if file.is_open_mark_set and not log.holds_a_frame:
        return "cut_short"
    if file.link is None:
        return _judge_without_link(file, log)
    if not log.commits:
        if not file.is_open_mark_set or (log.has_header and _continues(file.link, log)):
            return None
        return "unlinked"
    if log.links:
        return _judge_links(file, file.link, log)
    return None if is_live or _continues(file.link, log) else "unlinked"


def _judge_without_link(file: DatabaseState, log: WalContent) -> Reason | None:
    if not log.commits:
        return None
    header = header_of(file.header)
    if log.links and (header in log.headers or log.links[0].previous == before_first(file.header)):
        return None  # the step that makes the link is in the WAL only
    return "unlinked" if log.links else "unknown"


def _judge_links(file: DatabaseState, link: CommitLink, log: WalContent) -> Reason | None:
    first, last = log.links[0], log.links[-1]
    if first.file_id != link.file_id:
        return "other_file"
    if link.nonce == first.previous or any(link.nonce == each.nonce for each in log.links):
        return None if _is_same_layout(file, link, log) else "relaid"
    if link.number > last.number:
        return "older"
    if link.number < first.number - 1:
        return "newer"
    return "diverged"


def _is_same_layout(file: DatabaseState, link: CommitLink, log: WalContent) -> bool:
    """Return whether page 1 is the one before the WAL, or one of the WAL's versions.

    A copy by VACUUM INTO or a dump has the link, but other pages and another schema cookie.
    """
    cookies = {link.cookie}
    for each in log.links:
        cookies |= {each.cookie, each.previous_cookie}
    return file.cookie in cookies or header_of(file.header) in log.headers


def _continues(link: CommitLink, log: WalContent) -> bool:
    """Return whether the WAL is the one of the link's salt, after some resets: each adds 1."""
    return link.salt != 0 and (log.salt - link.salt) & 0xFFFFFFFF <= _RESTARTS


def before_first(header: bytes) -> bytes:
    """Return the `previous` of a file's first link: a hash of the page 1 before it."""
    return hashlib.sha256(header_of(header)).digest()[:8]


def state_of(size: int, first_pages: bytes) -> DatabaseState:
    """Return the state of a database, given its first three pages (or fewer)."""
    header = first_pages[: commit_link.HEADER]
    at = (commit_link.page_number(header) - 1) * PAGE
    return DatabaseState(
        size=size,
        header=header,
        link=commit_link.find(first_pages[at : at + PAGE]),
        # A leaf without cells is an empty list of tables.
        has_tables=first_pages[_TREE : _TREE + 1] != _LEAF or any(first_pages[_CELLS]),
    )
