"""Pointer maps: the pages in which SQLite notes, for a file with auto-vacuum, which page has which.

By them a page at the end of the file can be moved to a free one, so that the file can be cut. They
belong to no b-tree. The format is SQLite's own and public (sqlite.org/fileformat2.html, 1.8).
"""

from __future__ import annotations

from typing import Final

# Where a header has the largest root page; 0 without auto-vacuum.
_LARGEST_ROOT: Final = slice(52, 56)
_ENTRY: Final = 5
# The first entry of all is of page 3, a root of a b-tree, which no page has.
_FIRST: Final = b"\x01\0\0\0\0"
# Programs lock a byte of this page, so it has no content.
_LOCK_BYTE: Final = 2**30


def is_on(header: bytes) -> bool:
    """Whether a database with this header has pointer maps."""
    return any(header[_LARGEST_ROOT])


def begins_all(page: bytes) -> bool:
    """Whether page 2 looks like the first pointer map."""
    return page.startswith(_FIRST)


def is_one(number: int, page_size: int, usable: int) -> bool:
    """Whether a page of a file with auto-vacuum is a pointer map, by its number."""
    if number < 2:
        return False
    group = usable // _ENTRY + 1
    first = (number - 2) // group * group + 2
    return number == first + (first == _LOCK_BYTE // page_size + 1)
