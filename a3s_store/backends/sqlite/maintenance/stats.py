"""Count what a file stores, and the bytes of each kind of table.

SQLite's table `dbstat` counts the pages of each table and index, where this SQLite has it; without
it the lengths of all values are added up. Each session is read in a transaction of its own.
"""

from __future__ import annotations

import contextlib
import heapq
import sqlite3
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Final

from a3s_store.backends.sqlite import transaction
from a3s_store.backends.sqlite.connection.settings import Settings
from a3s_store.backends.sqlite.maintenance import compact, sizes
from a3s_store.backends.sqlite.schema import search_table
from a3s_store.core.collections import (
    CHECKPOINTS,
    COLLECTIONS,
    SESSION_ROWS,
    TableLayout,
)
from a3s_store.core.corruption import KEEP
from a3s_store.core.reports import SessionSize, StoreStats
from a3s_store.errors import CorruptionError

_LARGEST: Final = 20
# What SQLite returns where `dbstat` comes to a damaged page.
_DAMAGED: Final = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_FULL}
# The part of each table that is none of a list; other tables are in `other`.
_PARTS: Final = {
    **dict.fromkeys(("owner", "session", "session_config", "session_host"), "sessions"),
    **dict.fromkeys(("session_label", "collection", "tombstone"), "sessions"),
    **dict.fromkeys(("message", "branch", "branch_segment"), "messages"),
    **dict.fromkeys(("branch_chain", "branch_owner", "unfinished"), "messages"),
    "generation": "generations",
    **dict.fromkeys(("blob", "message_blob"), "blobs"),
    "retained_artifact_uri": "artifacts",
    **dict.fromkeys(("draft", "queue_entry"), "checkpoints"),
    **dict.fromkeys(("agent_memory", "agent_memory_total"), "agent_memory"),
    **dict.fromkeys(("stream", "stream_item", "stream_item_label"), "streams"),
    "commit_log": "commit_log",
}
_INDEXES: Final = "indexes"
_OTHER: Final = "other"
_SEARCH: Final = "search"
_VIRTUAL: Final = frozenset(index.name for index in search_table.ALL)
_OF_SEARCH: Final = frozenset().union(
    *({index.name, index.state, *index.shadows} for index in search_table.ALL)
)
_COUNTED: Final = {
    "generations": "generation",
    "messages": "message",
    "blobs": "blob",
    "commits": "commit_log",
}


def stats(conn: sqlite3.Connection, settings: Settings) -> StoreStats:
    """Measure a file, on a connection that only reads."""
    began = time.monotonic()
    with transaction.read(conn):
        pages = compact.pages(conn)
        counts = {name: _count(conn, table) for name, table in _COUNTED.items()}
        measured = _of_pages(conn)
    largest = _largest(conn)
    wal = 0
    with contextlib.suppress(FileNotFoundError):
        wal = settings.wal.stat().st_size
    return StoreStats(
        location=str(settings.path),
        sessions=_count(conn, "session"),
        **counts,
        bytes_database=pages.total * pages.size,
        bytes_wal=wal,
        bytes_free_pages=pages.free * pages.size,
        bytes_by=_by_part(conn, pages, measured),
        is_measured=measured is not None,
        largest=largest,
        seconds=time.monotonic() - began,
    )


def _count(conn: sqlite3.Connection, table: str) -> int:
    (found,) = conn.execute(f"SELECT count(*) FROM {table}").fetchone()
    return int(found)


def _largest(conn: sqlite3.Connection) -> tuple[SessionSize, ...]:
    of = sizes.SessionSizes(conn)

    def each() -> Iterator[SessionSize]:
        for key, session_id in sizes.owners(conn):
            with transaction.read(conn):
                yield of.session(key, session_id)

    found = heapq.nlargest(_LARGEST, each(), key=lambda one: one.bytes)
    return tuple(one for one in found if one.bytes)


def _of_pages(conn: sqlite3.Connection) -> dict[str, int] | None:
    """Return the bytes of the pages of each table and index; None where SQLite cannot tell."""
    try:
        return dict(conn.execute("SELECT name, sum(pgsize) FROM dbstat GROUP BY name").fetchall())
    except sqlite3.DatabaseError as error:
        # dbstat asks for pages by their numbers. A damaged page has numbers beyond the largest that
        # a file may have, and SQLite returns the code of a full disk for them. Nothing is written
        # here, and temporary tables are in memory, so it is never a full disk.
        if getattr(error, "sqlite_errorcode", 0) & 0xFF in _DAMAGED:
            hint = f"Run `verify --deep`. {KEEP}"
            what = "a page of a table or an index is damaged"
            raise CorruptionError(what, part="file", hint=hint) from error
        if "dbstat" not in str(error):
            raise
        return None


def _by_part(
    conn: sqlite3.Connection, pages: compact.Pages, measured: Mapping[str, int] | None
) -> dict[str, int]:
    parts = _parts()
    found: Counter[str] = Counter(dict.fromkeys([*dict.fromkeys(parts.values()), _SEARCH], 0))
    found.update({_INDEXES: 0, _OTHER: 0})
    kinds = dict(conn.execute("SELECT name, type FROM sqlite_schema").fetchall())
    if measured is not None:
        for name, size in measured.items():
            found[_part(name, kinds.get(name, "table"), parts)] += size
        # Pages of no table: pointer maps.
        found[_OTHER] += (pages.total - pages.free) * pages.size - sum(measured.values())
        return dict(found)
    for name, kind in kinds.items():
        if kind == "table" and not name.startswith("sqlite_") and name not in _VIRTUAL:
            length = sizes.length_of(conn, name, "t")
            (size,) = conn.execute(f'SELECT sum({length}) FROM "{name}" AS t').fetchone()
            found[_part(name, kind, parts)] += size or 0
    return dict(found)


def _part(name: str, kind: str, parts: Mapping[str, str]) -> str:
    if kind == "index":
        return _INDEXES
    if name in _OF_SEARCH:
        return _SEARCH
    return parts.get(name, _OTHER)


def _parts() -> dict[str, str]:
    found = dict(_PARTS)
    lists = [*SESSION_ROWS.lists.items(), *((one.name, one.rows) for one in COLLECTIONS)]
    for name, rows in [*lists, *(("checkpoints", kind.rows) for kind in CHECKPOINTS)]:
        found.update(dict.fromkeys(_tables(rows), name))
    return found


def _tables(rows: TableLayout) -> Iterator[str]:
    yield rows.table
    for inside in rows.lists.values():
        yield from _tables(inside)
