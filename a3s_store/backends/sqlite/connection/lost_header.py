"""Tell a store with a damaged first page from a file that is not a database.

SQLite calls both "not a database", and the advice for the latter (move it away) costs the user a
store that salvage could recover completely. So the pages after the first are inspected.
"""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from typing import Final

from a3s_store.backends.sqlite.connection import kept_files
from a3s_store.core.corruption import KEEP
from a3s_store.errors import CorruptionError

# The page size of every store, how many pages are inspected, and the part that has to fit.
_PAGE: Final = 4096
_LOOKED_AT: Final = 256
_ONE_IN: Final = 8
# Bytes of the header of a b-tree page, by its first byte.
_HEADERS: Final = {2: 12, 5: 12, 10: 8, 13: 8}


def explain(path: Path, error: BaseException | None) -> CorruptionError | None:
    """Return the error of a store that lost its first page, where SQLite found no database."""
    while error is not None and not hasattr(error, "sqlite_errorcode"):
        error = error.__cause__
    if error is None or getattr(error, "sqlite_errorcode", 0) & 0xFF != sqlite3.SQLITE_NOTADB:
        return None
    try:
        handle = kept_files.descriptor(path)
        count = os.fstat(handle).st_size // _PAGE
        looked_at = min(count - 1, _LOOKED_AT)
        fitting = sum(
            _fits(os.pread(handle, _PAGE, number * _PAGE)) for number in range(1, looked_at + 1)
        )
    except OSError:
        return None
    if not fitting or fitting * _ONE_IN < looked_at:
        return None
    return CorruptionError(
        f"the first page is damaged, but the other {count - 1} pages of the file are those of a "
        "SQLite database",
        part="header",
        hint=KEEP,
    )


def _fits(page: bytes) -> bool:
    """Return whether these bytes look like a b-tree page: its entries begin after its header."""
    header = _HEADERS.get(page[0]) if len(page) == _PAGE else None
    if header is None:
        return False
    entries = int.from_bytes(page[3:5], "big")
    content = int.from_bytes(page[5:7], "big")
    return page[7] <= 60 and header + 2 * entries <= content <= _PAGE
