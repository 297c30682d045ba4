"""Recognise pointer maps: the pages in which a file with auto-vacuum lists each page's parent.

With them SQLite can move a page from the end of the file to a free one and truncate the file. They
are not part of a b-tree. The format is SQLite's own and public (sqlite.org/fileformat2.html, 1.8).
"""

from __future__ import annotations

from typing import Final

# The largest root page in the header; 0 without auto-vacuum.
_LARGEST_ROOT: Final = slice(52, 56)
_ENTRY: Final = 5
# The first entry is of page 3, the root of a b-tree, which has no parent.
_FIRST: Final = b"\x01\0\0\0\0"
# Programs lock a byte of this page, so it has no content.
_LOCK_BYTE: Final = 2**30


def is_on(header: bytes) -> bool:
    """Return whether a database with this header has pointer maps."""
    return any(header[_LARGEST_ROOT])


def begins_all(page: bytes) -> bool:
    """Return whether page 2 looks like the first pointer map."""
    return page.startswith(_FIRST)


def is_one(number: int, page_size: int, usable: int) -> bool:
    """Return whether a page of a file with auto-vacuum is a pointer map, by its number."""
    if number < 2:
        return False
    group = usable // _ENTRY + 1
    first = (number - 2) // group * group + 2
    return number == first + (first == _LOCK_BYTE // page_size + 1)
