"""The data of a host about a session: one row, which is there only if there is anything.

The row checksum covers the labels, too. Plain functions of a connection, each inside a transaction
that its caller opened.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import Any, Final

from a3s_store.core.checksums import list_row_checksum
from a3s_store.core.corruption import NOT_WRITTEN, CorruptRowError
from a3s_store.core.host_data import NO_HOST_DATA, HostData
from a3s_store.wire import compact, parse
from a3s_store.wire.values import freeze, frozen_dict

PART: Final = "host"
# The last commit that changed a session `s`, or a stream that is tied to it; and when that was.
LAST_CHANGE: Final = (
    "max(s.commit_sequence, coalesce("
    "(SELECT max(commit_sequence) FROM stream WHERE owner_key = s.owner_key), 0))"
)
LAST_CHANGE_MS: Final = (
    "max(s.changed_at_ms, coalesce("
    "(SELECT max(changed_at_ms) FROM stream WHERE owner_key = s.owner_key), 0))"
)
COLUMNS: Final = "metadata, pinned, archived, trashed_at_ms, trashed_sequence"


def find(conn: sqlite3.Connection, owner_key: int) -> HostData:
    """Return what is kept with a session. Raises CorruptRowError for a wrong checksum."""
    row = conn.execute(
        f"SELECT {COLUMNS}, row_checksum FROM session_host WHERE owner_key = ?", (owner_key,)
    ).fetchone()
    if row is None:
        return NO_HOST_DATA
    *columns, checksum = row
    labels = conn.execute(
        "SELECT key, value FROM session_label WHERE owner_key = ? ORDER BY key", (owner_key,)
    ).fetchall()
    if _checksum(owner_key, columns, labels) != checksum:
        raise CorruptRowError(NOT_WRITTEN, PART)
    metadata, pinned, archived, trashed_at_ms, trashed_sequence = columns
    return HostData(
        labels=frozen_dict(dict(labels), True),
        metadata=None if metadata is None else freeze(parse(metadata)),
        pinned=bool(pinned),
        archived=bool(archived),
        trashed_at_ms=trashed_at_ms,
        trashed_sequence=trashed_sequence,
    )


def put(conn: sqlite3.Connection, owner_key: int, host: HostData) -> None:
    """Replace what is kept with a session."""
    # Its labels are removed with it.
    conn.execute("DELETE FROM session_host WHERE owner_key = ?", (owner_key,))
    if host == NO_HOST_DATA:
        return
    columns = [
        None if host.metadata is None else compact(host.metadata).decode(),
        int(host.pinned),
        int(host.archived),
        host.trashed_at_ms,
        host.trashed_sequence,
    ]
    labels = sorted(host.labels.items())
    conn.execute(
        f"INSERT INTO session_host (owner_key, {COLUMNS}, row_checksum) "
        "VALUES (?, ?, ?, ?, ?, ?, ?)",
        (owner_key, *columns, _checksum(owner_key, columns, labels)),
    )
    conn.executemany(
        "INSERT INTO session_label (owner_key, key, value) VALUES (?, ?, ?)",
        [(owner_key, *label) for label in labels],
    )


def _checksum(owner_key: int, columns: Iterable[Any], labels: Iterable[tuple[str, str]]) -> int:
    return list_row_checksum((owner_key, *columns, *(text for label in labels for text in label)))
